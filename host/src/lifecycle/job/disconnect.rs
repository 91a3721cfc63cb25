//! The end of an integration is not the end of its people: first a plan, then a job that can be
//! watched, interrupted and resumed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::Jobs;
use crate::clock::rfc3339;
use crate::decision::EventKind;
use crate::lifecycle::config::snapshot::TenantState;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::change::{Before, Change};
use crate::lifecycle::operation::lane;
use crate::lifecycle::operation::open::Open;
use crate::scim;
use crate::store::{AccountRow, Commit, CommitError, OperationState, Related, TenantRow};

mod preview;

pub use preview::{Preview, PreviewedPerson};

/// How many people are let go at once.
const AT_ONCE: usize = 16;
const PAGE: u32 = 500;
/// After so many passes in which nobody could be let go, an operator decides.
const PASSES: u32 = 6;
/// What an operator reads of an accident.
const ACCIDENT: &str = "the host met with an accident; its log says more";

/// What becomes of the people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Accounts stay as they are, unmanaged.
    #[default]
    Release,
    /// Everybody is deactivated.
    Deactivate,
    /// Everybody is removed.
    Remove,
}

/// A disconnect under way, as it stands in the tenant's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisconnectPlan {
    /// The batch that all its operations belong to.
    pub batch: String,
    /// What becomes of the people.
    pub people: Ending,
    /// How many there were.
    pub total: u64,
    /// Why it does not go on by itself: an operator runs it again, with the same ending for the
    /// people or with another, or connects the tenant again.
    #[serde(default)]
    pub stuck: Option<Stuck>,
}

/// A disconnect that waits for an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// Since when.
    pub since: String,
    /// How many people could not be let go.
    pub left: u64,
    /// What stood in the way of one of them.
    pub why: String,
}

/// What came of one pass over everybody.
struct Pass {
    left: u64,
    /// What stood in the way of one of them.
    why: Option<String>,
}

impl Ending {
    fn event(self) -> EventKind {
        match self {
            Self::Release => EventKind::Release,
            Self::Deactivate => EventKind::Deactivate,
            Self::Remove => EventKind::Delete,
        }
    }
}

impl Jobs {
    /// Begins to disconnect. From this moment deprovisioning is held. One that is stuck begins
    /// again, with those who are left.
    pub async fn disconnect(
        self: &Arc<Self>,
        id: &str,
        people: Ending,
    ) -> Result<DisconnectPlan, Error> {
        let _one_at_a_time = self.config.lock().await;
        let mut row = self.config.tenant_row(id).await?;
        let plan = match plan_of(&row)? {
            Some(plan) if plan.people == people && plan.stuck.is_none() => return Ok(plan),
            Some(plan) if plan.people == people => DisconnectPlan { stuck: None, ..plan },
            Some(plan) if plan.stuck.is_none() => return Err(other_plan(id, &plan).into()),
            _ => {
                let (_, total) = self.store.connected(id).await?;
                DisconnectPlan { batch: self.clock.new_id(), people, total, stuck: None }
            }
        };
        row.state = TenantState::Disconnecting.name().to_owned();
        row.plan = Some(serde_json::to_string(&plan)?);
        self.store.put_tenant(&row).await?;
        self.config.reload_tenant(id).await?;
        self.disconnect_in_background(id.to_owned(), plan.clone());
        Ok(plan)
    }

    /// Takes up the disconnects that a host before this one had begun.
    pub(in crate::lifecycle) async fn resume_disconnects(self: &Arc<Self>) -> anyhow::Result<()> {
        for row in self.store.tenants().await? {
            let plan = plan_of(&row)?.filter(|plan| plan.stuck.is_none());
            if let (TenantState::Disconnecting, Some(plan)) =
                (self.config.state_of(&row.id).await?, plan)
            {
                self.disconnect_in_background(row.id, plan);
            }
        }
        Ok(())
    }

    fn disconnect_in_background(self: &Arc<Self>, id: String, plan: DisconnectPlan) {
        let jobs = Arc::clone(self);
        self.tasks.spawn(async move { jobs.pursue(&id, &plan).await });
    }

