//! An account of the app that other operations may be about as well: its locks, and in how many other
//! organisations it is.
//!
//! An operation locks its account (`account_lock.rs`) for the time of an attempt. Under the lock it reads
//! again in how many other tenants of the app the account is, since its decision depends on that. The
//! lock of a call that got no answer is kept until the call can no longer arrive. In an app of one tenant
//! no other organisation has the account, and only creations and deletions take locks.

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
use crate::scim::name::comparable;
use crate::store::{AccountRow, OperationState, UnfinishedOperation};

/// The longest wait for the operation of another tenant on the same account: requests on this one's
/// resource wait as well.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Operations {
    /// Locks the account of an operation, and reads again what it depends on: in how many other
    /// organisations the account is, and whether it still belongs to the resource.
    pub(in crate::lifecycle) async fn lock_account(
        &self,
        operation: &mut Operation,
        deadline: Instant,
    ) -> anyhow::Result<AccountLock> {
        let Some(exclusive) = excludes(operation) else {
            return Ok(AccountLock::Acquired(AccountGuard::default()));
        };
        let app = operation.tenant.app.name.clone();
        let names = names_of(operation)?;
        let retained = self.account_locks.take_retained(&key(operation));
        let acquired = self.account_locks.acquire(&app, names, exclusive);
        let guard = match retained {
            Some(guard) => guard,
            None => match timeout_at(deadline.min(Instant::now() + LONGEST_WAIT), acquired).await {
                Ok(guard) => guard,
                Err(_) => return Ok(AccountLock::Late),
            },
        };
        if self.lost_its_account(operation).await? {
            return Ok(AccountLock::Lost);
        }
        self.facts_have_changed(operation).await?;
        Ok(AccountLock::Acquired(guard))
    }

    /// Whether another resource has taken over the account that an operation is about to delete, and
    /// what was unfinished for it.
    async fn lost_its_account(&self, operation: &Operation) -> anyhow::Result<bool> {
        if !deletes(operation.event.kind) {
            return Ok(false);
        }
        if operation.journaled && !self.unfinished.contains(operation.id()) {
            return Ok(true);
        }
        let Some(known) = &operation.account else { return Ok(false) };
        let stored = self.store.account(&known.tenant, &known.resource).await?;
        Ok(stored.is_none())
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
        // In an app of one tenant, a resource that takes over the account has it in doubt for as long.
        if !late || !guard.is_exclusive() || !operation.tenant.app.has_several_tenants {
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
        let elsewhere = self
            .elsewhere(&operation.tenant, operation.event.kind, account, before, &operation.after)
            .await?;
        let elsewhere = elsewhere.max(u32::from(!operation.own));
        if elsewhere == operation.context.elsewhere {
            return Ok(false);
        }
        self.begin_again(operation, elsewhere)?;
        Ok(true)
    }

    /// In how many other organisations of a shared app an account is. For an event that takes it away, also in
    /// how many it may be: a join that has begun there must not lose it. Any other event goes by what is known,
    /// since a join without an answer would keep a tenant's own profile from being told.
    pub(in crate::lifecycle) async fn elsewhere(
        &self,
        tenant: &Tenant,
        event: EventKind,
        account: Option<&Account>,
        before: Option<&str>,
        after: &Resource,
    ) -> anyhow::Result<u32> {
        let Some(account) = account.filter(|_| tenant.app.has_several_tenants) else {
            return Ok(0);
        };
        let known = self.store.elsewhere(&tenant.app.name, &tenant.id, &account.id).await?;
        if !event.deprovisions() {
            return Ok(known);
        }
        let names = names(tenant, Some(account), before, after)?;
        Ok(known + self.begun_joins.count(&tenant.app.name, &names, &tenant.id))
    }

    /// Notes that a call which adds a person to a shared app may have had its effect.
    pub(in crate::lifecycle) fn note_join(&self, operation: &Operation) -> anyhow::Result<()> {
        if operation.tenant.app.has_several_tenants && joins(operation.event.kind) {
            let (app, tenant) = (&operation.tenant.app.name, &operation.tenant.id);
            let names = names_of(operation)?;
            self.begun_joins.add(app, names, tenant, &operation.resource_id());
        }
        Ok(())
    }

    /// Notes that an account was deleted.
    pub(in crate::lifecycle) fn note_deletion(&self, operation: &Operation, outcome: &Outcome) {
        let deleted = deletes(operation.event.kind) && outcome.account.is_none();
        if let (true, Some(account)) = (deleted, &operation.context.account) {
            let now = rfc3339(self.clock.now());
            self.deleted_accounts.add(&operation.tenant.app.name, &account.id, now);
        }
    }

    /// Whether the account that an operation has found was deleted since the attempt began, for another
    /// tenant or another resource.
    pub(in crate::lifecycle) fn was_deleted_meanwhile(
        &self,
        operation: &Operation,
        account: &AccountRow,
    ) -> bool {
        let (app, began) = (&operation.tenant.app, &operation.context.now);
        let id = account.account.as_ref().map(|account| account.id.as_str());
        (joins(operation.event.kind) || operation.event.kind == EventKind::GroupCreate)
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
        let Some(tenant) = tenant.filter(|tenant| tenant.app.has_several_tenants) else {
            return Ok(());
        };
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

/// The lock of the account of an operation.
#[derive(Debug)]
pub(in crate::lifecycle) enum AccountLock {
    Acquired(AccountGuard),
    /// Another operation keeps it for too long.
    Late,
    /// The account belongs to another resource by now, and the operation has ended.
    Lost,
}

/// Whether an operation locks its account alone, or with others; none if it does not lock it.
///
/// Within a tenant the lock of the resource is enough, but for a creation: it may find the account that
/// a deletion of another resource is about to delete.
fn excludes(operation: &Operation) -> Option<bool> {
    let shared = operation.tenant.app.has_several_tenants && operation.kind == ResourceKind::User;
    operation.connector.as_ref()?;
    match operation.event.kind {
        EventKind::Create | EventKind::GroupCreate => Some(false),
        kind if deletes(kind) => Some(true),
        kind => shared.then(|| !joins(kind)),
    }
}

fn deletes(event: EventKind) -> bool {
    matches!(event, EventKind::Delete | EventKind::GroupDelete)
}

fn key(operation: &Operation) -> (String, String) {
    (operation.tenant.id.clone(), operation.resource_id())
}

/// Whether an event only adds a person.
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
        names.extend(resource.user_name().map(|name| comparable(name).into_owned()));
        names.extend(resource.emails().into_iter().map(str::to_lowercase));
        // The groups of different tenants are different teams.
        let group = resource.display_name().filter(|_| resource.user_name().is_none());
        names.extend(group.map(|name| format!("{} {}", tenant.id, comparable(name))));
    }
    Ok(names)
}
