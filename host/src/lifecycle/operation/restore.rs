//! Recovery of unfinished operations from the journal: at a start, and for each attempt.
//!
//! An attempt begins from the facts as they are. It continues with its completed calls if they are
//! what they were at its beginning; if they have changed, the attempt ends, and another one begins
//! without calls. Nothing is given up at a start: an operation that cannot be restored stays open
//! with the reason, and goes on when its cause is gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context as _;

use super::Operations;

use super::agree::{group_change, takes_groups, user_change};
use super::change::{Change, MemberChanges, SealedPassword};
use super::goal::Older;
use super::journaled::{Operation, creates};
use crate::clock::rfc3339;
use crate::decision::{Context, EventKind, Exchange, Request, ResourceKind};
use crate::lifecycle::config::snapshot::{Tenant, TenantState};
use crate::scim::Resource;
use crate::store::{
    AttemptRow, Commit, CommitError, DoubtedMember, ExchangeRow, OperationState, Related,
};

/// Why an attempt ended whose operation goes on with another.
const FACTS_CHANGED: &str = "ended: the facts that it began with have changed";

impl Operations {
    /// Finds the unfinished operations of the journal, and what directory and app disagree about.
    /// Operations that were being tried when the host stopped are due.
    pub(in crate::lifecycle) async fn recover(self: &Arc<Self>) -> anyhow::Result<()> {
        for row in self.store.unfinished().await? {
            self.recover_account(&row).await?;
            self.unfinished.insert_row(row);
        }
        if self.unfinished.count() > 0 {
            let operations = self.unfinished.count();
            tracing::info!(operations, "operation: resuming open operations");
            self.store.make_all_due(&rfc3339(self.clock.now())).await?;
        }
        for tenant in self.unfinished.tenants_with_held() {
            let tenant = self.config.tenant(&tenant).await?;
            if let Some(tenant) = tenant.filter(|tenant| tenant.state == TenantState::Connected) {
                self.end_hold(&tenant.id).await?;
            }
        }
        let found = self.wake_all(None).await?;
        if found > 0 {
            tracing::info!(resources = found, "operation: comparing directory and apps");
        }
        Ok(())
    }

    /// Restores an operation from the journal, with the facts as they are now. None if nothing is left
    /// to do; it has ended then. The caller holds its lock.
    pub(in crate::lifecycle) async fn restore(
        self: &Arc<Self>,
        older: Older,
    ) -> anyhow::Result<Option<Operation>> {
        let row = &older.row;
        let tenant = self.config.tenant(&row.tenant).await?.with_context(|| {
            format!("operation {} belongs to tenant {}, which is unknown", row.id, row.tenant)
        })?;
        let Some(change) = self.change_of(&tenant, &older).await? else {
            self.end_without_a_change(older).await?;
            return Ok(None);
        };
        let password = SealedPassword {
            sealed: row.sealed.clone(),
            placeholder: older.event.password.clone(),
        };
        let mut operation = self.operation_for(&tenant, change, row.id.clone(), password).await?;
        operation.journaled = true;
        operation.fingerprint.clone_from(&row.fingerprint);
        (operation.tries, operation.attempt) = (row.tries, row.attempt);
        operation.progress.owed = older.progress.owed;
        operation.progress.dirty = older.progress.dirty;
        operation.progress.idle = older.progress.idle;
        operation.progress.last_asked.clone_from(&older.progress.last_asked);
        operation.progress.late_until.clone_from(&older.progress.late_until);
        if operation.progress.expected.is_none() {
            operation.progress.created.clone_from(&older.progress.created);
        }
        let used = row.used.as_deref().map(serde_json::from_str);
        operation.used = used.transpose().context("what an operation used")?.unwrap_or_default();
        let log = row.log.as_deref().map(serde_json::from_str);
        operation.log = log.transpose().context("a journaled log")?.unwrap_or_default();
        self.continue_attempt(&mut operation, older).await?;
        Ok(Some(operation))
    }

