//! What was begun is finished: after a restart, after an outage, behind an answer already given.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::time::Instant;

use super::Host;
use super::change::before;
use super::fate::Fate;
use super::run::{Ended, asked};
use super::work::Work;
use crate::clock::rfc3339;
use crate::decision::{Account, Context, Event, EventKind, Exchange, Request};
use crate::store::{Commit, CommitError, ExchangeRow, OperationRow, OperationState, Related};

/// How often the journal is looked through for what is due.
const ROUND: Duration = Duration::from_secs(1);
/// How long an attempt in the background may take.
const ATTEMPT: Duration = Duration::from_secs(60);
/// After how long nobody can be driving an operation any more.
const ABANDONED: Duration = Duration::from_secs(300);
/// How long an operation rests after an accident of ours.
const AFTER_AN_ACCIDENT: Duration = Duration::from_secs(60);

impl Host {
    /// Takes up what a host before this one left open, and keeps trying what is due.
    pub(super) async fn recover(self: &Arc<Self>) -> anyhow::Result<()> {
        for row in self.store.unfinished().await? {
            match self.restore(&row.id).await {
                Ok(Some(work)) => self.open.insert(&work),
                Ok(None) => {}
                // One operation that cannot be taken up keeps nobody else from being served.
                Err(error) => self.give_up(row, &error).await?,
            }
        }
        if self.open.count() > 0 {
            tracing::info!(operations = self.open.count(), "taking up what was left open");
        }
        self.resume_disconnects().await?;
        let host = Arc::clone(self);
        self.tasks.spawn(async move {
            // At the start everything is due: nobody waits for a back-off of a former life.
            let mut all = true;
            while !host.stopping.is_cancelled() {
                if let Err(error) = host.round(all).await {
                    tracing::error!(error = format!("{error:#}"), "a round of retries failed");
                }
                all = false;
                tokio::select! {
                    () = tokio::time::sleep(ROUND) => {}
                    () = host.stopping.cancelled() => {}
                }
            }
        });
        Ok(())
    }

    /// Tries what is due, resources in parallel, each resource in order.
    async fn round(self: &Arc<Self>, all: bool) -> anyhow::Result<()> {
        if self.open.count() == 0 {
            return Ok(());
        }
        let now = self.clock.now();
        let mut attempts = tokio::task::JoinSet::new();
        let mut resources = HashSet::new();
        for row in self.store.unfinished().await? {
            let oldest = resources.insert((row.tenant.clone(), row.resource.clone()));
            if !oldest || !(all || due(&row, now)) || self.stopping.is_cancelled() {
                continue;
            }
            let host = Arc::clone(self);
            attempts.spawn(async move { host.attempt_or_wait(&row.id).await });
            if attempts.len() >= 64 {
                attempts.join_next().await;
            }
        }
        attempts.join_all().await;
        Ok(())
    }

