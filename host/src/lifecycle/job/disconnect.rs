//! Disconnects: jobs that end a tenant's integration.
//!
//! The end of an integration does not mean that its people leave. So a disconnect releases,
//! deactivates or removes each person, as the operator decided, and then disconnects the tenant.
//! Until then deprovisioning by the identity provider is held, and afterwards it is dropped.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::Jobs;
use super::engine::{INTERNAL, PAGE};
use super::preview::Preview;
use crate::clock::rfc3339;
use crate::decision::{EventKind, ResourceKind};
use crate::lifecycle::config::snapshot::TenantState;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::change::{Change, Current};
use crate::lifecycle::operation::resource_lock;
use crate::lifecycle::operation::retry::Trigger;
use crate::lifecycle::operation::unfinished::UnfinishedRef;
use crate::scim;
use crate::store::{
    AccountRow, InsertJobError, JobFilter, JobKind, JobProgress, JobRow, JobState, Related,
    TenantRow,
};

/// Begins a cursor among the users without an account row; no SCIM id begins so.
const WITHOUT_ACCOUNT: &str = "+";

/// What a disconnect does with each person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PeopleAction {
    /// The account stays as it is, unmanaged.
    #[default]
    Release,
    /// The person is deactivated.
    Deactivate,
    /// The person is removed.
    Remove,
}

impl PeopleAction {
    /// The word in the admin API.
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Deactivate => "deactivate",
            Self::Remove => "remove",
        }
    }

    fn event(self) -> EventKind {
        match self {
            Self::Release => EventKind::Release,
            Self::Deactivate => EventKind::Deactivate,
            Self::Remove => EventKind::Delete,
        }
    }
}

/// The parameters of a disconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DisconnectParameters {
    people: PeopleAction,
}

impl DisconnectParameters {
    fn of(job: &JobRow) -> anyhow::Result<Self> {
        Ok(serde_json::from_str(&job.parameters)?)
    }
}

impl Jobs {
    /// Begins to disconnect a tenant; from now on deprovisioning is held. A blocked disconnect
    /// continues with the people who are left, with the same action or another.
    pub async fn disconnect(
        self: &Arc<Self>,
        id: &str,
        people: PeopleAction,
        requested_by: Option<String>,
    ) -> Result<JobRow, Error> {
        let _changing = self.config.lock().await;
        let mut tenant = self.config.tenant_row(id).await?;
        let ended = tenant.state == TenantState::Disconnected;
        tenant.state = TenantState::Disconnecting;
        let job = match self.unfinished_disconnect(id).await? {
            Some(job) => self.disconnect_again(job, people, &tenant).await?,
            // Disconnecting, it would take people in again.
            None if ended => return self.disconnected(id, people).await,
            None => self.begin_disconnect(people, &tenant, requested_by).await?,
        };
        self.config.reload_tenant(id).await?;
        Ok(job)
    }

    /// The job that has disconnected a tenant: the same request again changes nothing. Another action
    /// would reach no person, since none is managed any more.
    async fn disconnected(&self, tenant: &str, people: PeopleAction) -> Result<JobRow, Error> {
        if let Some(job) = self.newest_disconnect(tenant).await?
            && DisconnectParameters::of(&job)?.people == people
        {
            return Ok(job);
        }
        let why = format!(
            "tenant {tenant} is disconnected, and its people are not managed any more; to {} them, \
             connect it first",
            people.name()
        );
        Err(scim::Error::new(409, why).into())
    }

    async fn begin_disconnect(
        self: &Arc<Self>,
        people: PeopleAction,
        tenant: &TenantRow,
        requested_by: Option<String>,
    ) -> Result<JobRow, Error> {
        let now = rfc3339(self.clock.now());
        let total = self.store.users_to_disconnect(&tenant.id).await?;
        let job = JobRow {
            id: self.clock.new_id(),
            kind: JobKind::Disconnect,
            tenant: Some(tenant.id.clone()),
            app: Some(tenant.app.clone()),
            state: JobState::Running,
            parameters: serde_json::to_string(&DisconnectParameters { people })?,
            preview: None,
            progress: JobProgress { total, ..JobProgress::default() },
            note: None,
            last_error: None,
            result: None,
            requested_by,
            created: now.clone(),
            updated: now,
            finished: None,
        };
        match self.store.insert_job(&job, Some(tenant)).await {
            Ok(()) => {}
            Err(InsertJobError::Internal(error)) => return Err(error.into()),
            Err(error @ InsertJobError::Unfinished { .. }) => {
                return Err(scim::Error::new(409, error.to_string()).into());
            }
        }
        self.run_in_background(job.id.clone());
        Ok(job)
    }

