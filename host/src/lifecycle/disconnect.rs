//! The end of an integration is not the end of its people: first a plan, then a job that can be
//! watched, interrupted and resumed.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::change::{Before, Change};
use super::fault::Fault;
use super::registry::{Tenant, TenantState};
use super::{Host, lane, view};
use crate::clock::rfc3339;
use crate::connector::Question;
use crate::decision::{EventKind, Step};
use crate::scim;
use crate::store::{AccountRow, Commit, CommitError, OperationState, Related};

/// How many people the preview names; it counts all.
const NAMED: usize = 100;
/// How many people are let go at once.
const AT_ONCE: usize = 16;
const PAGE: u32 = 500;
/// How long the job waits before it turns to those again whose app could not be reached.
const PAUSE: Duration = Duration::from_secs(15);

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
}

/// What a disconnect would do, before it does anything.
#[derive(Debug, Serialize, Deserialize)]
pub struct Preview {
    /// The tenant.
    pub tenant: String,
    /// What would become of the people.
    pub people: Ending,
    /// How many are connected.
    pub total: u64,
    /// How many of them are active.
    pub active: u64,
    /// How many the connector refuses to decide for.
    pub refused: u64,
    /// The first of them, each with what the connector would do.
    pub named: Vec<PreviewedPerson>,
}

/// One person in a preview.
#[derive(Debug, Serialize, Deserialize)]
pub struct PreviewedPerson {
    /// The SCIM id.
    pub id: String,
    /// The `userName`.
    pub user_name: String,
    /// Whether the person is active.
    pub active: bool,
    /// What the connector would do.
    pub decision: String,
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

impl Host {
    /// What a disconnect would do. Nothing is changed, and nobody is called.
    pub async fn preview_disconnect(&self, id: &str, people: Ending) -> Result<Preview, Fault> {
        let tenant = self.served(id)?;
        let mut preview = Preview {
            tenant: id.to_owned(),
            people,
            total: 0,
            active: 0,
            refused: 0,
            named: Vec::new(),
        };
        let mut after = None;
        loop {
            let page = self.store.accounts(id, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(preview) };
            after = Some(last.resource.clone());
            for account in page.into_iter().filter(managed) {
                self.preview_person(&tenant, account, &mut preview).await?;
            }
        }
    }

    async fn preview_person(
        &self,
        tenant: &Arc<Tenant>,
        account: AccountRow,
        preview: &mut Preview,
    ) -> Result<(), Fault> {
        let stored =
            self.store.resource(&tenant.id, "User", &account.resource, Related::None).await?;
        let Some(stored) = stored else { return Ok(()) };
        let before = Before::of(stored, None)?;
        let (user_name, active) =
            (view::name(&before.resource).to_owned(), before.resource.active());
        let id = before.stored.id.clone();
        preview.total += 1;
        preview.active += u64::from(active);
        if preview.named.len() >= NAMED && preview.people == Ending::Release {
            return Ok(());
        }
        let change = change(preview.people, before, None);
        let work = self.work(tenant, change, Some(account)).await?;
        let (decision, refused) = match &work.connector {
            None => ("no connector decides".to_owned(), true),
            Some(connector) => {
                let question = Question {
                    context: Arc::clone(&work.context),
                    event: Arc::clone(&work.event),
                    exchanges: Arc::default(),
                };
                match self.connectors.decide(connector, question).await.answer {
                    Ok(Ok(Step::Done(outcome))) => (outcome.note, false),
                    Ok(Ok(Step::Call(call))) => (format!("{} {}", call.method, call.path), false),
                    Ok(Err(refusal)) => (format!("refused: {refusal:?}"), true),
                    Err(failure) => (format!("failed: {failure}"), true),
                }
            }
        };
        preview.refused += u64::from(refused);
        if preview.named.len() < NAMED {
            preview.named.push(PreviewedPerson { id, user_name, active, decision });
        }
        Ok(())
    }

    /// Begins to disconnect. From this moment deprovisioning is held.
    pub async fn disconnect(
        self: &Arc<Self>,
        id: &str,
        people: Ending,
    ) -> Result<DisconnectPlan, Fault> {
        let _one_at_a_time = self.configuring.lock().await;
        let mut row = self.tenant_row(id).await?;
        if let Some(plan) = &row.plan {
            let plan: DisconnectPlan = serde_json::from_str(plan)?;
            return match plan.people == people {
                true => Ok(plan),
                false => Err(scim::Error::new(
                    409,
                    format!(
                        "tenant {id} is being disconnected already, with people: {:?}",
                        plan.people
                    ),
                )
                .into()),
            };
        }
        let (_, total) = self.store.connected(id).await?;
        let plan = DisconnectPlan { batch: self.clock.new_id(), people, total };
        row.state = TenantState::Disconnecting.name().to_owned();
        row.plan = Some(serde_json::to_string(&plan)?);
        self.store.put_tenant(&row).await?;
        self.reload().await?;
        self.disconnect_in_background(id.to_owned(), plan.clone());
        Ok(plan)
    }

    /// Takes up the disconnects that a host before this one had begun.
    pub(super) async fn resume_disconnects(self: &Arc<Self>) -> anyhow::Result<()> {
        for row in self.store.tenants().await? {
            if let (TenantState::Disconnecting, Some(plan)) = (self.state_of(&row.id), &row.plan) {
                self.disconnect_in_background(row.id.clone(), serde_json::from_str(plan)?);
            }
        }
        Ok(())
    }

