//! The end of an attempt without an outcome.
//!
//! If a call may have had an effect and no outcome was committed, the account is in doubt, in the
//! same transaction that ends the operation. Doubt is work: the host compares the account with the
//! directory and brings it back (`agree.rs`).

use std::sync::Arc;

use super::Operations;
use super::comparison;
use super::disposition::{self, Attempted, Disposition, FailureCause};
use super::effects;
use super::execute::AttemptResult;
use super::goal::CreationLock;
use super::journaled::{Operation, lock_key, only_takes_away, takes_away};
use super::typed_view;
use crate::clock::{later_by, rfc3339};
use crate::decision::{
    Account, Exchange, Membership, Outcome, Refusal, Request, ResourceKind, Unreachable, Visibility,
};
use crate::store::{
    AccountRow, Commit, CommitError, DoubtedMember, OperationState, Related, ToldMember,
};

impl Operation {
    /// The end of an operation that is not in the journal, when what it was decided from has changed:
    /// the group, or a member who joins it, was written or deleted at the same time.
    pub(in crate::lifecycle) fn outdated(&self) -> AttemptResult {
        AttemptResult::Answered(disposition::outdated(self.tenant.dialect()))
    }
}

impl Operations {
    /// Makes the cause and the new state of the operation durable.
    pub(in crate::lifecycle) async fn stop(
        self: &Arc<Self>,
        operation: &mut Operation,
        cause: FailureCause,
    ) -> anyhow::Result<AttemptResult> {
        let now = self.clock.now();
        let accepted = operation.progress.applied;
        let attempted = Attempted {
            takes_away: only_takes_away(&operation.event),
            accepted,
            dirty: operation.progress.dirty,
            tries: operation.tries,
        };
        let disposition = disposition::of(attempted, &cause, self.config.options().back_off);
        let note = match last_call(operation).filter(|_| waits_for_the_app(&cause)) {
            Some(call) => format!("{}: {call}", why(&cause)),
            None => why(&cause),
        };
        match &cause {
            // The app answered, and its answers would be the same: the next try begins another attempt.
            FailureCause::Refused(
                Refusal::Rejected(_)
                | Refusal::Conflict(_)
                | Refusal::Forbidden(_)
                | Refusal::Unsupported(_),
            ) => operation.progress.refused = true,
            FailureCause::Refused(_) if matches!(disposition, Disposition::Open(_)) => {
                operation.ask_again();
            }
            _ => {}
        }
        operation.progress.idle = true;
        let mut commit = Commit { now: Some(rfc3339(now)), ..Commit::default() };
        let state = match disposition {
            Disposition::Open(_) => {
                operation.progress.owed |= !accepted;
                if !accepted && operation.progress.last_asked.is_none() {
                    operation.progress.last_asked = Some(rfc3339(now));
                }
                OperationState::Open
            }
            Disposition::Refused => {
                self.leave_doubt(operation, &mut commit)?;
                OperationState::Refused
            }
            Disposition::Failed => OperationState::Failed,
        };
        let due = match (disposition, &operation.due) {
            (Disposition::Open(_), Some(due)) => Some(due.clone()),
            (Disposition::Open(wait), None) => Some(rfc3339(later_by(now, wait))),
            _ => None,
        };
        // Only the host's own tries count: an identity provider may ask as often as it likes.
        operation.tries += u32::from(operation.due.is_none());
        let mut row = operation.row(state)?;
        row.answer = Some(serde_json::to_string(&why(&cause))?);
        row.note = Some(note);
        row.due = due;
        if disposition == Disposition::Refused {
            row.finished = Some(rfc3339(now));
            row.sealed = None;
        }
        commit.operation = Some(row);
        if let Some(last) = operation.exchanges.len().checked_sub(1) {
            commit.exchanges.push(operation.exchange(last, now)?);
        }
        if operation.pending.is_some() {
            commit.exchanges.push(operation.exchange(operation.exchanges.len(), now)?);
        }
        operation.add_unwritten(&mut commit);
        let in_doubt = commit.account.as_ref().is_some_and(|account| account.doubt);
        let in_doubt = in_doubt || !commit.doubted.is_empty();
        match self.write(operation, commit).await {
            Ok(()) => {}
            Err(CommitError::Internal(error)) => return Err(error),
            Err(_) => anyhow::bail!("the store refused a commit without a resource"),
        }
        operation.journaled = true;
        operation.progress_changed = false;
        log_stop(operation, &cause, disposition);
        match disposition {
            Disposition::Open(_) => self.unfinished.insert(operation, state),
            Disposition::Failed => {
                self.unfinished.insert(operation, state);
                if operation.kind == ResourceKind::Group {
                    self.wake_resource(operation);
                }
            }
            Disposition::Refused => {
                self.ended(operation);
                // It may have superseded a leave that was acknowledged and is held.
                let differs = |account: &AccountRow| account.doubt || account.told.is_some();
                if in_doubt
                    || operation.kind == ResourceKind::Group
                    || operation.account.as_ref().is_some_and(differs)
                {
                    self.wake_resource(operation);
                }
            }
        }
        Ok(AttemptResult::Stopped(cause, disposition))
    }

