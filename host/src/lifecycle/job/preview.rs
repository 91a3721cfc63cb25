//! Previews of disconnects: the people they affect, and the connector's first decision for each.
//!
//! A preview changes nothing, and no call leaves.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Jobs;
use super::disconnect::{PeopleAction, person_change};
use crate::decision::ResourceKind;
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::change::Current;
use crate::lifecycle::operation::preview::PreviewedDecision;
use crate::lifecycle::operation::typed_view;
use crate::store::{AccountRow, Related};

/// How many people the preview names; it counts all.
const NAMED: usize = 100;

/// What a disconnect would do.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = DisconnectPreview)]
pub struct Preview {
    /// The tenant.
    pub tenant: String,
    /// The action for each person.
    pub people: PeopleAction,
    /// How many people are connected.
    pub total: u64,
    /// How many of them are active.
    pub active: u64,
    /// How many decisions the connector refuses, or fails to make.
    pub refused: u64,
    /// The first people, each with the connector's decision.
    pub named: Vec<PreviewedPerson>,
}

/// One person in a preview.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PreviewedPerson {
    /// The SCIM id.
    pub id: String,
    /// The `userName`.
    pub user_name: String,
    /// Whether the person is active.
    pub active: bool,
    /// The connector's decision, in words.
    pub decision: String,
}

impl Jobs {
    /// Previews a disconnect.
    pub async fn preview_disconnect(
        &self,
        id: &str,
        people: PeopleAction,
    ) -> Result<Preview, Error> {
        let tenant = self.config.served(id).await?;
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
            let (page, next) = self.people(id, after.as_deref()).await?;
            if next.is_none() {
                return Ok(preview);
            }
            after = next;
            for account in page {
                self.preview_person(&tenant, account, &mut preview).await?;
            }
        }
    }

    async fn preview_person(
        &self,
        tenant: &Arc<Tenant>,
        account: AccountRow,
        preview: &mut Preview,
    ) -> Result<(), Error> {
        let stored = self
            .store
            .resource(&tenant.id, ResourceKind::User.name(), &account.resource, Related::None)
            .await?;
        let Some(stored) = stored else { return Ok(()) };
        let before = Current::of(ResourceKind::User, stored, None)?;
        let (user_name, active) =
            (typed_view::name(&before.resource).to_owned(), before.resource.active());
        let id = before.stored.id.clone();
        preview.total += 1;
        preview.active += u64::from(active);
        if preview.named.len() >= NAMED && preview.people == PeopleAction::Release {
            return Ok(());
        }
        let protected = account.protected && preview.people != PeopleAction::Release;
        let people = if protected { PeopleAction::Release } else { preview.people };
        let change = person_change(people, before, None);
        let PreviewedDecision { mut decision, refused } =
            self.operations.preview(tenant, change, account).await?;
        if protected {
            decision = format!("protected, so released instead: {decision}");
        }
        preview.refused += u64::from(refused);
        if preview.named.len() < NAMED {
            preview.named.push(PreviewedPerson { id, user_name, active, decision });
        }
        Ok(())
    }
}
