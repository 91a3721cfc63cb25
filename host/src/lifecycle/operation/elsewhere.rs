//! The other organisations of an account in an app that several tenants share.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::Operations;
use super::account_lock::AccountGuard;
use super::journaled::Operation;
use crate::clock::rfc3339;
use crate::connector::MatchedBy;
use crate::decision::{Account, Context, EventKind, Outcome, ResourceKind};
use crate::lifecycle::config::snapshot::Tenant;
use crate::scim::Resource;
use crate::store::{AccountRow, OperationState, UnfinishedOperation};

/// The longest wait for the operation of another tenant on the same account: requests on this one's
/// resource wait as well.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Operations {
    /// Locks the account of an operation if its app is shared, and reads again in how many other
    /// organisations the account is. None if another tenant's operation keeps it for too long.
    pub(in crate::lifecycle) async fn lock_account(
        &self,
        operation: &mut Operation,
        deadline: Instant,
    ) -> anyhow::Result<Option<AccountGuard>> {
        let shared = operation.tenant.app.shared && operation.connector.is_some();
        if !shared || operation.kind != ResourceKind::User {
            return Ok(Some(AccountGuard::default()));
        }
        let app = operation.tenant.app.name.clone();
        let names = names_of(operation)?;
        let retained = self.account_locks.take_retained(&key(operation));
        let exclusive = !joins(operation.event.kind);
        let acquired = self.account_locks.acquire(&app, names, exclusive);
        let guard = match retained {
            Some(guard) => guard,
            None => match timeout_at(deadline.min(Instant::now() + LONGEST_WAIT), acquired).await {
                Ok(guard) => guard,
                Err(_) => return Ok(None),
            },
        };
        self.facts_have_changed(operation).await?;
        Ok(Some(guard))
    }

    /// Keeps the lock of an operation whose call got no answer until that call can no longer arrive.
    /// A later attempt for the same resource takes the lock over.
    pub(in crate::lifecycle) fn keep_account_locked(
        &self,
        operation: &Operation,
        guard: AccountGuard,
    ) {
        let late_until = operation.progress.late_until.as_deref().unwrap_or_default();
        let late = late_until > rfc3339(self.clock.now()).as_str();
        if !late || !guard.is_exclusive() {
            return;
        }
        self.retain_lock(key(operation), guard);
    }

    /// Keeps the lock of a resource until no call that left before now can arrive any more.
    fn retain_lock(&self, resource: (String, String), guard: AccountGuard) {
        let release = self.account_locks.retain(resource, guard);
        let (wait, tasks) = (self.config.options().longest_call, self.tasks.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = tasks.stopped() => {}
            }
            release();
        });
    }

    /// Reads again in how many other organisations the account is. If that has changed, the attempt
    /// ends, and another begins without calls.
    pub(in crate::lifecycle) async fn facts_have_changed(
        &self,
        operation: &mut Operation,
    ) -> anyhow::Result<bool> {
        if operation.context.account.is_none() || operation.connector.is_none() {
            return Ok(false);
        }
        let context = &operation.context;
        let (account, before) = (context.account.as_ref(), context.before.as_deref());
        let elsewhere =
            self.elsewhere(&operation.tenant, account, before, &operation.after).await?;
        if elsewhere == operation.context.elsewhere {
            return Ok(false);
        }
        self.begin_again(operation, elsewhere)?;
        Ok(true)
    }

    /// In how many other organisations of a shared app an account is, or may be.
    pub(in crate::lifecycle) async fn elsewhere(
        &self,
        tenant: &Tenant,
        account: Option<&Account>,
        before: Option<&str>,
        after: &Resource,
    ) -> anyhow::Result<u32> {
        let Some(account) = account.filter(|_| tenant.app.shared) else { return Ok(0) };
        let known = self.store.elsewhere(&tenant.app.name, &tenant.id, &account.id).await?;
        let names = names(tenant, Some(account), before, after)?;
        Ok(known + self.begun_joins.count(&tenant.app.name, &names, &tenant.id))
    }

    /// Notes that a call which adds somebody to a shared app may have had its effect.
    pub(in crate::lifecycle) fn note_join(&self, operation: &Operation) -> anyhow::Result<()> {
        if operation.tenant.app.shared && joins(operation.event.kind) {
            let (app, tenant) = (&operation.tenant.app.name, &operation.tenant.id);
            let names = names_of(operation)?;
            self.begun_joins.add(app, names, tenant, &operation.resource_id());
        }
        Ok(())
    }

    /// Notes that an account of a shared app was deleted.
    pub(in crate::lifecycle) fn note_deletion(&self, operation: &Operation, outcome: &Outcome) {
        let deletes = operation.event.kind == EventKind::Delete && outcome.account.is_none();
        if let (true, Some(account)) = (deletes, &operation.context.account)
            && operation.tenant.app.shared
        {
            let now = rfc3339(self.clock.now());
            self.deleted_accounts.add(&operation.tenant.app.name, &account.id, now);
        }
    }

    /// Whether the account of a join was deleted by another tenant since the attempt began.
    pub(in crate::lifecycle) fn was_deleted_meanwhile(
        &self,
        operation: &Operation,
        account: &AccountRow,
    ) -> bool {
        let (app, began) = (&operation.tenant.app, &operation.context.now);
        let id = account.account.as_ref().map(|account| account.id.as_str());
        app.shared
            && joins(operation.event.kind)
            && id.is_some_and(|id| self.deleted_accounts.since(&app.name, id, began))
    }

    /// Notes what an operation on an account of a shared app had begun before a restart: a join, or a
    /// call that takes away and may still arrive, for which the account stays locked.
    pub(in crate::lifecycle) async fn recover_account(
        &self,
        row: &UnfinishedOperation,
    ) -> anyhow::Result<()> {
        if row.state == OperationState::Held || row.resource_kind != ResourceKind::User {
            return Ok(());
        }
        let tenant = self.config.tenant(&row.tenant).await?;
        let Some(tenant) = tenant.filter(|tenant| tenant.app.shared) else { return Ok(()) };
        let Some(older) = self.older_operation(&row.id).await? else { return Ok(()) };
        let context: Context =
            serde_json::from_str(&older.row.context).context("a journaled context")?;
        let after = Resource::from_json(&older.event.resource)?;
        let names = names(&tenant, context.account.as_ref(), context.before.as_deref(), &after)?;
        let resource = older.row.resource.clone();
        if joins(older.event.kind) {
            if older.leaves_doubt() {
                self.begun_joins.add(&tenant.app.name, names, &tenant.id, &resource);
            }
            return Ok(());
        }
        let late_until = older.progress.late_until.as_deref().unwrap_or_default();
        if older.is_pending() || late_until > rfc3339(self.clock.now()).as_str() {
            let locked = self.account_locks.acquire(&tenant.app.name, names, true);
            // Another operation that took away had the lock first, and keeps it for as long.
            if let Ok(guard) = timeout(Duration::ZERO, locked).await {
                self.retain_lock((tenant.id.clone(), resource), guard);
            }
        }
        Ok(())
    }
}

