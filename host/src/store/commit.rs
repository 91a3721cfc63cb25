//! Commits: everything that an operation changes, written in one transaction.
//!
//! Callers hand over a whole [`Commit`] and never a connection: they state what must be true together,
//! and the writer owns the transaction and shares it among all commits that wait at the same time.

use std::fmt;

use tokio::sync::oneshot;

use super::Store;
use super::account::AccountRow;
use super::member::MemberRow;
use super::operation::{ExchangeRow, OperationRow};
use super::resource::ResourceRow;

/// Changes that are written together, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The operation, inserted or replaced by its id.
    pub operation: Option<OperationRow>,
    /// Exchanges, inserted or replaced by operation and number.
    pub exchanges: Vec<ExchangeRow>,
    /// The note of the operations that are held for the operation's resource and that it ends; none
    /// if it does not end them.
    pub overtaking: Option<&'static str>,
    /// The resource.
    pub resource: Option<ResourceChange>,
    /// Members that leave groups, as group and member, in the tenant of the resource. A resource that
    /// is not a member is skipped. A commit does not both remove and add the same member.
    pub left: Vec<(String, String)>,
    /// Members that join groups; one that is a member already only gets the new `display`.
    pub joined: Vec<MemberRow>,
    /// The account, inserted or replaced by tenant and resource.
    pub account: Option<AccountRow>,
}

impl Commit {
    /// The tenant whose data it changes.
    pub(super) fn tenant(&self) -> Option<&str> {
        let resource = self.resource.as_ref().map(|change| change.key().0);
        let operation = || self.operation.as_ref().map(|it| it.tenant.as_str());
        let member = || self.joined.first().map(|it| it.tenant.as_str());
        let account = || self.account.as_ref().map(|it| it.tenant.as_str());
        resource.or_else(operation).or_else(member).or_else(account)
    }
}

/// The change of a resource.
#[derive(Clone, Debug)]
pub enum ResourceChange {
    /// It is new.
    Insert(ResourceRow),
    /// It changes; `kind` and `created` stay as they are.
    Update {
        /// As it is from now on.
        row: ResourceRow,
        /// The version that it has now.
        expected: i64,
    },
    /// It goes, out of all groups; a group's members are no members any more. Its account stays.
    Delete {
        /// The tenant.
        tenant: String,
        /// The name of its resource type.
        kind: String,
        /// The id.
        id: String,
        /// The version that it has now.
        expected: i64,
    },
}

impl ResourceChange {
    /// Tenant and id of the resource.
    pub(super) fn key(&self) -> (&str, &str) {
        match self {
            Self::Insert(row) | Self::Update { row, .. } => (&row.tenant, &row.id),
            Self::Delete { tenant, id, .. } => (tenant, id),
        }
    }
}

/// Why a commit was not written. Nothing of it was.
#[derive(Debug)]
pub enum CommitError {
    /// Another resource of the tenant and kind has this `userName`.
    UserNameTaken,
    /// The resource does not have the expected version any more, or a group or member of the commit
    /// is gone.
    Stale,
    /// The database failed.
    Internal(anyhow::Error),
}

impl CommitError {
    /// The error as an internal error, for callers that have no other answer to it.
    pub fn into_internal(self) -> anyhow::Error {
        match self {
            Self::Internal(error) => error,
            other => anyhow::anyhow!("{other}"),
        }
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserNameTaken => f.write_str("the userName is taken"),
            Self::Stale => {
                f.write_str("the resource or a member has changed or was removed in the meantime")
            }
            Self::Internal(error) => write!(f, "{error:#}"),
        }
    }
}

/// The place of a commit among those that wait.
#[derive(Debug)]
pub struct Receipt(pub(super) oneshot::Receiver<Result<(), CommitError>>);

impl Receipt {
    /// Waits until the commit is durable, or has failed with nothing of it written.
    pub async fn landed(self) -> Result<(), CommitError> {
        let closed = |_| CommitError::Internal(anyhow::anyhow!("the store is closed"));
        self.0.await.map_err(closed)?
    }
}

impl Store {
    /// Writes all of the commit, or nothing; it is durable when this returns.
    pub async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.enqueue(commit).await?.landed().await
    }

    /// Queues a commit; all of it is written, or nothing.
    ///
    /// Commits take effect in the order of their arrival here, so that one can build on another that
    /// is not durable yet. Commits that wait at the same time share a transaction, but one that fails
    /// does not affect the others.
    pub async fn enqueue(&self, commit: Commit) -> Result<Receipt, CommitError> {
        self.writer.enqueue(commit).await
    }
}