    /// Continues an unfinished disconnect. The same request again changes nothing; another action
    /// is possible once the job is blocked.
    async fn disconnect_again(
        self: &Arc<Self>,
        mut job: JobRow,
        people: PeopleAction,
        tenant: &TenantRow,
    ) -> Result<JobRow, Error> {
        let now = DisconnectParameters::of(&job)?.people;
        if job.state == JobState::Running {
            if now == people {
                return Ok(job);
            }
            let (id, tenant) = (&job.id, &tenant.id);
            return Err(scim::Error::new(
                409,
                format!(
                    "tenant {tenant} is being disconnected already, with people: {} (job {id})",
                    now.name()
                ),
            )
            .into());
        }
        job.state = JobState::Running;
        job.parameters = serde_json::to_string(&DisconnectParameters { people })?;
        (job.note, job.last_error) = (None, None);
        (job.progress.cursor, job.progress.waiting, job.progress.failed) = (None, 0, 0);
        job.updated = rfc3339(self.clock.now());
        self.store.update_job(&job, Some(tenant)).await?;
        self.run_in_background(job.id.clone());
        Ok(job)
    }

    /// The newest disconnect of a tenant, finished or not. Those of a removed tenant of the same name
    /// do not count.
    pub async fn newest_disconnect(&self, tenant: &str) -> anyhow::Result<Option<JobRow>> {
        let Some(row) = self.store.tenant(tenant).await? else { return Ok(None) };
        let filter = JobFilter {
            tenant: Some(tenant.to_owned()),
            kind: Some(JobKind::Disconnect),
            ..JobFilter::default()
        };
        let newest = self.store.job_page(&filter, None, 1).await?.pop();
        Ok(newest.filter(|job| !job.state.is_final() || job.created >= row.created))
    }

    /// A tenant whose disconnect is not finished cannot be removed.
    pub(in crate::lifecycle) async fn refuse_while_unfinished(
        &self,
        tenant: &str,
    ) -> Result<(), Error> {
        let Some(job) = self.unfinished_disconnect(tenant).await? else { return Ok(()) };
        let (id, state) = (job.id, job.state.name());
        let detail = format!("job {id} of tenant {tenant} is {state}; wait for it, or cancel it");
        Err(scim::Error::new(409, detail).into())
    }

    pub(super) async fn unfinished_disconnect(
        &self,
        tenant: &str,
    ) -> anyhow::Result<Option<JobRow>> {
        let newest = self.newest_disconnect(tenant).await?;
        Ok(newest.filter(|job| !job.state.is_final()))
    }

    /// The row of a tenant whose disconnect is cancelled: its deprovisioning stays held until an
    /// operator connects it.
    pub(super) async fn paused_row(&self, job: &JobRow) -> Result<Option<TenantRow>, Error> {
        let tenant = self.config.tenant_row(job.tenant.as_deref().unwrap_or_default()).await?;
        let is_disconnecting = tenant.state == TenantState::Disconnecting;
        Ok(is_disconnecting.then_some(TenantRow { state: TenantState::Paused, ..tenant }))
    }

    pub(super) async fn preview_of(&self, job: &JobRow) -> anyhow::Result<Preview> {
        let people = DisconnectParameters::of(job)?.people;
        let tenant = job.tenant.as_deref().unwrap_or_default();
        match self.preview_disconnect(tenant, people).await {
            Ok(preview) => Ok(preview),
            Err(Error::Client(error)) => anyhow::bail!("{}", error.detail),
            Err(Error::Internal(error)) => Err(error),
        }
    }