    /// Passes over everybody until nobody is left, or until that leads nowhere.
    async fn pursue(self: &Arc<Self>, id: &str, plan: &DisconnectPlan) {
        let (mut least, mut in_vain) = (u64::MAX, 0);
        while !self.tasks.are_stopping() && self.pursues(id, plan).await {
            let Some(pass) = self.pass(id, plan).await else { return };
            in_vain = if pass.left < least { 1 } else { in_vain + 1 };
            least = least.min(pass.left);
            tracing::warn!(tenant = id, left = pass.left, "a disconnect is not finished yet");
            if in_vain >= PASSES {
                match self.leave_to_an_operator(id, plan, pass).await {
                    Ok(()) => return,
                    Err(error) => accident(id, &error),
                }
            }
            // Whoever could not be reached may be so after a longer while.
            let pause = self.config.options().disconnect_pause * (1 << (in_vain - 1).min(PASSES));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.tasks.stopped() => {}
            }
        }
    }

    /// One pass over everybody; none where everybody has been let go with it.
    async fn pass(self: &Arc<Self>, id: &str, plan: &DisconnectPlan) -> Option<Pass> {
        let passed = match self.let_go(id, plan).await {
            Ok(pass) if pass.left > 0 => return Some(pass),
            Ok(_) => self.part_for_good(id).await,
            Err(error) => Err(error),
        };
        let error = passed.err()?;
        accident(id, &error);
        Some(Pass { left: plan.total, why: Some(ACCIDENT.to_owned()) })
    }

    /// Stops a disconnect that leads nowhere, and writes down why. What is open goes on.
    async fn leave_to_an_operator(
        &self,
        id: &str,
        plan: &DisconnectPlan,
        pass: Pass,
    ) -> anyhow::Result<()> {
        let _one_at_a_time = self.config.lock().await;
        let rows = self.store.tenants().await?;
        let row = rows.into_iter().find(|row| row.id == id).filter(|row| is_of(row, plan));
        if self.tasks.are_stopping() {
            return Ok(());
        }
        let Some(mut row) = row else { return Ok(()) };
        let why = pass.why.unwrap_or_else(|| "somebody else came in between".to_owned());
        tracing::error!(tenant = id, left = pass.left, why, "a disconnect needs an operator");
        let since = rfc3339(self.clock.now());
        let stuck = Some(Stuck { since, left: pass.left, why });
        row.plan = Some(serde_json::to_string(&DisconnectPlan { stuck, ..plan.clone() })?);
        self.store.put_tenant(&row).await?;
        self.config.reload_tenant(id).await
    }

    /// One pass over everybody who is still connected.
    async fn let_go(self: &Arc<Self>, id: &str, plan: &DisconnectPlan) -> anyhow::Result<Pass> {
        let mut why = None;
        let mut after: Option<String> = None;
        loop {
            let page = self.store.accounts(id, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.resource.clone());
            let mut parting = JoinSet::new();
            for account in page.into_iter().filter(managed) {
                if self.tasks.are_stopping() {
                    break;
                }
                if parting.len() >= AT_ONCE {
                    why = parting.join_next().await.and_then(Result::ok).flatten().or(why);
                }
                let (jobs, plan, id) = (Arc::clone(self), plan.clone(), id.to_owned());
                parting.spawn(async move { jobs.part(&id, &account.resource, &plan).await });
            }
            why = parting.join_all().await.into_iter().flatten().last().or(why);
        }
        Ok(Pass { left: self.store.connected(id).await?.0, why })
    }

    /// Lets one person go; else says what stands in the way.
    async fn part(
        self: &Arc<Self>,
        tenant: &str,
        resource: &str,
        plan: &DisconnectPlan,
    ) -> Option<String> {
        let parted = async {
            let tenant = self.config.served(tenant).await?;
            let _lane = self.operations.enter(&tenant, resource).await;
            if !self.pursues(&tenant.id, plan).await {
                return Ok(());
            }
            let key = lane::of_resource(&tenant.id, resource);
            if plan.people == Ending::Release {
                self.drop_open(&key).await?;
            }
            self.operations.make_way(&tenant, &key, None, self.config.deadline()).await?;
            let before =
                self.operations.standing(&tenant.id, "User", resource, Related::Groups).await?;
            let Some(before) = before else { return Ok(()) };
            // Who is protected is let go as they are.
            let protected = before.account.as_ref().is_some_and(|account| account.protected);
            let people = if protected { Ending::Release } else { plan.people };
            let change = change(people, before, Some(plan.batch.clone()));
            self.operations.carry_out(&tenant, change, self.config.deadline()).await?;
            Ok::<(), Error>(())
        };
        match parted.await {
            Ok(()) => None,
            Err(Error::Client(error)) => {
                let status = error.status;
                tracing::warn!(tenant, resource, status, "somebody could not be let go");
                let open = self.operations.open().on(&lane::of_resource(tenant, resource));
                Some(self.noted_of(open.first()).await.unwrap_or(error.detail))
            }
            Err(Error::Internal(error)) => {
                tracing::error!(tenant, resource, error = format!("{error:#}"), "an accident");
                Some(ACCIDENT.to_owned())
            }
        }
    }

    /// What the journal says of an operation that stands in the way: more than the answer to
    /// whoever comes after it.
    async fn noted_of(&self, open: Option<&Open>) -> Option<String> {
        let (row, _) = self.store.operation(&open?.operation).await.ok()??;
        row.note
    }

    /// Whether this plan still is the tenant's: an operator may have connected it again.
    async fn pursues(&self, id: &str, plan: &DisconnectPlan) -> bool {
        self.config.tenant_row(id).await.is_ok_and(|row| is_of(&row, plan))
    }

    /// Whoever is let go is not deprovisioned by what is still open.
    async fn drop_open(&self, key: &str) -> anyhow::Result<()> {
        for open in self.operations.open().on(key) {
            let Some((mut row, _)) = self.store.operation(&open.operation).await? else { continue };
            if !row.kind.deprovisions() {
                continue;
            }
            row.state = OperationState::Dropped;
            row.sealed = None;
            row.finished = Some(rfc3339(self.clock.now()));
            row.note = Some("the integration ended before it was done".to_owned());
            let commit = Commit { operation: Some(row), ..Commit::default() };
            self.store.commit(commit).await.map_err(CommitError::into_internal)?;
            self.operations.open().forget(&open.operation);
        }
        Ok(())
    }

    /// Everybody was let go; what was held meanwhile has lost its object.
    async fn part_for_good(&self, id: &str) -> anyhow::Result<()> {
        match self.config.set_state(id, TenantState::Disconnected).await {
            Ok(()) => self.operations.drop_held(id).await,
            Err(Error::Client(error)) => anyhow::bail!("{}", error.detail),
            Err(Error::Internal(error)) => Err(error),
        }
    }

    /// How many are still connected, and how many there are.
    pub async fn connected(&self, tenant: &str) -> anyhow::Result<(u64, u64)> {
        self.store.connected(tenant).await
    }
}

