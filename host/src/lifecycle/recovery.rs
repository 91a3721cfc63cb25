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
use crate::store::{ExchangeRow, OperationRow, OperationState, Related};

/// How often the journal is looked through for what is due.
const ROUND: Duration = Duration::from_secs(1);
/// How long an attempt in the background may take.
const ATTEMPT: Duration = Duration::from_secs(60);
/// After how long nobody can be driving an operation any more.
const ABANDONED: Duration = Duration::from_secs(300);

impl Host {
    /// Takes up what a host before this one left open, and keeps trying what is due.
    pub(super) async fn recover(self: &Arc<Self>) -> anyhow::Result<()> {
        for row in self.store.unfinished().await? {
            if let Some(work) = self.restore(&row.id).await? {
                self.open.insert(&work);
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
            attempts.spawn(async move { host.attempt(&row.id).await });
            if attempts.len() >= 64 {
                report(attempts.join_next().await);
            }
        }
        while !attempts.is_empty() {
            report(attempts.join_next().await);
        }
        Ok(())
    }

    /// One attempt at an open operation, after those before it on its lane.
    pub(super) async fn attempt(self: &Arc<Self>, operation: &str) -> anyhow::Result<()> {
        let Some(work) = self.restore(operation).await? else { return Ok(()) };
        let key = work.lane();
        let _lane = self.lanes.enter(key.clone()).await;
        for open in self.open.on(&key) {
            // Read again: whoever held the lane may have finished it.
            let Some(mut work) = self.restore(&open.operation).await? else { continue };
            // Nobody waits for this answer: whoever asked is owed it.
            work.progress.owed |= !work.progress.applied;
            let ended = self.drive(&mut work, Instant::now() + ATTEMPT, false).await?;
            if let Ended::Stopped(_, Fate::Open(_)) = ended {
                break; // What is behind it waits with it.
            }
        }
        Ok(())
    }

    /// Goes on with an operation whose sender has been answered.
    pub(super) fn continue_in_background(self: &Arc<Self>, work: Work) {
        let host = Arc::clone(self);
        self.tasks.spawn(async move {
            if let Err(error) = host.attempt(work.id()).await {
                tracing::error!(
                    operation = work.id(),
                    error = format!("{error:#}"),
                    "an attempt failed"
                );
            }
        });
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
            log: Vec::new(),
            resource: None,
        };
        if work.exchanges.is_empty() && work.pending.is_none() {
            self.refresh(&mut work, &row, account.and_then(|account| account.account)).await?;
        }
        Ok(Some(work))
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

fn report(attempt: Option<Result<anyhow::Result<()>, tokio::task::JoinError>>) {
    match attempt {
        Some(Ok(Err(error))) => tracing::error!(error = format!("{error:#}"), "an attempt failed"),
        Some(Err(error)) => tracing::error!(%error, "an attempt was cut off"),
        _ => {}
    }
}

/// Whether an operation is to be tried again. One that is under way has no date; if it stays so,
/// whoever drove it met with an accident.
fn due(row: &OperationRow, now: Timestamp) -> bool {
    match &row.due {
        Some(due) => due.as_str() <= rfc3339(now).as_str(),
        None => row.created < rfc3339(now - ABANDONED),
    }
}
