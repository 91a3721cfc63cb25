//! Accounts: the state of users and groups in the app. An account outlives its resource.

use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::key::key;
use super::statement::Statement;
use super::{Store, frame};
use crate::decision::{Account, Membership, ResourceKind};

/// The account of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// The tenant.
    pub tenant: String,
    /// The SCIM id.
    pub resource: String,
    /// The kind of the resource.
    pub kind: ResourceKind,
    /// The `userName`, or a group's `displayName`.
    pub user_name: String,
    /// The `externalId`.
    pub external_id: Option<String>,
    /// The account as the connector left it; none if there is no account in the app.
    pub account: Option<Account>,
    /// Whether muster manages it.
    pub connected: bool,
    /// Whether it is never deprovisioned.
    pub protected: bool,
}

/// A row `a` as JSON, in the order of [`Columns`].
pub(super) const RECORD: &str =
    "json_array(a.tenant, a.resource, a.kind, a.user_name, a.external_id,
    a.connected, a.protected, a.account_id, a.membership, a.data)";

type Columns = (
    String,
    String,
    ResourceKind,
    String,
    Option<String>,
    i64,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
);

impl Store {
    /// The account of a resource.
    pub async fn account(&self, tenant: &str, resource: &str) -> Result<Option<AccountRow>> {
        let values = vec![tenant.into(), resource.into()];
        let found = self.reader.read(&FIND, values).await?;
        found.first().map(|it| read(it)).transpose()
    }

    /// The account of a deleted resource: by `externalId` first, then by `userName`, and of several
    /// accounts the one that was created last.
    pub async fn former_account(
        &self,
        tenant: &str,
        kind: ResourceKind,
        user_name: &str,
        external_id: Option<&str>,
    ) -> Result<Option<AccountRow>> {
        let wanted = [key(user_name), external_id.unwrap_or_default().to_owned()];
        let values = [tenant.into(), kind.name().into()].into_iter().chain(wanted.map(Into::into));
        let found = self.reader.read(&FIND_FORMER, values.collect()).await?;
        found.first().map(|it| read(it)).transpose()
    }

    /// In how many other tenants of the app this account is not absent.
    pub async fn elsewhere(&self, app: &str, tenant: &str, account_id: &str) -> Result<u32> {
        let values = vec![app.into(), tenant.into(), account_id.into()];
        let found = self.reader.read(&COUNT_ELSEWHERE, values).await?;
        found.first().map_or(Ok(0), |count| count.parse().context("a count of tenants"))
    }

    /// The accounts whose resource exists, in the order of their SCIM ids.
    pub async fn accounts(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AccountRow>> {
        let sql = format!(
            "SELECT {} FROM (
                 SELECT {RECORD} AS record FROM account a
                 WHERE a.tenant = $1 AND a.resource > $2 AND a.former = 0
                 ORDER BY a.resource LIMIT $3 + 0
             )",
            frame::records("record")
        );
        let text: Option<String> = sqlx::query(AssertSqlSafe(sql))
            .bind(tenant)
            .bind(after.unwrap_or_default())
            .bind(limit)
            .fetch_one(&mut *self.pool.take().await?)
            .await?
            .try_get(0)?;
        text.iter().flat_map(|text| frame::split(text)).map(read).collect()
    }

    /// How many users are connected, and how many have an account at all; users whose resource is
    /// gone do not count.
    pub async fn connected(&self, tenant: &str) -> Result<(u64, u64)> {
        let row: SqliteRow = sqlx::query(
            "SELECT coalesce(sum(connected), 0), count(*) FROM account
             WHERE tenant = $1 AND kind = 'User' AND former = 0",
        )
        .bind(tenant)
        .fetch_one(&mut *self.pool.take().await?)
        .await?;
        let count = |n: usize| anyhow::Ok(u64::try_from(row.try_get::<i64, _>(n)?)?);
        Ok((count(0)?, count(1)?))
    }
}

/// The columns of which an account is made.
pub(super) struct AccountColumns {
    pub(super) account_id: Option<String>,
    pub(super) membership: Option<String>,
    pub(super) data: Option<String>,
}

impl AccountColumns {
    pub(super) fn account(self) -> Result<Option<Account>> {
        let Some(id) = self.account_id else { return Ok(None) };
        let membership = match self.membership.as_deref() {
            Some("active") => Membership::Active,
            Some("suspended") => Membership::Suspended,
            Some("absent") => Membership::Absent,
            other => bail!("account {id} has the membership {other:?}"),
        };
        Ok(Some(Account { id, membership, data: self.data.unwrap_or_default() }))
    }
}

/// The word for it in the database.
pub(super) fn membership(of: Membership) -> &'static str {
    match of {
        Membership::Active => "active",
        Membership::Suspended => "suspended",
        Membership::Absent => "absent",
    }
}

/// The account of a [`RECORD`].
pub(super) fn read(record: &str) -> Result<AccountRow> {
    let columns: Columns = serde_json::from_str(record).context("an account's record")?;
    let (tenant, resource, kind, user_name, external_id, connected, protected, ..) = columns;
    let found = AccountColumns { account_id: columns.7, membership: columns.8, data: columns.9 };
    Ok(AccountRow {
        tenant,
        resource,
        kind,
        user_name,
        external_id,
        account: found.account()?,
        connected: connected != 0,
        protected: protected != 0,
    })
}

static FIND: LazyLock<Statement> = LazyLock::new(|| {
    let record = frame::record(&format!("new.n, {RECORD}"));
    Statement {
        columns: &["n", "tenant", "resource"],
        body: format!(
            "SELECT {} FROM new CROSS JOIN account a
             WHERE a.tenant = new.tenant AND a.resource = new.resource",
            frame::records(&record)
        )
        .into(),
    }
});

static FIND_FORMER: LazyLock<Statement> = LazyLock::new(|| {
    let by = |condition: &str| {
        format!(
            "(SELECT {RECORD} FROM account a
              WHERE a.former = 1 AND a.tenant = new.tenant AND a.kind = new.kind AND {condition}
              ORDER BY a.resource DESC LIMIT 1)"
        )
    };
    let external_id = by("a.external_id = new.external_id AND new.external_id <> ''");
    let user_name = by("a.user_name_key = new.user_name_key");
    let record = frame::record("n, record");
    Statement {
        columns: &["n", "tenant", "kind", "user_name_key", "external_id"],
        body: format!(
            "SELECT {} FROM (
                 SELECT new.n AS n, coalesce({external_id}, {user_name}) AS record FROM new
             ) WHERE record IS NOT NULL",
            frame::records(&record)
        )
        .into(),
    }
});

static COUNT_ELSEWHERE: LazyLock<Statement> = LazyLock::new(|| {
    let record = frame::record("n, others");
    Statement {
        columns: &["n", "app", "tenant", "account_id"],
        body: format!(
            "SELECT {} FROM (
                 SELECT new.n AS n, (
                     SELECT count(DISTINCT a.tenant)
                     FROM account a CROSS JOIN tenant t
                     WHERE a.account_id = new.account_id AND a.tenant <> new.tenant
                       AND a.membership <> 'absent' AND t.id = a.tenant AND t.app = new.app
                 ) AS others
                 FROM new WHERE new.n IS NOT NULL
             )",
            frame::records(&record)
        )
        .into(),
    }
});
