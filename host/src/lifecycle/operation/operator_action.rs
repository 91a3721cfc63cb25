//! Actions of operators on single operations and accounts: protect, retry, drop.

use std::sync::Arc;

use super::Operations;
use super::lane;
use crate::clock::rfc3339;
use crate::decision::Refusal;
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::{Commit, CommitError, OperationRow, OperationState};

/// The states in which an operator can retry or drop an operation.
const UNDECIDED: [OperationState; 3] =
    [OperationState::Open, OperationState::Failed, OperationState::Held];

impl Operations {
    /// Protects a person's account from deprovisioning, or lifts the protection.
    pub async fn protect(
        &self,
        tenant: &str,
        resource: &str,
        protected: bool,
    ) -> Result<(), Error> {
        let _lane = self.lanes.enter(lane::of_resource(tenant, resource)).await;
        let Some(mut account) = self.store.account(tenant, resource).await? else {
            return Err(
                scim::Error::new(404, format!("tenant {tenant} has no person {resource}")).into()
            );
        };
        account.protected = protected;
        let commit = Commit { account: Some(account), ..Commit::default() };
        Ok(self.store.commit(commit).await.map_err(CommitError::into_internal)?)
    }

    /// Retries an operation now, if it is open, failed or held.
    pub async fn retry(self: &Arc<Self>, operation: String) -> Result<(), Error> {
        self.run_to_completion(|operations| async move {
            operations.reopen(&operation).await?;
            Ok(operations.attempt(&operation, true).await?)
        })
        .await
    }

    /// Drops an operation; the app stays as it is.
    pub async fn drop_operation(self: &Arc<Self>, operation: String) -> Result<(), Error> {
        self.run_to_completion(|operations| async move {
            let row = operations.undecided(&operation).await?;
            let _lane = operations.lane_of(&row).await;
            // Read again: the previous holder of the lock may have finished it.
            let mut row = operations.undecided(&operation).await?;
            row.state = OperationState::Dropped;
            row.sealed = None;
            row.due = None;
            row.note = Some("dropped by an operator".to_owned());
            row.finished = Some(rfc3339(operations.clock.now()));
            let commit = Commit { operation: Some(row), ..Commit::default() };
            operations.store.commit(commit).await.map_err(CommitError::into_internal)?;
            operations.open.forget(&operation);
            Ok(())
        })
        .await
    }

    /// Opens a held or failed operation. A request that the app has rejected is made again.
    async fn reopen(&self, operation: &str) -> Result<(), Error> {
        let row = self.undecided(operation).await?;
        let _lane = self.lane_of(&row).await;
        let mut row = self.undecided(operation).await?;
        if row.state == OperationState::Open {
            return Ok(());
        }
        let failed = row.state == OperationState::Failed;
        row.state = OperationState::Open;
        row.due = None;
        let commit = Commit { operation: Some(row), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        let Some(mut work) = self.restore(operation).await? else { return Ok(()) };
        self.open.insert(&work);
        let asked = work.exchanges.len();
        if failed {
            work.ask_again(&Refusal::Rejected(String::new()));
        }
        if work.exchanges.len() < asked {
            let mut commit =
                Commit { operation: Some(work.row(OperationState::Open)?), ..Commit::default() };
            commit.exchanges.push(work.exchange(work.exchanges.len(), self.clock.now())?);
            self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        }
        Ok(())
    }

    async fn undecided(&self, operation: &str) -> Result<OperationRow, Error> {
        let Some((row, _)) = self.store.operation(operation).await? else {
            return Err(scim::Error::new(404, format!("no operation {operation}")).into());
        };
        if !UNDECIDED.contains(&row.state) {
            return Err(scim::Error::new(
                409,
                format!("operation {operation} is {} and cannot be changed", row.state.name()),
            )
            .into());
        }
        Ok(row)
    }
}
