//! Commits: everything that an operation changes, written in one transaction.
//!
//! Callers hand over a whole [`Commit`] and never a connection: they state what must be true together,
//! and the writer owns the transaction and shares it among all commits that wait at the same time.

use std::fmt;

use tokio::sync::oneshot;

use super::Store;
use super::account::AccountRow;
use super::attempt::AttemptRow;
use super::audit::AuditRow;
use super::member::MemberRow;
use super::operation::{ExchangeRow, OperationRow};
use super::resource::ResourceRow;
use super::unsettled::{DoubtedMember, PersonGroups, SettledMember, UnsettledMember};

/// Changes that are written together, or not at all.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The operation, inserted or replaced by its id.
    pub operation: Option<OperationRow>,
    /// Exchanges, inserted or replaced by operation, attempt and number.
    pub exchanges: Vec<ExchangeRow>,
    /// An attempt that ended without being the last of its operation, inserted or replaced by
    /// operation and attempt.
    pub ended_attempt: Option<AttemptRow>,
    /// Resources of the operation's tenant whose open, failed and held operations this one supersedes;
    /// it does not supersede itself. Empty if there are none, which is faster.
    pub supersedes: Vec<String>,
    /// The resource.
    pub resource: Option<ResourceChange>,
    /// Whether the resource's `displayName` is unique in tenant and kind. If it stays as it is, it may be
    /// shared with others from before.
    pub unique_display_name: bool,
    /// Members that leave groups, as group and member, in the tenant of the resource. A resource that
    /// is not a member is skipped. A commit does not both remove and add the same member.
    pub left: Vec<(String, String)>,
    /// Members that join groups; one that is a member already only gets the new `display`.
    pub joined: Vec<MemberRow>,
    /// The account, inserted or replaced by tenant and resource.
    pub account: Option<AccountRow>,
    /// The resource of the same tenant that the account belonged to: its account is deleted, and what
    /// is known of its memberships in the app is known of the account's resource from now on.
    pub moved_from: Option<String>,
    /// What becomes of the memberships in the app of the person whose account changes.
    pub person_groups: Option<PersonGroups>,
    /// Memberships that the app has (`carried`) or has not, unlike the directory after this commit. If
    /// something is known of one already, that stays as it is.
    pub unsettled: Vec<UnsettledMember>,
    /// Memberships of which it is not known any more whether the app has them.
    pub doubted: Vec<DoubtedMember>,
    /// Memberships that the app has, or has not, since it was told.
    pub settled: Vec<SettledMember>,
    /// The row of the audit log, if an operator asked for it.
    pub audit: Option<AuditRow>,
    /// The time of the commit: late calls are compared with it. None: when the operation finished. If
    /// neither is known, every late call is taken to be still possible.
    pub now: Option<String>,
}

impl Commit {
    /// The time that late calls are compared with.
    pub(super) fn now(&self) -> Option<&str> {
        let finished = self.operation.as_ref().and_then(|it| it.finished.as_deref());
        self.now.as_deref().or(finished)
    }

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
    /// Another resource of the tenant and kind has this account of the app.
    AccountTaken,
    /// Another resource of the tenant and kind has this `userName`, or this `displayName` where the
    /// commit says that it is unique.
    NameTaken,
    /// The resource does not have the expected version any more, a group or member of the commit is
    /// gone, the resource has another operation that is open or failed, or the operation has ended.
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
            Self::AccountTaken => f.write_str("the account of the app belongs to another resource"),
            Self::NameTaken => f.write_str("the name is taken"),
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
        self.unsettled_tenants.note(&commit);
        self.writer.enqueue(commit).await
    }
}