    /// Continues the attempt of the journal if the facts are as they were, else begins another.
    async fn continue_attempt(
        &self,
        operation: &mut Operation,
        older: Older,
    ) -> anyhow::Result<()> {
        let journaled: Context =
            serde_json::from_str(&older.row.context).context("a journaled context")?;
        let pending = older.is_pending();
        let (exchanges, request) = exchanges_of(older.exchanges)?;
        if exchanges.is_empty() && request.is_none() {
            return Ok(()); // No call was made: the attempt begins now.
        }
        let context = Context { now: journaled.now.clone(), ..(*operation.context).clone() };
        let refused = older.progress.refused;
        if !refused && context == journaled && *operation.asked == older.asked {
            if let Some(digest) = &older.row.connector {
                let connector = self.config.connectors().connector(digest).await?;
                operation.connector = Some(connector);
            }
            operation.began_with(&older.progress.stays);
            operation.context = Arc::new(journaled);
            (operation.exchanges, operation.pending) = (exchanges, request);
            if pending {
                // The host was killed during this call, which may arrive beside its repetition.
                let latest = Some(self.latest_arrival());
                operation.progress.late_until = operation.progress.late_until.take().max(latest);
                operation.progress.dirty = true;
                operation.progress_changed = true;
            }
            return Ok(());
        }
        // The ended attempt may have told the app of members whom this attempt leaves out. Their
        // memberships are in doubt.
        let told = operation.event.joined.iter().chain(&operation.event.left);
        let told: BTreeSet<String> = told.map(|member| member.id.clone()).collect();
        let before = older.event.joined.iter().chain(&older.event.left);
        for member in before.filter(|member| !told.contains(&member.id)) {
            operation.doubted.push(member.into());
        }
        operation.ended_attempt = Some(AttemptRow {
            operation: older.row.id,
            attempt: older.row.attempt,
            context: older.row.context,
            event: older.row.event,
            connector: older.row.connector,
            note: match refused {
                true => older.row.note,
                false => Some(FACTS_CHANGED.to_owned()),
            },
            ended: rfc3339(self.clock.now()),
        });
        operation.attempt += 1;
        operation.progress.dirty |= pending;
        let latest = pending.then(|| self.latest_arrival());
        self.note_late(operation, latest);
        Ok(())
    }

    /// Ends an attempt because the number of the account's other organisations has changed, and begins
    /// another. One that has made no call only gets the new number.
    pub(in crate::lifecycle) fn begin_again(
        &self,
        operation: &mut Operation,
        elsewhere: u32,
    ) -> anyhow::Result<()> {
        let now = rfc3339(self.clock.now());
        let called = !operation.exchanges.is_empty() || operation.pending.is_some();
        let mut context = Context { elsewhere, ..(*operation.context).clone() };
        if called {
            operation.ended_attempt = Some(AttemptRow {
                operation: operation.id().to_owned(),
                attempt: operation.attempt,
                context: serde_json::to_string(&*operation.context)?,
                event: serde_json::to_string(&*operation.asked)?,
                connector: operation.connector.as_ref().map(|it| it.digest.clone()),
                note: Some(FACTS_CHANGED.to_owned()),
                ended: now.clone(),
            });
            context.now = now;
            operation.attempt += 1;
            let pending = operation.pending.take().is_some();
            operation.progress.dirty |= pending;
            operation.earlier_response = None;
            operation.exchanges.clear();
            let latest = pending.then(|| self.latest_arrival());
            self.note_late(operation, latest);
        }
        operation.context = Arc::new(context);
        Ok(())
    }

    /// Notes that a call of an ended attempt may still arrive: the outcome of this attempt is then to
    /// be confirmed.
    pub(in crate::lifecycle) fn note_late(
        &self,
        operation: &mut Operation,
        late_until: Option<String>,
    ) {
        let late_until = late_until.max(operation.progress.late_until.take());
        if let (Some(account), Some(_)) = (&mut operation.account, &late_until) {
            account.late_until = account.late_until.take().max(late_until.clone());
            operation.account_changed = true;
        }
        operation.progress.late_until = late_until;
        operation.progress_changed = true;
    }

    /// The change that an unfinished operation is for, from the facts as they are now; none if nothing
    /// differs.
    async fn change_of(&self, tenant: &Tenant, older: &Older) -> anyhow::Result<Option<Change>> {
        let (row, event) = (&older.row, &older.event);
        let (id, kind) = (&row.resource, row.resource_kind);
        let after = Resource::from_json(&event.resource).context("a journaled resource")?;
        let related = if kind == ResourceKind::User { Related::Groups } else { Related::None };
        let current = self.current(&row.tenant, kind, id, related).await?;
        if let Some(job) = &row.job {
            let account = match &current {
                Some(current) => current.account.clone(),
                None => self.store.account(&row.tenant, id).await?,
            };
            let mut change = Change::new(event.kind, current, after);
            change.account = account;
            change.told = change.told.or_else(|| Some(event.resource.clone()));
            change.changes.clone_from(&event.changes);
            change.job = Some(job.clone());
            change.applied = older.progress.applied;
            return Ok(Some(change));
        }
        if creates(event.kind, &older.progress) {
            let mut change = Change::new(event.kind, None, after);
            change.account = match self.store.account(&row.tenant, id).await? {
                Some(account) => Some(account),
                None => self.former_account(&row.tenant, &change).await?,
            };
            if kind == ResourceKind::Group {
                change.members = self.members_again(tenant, older).await?;
            }
            return Ok(Some(change));
        }
        let password = row.sealed.is_some();
        let current = match current {
            Some(current) if older.has_own_goal() => current,
            // Its goal is the directory, with a password that the directory does not have.
            Some(current) if password && kind == ResourceKind::User => {
                let after = current.resource.clone();
                let change = user_change(tenant, current, after, true)?;
                return Ok(change.map(|change| Change { applied: true, ..change }));
            }
            _ => return self.change_to_agree(tenant, kind, id).await,
        };
        match event.kind {
            EventKind::Delete | EventKind::GroupDelete => {
                Ok(Some(Change::new(event.kind, Some(current), after)))
            }
            _ if kind == ResourceKind::User => user_change(tenant, current, after, password),
            _ => {
                let members = self.members_again(tenant, older).await?;
                group_change(current, after, members, takes_groups(tenant))
            }
        }
    }

