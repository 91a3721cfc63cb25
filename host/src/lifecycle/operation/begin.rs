//! The way of a change from a request to an operation: carried out, held, dropped or refused.
//!
//! A change that is admitted becomes an operation and is driven until it is done or stopped. A
//! change that is kept from the app is recorded and acknowledged all the same.

use std::sync::Arc;

use tokio::time::Instant;

use super::Operations;
use super::admission::{self, Admission};
use super::agree::takes_groups;
use super::change::{Change, Current, Password, SealedPassword, WriteResult, stored};
use super::disposition::{self, Disposition, FailureCause};
use super::event;
use super::execute::AttemptResult;
use super::journaled::{Mode, Operation, Progress, Used, takes_away};
use super::names;
use super::ownership;
use super::resource_lock::{self, LockGuard};
use super::typed_view;
use super::uncommitted_group::UncommittedGroup;
use crate::clock::rfc3339;
use crate::connector::Connector;
use crate::decision::{Context, Event, EventKind, ResourceKind};
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::scim::{self, Resource};
use crate::store::{OperationState, Related};

/// A change before the connector is asked.
pub(in crate::lifecycle) enum Prepared {
    /// It is kept from the app, and recorded; this is the answer.
    Withheld(WriteResult),
    /// It is ready to be driven.
    Ready(Box<Operation>),
}

impl Operations {
    /// Carries a change out. The caller holds the resource's lock.
    pub(in crate::lifecycle) async fn carry_out(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        change: Change,
        deadline: Instant,
    ) -> Result<WriteResult, Error> {
        let related = change.before.as_ref().and_then(|before| before.stored.related.clone());
        let created = change.before.is_none();
        // The directory has the state already, and only the app is changed.
        let unchanged = change.before.as_ref().filter(|_| change.applied);
        let unchanged = unchanged.map(|before| before.stored.clone());
        // A job waits for its operations, whatever the reply mode is.
        let detach = change.job.is_none();
        let mut operation = match self.prepare(tenant, change).await? {
            Prepared::Withheld(result) => return Ok(result),
            Prepared::Ready(operation) => operation,
        };
        if let Some(refusal) = self.remembered_refusal(&operation) {
            return Err(refusal.into());
        }
        let result = self.drive(&mut operation, deadline, detach).await?;
        let written = self.write_result(*operation, result, created, related)?;
        Ok(match (written, unchanged) {
            (WriteResult::Gone, Some(stored)) => WriteResult::Kept(stored),
            (written, _) => written,
        })
    }

    /// Checks whether a change may go on to the app, and prepares its operation.
    pub(in crate::lifecycle) async fn prepare(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        change: Change,
    ) -> Result<Prepared, Error> {
        let related = change.before.as_ref().and_then(|before| before.stored.related.clone());
        let (event, of_job) = (change.event, change.job.is_some());
        // The account of a person who was here before does not bind the one who comes now.
        let account = change.before.as_ref().and(change.account.as_ref());
        let (active, known) = (change.after.active(), change.account.as_ref());
        let effective = admission::effective_event(event, active, known);
        let admission = admission::check(tenant.state, effective, account, of_job);
        let withheld = match admission {
            Admission::Proceed => None,
            Admission::Hold(note) => Some((OperationState::Held, note)),
            Admission::Drop(note) => Some((OperationState::Dropped, note)),
            Admission::Refuse(error) => return Err(error.into()),
        };
        if self.is_reserved(tenant, &change) {
            return Err(names::taken(change.kind, &change.subject()).into());
        }
        if withheld.is_none() && !takes_away(event) && !of_job && change.supersedes.is_empty() {
            self.has_room(tenant)?;
        }
        let mut operation = self.new_operation(tenant, change).await?;
        if let Some((state, note)) = withheld {
            let created = operation.creates();
            let result = Box::pin(self.withhold(&mut operation, state, note)).await?;
            return Ok(Prepared::Withheld(self.write_result(operation, result, created, related)?));
        }
        // What takes away is recorded, and tried again when a connector can decide.
        if let Err(why) = &tenant.connector
            && operation.directory_only.is_none()
            && !takes_away(event)
        {
            let cause = FailureCause::NoConnector(why.clone());
            let disposition = Disposition::Refused;
            let (id, name) = (operation.id(), &tenant.id);
            tracing::error!(tenant = name, why, "operation: the app cannot be served");
            return Err(disposition::answer(tenant.dialect(), id, &cause, disposition).into());
        }
        Ok(Prepared::Ready(Box::new(operation)))
    }