    /// One attempt at an open operation, after those before it on its lane.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        operation: &str,
        forced: bool,
    ) -> anyhow::Result<()> {
        let Some(work) = self.restore(operation).await? else { return Ok(()) };
        let key = work.lane();
        let _lane = self.lanes.enter(key.clone()).await;
        for open in self.open.on(&key) {
            let deadline = Instant::now() + ATTEMPT;
            let forced = forced && open.operation == operation;
            // Nobody waits for this answer: whoever asked is owed it.
            let driven = self.drive_open(&key, &open.operation, deadline, false, forced).await?;
            if let Some((_, Ended::Stopped(_, Fate::Open(_)))) = driven {
                break; // What is behind it waits with it.
            }
        }
        Ok(())
    }

    /// An attempt whose accident is logged, and not repeated at once.
    async fn attempt_or_wait(self: &Arc<Self>, operation: &str) {
        let Err(error) = self.attempt(operation, false).await else { return };
        tracing::error!(operation, error = format!("{error:#}"), "an attempt met with an accident");
        let postponed = async {
            let Some((mut row, _)) = self.store.operation(operation).await? else { return Ok(()) };
            if row.state != OperationState::Open {
                return Ok(());
            }
            row.attempts += 1;
            row.due = Some(rfc3339(self.clock.now() + AFTER_AN_ACCIDENT));
            let commit = Commit { operation: Some(row), ..Commit::default() };
            self.store.commit(commit).await.map_err(CommitError::into_accident)
        };
        if let Err(error) = postponed.await {
            tracing::error!(operation, error = format!("{error:#}"), "it could not be postponed");
        }
    }

    /// Leaves an operation to an operator that this host cannot even read.
    async fn give_up(&self, mut row: OperationRow, error: &anyhow::Error) -> anyhow::Result<()> {
        tracing::error!(operation = row.id, error = format!("{error:#}"), "cannot be taken up");
        row.state = OperationState::Failed;
        row.note = Some(format!("it could not be taken up after a restart: {error:#}"));
        let commit = Commit { operation: Some(row), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_accident)
    }

    /// Goes on with an operation whose sender has been answered.
    pub(super) fn continue_in_background(self: &Arc<Self>, work: Work) {
        let host = Arc::clone(self);
        self.tasks.spawn(async move { host.attempt_or_wait(work.id()).await });
    }

    /// An open operation as the journal has it; none where it is finished.
    pub(super) async fn restore(&self, operation: &str) -> anyhow::Result<Option<Work>> {
        let Some((row, exchanges)) = self.store.operation(operation).await? else {
            return Ok(None);
        };
        if row.state != OperationState::Open {
            return Ok(None);
        }
        let registry = self.registry();
        let tenant = registry.tenants.get(&row.tenant).with_context(|| {
            format!("operation {operation} belongs to tenant {}, which is unknown", row.tenant)
        })?;
        let connector = match &row.connector {
            Some(digest) => Some(self.connector(digest).await?),
            // It was never asked; whoever is promoted now decides.
            None => {
                let promoted = tenant.app.connector.as_ref().ok();
                promoted.and_then(|connector| asked(connector, row.kind))
            }
        };
        let (done, pending) = exchanges_of(exchanges)?;
        let account = self.store.account(&row.tenant, &row.resource).await?;
        let mut work = Work {
            tenant: Arc::clone(tenant),
            connector,
            kind: if row.resource_kind == "Group" { "Group" } else { "User" },
            subject: row.subject.clone(),
            fingerprint: row.fingerprint.clone(),
            context: Arc::new(serde_json::from_str(&row.context).context("a journaled context")?),
            event: Arc::new(serde_json::from_str(&row.event).context("a journaled event")?),
            progress: serde_json::from_str(&row.progress).context("a journaled progress")?,
            exchanges: done,
            pending,
            sealed: row.sealed.clone(),
            attempts: row.attempts,
            batch: row.batch.clone(),
            protected: account.as_ref().is_some_and(|account| account.protected),
            journaled: true,
            log: row.log.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default(),
            resource: None,
            rebased: false,
        };
        if work.exchanges.is_empty() && work.pending.is_none() {
            self.refresh(&mut work, &row, account.and_then(|account| account.account)).await?;
        }
        Ok(Some(work))
    }

    /// Brings an operation that has asked the app already up to a directory that has moved. Says
    /// whether there is still something to bring it to.
    pub(super) async fn rebase(&self, work: &mut Work) -> anyhow::Result<bool> {
        let id = work.resource_id();
        let joined: Vec<String> = work.event.joined.iter().map(|m| m.id.clone()).collect();
        if !joined.is_empty() {
            let people = self.store.people(&work.tenant.id, None, &joined).await?;
            let mut event = (*work.event).clone();
            event.joined.retain(|member| people.iter().any(|person| person.id == member.id));
            work.event = Arc::new(event);
        }
        if work.progress.expected.is_none() {
            return Ok(true);
        }
        let stored = self.store.resource(&work.tenant.id, work.kind, &id, Related::None).await?;
        work.progress.expected = stored.as_ref().map(|stored| stored.version);
        Ok(stored.is_some())
    }

    /// An operation that has not asked the app for anything yet begins from what is there now:
    /// others on its lane may have ended since it was written.
    async fn refresh(
        &self,
        work: &mut Work,
        row: &OperationRow,
        account: Option<Account>,
    ) -> anyhow::Result<()> {
        if matches!(row.kind, EventKind::Create | EventKind::GroupCreate) {
            return Ok(());
        }
        let mut context = Context { account, ..(*work.context).clone() };
        if let (Some(account), true) = (&context.account, work.tenant.app.shared) {
            let app = &work.tenant.app.name;
            context.elsewhere = self.store.elsewhere(app, &row.tenant, &account.id).await?;
        }
        let stored = self
            .store
            .resource(&row.tenant, &row.resource_kind, &row.resource, Related::None)
            .await?;
        if let (Some(stored), false) = (stored, work.progress.applied) {
            let mut before = before(stored)?;
            work.progress.expected = Some(before.stored.version);
            if row.kind == EventKind::Deactivate {
                before.resource.set_active(false);
                let resource = before.resource.to_json();
                work.event = Arc::new(Event { resource, ..(*work.event).clone() });
            }
            context.before = Some(before.stored.document);
        }
        work.context = Arc::new(context);
        Ok(())
    }
}

/// What is answered, and the one request that is not.
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

/// Whether an operation is to be tried again. One that is under way has no date; if it stays so,
/// whoever drove it met with an accident.
fn due(row: &OperationRow, now: Timestamp) -> bool {
    match &row.due {
        Some(due) => due.as_str() <= rfc3339(now).as_str(),
        None => row.created < rfc3339(now - ABANDONED),
    }
}