    /// Stops a step of a job that was cancelled, before its next call. The next try ends it, and undoes
    /// what its calls have done.
    pub(in crate::lifecycle) async fn leave_to_cancellation(
        self: &Arc<Self>,
        operation: &mut Operation,
    ) -> anyhow::Result<AttemptResult> {
        if !operation.journaled {
            return Ok(AttemptResult::Answered(disposition::busy(operation.tenant.dialect())));
        }
        (operation.tries, operation.due) = (0, Some(rfc3339(self.clock.now())));
        self.stop(operation, FailureCause::OutOfTime).await
    }

    /// Puts into the commit that ends an operation what its calls leave in doubt.
    pub(in crate::lifecycle) fn leave_doubt(
        &self,
        operation: &mut Operation,
        commit: &mut Commit,
    ) -> anyhow::Result<()> {
        let pending =
            operation.pending.is_some() && operation.journaled && !operation.progress.idle;
        if !operation.progress.dirty && !pending {
            return Ok(());
        }
        let late_until = pending.then(|| self.latest_arrival());
        let late_until = operation.progress.late_until.take().max(late_until);
        operation.progress.late_until.clone_from(&late_until);
        if operation.tells_members() {
            let members = operation.event.joined.iter().chain(&operation.event.left);
            operation.doubted.extend(members.map(ToldMember::from));
        }
        if let Some(account) = self.account_in_doubt(operation, late_until)? {
            operation.account = Some(account);
            operation.account_changed = true;
        }
        commit.now.get_or_insert_with(|| rfc3339(self.clock.now()));
        Ok(())
    }

    /// Ends an operation whose event is kept from the app. The directory changes.
    pub(in crate::lifecycle) async fn withhold(
        self: &Arc<Self>,
        operation: &mut Operation,
        state: OperationState,
        note: &str,
    ) -> anyhow::Result<AttemptResult> {
        let now = self.clock.now();
        let mut commit = Commit { now: Some(rfc3339(now)), ..Commit::default() };
        operation.apply_untold(&mut commit, now);
        operation.take_account_over();
        self.leave_doubt(operation, &mut commit)?;
        let mut row = operation.row(state)?;
        row.note = Some(note.to_owned());
        row.sealed = None;
        if state == OperationState::Dropped {
            row.finished = Some(rfc3339(now));
        }
        commit.operation = Some(row);
        operation.add_unwritten(&mut commit);
        match self.write(operation, commit).await {
            Ok(()) => {}
            Err(CommitError::NameTaken) => return Ok(AttemptResult::NameTaken),
            Err(CommitError::Stale) => return Ok(operation.outdated()),
            Err(error) => return Err(error.into_internal()),
        }
        match state {
            OperationState::Held => self.unfinished.insert(operation, state),
            _ => self.ended(operation),
        }
        Ok(AttemptResult::Withheld)
    }

    /// Drops an operation. The directory stays as it is.
    pub(in crate::lifecycle) async fn abandon(
        self: &Arc<Self>,
        operation: &mut Operation,
        note: &str,
    ) -> anyhow::Result<()> {
        let now = self.clock.now();
        let mut commit = Commit { now: Some(rfc3339(now)), ..Commit::default() };
        self.leave_doubt(operation, &mut commit)?;
        let mut row = operation.row(OperationState::Dropped)?;
        row.note = Some(note.to_owned());
        row.finished = Some(rfc3339(now));
        row.sealed = None;
        commit.operation = Some(row);
        operation.add_unwritten(&mut commit);
        self.write(operation, commit).await.map_err(CommitError::into_internal)?;
        self.ended(operation);
        // The directory has an acknowledged change, and another operation carries it out.
        self.wake_resource(operation);
        Ok(())
    }

