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
    /// Whether a call was made that may have had an effect, and no outcome was committed since.
    pub doubt: bool,
    /// Until when a call may still arrive that no attempt waits for.
    pub late_until: Option<String>,
    /// A counter that only grows: with the intent of an event that takes away, and with each doubt.
    pub stay: i64,
    /// The document that the app was last told, JSON; none if it is the directory's.
    pub told: Option<String>,
}

impl AccountRow {
    /// The row of a resource of whose account nothing is known.
    #[must_use]
    pub fn unknown(tenant: &str, resource: String, kind: ResourceKind, user_name: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            resource,
            kind,
            user_name: user_name.to_owned(),
            external_id: None,
            account: None,
            connected: true,
            protected: false,
            doubt: false,
            late_until: None,
            stay: 0,
            told: None,
        }
    }
}

/// The number of users of tenant `$1` whom a disconnect has to reach.
pub(super) const USERS_TO_DISCONNECT: &str = "
    SELECT count(*) FROM resource r
    LEFT JOIN account a ON a.tenant = r.tenant AND a.resource = r.id
    WHERE r.tenant = $1 AND r.kind = 'User' AND coalesce(a.connected, 1) = 1";

/// A row `a` as JSON, in the order of [`Columns`].
pub(super) const RECORD: &str =
    "json_array(a.tenant, a.resource, a.kind, a.user_name, a.external_id,
    a.connected, a.protected, a.account_id, a.membership, a.data, a.doubt, a.late_until, a.stay,
    a.told)";

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
    i64,
    Option<String>,
    i64,
    Option<String>,
);

impl Store {
    /// The account of a resource.
    pub async fn account(&self, tenant: &str, resource: &str) -> Result<Option<AccountRow>> {
        let values = vec![tenant.into(), resource.into()];
        let found = self.reader.read(&FIND, values).await?;
        found.first().map(|it| read(it)).transpose()
    }

    /// The account of a deleted resource, or of one that was never created: by `externalId` first,
    /// then by `userName` unless both have an `externalId` and the two differ. Of several accounts
    /// the one that was created last.
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

    /// The account of this id in the app, and whether its resource exists.
    pub async fn account_owner(
        &self,
        tenant: &str,
        kind: ResourceKind,
        account_id: &str,
    ) -> Result<Option<(AccountRow, bool)>> {
        let values = vec![tenant.into(), kind.name().into(), account_id.into()];
        let found = self.reader.read(&FIND_OWNER, values).await?;
        let Some(record) = found.first() else { return Ok(None) };
        let (former, record) = frame::first(record)?;
        Ok(Some((read(record)?, former == "0")))
    }

    /// Puts the account of a resource in doubt, if it still is this one and is not in doubt. True if it
    /// was so.
    pub async fn doubt_account(&self, tenant: &str, resource: &str, account: &str) -> Result<bool> {
        let values = [tenant, resource, account].map(str::to_owned);
        self.writer
            .run(|connection| {
                Box::pin(async move {
                    let sql = "UPDATE account SET doubt = 1, stay = stay + 1
                               WHERE tenant = $1 AND resource = $2 AND account_id = $3 AND doubt = 0";
                    let query = values.into_iter().fold(sqlx::query(sql), |it, value| it.bind(value));
                    Ok(query.execute(connection).await?.rows_affected() > 0)
                })
            })
            .await
    }

    /// The tenants and resources of accounts in doubt, in their order.
    pub async fn in_doubt(
        &self,
        tenant: Option<&str>,
    ) -> Result<Vec<(String, ResourceKind, String)>> {
        let of = if tenant.is_some() { "AND tenant = $1" } else { "" };
        let sql = format!(
            "SELECT tenant, kind, resource FROM account WHERE doubt = 1 {of} ORDER BY tenant, resource"
        );
        let query = tenant
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, it| query.bind(it.to_owned()));
        let rows = query.fetch_all(&mut *self.pool.take().await?).await?;
        let found = rows.iter().map(|row| {
            let kind: String = row.try_get(1)?;
            let kind = ResourceKind::named(&kind).context("the kind of an account")?;
            Ok((row.try_get(0)?, kind, row.try_get(2)?))
        });
        found.collect()
    }

    /// In how many other tenants of the app this account is not absent, or in doubt.
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

    /// The ids of users of whom nothing was carried out yet, so that they have no account row, in the
    /// order of their SCIM ids. Usually there are none.
    pub async fn users_without_account(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT r.id FROM resource r
             WHERE r.tenant = $1 AND r.kind = 'User' AND r.id > $2 AND NOT EXISTS (
                 SELECT 1 FROM account a WHERE a.tenant = r.tenant AND a.resource = r.id
             )
             ORDER BY r.id LIMIT $3 + 0",
        )
        .bind(tenant)
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(&mut *self.pool.take().await?)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// How many users a disconnect has to reach: those whose accounts are managed, and those without
    /// an account row.
    pub async fn users_to_disconnect(&self, tenant: &str) -> Result<u64> {
        let found = sqlx::query(USERS_TO_DISCONNECT).bind(tenant);
        let row: SqliteRow = found.fetch_one(&mut *self.pool.take().await?).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
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
    let (.., account_id, membership, data, doubt, late_until, stay, told) = columns;
    let found = AccountColumns { account_id, membership, data };
    Ok(AccountRow {
        tenant,
        resource,
        kind,
        user_name,
        external_id,
        account: found.account()?,
        connected: connected != 0,
        protected: protected != 0,
        doubt: doubt != 0,
        late_until,
        stay,
        told,
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
    // One condition on both: two people of one name are told apart by their external ids.
    let user_name = by("a.user_name_key = new.user_name_key
              AND (new.external_id = '' OR coalesce(a.external_id, '') IN ('', new.external_id))");
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

static FIND_OWNER: LazyLock<Statement> = LazyLock::new(|| {
    let record = frame::record(&format!("new.n, a.former, {RECORD}"));
    Statement {
        columns: &["n", "tenant", "kind", "account_id"],
        body: format!(
            "SELECT {} FROM new CROSS JOIN account a
             WHERE a.account_id = new.account_id AND a.tenant = new.tenant AND a.kind = new.kind",
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
                       AND (a.membership <> 'absent' OR a.doubt = 1) AND t.id = a.tenant AND t.app = new.app
                 ) AS others
                 FROM new WHERE new.n IS NOT NULL
             )",
            frame::records(&record)
        )
        .into(),
    }
});
