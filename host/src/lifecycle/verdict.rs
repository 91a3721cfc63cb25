//! What operators decide on single operations and accounts.

use std::sync::Arc;

use super::Host;
use super::fault::Fault;
use super::lane;
use super::work::Work;
use crate::clock::rfc3339;
use crate::scim;
use crate::store::{Commit, CommitError, OperationState};

/// The states from which an operator can take an operation up again, or drop it.
const UNDECIDED: [OperationState; 3] =
    [OperationState::Open, OperationState::Failed, OperationState::Held];

impl Host {
    /// Marks a person's account as one that is never deprovisioned, or lifts that.
    pub async fn protect(
        &self,
        tenant: &str,
        resource: &str,
        protected: bool,
    ) -> Result<(), Fault> {
        let _lane = self.lanes.enter(lane::of_resource(tenant, resource)).await;
        let Some(mut account) = self.store.account(tenant, resource).await? else {
            return Err(
                scim::Error::new(404, format!("tenant {tenant} has no person {resource}")).into()
            );
        };
        account.protected = protected;
        let commit = Commit { account: Some(account), ..Commit::default() };
        Ok(self.store.commit(commit).await.map_err(CommitError::into_accident)?)
    }

    /// Tries an operation again now: one that is open, failed or held.
    pub async fn retry(self: &Arc<Self>, operation: &str) -> Result<(), Fault> {
        self.reopen(operation, &UNDECIDED).await?;
        Ok(self.attempt(operation).await?)
    }

    /// Gives an operation up: the app stays as it is.
    pub async fn drop_operation(&self, operation: &str) -> Result<(), Fault> {
        let Some(work) = self.reopen(operation, &UNDECIDED).await? else {
            return Ok(());
        };
        let _lane = self.lanes.enter(work.lane()).await;
        let Some((mut row, _)) = self.store.operation(operation).await? else { return Ok(()) };
        if row.state == OperationState::Open {
            row.state = OperationState::Dropped;
            row.sealed = None;
            row.due = None;
            row.note = Some("dropped by an operator".to_owned());
            row.finished = Some(rfc3339(self.clock.now()));
            let commit = Commit { operation: Some(row), ..Commit::default() };
            self.store.commit(commit).await.map_err(CommitError::into_accident)?;
            self.open.remove(&work);
        }
        Ok(())
    }

    async fn reopen(
        &self,
        operation: &str,
        from: &[OperationState],
    ) -> Result<Option<Work>, Fault> {
        let Some((mut row, _)) = self.store.operation(operation).await? else {
            return Err(scim::Error::new(404, format!("no operation {operation}")).into());
        };
        if !from.contains(&row.state) {
            return Err(scim::Error::new(
                409,
                format!("operation {operation} is {} and stays so", row.state.name()),
            )
            .into());
        }
        if row.state != OperationState::Open {
            row.state = OperationState::Open;
            let commit = Commit { operation: Some(row), ..Commit::default() };
            self.store.commit(commit).await.map_err(CommitError::into_accident)?;
        }
        let work = self.restore(operation).await?;
        if let Some(work) = &work {
            self.open.insert(work);
        }
        Ok(work)
    }
}