    /// The answer to the identity provider after an attempt.
    pub(in crate::lifecycle) fn write_result(
        &self,
        operation: Operation,
        result: AttemptResult,
        created: bool,
        related: Option<String>,
    ) -> Result<WriteResult, Error> {
        match result {
            AttemptResult::Done
            | AttemptResult::Recorded
            | AttemptResult::Withheld
            | AttemptResult::Queued(..) => Ok(match operation.resource {
                Some(row) if created => WriteResult::Created(stored(row, Some("[]".to_owned()))),
                Some(row) => WriteResult::Kept(stored(row, related)),
                None => WriteResult::Gone,
            }),
            AttemptResult::NameTaken => {
                Err(names::taken(operation.kind, &operation.subject).into())
            }
            AttemptResult::Answered(error) => Err(error.into()),
            AttemptResult::Discarded => {
                let id = operation.id();
                Err(anyhow::anyhow!("{id} depends on no uncommitted change").into())
            }
            AttemptResult::Stopped(cause, disposition) => {
                let (id, dialect) = (operation.id(), operation.tenant.dialect());
                tracing::debug!(operation = id, ?disposition, "operation: not finished");
                let mut answer = disposition::answer(dialect, id, &cause, disposition);
                if let Some((older, said)) = &operation.in_place_of {
                    answer.detail += &format!("; it takes the place of operation {older} ({said})");
                }
                if operation.progress.dirty && disposition == Disposition::Refused {
                    self.remember_refusal(&operation, &answer);
                }
                Err(answer.into())
            }
        }
    }

    /// A new operation for a change.
    pub(in crate::lifecycle) async fn new_operation(
        &self,
        tenant: &Arc<Tenant>,
        change: Change,
    ) -> anyhow::Result<Operation> {
        let id = self.clock.new_id();
        let password = match &change.password {
            Some(password) => self.seal_password(password, &id)?,
            None => change.carried.clone(),
        };
        self.operation_for(tenant, change, id, password).await
    }

    /// The operation of this id for a change, from the facts as they are now.
    pub(in crate::lifecycle) async fn operation_for(
        &self,
        tenant: &Arc<Tenant>,
        change: Change,
        id: String,
        password: SealedPassword,
    ) -> anyhow::Result<Operation> {
        let now = rfc3339(self.clock.now());
        let account = change.account.as_ref().and_then(|account| account.account.clone());
        let told = change.told.as_deref();
        let elsewhere =
            self.elsewhere(tenant, change.event, account.as_ref(), told, &change.after).await?;
        let told_as = told.map(Resource::from_json).transpose()?;
        let documents = told_as.iter().chain([&change.after]);
        let own = ownership::is_own(tenant, change.kind, change.account.as_ref(), documents);
        let keeps_profile = !own && account.is_some();
        let password = match keeps_profile || change.directory_only.is_some() {
            true => SealedPassword::default(),
            false => password,
        };
        let changes = match change.event {
            EventKind::Activate if keeps_profile => vec!["active".to_owned()],
            _ => change.changes.clone(),
        };
        let event = Arc::new(Event {
            kind: change.event,
            subject: typed_view::subject(change.kind, &change.after),
            resource: change.after.to_json(),
            changes,
            password: password.placeholder,
            joined: change.members.joined.clone(),
            left: change.members.left.clone(),
        });
        let asked = match change.event {
            EventKind::Delete if !own => Arc::new(event::as_deactivation(&event)?),
            _ => Arc::clone(&event),
        };
        let connector = tenant.connector.as_ref().ok().filter(|_| change.directory_only.is_none());
        let members = &change.members;
        Ok(Operation {
            connector: connector.and_then(|connector| connector_for(connector, change.event)),
            kind: change.kind,
            subject: change.subject(),
            fingerprint: change.fingerprint(),
            context: Arc::new(Context {
                seed: seed(&id),
                operation: id,
                tenant: tenant.id.clone(),
                now: now.clone(),
                settings: tenant.settings.clone(),
                before: change.told,
                account,
                // So each connector knows that another customer may have the account.
                elsewhere: elsewhere.max(u32::from(!own)),
            }),
            departures: change.before.as_ref().map_or(0, |before| before.stored.departures),
            progress: Progress {
                expected: change.before.as_ref().map(|before| before.stored.version),
                recorded: match (&change.before, change.applied) {
                    (Some(before), true) => Some(before.stored.version),
                    _ => None,
                },
                created: change.before.map_or(now, |before| before.stored.created),
                applied: change.applied,
                nested: members.nested.clone(),
                joined_untold: members.joined_untold.clone(),
                left_untold: members.left_untold.clone(),
                displays: members.displays.clone(),
                notice: members.notice.clone(),
                late_until: change.late_until,
                ..Progress::default()
            },
            event,
            asked,
            own,
            after: Arc::new(change.after),
            exchanges: Vec::new(),
            pending: None,
            earlier_response: None,
            sealed: password.sealed,
            attempt: 1,
            ended_attempt: None,
            tries: 0,
            job: change.job,
            journaled: false,
            account: change.account,
            taken_over: false,
            account_changed: change.account_changed,
            takes_groups: takes_groups(tenant),
            in_place_of: change.in_place_of,
            members: change.members,
            doubted: change.doubted,
            directory_only: change.directory_only,
            supersedes: change.supersedes,
            used: Used::default(),
            log: Vec::new(),
            resource: None,
            rebased: false,
            mode: Mode::Durable,
            forced: false,
            progress_changed: false,
            due: None,
            tenant: Arc::clone(tenant),
        })
    }