fn key(operation: &Operation) -> (String, String) {
    (operation.tenant.id.clone(), operation.resource_id())
}

/// Whether an event only adds somebody.
pub(in crate::lifecycle) fn joins(event: EventKind) -> bool {
    matches!(event, EventKind::Create | EventKind::Activate)
}

fn names_of(operation: &Operation) -> anyhow::Result<BTreeSet<String>> {
    let context = &operation.context;
    let (account, before) = (context.account.as_ref(), context.before.as_deref());
    names(&operation.tenant, account, before, &operation.after)
}

/// The names by which the app may know the account of a person. A connector that finds accounts by
/// something that the host does not know has one more name, which all of them share.
fn names(
    tenant: &Tenant,
    account: Option<&Account>,
    before: Option<&str>,
    after: &Resource,
) -> anyhow::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let connector = tenant.connector.as_ref();
    if connector.is_ok_and(|it| it.manifest.accounts_matched_by == MatchedBy::Other) {
        names.insert(String::new());
    }
    names.extend(account.map(|account| format!("id {}", account.id)));
    let told = before.map(Resource::from_json).transpose()?;
    for resource in told.iter().chain([after]) {
        names.extend(resource.user_name().map(str::to_lowercase));
        names.extend(resource.emails().into_iter().map(str::to_lowercase));
    }
    Ok(names)
}
