//! Connecting a tenant that was paused or disconnected: what becomes of the people whose leaving is
//! held, and of those who were released.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Jobs;
use crate::decision::EventKind;
use crate::lifecycle::config::snapshot::TenantState;
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::{AuditSubject, JobState, ReleasedPerson, TenantRow};

/// What becomes of the people whose deactivation or deletion is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeldAction {
    /// Each is brought to what the directory says by now.
    CarryOut,
    /// Each account stays in the app as it is, and is not managed any more.
    Drop,
}

/// How a tenant is connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ConnectRequest, example = json!({ "held": "carry-out" }))]
pub struct ConnectChoices {
    /// What becomes of the people whose leaving is held; needed if there are any.
    pub held: Option<HeldAction>,
    /// Whether people who were released stay unmanaged when a disconnected tenant is connected.
    /// Writes about them are refused.
    pub leave_released: bool,
    /// Whether people who were released are managed again although the tenant was not disconnected.
    pub manage_released: bool,
    /// Only answer what would happen; nothing is changed.
    pub preview: bool,
}

/// What connecting a tenant would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectPreview {
    /// The tenant.
    pub tenant: String,
    /// The state of its integration.
    pub state: TenantState,
    /// How many people's leaving is held.
    pub held: u64,
    /// How many people were released.
    pub released: u64,
    /// How many of those are inactive in the directory and have access in the app, as far as is known:
    /// they are taken out if they are managed again.
    pub released_inactive: u64,
    /// How many people were deleted without the app being told: their accounts are taken away if they
    /// are managed again.
    pub released_deleted: u64,
    /// The first people who may lose access: those whose leaving is held, and then those who were
    /// released or deleted.
    pub named: Vec<LeavingPerson>,
}

/// One person who may lose access when a tenant is connected, as the operator decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeavingPerson {
    /// The SCIM id.
    pub id: String,
    /// The `userName`.
    pub user_name: String,
    /// Why.
    pub why: String,
}

/// How many people the preview names, of those whose leaving is held and of the others; it counts all.
const NAMED: u32 = 100;

impl Jobs {
    /// What connecting a tenant would do.
    pub async fn preview_connect(&self, id: &str) -> Result<ConnectPreview, Error> {
        let tenant = self.config.tenant_row(id).await?;
        let released = self.store.released(id).await?;
        let held = self.operations.count_held(id) as u64;
        let state = tenant.state;
        let mut named = Vec::new();
        for row in self.store.held(id, None, NAMED).await? {
            let why = match row.kind {
                EventKind::Delete => "the deletion is held",
                _ => "the deactivation is held",
            };
            let (id, user_name) = (row.resource, row.subject);
            named.push(LeavingPerson { id, user_name, why: why.to_owned() });
        }
        for ReleasedPerson { id, user_name, deleted } in
            self.store.released_people(id, NAMED).await?
        {
            let why = match deleted {
                true => "was deleted without the app being told",
                false => "was released, and is inactive in the directory",
            };
            named.push(LeavingPerson { id, user_name, why: why.to_owned() });
        }
        Ok(ConnectPreview {
            tenant: tenant.id,
            state,
            held,
            released: released.present,
            released_inactive: released.inactive,
            released_deleted: released.deleted,
            named,
        })
    }

    /// Connects a tenant. A disconnect that is not finished is cancelled with it. 409 if people's
    /// leaving is held and the choice does not say what becomes of them.
    pub async fn connect(self: &Arc<Self>, id: &str, choices: ConnectChoices) -> Result<(), Error> {
        let _changing = self.config.lock().await;
        let mut tenant = self.config.tenant_row(id).await?;
        let was_disconnected = tenant.state == TenantState::Disconnected;
        let held = self.operations.count_held(id);
        match choices.held {
            None if held > 0 => {
                return Err(scim::Error::new(
                    409,
                    format!(
                        "the leaving of {held} people of tenant {id} is held: say what becomes of \
                         them, with \"held\": \"carry-out\" or \"drop\" \
                         (muster tenant connect {id} --held carry-out)"
                    ),
                )
                .into());
            }
            Some(HeldAction::Drop) => {
                self.record_order(&tenant, choices).await?;
                let note =
                    "held, then dropped when the tenant was connected: the account is released";
                self.operations.drop_held(id, note, true).await?;
            }
            Some(HeldAction::CarryOut) | None => {}
        }
        let deleted = self.store.released(id).await?.deleted;
        if was_disconnected && deleted > 0 && !choices.leave_released && !choices.manage_released {
            return Err(scim::Error::new(
                409,
                format!(
                    "{deleted} people of tenant {id} were deleted while it was disconnected, and have \
                     their accounts: say whether those are taken away, with \
                     \"manage_released\": true, or stay, with \"leave_released\": true (muster tenant \
                     connect {id} --manage-released, or --leave-released)"
                ),
            )
            .into());
        }
        // Accounts are managed again before the tenant's state is written, so that after a kill in between
        // the whole request can be repeated.
        if was_disconnected && !choices.leave_released || choices.manage_released {
            self.record_order(&tenant, choices).await?;
            self.store.manage_released(id).await?;
        }
        tenant.state = TenantState::Connected;
        let cancelled = match self.unfinished_disconnect(id).await? {
            Some(mut job) => {
                job.note = Some("cancelled: the tenant was connected".to_owned());
                self.end(&mut job, JobState::Cancelled, Some(&tenant)).await?
            }
            None => false,
        };
        if !cancelled {
            self.config.write_tenant(&tenant).await?;
        }
        Ok(self.operations.end_hold(id).await?)
    }

    /// Records choices that are carried out before the tenant's state is written.
    async fn record_order(
        &self,
        tenant: &TenantRow,
        choices: ConnectChoices,
    ) -> anyhow::Result<()> {
        let subject = AuditSubject::Tenant(tenant.id.clone());
        let before = json!({ "state": tenant.state });
        self.store
            .record_order(&subject, before, json!({ "order": "connect", "choices": choices }))
            .await
    }

    /// Pauses a tenant, and holds what takes access away and is open. A disconnect that is not finished
    /// is cancelled with it.
    pub async fn pause(&self, id: &str) -> Result<(), Error> {
        self.set_paused(id).await?;
        self.operations.hold_open(id).await;
        Ok(())
    }

    async fn set_paused(&self, id: &str) -> Result<(), Error> {
        let _changing = self.config.lock().await;
        let mut tenant = self.config.tenant_row(id).await?;
        // Paused, it would take people in again.
        if tenant.state == TenantState::Disconnected {
            let why = format!("tenant {id} is disconnected; connect it first");
            return Err(scim::Error::new(409, why).into());
        }
        tenant.state = TenantState::Paused;
        if let Some(mut job) = self.unfinished_disconnect(id).await? {
            job.note = Some("cancelled: the tenant was paused".to_owned());
            if self.end(&mut job, JobState::Cancelled, Some(&tenant)).await? {
                return Ok(());
            }
        }
        Ok(self.config.write_tenant(&tenant).await?)
    }
}