    /// The account of the app that a call would change although it belongs to another resource of the
    /// tenant: a connector that does not know the account has looked it up by a name.
    pub(in crate::lifecycle) async fn owner_of_target(
        &self,
        operation: &Operation,
        request: &Request,
    ) -> anyhow::Result<Option<String>> {
        if operation.context.account.is_some() {
            return Ok(None);
        }
        let names = typed_view::names(&operation.event.subject);
        for id in effects::targets(request, &operation.exchanges, &names) {
            let owner = self.store.account_owner(&operation.tenant.id, operation.kind, &id).await?;
            if owner.is_some_and(|(owner, present)| {
                present && owner.resource != operation.resource_id()
            }) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Ends an operation before a call that would change the account of another resource: as
    /// [`Operations::settle_ownership`] does after it.
    pub(in crate::lifecycle) async fn leave_to_owner(
        self: &Arc<Self>,
        operation: &mut Operation,
        account: &str,
    ) -> anyhow::Result<AttemptResult> {
        let account =
            Account { id: account.to_owned(), membership: Membership::Absent, data: String::new() };
        let outcome = Outcome {
            account: Some(account),
            visibility: Visibility::Present,
            note: String::new(),
        };
        self.settle_ownership(operation, outcome).await
    }

    /// Makes the account that a deleted resource has left the operation's, in doubt, and supersedes what
    /// is unfinished for it. No call of that is under way: a deletion has the account for itself, and the
    /// caller holds the lock of a creation.
    async fn take_over_from(
        &self,
        operation: &mut Operation,
        former: AccountRow,
    ) -> anyhow::Result<()> {
        let (tenant, resource) = (former.tenant.clone(), former.resource.clone());
        let older = self.older(&tenant, &resource).await?;
        let superseded = self.supersede(older.as_ref(), Some(former), &resource)?;
        if self.has_unfinished(&tenant, &resource) {
            operation.supersedes.push(resource);
        }
        operation.account = superseded.account;
        operation.doubted.extend(superseded.doubted);
        let late_until = superseded.late_until.max(operation.progress.late_until.take());
        operation.progress.late_until = late_until;
        operation.taken_over = true;
        Ok(())
    }

    /// What the app may have been told of the account of another resource: what it was told before, and
    /// the attributes of this operation's goal that the owner does not have.
    async fn told_by(
        &self,
        operation: &Operation,
        owner: &AccountRow,
    ) -> anyhow::Result<Option<String>> {
        let (tenant, kind) = (&owner.tenant, owner.kind.name());
        let before = match &owner.told {
            Some(told) => Some(told.clone()),
            None => {
                let stored = self.store.resource(tenant, kind, &owner.resource, Related::None);
                stored.await?.map(|stored| stored.document)
            }
        };
        let goal = Some(operation.event.resource.as_str());
        let told = before.map(|before| comparison::may_have_been_told(&before, goal));
        Ok(told.transpose()?)
    }

    /// Decides about an outcome whose account in the app belongs to another resource of the tenant.
    ///
    /// An account that a deleted person left is taken over. An account of a resource that exists stays
    /// with it, and the owner's account is asserted again, since the calls may have changed it. An event
    /// that takes away is done then, since nothing in the app is this resource's; any other is refused.
    pub(in crate::lifecycle) async fn settle_ownership(
        self: &Arc<Self>,
        operation: &mut Operation,
        outcome: Outcome,
    ) -> anyhow::Result<AttemptResult> {
        let id = outcome.account.as_ref().map(|account| account.id.clone()).unwrap_or_default();
        let tenant = operation.tenant.id.clone();
        let owner = self.store.account_owner(&tenant, operation.kind, &id).await?;
        let Some((mut owner, present)) = owner else {
            anyhow::bail!("account {id} belongs to another resource, which is not found");
        };
        if !present
            && operation.account.as_ref().is_none_or(|known| known.resource != owner.resource)
        {
            let resource = || operation.resource_id();
            let (event, progress, subject) =
                (operation.event.kind, &operation.progress, &operation.subject);
            let own = lock_key(&tenant, operation.kind, event, progress, subject, resource);
            let _lock = match self.lock_of_creation(&tenant, &owner.resource, &own).await? {
                CreationLock::Free(lock) => lock,
                CreationLock::Held => return self.stop(operation, FailureCause::OutOfTime).await,
            };
            self.take_over_from(operation, owner).await?;
            return Box::pin(self.finish(operation, outcome)).await;
        }
        let owner_name = owner.user_name.clone();
        if operation.progress.dirty {
            owner.told = self.told_by(operation, &owner).await?;
            owner.doubt = true;
            owner.stay += 1;
            let (kind, resource) = (owner.kind, owner.resource.clone());
            // The members that the loser added to a team, or took out of it, are the owner's.
            let members = operation.event.joined.iter().chain(&operation.event.left);
            let doubted = members.map(|member| DoubtedMember {
                group: resource.clone(),
                member: member.into(),
                late_until: None,
            });
            let commit = Commit {
                doubted: doubted.collect(),
                account: Some(owner),
                now: Some(rfc3339(self.clock.now())),
                ..Commit::default()
            };
            self.store.commit(commit).await.map_err(CommitError::into_internal)?;
            self.wake(&tenant, kind, &resource);
        }
        if takes_away(operation.event.kind) {
            let note = format!("Has no account in the app: {id} is another's.");
            let outcome = Outcome { account: None, note, ..outcome };
            return Box::pin(self.finish(operation, outcome)).await;
        }
        let (account, what) = match operation.kind {
            ResourceKind::User => ("account", "user"),
            ResourceKind::Group => ("team", "group"),
        };
        let name = &owner_name;
        let why =
            format!("the app's {account} {id} belongs to another {what} of this tenant: {name}");
        // The loser gets no account, and there is nothing to undo, unless a call may still arrive: after
        // the owner's deletion, that call would make an account without a resource.
        operation.progress.dirty = operation.overtaken_until().is_some();
        self.stop(operation, FailureCause::Refused(Refusal::Conflict(why))).await
    }
}

/// Logs why an attempt ended without an outcome: its kind only, since an app's words may be personal.
fn log_stop(operation: &Operation, cause: &FailureCause, disposition: Disposition) {
    let (tenant, app) = (&*operation.tenant.id, &*operation.tenant.app.name);
    let (event, reason) = (operation.event.kind.name(), cause.name());
    let operation = operation.id();
    match disposition {
        Disposition::Open(wait) => {
            let retry_in = wait.as_secs();
            tracing::warn!(
                operation,
                tenant,
                app,
                event,
                reason,
                retry_in,
                "operation: to be retried"
            );
        }
        Disposition::Refused => {
            tracing::info!(operation, tenant, app, event, reason, "operation: refused");
        }
        Disposition::Failed => {
            tracing::error!(operation, tenant, app, event, reason, "operation: failed");
        }
    }
}

/// Whether the cause says nothing of what the app answered.
fn waits_for_the_app(cause: &FailureCause) -> bool {
    matches!(cause, FailureCause::Refused(Refusal::RetryLater(_)))
}

/// The last call that was made, and what came of it.
fn last_call(operation: &Operation) -> Option<String> {
    let Exchange { request, response } = operation.exchanges.last()?;
    let (method, path) = (&request.method, &request.path);
    let address = endpoint_address(operation, &request.endpoint);
    Some(match response {
        Ok(response) => format!("{method} {path} was answered {}", response.status),
        Err(Unreachable::Timeout) => {
            format!("{method} {path} was not answered in time by {address}")
        }
        Err(Unreachable::Connection) => {
            format!("{method} {path} got no connection to {address}, or lost it")
        }
        Err(Unreachable::TooLarge) => format!("the answer to {method} {path} is too large"),
        Err(Unreachable::CircuitOpen) => {
            format!(
                "{method} {path} was not sent: the calls before it to {address} got no answer, so \
                 that muster tries it again only every few seconds"
            )
        }
    })
}

/// The address of an endpoint, for operators.
fn endpoint_address<'a>(operation: &'a Operation, endpoint: &'a str) -> &'a str {
    operation.tenant.app.endpoints.get(endpoint).map_or(endpoint, |it| it.base_url.as_str())
}

/// The reason for the journal.
pub(in crate::lifecycle) fn why(cause: &FailureCause) -> String {
    match cause {
        FailureCause::Refused(Refusal::Rejected(why)) => format!("rejected: {why}"),
        FailureCause::Refused(Refusal::Conflict(why)) => format!("conflict: {why}"),
        FailureCause::Refused(Refusal::Forbidden(why)) => format!("forbidden: {why}"),
        FailureCause::Refused(Refusal::Unsupported(why)) => format!("unsupported: {why}"),
        FailureCause::Refused(Refusal::Misconfigured(why)) => format!("misconfigured: {why}"),
        FailureCause::Refused(Refusal::RetryLater(_)) => {
            "the app cannot be reached, or asks to wait".to_owned()
        }
        FailureCause::Failed(failure) => format!("the connector failed: {failure}"),
        FailureCause::StoppedByHost(why) => format!("the connector was stopped: {why}"),
        FailureCause::OutOfTime => "the app did not answer in time".to_owned(),
        FailureCause::NoConnector(why) => format!("no connector: {why}"),
    }
}