    /// Disconnects one person. Returns the reason if that fails.
    pub(super) async fn disconnect_person(
        self: &Arc<Self>,
        job: &JobRow,
        resource: &str,
        stopped: &CancellationToken,
    ) -> Option<String> {
        let tenant = job.tenant.as_deref().unwrap_or_default();
        let disconnected = self.try_to_disconnect_person(job, tenant, resource, stopped).await;
        match disconnected {
            Ok(()) => None,
            Err(Error::Client(error)) => {
                let status = error.status;
                tracing::warn!(
                    tenant,
                    resource,
                    status,
                    "disconnect: a person could not be disconnected"
                );
                let open =
                    self.operations.unfinished().on(&resource_lock::of_resource(tenant, resource));
                Some(self.journal_note(open.first()).await.unwrap_or(error.detail))
            }
            Err(Error::Internal(error)) => {
                let error = format!("{error:#}");
                tracing::error!(tenant, resource, error, "disconnect: internal error");
                Some(INTERNAL.to_owned())
            }
        }
    }

    async fn try_to_disconnect_person(
        self: &Arc<Self>,
        job: &JobRow,
        tenant: &str,
        resource: &str,
        stopped: &CancellationToken,
    ) -> Result<(), Error> {
        let people = DisconnectParameters::of(job)?.people;
        let tenant = self.config.served(tenant).await?;
        let _lock = self.operations.acquire(&tenant.id, resource).await;
        if stopped.is_cancelled() {
            return Ok(());
        }
        let deadline = self.config.deadline();
        let older = self.operations.older(&tenant.id, resource).await?;
        // An operation of this job, from before a restart or a back-off, is continued.
        let older = match older {
            Some(older)
                if older.row.job.as_deref() == Some(&job.id)
                    && older.event.kind == people.event() =>
            {
                self.operations.drive_again(older, deadline, false).await?;
                return Ok(());
            }
            older => older,
        };
        let current = self
            .operations
            .current(&tenant.id, ResourceKind::User, resource, Related::Groups)
            .await?;
        let Some(mut current) = current else { return Ok(()) };
        if current.account.as_ref().is_some_and(|account| !account.connected) {
            return Ok(());
        }
        // The account of a protected person stays as it is.
        let protected = current.account.as_ref().is_some_and(|account| account.protected);
        let people = if protected { PeopleAction::Release } else { people };
        let superseded =
            self.operations.supersede(older.as_ref(), current.account.take(), resource)?;
        current.account.clone_from(&superseded.account);
        let mut change = person_change(people, current, Some(job.id.clone()));
        if self.operations.has_unfinished(&tenant.id, resource) {
            change = change.superseding(vec![resource.to_owned()], &superseded);
        }
        self.operations.carry_out(&tenant, change, deadline).await?;
        Ok(())
    }

    /// The journal's note on an open operation, which says more than the answer to a request that
    /// waits behind it.
    async fn journal_note(&self, open: Option<&UnfinishedRef>) -> Option<String> {
        let (row, _) = self.store.operation(&open?.operation).await.ok()??;
        row.note
    }

    /// Ends the integration when all people are disconnected. Each step can be repeated after a
    /// kill, since the job ends last.
    ///
    /// False if a request that was accepted before is not finished, or has connected a person in the
    /// meantime: another pass is needed.
    pub(super) async fn conclude_disconnect(self: &Arc<Self>, id: &str) -> anyhow::Result<bool> {
        let Some(tenant) = self.disconnect_tenant(id).await? else { return Ok(true) };
        // From now on the tenant accepts no new people.
        if !self.end_what_is_open(id, &tenant).await?
            || self.store.users_to_disconnect(&tenant).await? > 0
        {
            return Ok(false);
        }
        // Deprovisioning that was held in the meantime is obsolete.
        let note = "held, then dropped: the integration has ended";
        self.operations.drop_held(&tenant, note, false).await?;
        let _changing = self.config.lock().await;
        let Some(mut job) = self.store.job(id).await? else { return Ok(true) };
        let done = job.progress.done;
        job.progress = JobProgress { total: done, done, ..JobProgress::default() };
        job.note = Some(match done {
            0 => "there were no people to disconnect".to_owned(),
            1 => "1 person was disconnected".to_owned(),
            _ => format!("{done} people were disconnected"),
        });
        job.last_error = None;
        self.end(&mut job, JobState::Succeeded, None).await?;
        Ok(true)
    }

