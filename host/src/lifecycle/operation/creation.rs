//! What a creation meets under its name: an older creation, or a deletion that frees the name.

use std::sync::Arc;

use tokio::time::Instant;

use super::Operations;
use super::change::Change;
use super::goal::Older;
use super::names;
use crate::decision::ResourceKind;
use crate::lifecycle::config::snapshot::Tenant;
use crate::lifecycle::error::Error;
use crate::store::{OperationState, Related};

/// What a creation meets under its name.
pub(in crate::lifecycle) enum BeforeCreation {
    /// The same creation came before.
    Join(Box<Older>),
    /// The change goes on, in place of an older creation if there was one.
    Proceed(Box<Change>),
}

impl Operations {
    /// Finishes an older creation of another goal, if that may have had an effect: only its own calls show
    /// that the account which the app has is not another's. Returns the id of its user, which the newer
    /// request changes; none if there is none. The caller holds the lock of the name.
    pub(in crate::lifecycle) async fn finish_begun_creation(
        self: &Arc<Self>,
        tenant: &Tenant,
        key: &str,
        change: &Change,
        deadline: Instant,
    ) -> Result<Option<String>, Error> {
        // A creation that lets a person in is not carried on for one who shall be out.
        if !change.after.active() {
            return Ok(None);
        }
        for found in self.unfinished.on(key) {
            let Some(older) = self.older_operation(&found.operation).await? else { continue };
            let is_open = older.row.state == OperationState::Open;
            if !is_open || !older.creates() || !older.leaves_doubt() || older.is_same(change) {
                continue;
            }
            let id = older.row.resource.clone();
            // One that stays open is superseded.
            drop(Box::pin(self.finish_older(tenant, older, deadline)).await?);
            let user = self.current(&tenant.id, ResourceKind::User, &id, Related::None).await?;
            if user.is_some() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// What a creation meets under its name. The caller holds the lock of the name.
    pub(in crate::lifecycle) async fn before_a_creation(
        self: &Arc<Self>,
        tenant: &Tenant,
        key: &str,
        mut change: Change,
        deadline: Instant,
    ) -> Result<BeforeCreation, Error> {
        for found in self.unfinished.on(key) {
            if found.state == OperationState::Held {
                continue;
            }
            let Some(older) = self.older_operation(&found.operation).await? else { continue };
            if older.creates() {
                if older.is_same(&change) {
                    return Ok(BeforeCreation::Join(Box::new(older)));
                }
                let id = older.row.resource.clone();
                let account = self.store.account(&tenant.id, &id).await?;
                let superseded = self.supersede(Some(&older), account, &id)?;
                change.account.clone_from(&superseded.account);
                change = change.superseding(vec![id], &superseded);
                // The account moves with the first commit, so that a still newer creation finds it.
                change.account_changed |= change.account.is_some();
            } else if older.deletes() {
                // The name is free once that resource is gone.
                let _lock = self.acquire(&tenant.id, &found.resource).await;
                let older = self.older_operation(&found.operation).await?;
                let Some(older) = older.filter(Older::deletes) else { continue };
                let finished = self.finish_older(tenant, older, deadline);
                if let Some(error) = Box::pin(finished).await? {
                    return Err(error.into());
                }
            } else if older.has_own_goal() && names::are_unique(tenant, change.kind) {
                // The operation will give the name to its resource, which may have it already.
                return Err(names::taken(change.kind, &change.subject()).into());
            }
        }
        Ok(BeforeCreation::Proceed(Box::new(change)))
    }
}
