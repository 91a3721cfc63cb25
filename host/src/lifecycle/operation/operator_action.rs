//! Actions of operators on single operations and accounts: protect, retry, drop.

use std::sync::Arc;

use serde_json::json;
use tokio::time::Instant;

use super::Operations;
use super::resource_lock;
use super::retry::Trigger;
use crate::clock::rfc3339;
use crate::decision::ResourceKind;
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::{
    AuditRow, AuditSubject, Commit, CommitError, OperationRow, OperationState, Origin,
};

impl Operations {
    /// Protects a person's account from deprovisioning, or lifts the protection.
    pub async fn protect(
        self: &Arc<Self>,
        tenant: &str,
        resource: &str,
        protected: bool,
    ) -> Result<(), Error> {
        let _lock = self.locks.acquire(resource_lock::of_resource(tenant, resource)).await;
        let Some(mut account) = self.store.account(tenant, resource).await? else {
            return Err(no_person(tenant, resource).into());
        };
        let subject = AuditSubject::Person { tenant: tenant.to_owned(), id: resource.to_owned() };
        let state = |protected: bool| Some(json!({ "protected": protected }));
        let (before, after) = (state(account.protected), state(protected));
        let audit = AuditRow::of(&self.clock, &subject, before, after);
        account.protected = protected;
        let kind = account.kind;
        let commit = Commit { account: Some(account), audit, ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        self.wake(tenant, kind, resource);
        Ok(())
    }

    /// Makes a person's account the tenant's own. It is in doubt until the app was told everything.
    pub async fn adopt(self: &Arc<Self>, tenant: &str, resource: &str) -> Result<(), Error> {
        let _lock = self.locks.acquire(resource_lock::of_resource(tenant, resource)).await;
        let found = self.store.account(tenant, resource).await?;
        let Some(mut account) = found.filter(|it| it.kind == ResourceKind::User) else {
            return Err(no_person(tenant, resource).into());
        };
        match account.origin() {
            None => {
                let why = format!("person {resource} of tenant {tenant} has no account in the app");
                return Err(scim::Error::new(409, why).into());
            }
            Some(Origin::Made | Origin::Adopted) => return Ok(()),
            Some(Origin::Linked { .. }) => {}
        }
        let subject = AuditSubject::Person { tenant: tenant.to_owned(), id: resource.to_owned() };
        let state = |origin: &str| Some(json!({ "origin": origin }));
        let audit = AuditRow::of(&self.clock, &subject, state("linked"), state("adopted"));
        account.origin = Some(Origin::Adopted);
        (account.doubt, account.stay) = (true, account.stay + 1);
        let commit = Commit {
            account: Some(account),
            audit,
            now: Some(rfc3339(self.clock.now())),
            ..Commit::default()
        };
        self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        self.wake(tenant, ResourceKind::User, resource);
        Ok(())
    }

    /// Retries an operation now, if it is open, failed or held. What is carried out is the present
    /// goal of its resource.
    pub async fn retry(self: &Arc<Self>, operation: String) -> Result<(), Error> {
        self.run_to_completion(|operations| async move {
            let row = operations.unfinished_row(&operation).await?;
            operations.record_order(&row, "retry").await?;
            if row.state == OperationState::Held {
                let deadline = Instant::now() + operations.config.options().answer_within;
                let (tenant, kind) = (&row.tenant, row.resource_kind);
                operations.agree(tenant, kind, &row.resource, deadline, true).await?;
                return Ok(());
            }
            operations.reopen(&operation).await?;
            Ok(operations.attempt(&operation, Trigger::Operator).await?)
        })
        .await
    }

    /// Drops an operation. The directory stays as it is, and the app is brought back to it. The account
    /// of a held one is released: it stays in the app, unmanaged.
    pub async fn drop_operation(self: &Arc<Self>, operation: String) -> Result<(), Error> {
        self.run_to_completion(|operations| async move {
            let row = operations.unfinished_row(&operation).await?;
            operations.record_order(&row, "drop").await?;
            let note = "dropped by an operator";
            if row.state == OperationState::Held {
                let _lock = operations.acquire(&row.tenant, &row.resource).await;
                let row = operations.unfinished_row(&operation).await?;
                let note = format!("{note}: the account was released");
                return Ok(operations.end_held(row, &note, true).await?);
            }
            let Some(older) = operations.older_operation(&operation).await? else { return Ok(()) };
            let _lock = operations.locks.acquire(older.lock_key()).await;
            // Read again: the previous holder of the lock may have finished it.
            operations.unfinished_row(&operation).await?;
            let Some(older) = operations.older_operation(&operation).await? else { return Ok(()) };
            match operations.restore(older).await {
                Ok(None) => Ok(()),
                Ok(Some(mut operation)) => Ok(operations.abandon(&mut operation, note).await?),
                Err(_) => operations.drop_unreadable(&operation, note).await,
            }
        })
        .await
    }

    async fn record_order(&self, row: &OperationRow, order: &str) -> anyhow::Result<()> {
        let subject = AuditSubject::Operation { tenant: row.tenant.clone(), id: row.id.clone() };
        let before = json!({ "state": row.state.name() });
        self.store.record_order(&subject, before, json!({ "order": order })).await
    }

    /// Drops an operation that cannot be restored.
    async fn drop_unreadable(&self, operation: &str, note: &str) -> Result<(), Error> {
        let mut row = self.unfinished_row(operation).await?;
        row.state = OperationState::Dropped;
        (row.sealed, row.due) = (None, None);
        row.note = Some(note.to_owned());
        row.finished = Some(rfc3339(self.clock.now()));
        let (tenant, kind, resource) =
            (row.tenant.clone(), row.resource_kind, row.resource.clone());
        let commit = Commit { operation: Some(row), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        self.unfinished.remove(operation);
        self.wake(&tenant, kind, &resource);
        Ok(())
    }

    /// Opens a failed operation, with all its tries ahead. Its calls are made again.
    async fn reopen(self: &Arc<Self>, operation: &str) -> Result<(), Error> {
        let Some(older) = self.older_operation(operation).await? else { return Ok(()) };
        let _lock = self.locks.acquire(older.lock_key()).await;
        let mut row = self.unfinished_row(operation).await?;
        if row.state == OperationState::Open {
            return Ok(());
        }
        row.state = OperationState::Open;
        (row.due, row.tries) = (Some(rfc3339(self.clock.now())), 0);
        let commit = Commit { operation: Some(row), ..Commit::default() };
        self.store.commit(commit).await.map_err(CommitError::into_internal)?;
        let Some(older) = self.older_operation(operation).await? else { return Ok(()) };
        if let Some(operation) = self.restore(older).await? {
            self.unfinished.insert(&operation, OperationState::Open);
        }
        Ok(())
    }

    /// An operation that an operator can retry or drop: 409 if it has ended.
    async fn unfinished_row(&self, operation: &str) -> Result<OperationRow, Error> {
        let Some((row, _)) = self.store.operation(operation).await? else {
            return Err(scim::Error::new(404, format!("no operation {operation}")).into());
        };
        if row.state.is_unfinished() {
            return Ok(row);
        }
        let mut why =
            format!("operation {operation} is {} and cannot be changed", row.state.name());
        if let Some(successor) = &row.successor {
            why += &format!("; operation {successor} took its place");
        }
        Err(scim::Error::new(409, why).into())
    }
}

fn no_person(tenant: &str, resource: &str) -> scim::Error {
    scim::Error::new(404, format!("tenant {tenant} has no person {resource}"))
}