    /// The sealed password for the journal, and its placeholder for the connector.
    fn seal_password(
        &self,
        password: &Password,
        operation: &str,
    ) -> anyhow::Result<SealedPassword> {
        // Random, or a display name could contain the placeholder and so get the password.
        let mark = u64::from_be_bytes(crate::lifecycle::config::random_bytes()?);
        let placeholder = Some(format!("muster-password-{operation}-{mark:016x}"));
        let sealed = Some(self.config.key().seal(password.value.expose().as_bytes())?);
        Ok(SealedPassword { sealed, placeholder })
    }

    /// The refusal of the same goal a short time ago, if nothing has changed since.
    pub(in crate::lifecycle) fn remembered_refusal(
        &self,
        operation: &Operation,
    ) -> Option<scim::Error> {
        if self.refused_goals.is_empty() {
            return None;
        }
        self.refused_goals.answer(&goal_key(operation), Instant::now())
    }

    /// Remembers the answer to a goal that was refused after an effect.
    pub(in crate::lifecycle) fn remember_refusal(
        &self,
        operation: &Operation,
        answer: &scim::Error,
    ) {
        let back_off = self.config.options().back_off;
        let wait = |times: u32| back_off.after(times);
        self.refused_goals.remember(goal_key(operation), answer.clone(), Instant::now(), wait);
    }

    /// Forgets the refusals of a goal that was reached.
    pub(in crate::lifecycle) fn forget_refusal(&self, operation: &Operation) {
        if !self.refused_goals.is_empty() {
            self.refused_goals.forget(&goal_key(operation));
        }
    }

    /// The durable resource of this id, with its account.
    pub(in crate::lifecycle) async fn current(
        &self,
        tenant: &str,
        kind: ResourceKind,
        id: &str,
        related: Related,
    ) -> anyhow::Result<Option<Current>> {
        let found = self.store.standing(tenant, kind.name(), id, related).await?;
        found.map(|it| Current::of(kind, it.resource, it.account)).transpose()
    }

    /// Locks a resource, and waits until nothing on it is uncommitted.
    pub(in crate::lifecycle) async fn acquire(
        &self,
        tenant: &str,
        id: &str,
    ) -> LockGuard<Arc<UncommittedGroup>> {
        self.locks.acquire(resource_lock::of_resource(tenant, id)).await
    }
}

/// The goal with what its decision depends on. A create has another id each time.
fn goal_key(operation: &Operation) -> String {
    let connector = operation.connector.as_ref().map(|connector| connector.digest.as_str());
    format!(
        "{}\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{}",
        operation.tenant.id,
        operation.subject,
        operation.fingerprint,
        connector.unwrap_or_default(),
        operation.context.settings,
        operation.context.elsewhere
    )
}

/// The connector's random seed, derived from the operation's id so that it is the same at each
/// step.
fn seed(operation: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(operation.as_bytes());
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

/// The connector, or none if it does not get events of this kind.
pub(in crate::lifecycle) fn connector_for(
    connector: &Arc<Connector>,
    kind: EventKind,
) -> Option<Arc<Connector>> {
    let group =
        matches!(kind, EventKind::GroupCreate | EventKind::GroupUpdate | EventKind::GroupDelete);
    (!group || connector.manifest.features.groups).then(|| Arc::clone(connector))
}