    /// The members of a journaled group change, with their accounts as they are now. Members who were
    /// deleted in between are left out.
    async fn members_again(&self, tenant: &Tenant, older: &Older) -> anyhow::Result<MemberChanges> {
        let (event, progress) = (&older.event, &older.progress);
        let ids = |told: &[crate::decision::Member], untold: &[crate::decision::Member]| {
            told.iter().chain(untold).map(|member| member.id.clone()).collect::<Vec<_>>()
        };
        let joined = ids(&event.joined, &progress.joined_untold);
        let left = ids(&event.left, &progress.left_untold);
        let all: Vec<String> = joined.iter().chain(&left).cloned().collect();
        let people = match all.is_empty() {
            true => Vec::new(),
            false => self.store.people(&tenant.id, Some(&older.row.resource), &all).await?,
        };
        let changes = MemberChanges::of(&people, &joined, &left, takes_groups(tenant));
        let notice = progress.notice.clone();
        Ok(MemberChanges { displays: progress.displays.clone(), notice, ..changes })
    }

    /// Ends an operation for which nothing is left to do. What its calls may have done is in doubt.
    async fn end_without_a_change(&self, older: Older) -> anyhow::Result<()> {
        let account = self.store.account(&older.row.tenant, &older.row.resource).await?;
        let superseded = self.supersede(Some(&older), account, &older.row.resource)?;
        let mut row = older.row;
        row.state = OperationState::Done;
        row.note = Some(
            "nothing is left to do: the directory asks for nothing that the app was not told"
                .to_owned(),
        );
        row.finished = Some(rfc3339(self.clock.now()));
        (row.sealed, row.due) = (None, None);
        let id = row.id.clone();
        let (tenant, kind, resource) =
            (row.tenant.clone(), row.resource_kind, row.resource.clone());
        let doubted = superseded.doubted.into_iter().map(|member| DoubtedMember {
            group: resource.clone(),
            member,
            late_until: superseded.late_until.clone(),
        });
        let commit = Commit {
            operation: Some(row),
            doubted: doubted.collect(),
            account: superseded.account.filter(|_| superseded.in_doubt),
            now: Some(rfc3339(self.clock.now())),
            ..Commit::default()
        };
        self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        self.unfinished.remove(&id);
        self.wake(&tenant, kind, &resource);
        Ok(())
    }

    /// Updates an operation that has already called the app to a directory that has changed since.
    /// False if its resource no longer exists.
    pub(in crate::lifecycle) async fn rebase(
        &self,
        operation: &mut Operation,
    ) -> anyhow::Result<bool> {
        let id = operation.resource_id();
        let tenant = operation.tenant.id.clone();
        let members = &mut operation.members;
        let joined = members.joined.iter().chain(&members.joined_untold);
        let joined: Vec<String> = joined.map(|member| member.id.clone()).collect();
        if !joined.is_empty() {
            let people = self.store.people(&tenant, None, &joined).await?;
            let exists = |id: &str| people.iter().any(|person| person.id == id);
            members.joined.retain(|member| exists(&member.id));
            members.joined_untold.retain(|member| exists(&member.id));
        }
        if operation.creates() {
            return Ok(true);
        }
        let stored =
            self.store.resource(&tenant, operation.kind.name(), &id, Related::None).await?;
        operation.progress.expected = stored.as_ref().map(|stored| stored.version);
        operation.departures = stored.as_ref().map_or(0, |stored| stored.departures);
        Ok(stored.is_some())
    }
}

/// The exchanges that are answered, and the request that is not.
fn exchanges_of(rows: Vec<ExchangeRow>) -> anyhow::Result<(Vec<Exchange>, Option<Request>)> {
    let (mut done, mut pending) = (Vec::new(), None);
    for row in rows {
        let request = serde_json::from_str(&row.request).context("a journaled request")?;
        match row.response {
            Some(response) => {
                let response = serde_json::from_str(&response).context("a journaled response")?;
                done.push(Exchange { request, response });
            }
            None => pending = Some(request),
        }
    }
    Ok((done, pending))
}
