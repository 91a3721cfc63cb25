//! Creations whose answer did not reach the identity provider.
//!
//! A create that is repeated is answered with 409, or makes a second group of the name, unless its
//! first answer was lost: the identity provider was told to retry later, hung up, or the host was
//! killed. Then the answer is owed once: the repeated create gets 201, whatever the tenant's state.

use std::time::Duration;

use super::Operations;
use crate::clock::rfc3339;
use crate::store::{OperationFilter, OperationRow, OperationState};

/// A creation that was finished this long before a start of the host may not have been answered: no
/// request takes longer.
const BEFORE_START: Duration = Duration::from_secs(120);

impl Operations {
    /// Whether the same request has created this resource and did not get its answer. The answer is
    /// owed once: this call clears it.
    pub(in crate::lifecycle) async fn take_unanswered(
        &self,
        tenant: &str,
        resource: &str,
        fingerprint: &str,
    ) -> anyhow::Result<bool> {
        let Some(row) = self.creation(tenant, resource).await? else { return Ok(false) };
        if row.fingerprint != fingerprint {
            return Ok(false);
        }
        if row.unanswered {
            self.store.set_unanswered(&row.id, false).await?;
            return Ok(true);
        }
        Ok(self.may_have_been_killed(&row))
    }

    /// Whether the host may have been killed between this creation and its answer.
    fn may_have_been_killed(&self, row: &OperationRow) -> bool {
        let (earliest, started) = (rfc3339(self.started - BEFORE_START), rfc3339(self.started));
        let finished = row.finished.as_deref().unwrap_or_default();
        let unanswered = finished > earliest.as_str() && finished < started.as_str();
        unanswered && self.answered_again.first(&row.id)
    }

    /// Notes that the answer to the creation of a resource did not reach its sender.
    pub(in crate::lifecycle) async fn mark_unanswered(
        &self,
        tenant: &str,
        resource: &str,
    ) -> anyhow::Result<()> {
        let Some(row) = self.creation(tenant, resource).await? else { return Ok(()) };
        self.store.set_unanswered(&row.id, true).await
    }

    async fn creation(&self, tenant: &str, resource: &str) -> anyhow::Result<Option<OperationRow>> {
        let operations = self
            .store
            .operations(&OperationFilter {
                tenant: Some(tenant.to_owned()),
                resource: Some(resource.to_owned()),
                state: Some(OperationState::Done),
                limit: 1,
                oldest_first: true,
                ..OperationFilter::default()
            })
            .await?;
        Ok(operations.into_iter().next())
    }
}