/// The disconnect that a tenant is in.
fn plan_of(row: &TenantRow) -> serde_json::Result<Option<DisconnectPlan>> {
    row.plan.as_deref().map(serde_json::from_str).transpose()
}

fn is_of(row: &TenantRow, plan: &DisconnectPlan) -> bool {
    row.state == TenantState::Disconnecting.name()
        && matches!(plan_of(row), Ok(Some(now)) if now.batch == plan.batch)
}

fn accident(tenant: &str, error: &anyhow::Error) {
    tracing::error!(tenant, error = format!("{error:#}"), "a disconnect");
}

fn other_plan(id: &str, plan: &DisconnectPlan) -> scim::Error {
    let people = plan.people;
    scim::Error::new(
        409,
        format!("tenant {id} is being disconnected already, with people: {people:?}"),
    )
}

fn managed(account: &AccountRow) -> bool {
    account.connected && account.kind == "User"
}

fn change(people: Ending, was: Before, batch: Option<String>) -> Change {
    let mut after = was.resource.clone();
    let mut changes = Vec::new();
    if people == Ending::Deactivate {
        after.set_active(false);
        changes.push("active".to_owned());
    }
    let mut change = Change::new("User", people.event(), Some(was), after);
    change.changes = changes;
    change.batch = batch;
    change
}
