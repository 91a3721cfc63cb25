//! The way of a change from a request to an operation: carried out, held, dropped or refused.
//!
//! A change that is admitted becomes an operation and is driven until it is done or stopped. A
//! change that is kept from the app is recorded and acknowledged all the same.

use std::sync::Arc;

use tokio::time::Instant;

use super::Operations;
use super::admission::admitted;
use super::change::{Before, Change, Password, Written, stored, taken};
use super::fate;
use super::lane::{self, Lane};
use super::run::Ended;
use super::standing::Standing;
use super::typed_view;
use super::work::{Progress, Used, Work};
use crate::clock::rfc3339;
use crate::connector::Connector;
use crate::decision::{Context, Event, EventKind, ResourceKind};
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::store::{AccountRow, Commit, CommitError, OperationState, Related};

/// A change before the connector is asked.
pub(in crate::lifecycle) enum Prepared {
    /// It is kept from the app, and recorded; this is the answer.
    KeptBack(Written),
    /// It is ready to be driven.
    Work(Box<Work>),
}

impl Operations {
    /// Carries a change out. The caller holds the resource's lock, and nothing is open on it.
    pub(in crate::lifecycle) async fn carry_out(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        change: Change,
        deadline: Instant,
    ) -> Result<Written, Error> {
        let related = change.before.as_ref().and_then(|before| before.stored.related.clone());
        let created = change.before.is_none();
        let mut work = match self.prepare(tenant, change).await? {
            Prepared::KeptBack(written) => return Ok(written),
            Prepared::Work(work) => work,
        };
        let ended = self.drive(&mut work, deadline, true).await?;
        self.written(*work, ended, created, related)
    }

    /// Checks whether a change may go on to the app, and prepares its operation.
    pub(in crate::lifecycle) async fn prepare(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        change: Change,
    ) -> Result<Prepared, Error> {
        let related = change.before.as_ref().and_then(|before| before.stored.related.clone());
        let account = self.account_before(tenant, &change).await?;
        let held = admitted(tenant, &change, account.as_ref())?;
        let work = self.work(tenant, change, account).await?;
        if let Some((state, note)) = held {
            let written = self.acknowledge(work, state, note, related).await?;
            return Ok(Prepared::KeptBack(written));
        }
        if let Err(why) = &tenant.connector {
            let obstacle = fate::Obstacle::NoConnector(why.clone());
            return Err(fate::answer(tenant.dialect(), work.id(), &obstacle).into());
        }
        Ok(Prepared::Work(Box::new(work)))
    }

    /// The answer to the identity provider after an attempt.
    pub(in crate::lifecycle) fn written(
        &self,
        work: Work,
        ended: Ended,
        created: bool,
        related: Option<String>,
    ) -> Result<Written, Error> {
        match ended {
            Ended::Done | Ended::Recorded | Ended::Passing(..) => Ok(match work.resource {
                Some(row) if created => Written::Created(stored(row, Some("[]".to_owned()))),
                Some(row) => Written::Kept(stored(row, related)),
                None => Written::Gone,
            }),
            Ended::Taken => Err(taken(&work.subject).into()),
            Ended::Leaning => {
                Err(anyhow::anyhow!("{} depends on no uncommitted change", work.id()).into())
            }
            Ended::Stopped(obstacle, fate) => {
                tracing::debug!(operation = work.id(), ?fate, "operation: not finished");
                Err(fate::answer(work.tenant.dialect(), work.id(), &obstacle).into())
            }
        }
    }

    /// The answer to a request that joined an older one, whose resource may exist already.
    pub(in crate::lifecycle) async fn joined(
        &self,
        work: Work,
        ended: Ended,
        created: bool,
    ) -> Result<Written, Error> {
        let well = matches!(ended, Ended::Done | Ended::Recorded);
        if !well || work.resource.is_some() {
            return self.written(work, ended, created, Some("[]".to_owned()));
        }
        let related = if work.kind == ResourceKind::User { Related::Groups } else { Related::None };
        let (tenant, id) = (&work.tenant.id, work.resource_id());
        let stored = self.store.resource(tenant, work.kind.name(), &id, related).await?;
        Ok(match stored {
            Some(stored) if created => Written::Created(stored),
            Some(stored) => Written::Kept(stored),
            None => Written::Gone,
        })
    }

    /// Records a change that is kept from the app, and acknowledges it.
    pub(in crate::lifecycle) async fn acknowledge(
        &self,
        mut work: Work,
        state: OperationState,
        note: &str,
        related: Option<String>,
    ) -> Result<Written, Error> {
        let now = self.clock.now();
        let mut commit = Commit::default();
        work.apply(&mut commit, false, now);
        let mut row = work.row(state)?;
        row.note = Some(note.to_owned());
        row.sealed = None;
        if state == OperationState::Dropped {
            row.finished = Some(rfc3339(now));
        }
        commit.operation = Some(row);
        match self.store.commit(commit).await {
            Ok(()) => self.written(work, Ended::Recorded, false, related),
            Err(CommitError::UserNameTaken) => Err(taken(&work.subject).into()),
            Err(CommitError::Stale) => {
                Err(anyhow::anyhow!("the resource changed while it was locked").into())
            }
            Err(CommitError::Internal(error)) => Err(error.into()),
        }
    }