    /// Ends the operations that are open in a disconnected tenant. What they may have begun is undone,
    /// if the job takes people out. False if that is not finished.
    async fn end_what_is_open(self: &Arc<Self>, id: &str, tenant: &str) -> anyhow::Result<bool> {
        for operation in self.operations.unfinished().open_of(tenant) {
            self.operations.attempt(&operation, Trigger::Due).await?;
        }
        let Some(job) = self.store.job(id).await? else { return Ok(true) };
        if DisconnectParameters::of(&job)?.people == PeopleAction::Release {
            return Ok(self.operations.unfinished().of(tenant) == 0);
        }
        for (_, kind, resource) in self.store.in_doubt(Some(tenant)).await? {
            // A person whom the directory has is disconnected in the next pass.
            let stored = self.store.resource(tenant, kind.name(), &resource, Related::None).await?;
            if kind != ResourceKind::User || stored.is_some() {
                continue;
            }
            let deadline = self.config.deadline();
            self.operations.agree(tenant, kind, &resource, deadline, true).await?;
        }
        Ok(self.operations.unfinished().of(tenant) == 0)
    }

    /// Disconnects the tenant of a running job, and returns its id; none if the job has ended.
    async fn disconnect_tenant(&self, id: &str) -> anyhow::Result<Option<String>> {
        let _changing = self.config.lock().await;
        let job = self.store.job(id).await?.filter(|job| job.state == JobState::Running);
        let Some(job) = job else { return Ok(None) };
        let tenant = job.tenant.unwrap_or_default();
        let Some(mut row) = self.store.tenant(&tenant).await? else { return Ok(None) };
        row.state = TenantState::Disconnected;
        self.config.write_tenant(&row).await?;
        Ok(Some(tenant))
    }

    /// A page of the people whom a disconnect reaches, and the cursor of the next page; none after the
    /// last. They are the users whose accounts are managed, and then those without an account row: their
    /// creation was acknowledged, and a call for it may be under way.
    pub(super) async fn people(
        &self,
        tenant: &str,
        cursor: Option<&str>,
    ) -> anyhow::Result<(Vec<AccountRow>, Option<String>)> {
        let after = cursor.and_then(|cursor| cursor.strip_prefix(WITHOUT_ACCOUNT));
        if after.is_none() {
            let page = self.store.accounts(tenant, cursor, PAGE).await?;
            if let Some(last) = page.last() {
                let next = Some(last.resource.clone());
                return Ok((page.into_iter().filter(is_managed).collect(), next));
            }
        }
        let ids = self.store.users_without_account(tenant, after, PAGE).await?;
        let next = ids.last().map(|id| format!("{WITHOUT_ACCOUNT}{id}"));
        let unknown = |id| AccountRow::unknown(tenant, id, ResourceKind::User, "");
        Ok((ids.into_iter().map(unknown).collect(), next))
    }

    /// How many people of a tenant are connected, and how many there are.
    pub async fn connected(&self, tenant: &str) -> anyhow::Result<(u64, u64)> {
        self.store.connected(tenant).await
    }
}

/// Whether a person is managed by the integration.
fn is_managed(account: &AccountRow) -> bool {
    account.connected && account.kind == ResourceKind::User
}

/// The change that disconnects a person.
pub(super) fn person_change(people: PeopleAction, was: Current, job: Option<String>) -> Change {
    let mut after = was.resource.clone();
    let mut changes = Vec::new();
    if people == PeopleAction::Deactivate {
        after.set_active(false);
        changes.push("active".to_owned());
    }
    let mut change = Change::new(people.event(), Some(was), after);
    change.changes = changes;
    change.job = job;
    change
}
