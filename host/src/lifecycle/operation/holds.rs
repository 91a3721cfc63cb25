//! Holds: what becomes of the people whose events were acknowledged and not carried out.
//!
//! A hold is a state of the tenant. While it lasts, the directory moves on and a held operation
//! records each event. When it ends, the present state of each person is carried out, or the person
//! is released: the account stays in the app as it is, and is not managed any more.

use std::sync::Arc;

use super::Operations;
use super::resource_lock;
use crate::clock::rfc3339;
use crate::decision::ResourceKind;
use crate::lifecycle::config::snapshot::{Tenant, TenantState};
use crate::store::{Commit, CommitError, OperationRow, OperationState};

/// The held operations that are read at once.
const PAGE: u32 = 500;

impl Operations {
    /// How many operations of a tenant are held.
    pub(in crate::lifecycle) fn count_held(&self, tenant: &str) -> usize {
        self.unfinished.held(tenant).len()
    }

    /// Compares what differs in a tenant whose hold has ended: what is held, and groups whose operation
    /// was dropped when the integration ended. People were released then.
    pub(in crate::lifecycle) async fn end_hold(&self, tenant: &str) -> anyhow::Result<()> {
        for (kind, resource) in self.unfinished.held(tenant) {
            self.queue.add(tenant, kind, &resource);
        }
        for group in self.store.groups_behind(tenant).await? {
            self.queue.add(tenant, ResourceKind::Group, &group);
        }
        self.wake_all(Some(tenant)).await?;
        Ok(())
    }

    /// Ends the held operations of a tenant without carrying them out. With `release`, their accounts
    /// are not managed any more.
    pub(in crate::lifecycle) async fn drop_held(
        self: &Arc<Self>,
        tenant: &str,
        note: &str,
        release: bool,
    ) -> anyhow::Result<u64> {
        let mut dropped = 0;
        loop {
            let page = self.store.held(tenant, None, PAGE).await?;
            if page.is_empty() {
                return Ok(dropped);
            }
            for row in page {
                let _lock = self.acquire(tenant, &row.resource).await;
                let Some((row, _)) = self.store.operation(&row.id).await? else { continue };
                if row.state == OperationState::Held {
                    self.end_held(row, note, release).await?;
                    dropped += 1;
                }
            }
        }
    }

    /// Ends the held operations of a resource for which nothing is carried out, if the hold has ended.
    /// The caller holds the lock of the resource.
    pub(in crate::lifecycle) async fn end_held_without_a_change(
        &self,
        tenant: &Tenant,
        resource: &str,
        why: &str,
        forced: bool,
    ) -> anyhow::Result<()> {
        if tenant.state != TenantState::Connected && !forced {
            return Ok(());
        }
        for held in self.unfinished.on(&resource_lock::of_resource(&tenant.id, resource)) {
            let Some((row, _)) = self.store.operation(&held.operation).await? else { continue };
            if row.state == OperationState::Held {
                self.end_held(row, &format!("held, then dropped: {why}"), false).await?;
            }
        }
        Ok(())
    }

    /// Ends a held operation without carrying it out. The caller holds the lock of its resource.
    pub(in crate::lifecycle) async fn end_held(
        &self,
        mut row: OperationRow,
        note: &str,
        release: bool,
    ) -> anyhow::Result<()> {
        let mut account = None;
        if release && row.resource_kind == ResourceKind::User {
            account = self.store.account(&row.tenant, &row.resource).await?;
        }
        let account = account.map(|mut account| {
            account.connected = false;
            account
        });
        row.state = OperationState::Dropped;
        row.note = Some(note.to_owned());
        row.finished = Some(rfc3339(self.clock.now()));
        let id = row.id.clone();
        let commit = Commit { operation: Some(row), account, ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        self.unfinished.remove(&id);
        Ok(())
    }
}