    async fn account_before(
        &self,
        tenant: &Tenant,
        change: &Change,
    ) -> anyhow::Result<Option<AccountRow>> {
        match &change.before {
            Some(before) => Ok(before.account.clone()),
            None => {
                let external_id = change.after.external_id();
                self.store
                    .former_account(&tenant.id, change.kind, &change.subject(), external_id)
                    .await
            }
        }
    }

    pub(in crate::lifecycle) async fn work(
        &self,
        tenant: &Arc<Tenant>,
        change: Change,
        account: Option<AccountRow>,
    ) -> anyhow::Result<Work> {
        let now = rfc3339(self.clock.now());
        let protected = account.as_ref().is_some_and(|account| account.protected);
        let account = account.and_then(|account| account.account);
        let elsewhere = match &account {
            Some(account) if tenant.app.shared => {
                self.store.elsewhere(&tenant.app.name, &tenant.id, &account.id).await?
            }
            _ => 0,
        };
        let connector = tenant.connector.as_ref().ok();
        let operation = self.clock.new_id();
        let (sealed, placeholder) = self.seal_password(change.password.as_ref(), &operation)?;
        Ok(Work {
            tenant: Arc::clone(tenant),
            connector: connector.and_then(|connector| asked(connector, change.event)),
            kind: change.kind,
            subject: change.subject(),
            fingerprint: change.fingerprint(),
            context: Arc::new(Context {
                seed: seed(&operation),
                operation,
                tenant: tenant.id.clone(),
                now: now.clone(),
                settings: tenant.settings.clone(),
                before: change.before.as_ref().map(|before| before.stored.document.clone()),
                account,
                elsewhere,
            }),
            departures: change.before.as_ref().map_or(0, |before| before.stored.departures),
            progress: Progress {
                expected: change.before.as_ref().map(|before| before.stored.version),
                created: change.before.map_or(now, |before| before.stored.created),
                nested: change.nested,
                ..Progress::default()
            },
            event: Arc::new(Event {
                kind: change.event,
                subject: typed_view::subject(change.kind, &change.after),
                resource: change.after.to_json(),
                changes: change.changes,
                password: placeholder,
                joined: change.joined,
                left: change.left,
            }),
            after: Arc::new(change.after),
            exchanges: Vec::new(),
            pending: None,
            sealed,
            attempts: 0,
            batch: change.batch,
            journaled: false,
            protected,
            used: Used::default(),
            log: Vec::new(),
            resource: None,
            rebased: false,
            passing: false,
            leaning: false,
        })
    }

    /// The sealed password for the journal, and its placeholder for the connector.
    fn seal_password(
        &self,
        password: Option<&Password>,
        operation: &str,
    ) -> anyhow::Result<(Option<Vec<u8>>, Option<String>)> {
        let Some(password) = password else { return Ok((None, None)) };
        // Random, or a display name could contain the placeholder and so get the password.
        let mark = u64::from_be_bytes(crate::lifecycle::config::random_bytes()?);
        let placeholder = format!("muster-password-{operation}-{mark:016x}");
        Ok((Some(self.config.key().seal(password.value.expose().as_bytes())?), Some(placeholder)))
    }

    /// The durable resource of this id, with its account.
    pub(in crate::lifecycle) async fn standing(
        &self,
        tenant: &str,
        kind: ResourceKind,
        id: &str,
        related: Related,
    ) -> anyhow::Result<Option<Before>> {
        let standing = self.store.standing(tenant, kind.name(), id, related).await?;
        standing.map(|it| Before::of(it.resource, it.account)).transpose()
    }

    /// Locks a resource, and waits until nothing on it is uncommitted.
    pub(in crate::lifecycle) async fn enter(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> Lane<Arc<Standing>> {
        self.lanes.enter(lane::of_resource(&tenant.id, id)).await
    }
}

/// The connector's random seed, derived from the operation's id so that it is the same at each
/// step.
fn seed(operation: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(operation.as_bytes());
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

/// The connector, or none if it does not get events of this kind.
pub(in crate::lifecycle) fn asked(
    connector: &Arc<Connector>,
    kind: EventKind,
) -> Option<Arc<Connector>> {
    let group =
        matches!(kind, EventKind::GroupCreate | EventKind::GroupUpdate | EventKind::GroupDelete);
    (!group || connector.manifest.features.groups).then(|| Arc::clone(connector))
}