    /// Where a tenant's integration stands; one that is unknown has ended.
    pub fn state_of(&self, id: &str) -> TenantState {
        self.registry().tenants.get(id).map_or(TenantState::Disconnected, |tenant| tenant.state)
    }

    fn disconnect_in_background(self: &Arc<Self>, id: String, plan: DisconnectPlan) {
        let host = Arc::clone(self);
        self.tasks.spawn(async move {
            while !host.stopping.is_cancelled() && host.pursues(&id, &plan).await {
                let finished = match host.let_go(&id, &plan).await {
                    Ok(0) => host.part_for_good(&id).await,
                    Ok(left) => {
                        tracing::warn!(tenant = id, left, "a disconnect is not finished yet");
                        Ok(())
                    }
                    Err(error) => Err(Fault::Accident(error)),
                };
                match finished {
                    Ok(()) => {}
                    Err(Fault::Answer(error)) => {
                        tracing::error!(tenant = id, status = error.status, "a disconnect");
                    }
                    Err(Fault::Accident(error)) => {
                        tracing::error!(tenant = id, error = format!("{error:#}"), "a disconnect");
                    }
                }
                if !host.pursues(&id, &plan).await {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = host.stopping.cancelled() => {}
                }
            }
        });
    }

    /// One pass over everybody who is still connected. Says how many remain.
    async fn let_go(self: &Arc<Self>, id: &str, plan: &DisconnectPlan) -> anyhow::Result<u64> {
        let mut after: Option<String> = None;
        loop {
            let page = self.store.accounts(id, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.resource.clone());
            let mut parting = JoinSet::new();
            for account in page.into_iter().filter(managed) {
                if self.stopping.is_cancelled() {
                    break;
                }
                if parting.len() >= AT_ONCE {
                    parting.join_next().await;
                }
                let (host, plan, id) = (Arc::clone(self), plan.clone(), id.to_owned());
                parting.spawn(async move { host.part(&id, &account.resource, &plan).await });
            }
            parting.join_all().await;
        }
        Ok(self.store.connected(id).await?.0)
    }

    /// Lets one person go.
    async fn part(self: &Arc<Self>, tenant: &str, resource: &str, plan: &DisconnectPlan) {
        let parted = async {
            let tenant = self.served(tenant)?;
            let _lane = self.enter(&tenant, resource).await;
            if !self.pursues(&tenant.id, plan).await {
                return Ok(());
            }
            let key = lane::of_resource(&tenant.id, resource);
            if plan.people == Ending::Release {
                self.drop_open(&key).await?;
            }
            self.make_way(&tenant, &key, None, self.deadline()).await?;
            let before = self.standing(&tenant.id, "User", resource, Related::Groups).await?;
            let Some(before) = before else { return Ok(()) };
            // Who is protected is let go as they are.
            let protected = before.account.as_ref().is_some_and(|account| account.protected);
            let people = if protected { Ending::Release } else { plan.people };
            let change = change(people, before, Some(plan.batch.clone()));
            self.carry_out(&tenant, change, self.deadline()).await?;
            Ok::<(), Fault>(())
        };
        match parted.await {
            Ok(()) => {}
            Err(Fault::Answer(error)) => {
                tracing::warn!(
                    tenant,
                    resource,
                    status = error.status,
                    "somebody could not be let go"
                );
            }
            Err(Fault::Accident(error)) => {
                tracing::error!(tenant, resource, error = format!("{error:#}"), "an accident");
            }
        }
    }

    /// Whether this plan still is the tenant's: an operator may have connected it again.
    async fn pursues(&self, id: &str, plan: &DisconnectPlan) -> bool {
        let Ok(row) = self.tenant_row(id).await else { return false };
        let now = row.plan.as_deref().map(serde_json::from_str::<DisconnectPlan>);
        row.state == TenantState::Disconnecting.name()
            && matches!(now, Some(Ok(now)) if now.batch == plan.batch)
    }

    /// Whoever is let go is not deprovisioned by what is still open.
    async fn drop_open(&self, key: &str) -> anyhow::Result<()> {
        for open in self.open.on(key) {
            let Some((mut row, _)) = self.store.operation(&open.operation).await? else { continue };
            if !row.kind.deprovisions() {
                continue;
            }
            row.state = OperationState::Dropped;
            row.finished = Some(rfc3339(self.clock.now()));
            row.note = Some("the integration ended before it was done".to_owned());
            let commit = Commit { operation: Some(row), ..Commit::default() };
            self.store.commit(commit).await.map_err(CommitError::into_accident)?;
            self.open.forget(&open.operation);
        }
        Ok(())
    }

    /// Everybody was let go; what was held meanwhile has lost its object.
    async fn part_for_good(&self, id: &str) -> Result<(), Fault> {
        self.set_state(id, TenantState::Disconnected).await?;
        Ok(self.drop_held(id, None).await?)
    }

    pub(super) fn served(&self, id: &str) -> Result<Arc<Tenant>, scim::Error> {
        let tenant = self.registry().tenants.get(id).cloned();
        tenant.ok_or_else(|| scim::Error::new(404, format!("no tenant {id}")))
    }

    /// How many are still connected, and how many there are.
    pub async fn connected(&self, tenant: &str) -> anyhow::Result<(u64, u64)> {
        self.store.connected(tenant).await
    }
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
