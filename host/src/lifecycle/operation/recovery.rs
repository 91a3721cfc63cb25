//! Recovery of open operations from the journal alone: after a restart, and for each attempt.

use std::sync::Arc;

use anyhow::Context as _;

use super::Operations;
use super::carry_out::asked;
use super::change::Before;
use super::lane::{self, Lane};
use super::standing::Standing;
use super::work::Work;
use crate::clock::rfc3339;
use crate::decision::{Account, Context, Event, EventKind, Exchange, Request};
use crate::scim::Resource;
use crate::store::{Commit, CommitError, ExchangeRow, OperationRow, OperationState, Related};

impl Operations {
    /// Resumes the operations that were open when the host stopped or was killed; all are due.
    pub(in crate::lifecycle) async fn recover(self: &Arc<Self>) -> anyhow::Result<()> {
        for id in self.store.unfinished().await? {
            match self.restore(&id).await {
                Ok(Some(work)) => self.open.insert(&work),
                Ok(None) => {}
                // An operation that cannot be resumed must not keep the host from starting.
                Err(error) => self.give_up(&id, &error).await?,
            }
        }
        if self.open.count() > 0 {
            tracing::info!(operations = self.open.count(), "operation: resuming open operations");
            self.store.make_all_due(&rfc3339(self.clock.now())).await?;
        }
        Ok(())
    }

    /// Fails an operation that this host cannot read, so that an operator decides.
    async fn give_up(&self, operation: &str, error: &anyhow::Error) -> anyhow::Result<()> {
        tracing::error!(operation, error = format!("{error:#}"), "operation: cannot be resumed");
        let Some((mut row, _)) = self.store.operation(operation).await? else { return Ok(()) };
        row.state = OperationState::Failed;
        row.note = Some(format!("it could not be resumed after a restart: {error:#}"));
        let commit = Commit { operation: Some(row), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)
    }

    /// Restores an open operation from the journal; none if it is not open.
    pub(in crate::lifecycle) async fn restore(
        &self,
        operation: &str,
    ) -> anyhow::Result<Option<Work>> {
        let Some((row, exchanges)) = self.store.operation(operation).await? else {
            return Ok(None);
        };
        if row.state != OperationState::Open {
            return Ok(None);
        }
        let tenant = self.config.tenant(&row.tenant).await?.with_context(|| {
            format!("operation {operation} belongs to tenant {}, which is unknown", row.tenant)
        })?;
        let connector = match &row.connector {
            Some(digest) => Some(self.config.connectors().connector(digest).await?),
            // No version was asked yet, so the current one decides.
            None => {
                let promoted = tenant.connector.as_ref().ok();
                promoted.and_then(|connector| asked(connector, row.kind))
            }
        };
        let (done, pending) = exchanges_of(exchanges)?;
        let account = self.store.account(&row.tenant, &row.resource).await?;
        let event: Event = serde_json::from_str(&row.event).context("a journaled event")?;
        let mut work = Work {
            tenant: Arc::clone(&tenant),
            connector,
            kind: row.resource_kind,
            subject: row.subject.clone(),
            fingerprint: row.fingerprint.clone(),
            context: Arc::new(serde_json::from_str(&row.context).context("a journaled context")?),
            after: Arc::new(Resource::from_json(&event.resource)?),
            event: Arc::new(event),
            progress: serde_json::from_str(&row.progress).context("a journaled progress")?,
            departures: 0,
            exchanges: done,
            pending,
            sealed: row.sealed.clone(),
            attempts: row.attempts,
            batch: row.batch.clone(),
            protected: account.as_ref().is_some_and(|account| account.protected),
            journaled: true,
            used: row
                .used
                .as_deref()
                .map(serde_json::from_str)
                .transpose()
                .context("the usage of a journaled operation")?
                .unwrap_or_default(),
            log: row.log.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default(),
            resource: None,
            rebased: false,
            passing: false,
            leaning: false,
        };
        if work.exchanges.is_empty() && work.pending.is_none() {
            self.refresh(&mut work, &row, account.and_then(|account| account.account)).await?;
        }
        Ok(Some(work))
    }

    /// Locks the lane on which an operation is driven, or that of its resource if it cannot be
    /// restored.
    pub(in crate::lifecycle) async fn lane_of(&self, row: &OperationRow) -> Lane<Arc<Standing>> {
        let key = match self.restore(&row.id).await {
            Ok(Some(work)) => work.lane(),
            _ => lane::of_resource(&row.tenant, &row.resource),
        };
        self.lanes.enter(key).await
    }

    /// Updates an operation that has already called the app to a directory that has changed since.
    /// False if its resource no longer exists.
    pub(in crate::lifecycle) async fn rebase(&self, work: &mut Work) -> anyhow::Result<bool> {
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
        let stored =
            self.store.resource(&work.tenant.id, work.kind.name(), &id, Related::None).await?;
        work.progress.expected = stored.as_ref().map(|stored| stored.version);
        work.departures = stored.as_ref().map_or(0, |stored| stored.departures);
        Ok(stored.is_some())
    }

    /// Updates an operation that has not called the app yet to the current resource and account,
    /// which other operations may have changed since it was recorded.
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
            .resource(&row.tenant, row.resource_kind.name(), &row.resource, Related::None)
            .await?;
        if let (Some(stored), false) = (stored, work.progress.applied) {
            let mut before = Before::of(stored, None)?;
            work.progress.expected = Some(before.stored.version);
            if row.kind == EventKind::Deactivate {
                before.resource.set_active(false);
                let resource = before.resource.to_json();
                work.event = Arc::new(Event { resource, ..(*work.event).clone() });
                work.after = Arc::new(before.resource);
            }
            context.before = Some(before.stored.document);
        }
        work.context = Arc::new(context);
        Ok(())
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
