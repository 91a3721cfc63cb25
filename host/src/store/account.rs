//! Accounts: the state of users and groups in the app. An account is in the row of its resource, which it
//! outlives: then it is in `former_account`.

use std::sync::LazyLock;

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

use super::key::key;
use super::origin::{self, Origin};
use super::value::{StoredId, count_of, id};
use super::{Store, term};
use crate::decision::{Account, ResourceKind};

/// The account of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// The tenant.
    pub tenant: String,
    /// The SCIM id.
    pub resource: String,
    /// The kind of the resource.
    pub kind: ResourceKind,
    /// The `userName`, or a group's `displayName`: the resource's while it exists, and the last one
    /// afterwards. It is written for a resource that does not exist only.
    pub user_name: String,
    /// The `externalId`, in the same way.
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
    /// Where the account comes from; none if there is no account in the app, or if it is from before origins
    /// were kept. See [`AccountRow::origin`].
    pub origin: Option<Origin>,
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
            origin: None,
        }
    }

    /// Where the account in the app comes from; none if there is none.
    pub fn origin(&self) -> Option<Origin> {
        let account = self.account.as_ref()?;
        Some(self.origin.clone().unwrap_or_else(|| Origin::of_old(account)))
    }
}

/// The number of users of the tenant of number `$1` whom a disconnect has to reach.
pub(super) const USERS_TO_DISCONNECT: &str = "
    SELECT count(*) FROM resource r
    WHERE r.tenant = $1 AND r.kind = 0 AND coalesce(r.connected, 1) = 1";

/// The columns of an account `a`, as [`read`] reads them.
pub(super) const COLUMNS: &str = "a.resource, a.kind, a.user_name, a.external_id,
    a.connected, a.protected, a.doubt, a.late_until, a.stay, a.told, a.account_id, a.membership,
    a.data, a.origin, a.linked_by";

/// The same of a resource `r`; the first is NULL if there is no account row.
pub(super) const COLUMNS_OF_RESOURCE: &str = "iif(r.connected IS NULL, NULL, r.id), r.kind,
    coalesce(r.user_name, r.display_name, ''), r.external_id, r.connected, r.protected, r.doubt,
    r.late_until, r.stay, r.told, r.account_id, r.membership, r.data, r.origin, r.linked_by";

/// How many they are.
pub(super) const COLUMN_COUNT: usize = 15;

/// Finds the former account of a resource.
pub(super) static FIND_FORMER: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {COLUMNS} FROM former_account a WHERE a.tenant = ? AND a.resource = ?")
});

impl Store {
    /// The account of a resource.
    pub async fn account(&self, tenant: &str, resource: &str) -> Result<Option<AccountRow>> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            format!("SELECT {COLUMNS} FROM account a WHERE a.tenant = ? AND a.resource = ?")
        });
        let (lane, number) = (tenant, self.reader.number(tenant).await?);
        let (tenant, resource) = (tenant.to_owned(), id(resource));
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached(&SQL)?;
            find.query_row(params![number, resource], |row| read(row, 0, &tenant)).optional()
        };
        self.reader.point_of(lane, find).await
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
        fn former_by(condition: &str) -> String {
            format!(
                "SELECT {COLUMNS} FROM former_account a
                 WHERE a.tenant = ?1 AND a.kind = ?2 AND {condition}
                 ORDER BY a.resource DESC LIMIT 1"
            )
        }
        static BY_EXTERNAL_ID: LazyLock<String> =
            LazyLock::new(|| former_by("a.external_id = ?3 AND ?3 <> ''"));
        // One condition on both: two people of one name are told apart by their external ids.
        static BY_USER_NAME: LazyLock<String> = LazyLock::new(|| {
            former_by(
                "a.user_name_key = ?4 AND (?3 = '' OR coalesce(a.external_id, '') IN ('', ?3))",
            )
        });
        let (lane, number) = (tenant, self.reader.number(tenant).await?);
        let (tenant, name) = (tenant.to_owned(), key(user_name));
        let external_id = external_id.unwrap_or_default().to_owned();
        let find = move |connection: &Connection| {
            let mut by_external_id = connection.prepare_cached(&BY_EXTERNAL_ID)?;
            let values = params![number, kind, external_id];
            let found = by_external_id.query_row(values, |row| read(row, 0, &tenant)).optional()?;
            if found.is_some() {
                return Ok(found);
            }
            let mut by_user_name = connection.prepare_cached(&BY_USER_NAME)?;
            let values = params![number, kind, external_id, name];
            by_user_name.query_row(values, |row| read(row, 0, &tenant)).optional()
        };
        self.reader.point_of(lane, find).await
    }

    /// The account of this id in the app, and whether its resource exists.
    pub async fn account_owner(
        &self,
        tenant: &str,
        kind: ResourceKind,
        account_id: &str,
    ) -> Result<Option<(AccountRow, bool)>> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            format!(
                "SELECT {COLUMNS}, NOT a.former FROM account a
                 WHERE a.account_id = ? AND a.tenant = ? AND a.kind = ?"
            )
        });
        let (lane, number) = (tenant, self.reader.number(tenant).await?);
        let (tenant, account_id) = (tenant.to_owned(), account_id.to_owned());
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached(&SQL)?;
            let owner = |row: &Row<'_>| Ok((read(row, 0, &tenant)?, row.get(COLUMN_COUNT)?));
            find.query_row(params![account_id, number, kind], owner).optional()
        };
        self.reader.point_of(lane, find).await
    }

    /// Puts the account of a resource in doubt, if it still is this one and is not in doubt. True if it
    /// was so.
    pub async fn doubt_account(&self, tenant: &str, resource: &str, account: &str) -> Result<bool> {
        let [tenant, account] = [tenant, account].map(str::to_owned);
        let resource = id(resource);
        let doubt = move |connection: &Connection| {
            let values = params![term::number(connection, &tenant)?, resource, account];
            let mut doubted = 0;
            for sql in [
                "UPDATE resource SET doubt = 1, stay = stay + 1
                 WHERE tenant = ? AND id = ? AND account_id = ? AND doubt = 0",
                "UPDATE former_account SET doubt = 1, stay = stay + 1
                 WHERE tenant = ? AND resource = ? AND account_id = ? AND doubt = 0",
            ] {
                doubted += connection.prepare_cached(sql)?.execute(values)?;
            }
            Ok(doubted > 0)
        };
        self.writer.run(doubt).await
    }

    /// The tenants and resources of accounts in doubt, in their order, without those of removed tenants.
    pub async fn in_doubt(
        &self,
        tenant: Option<&str>,
    ) -> Result<Vec<(String, ResourceKind, String)>> {
        let tenant = tenant.map(str::to_owned);
        let list = move |connection: &Connection| {
            let of = if tenant.is_some() { "AND t.name = ?" } else { "" };
            let mut list = connection.prepare_cached(&format!(
                "SELECT t.name, a.kind, a.resource
                 FROM account a JOIN term t ON t.number = a.tenant
                 WHERE a.doubt = 1 AND a.tenant NOT IN (SELECT tenant FROM removed_tenant) {of}
                 ORDER BY t.name, a.resource"
            ))?;
            let account =
                |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get::<_, StoredId>(2)?.0));
            list.query_map(params_from_iter(tenant), account)?.collect()
        };
        self.reader.host(list).await
    }

    /// The groups of which the app was not told, or not of their last change; in their order.
    pub async fn groups_behind(&self, tenant: &str) -> Result<Vec<String>> {
        let tenant = self.reader.number(tenant).await?;
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(
                "SELECT r.id FROM resource r
                 WHERE r.tenant = ? AND r.kind = 1 AND (r.connected IS NULL OR r.told IS NOT NULL)
                 ORDER BY r.seq",
            )?;
            list.query_map([tenant], |row| Ok(row.get::<_, StoredId>(0)?.0))?.collect()
        };
        self.reader.host(list).await
    }

    /// In how many other tenants of the app this account is not absent, or in doubt.
    pub async fn elsewhere(&self, app: &str, tenant: &str, account_id: &str) -> Result<u32> {
        let (lane, tenant) = (tenant, self.reader.number(tenant).await?);
        let [account_id, app] = [account_id, app].map(str::to_owned);
        let count = move |connection: &Connection| {
            let mut count = connection.prepare_cached(
                "SELECT count(DISTINCT a.tenant)
                 FROM account a CROSS JOIN term n CROSS JOIN tenant t
                 WHERE a.account_id = ? AND a.tenant <> ?
                     AND (a.membership <> 'absent' OR a.doubt = 1)
                     AND n.number = a.tenant AND t.id = n.name AND t.app = ?",
            )?;
            count.query_row(params![account_id, tenant, app], |row| row.get(0))
        };
        self.reader.point_of(lane, count).await
    }

    /// The accounts whose resource exists, in the order of their SCIM ids.
    pub async fn accounts(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<AccountRow>> {
        let number = self.reader.number(tenant).await?;
        let (tenant, after) = (tenant.to_owned(), id(after.unwrap_or_default()));
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(&format!(
                "SELECT {COLUMNS_OF_RESOURCE} FROM resource r
                 WHERE r.tenant = ? AND r.id > ? AND r.connected IS NOT NULL
                 ORDER BY r.id LIMIT ? + 0"
            ))?;
            let values = params![number, after, limit];
            list.query_map(values, |row| read(row, 0, &tenant))?.collect()
        };
        self.reader.host(list).await
    }

    /// The ids of users of whom nothing was carried out yet, so that they have no account row, in the
    /// order of their SCIM ids. Usually there are none.
    pub async fn users_without_account(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>> {
        let tenant = self.reader.number(tenant).await?;
        let after = id(after.unwrap_or_default());
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(
                "SELECT r.id FROM resource r
                 WHERE r.tenant = ? AND r.kind = 0 AND r.id > ? AND r.connected IS NULL
                 ORDER BY r.id LIMIT ? + 0",
            )?;
            list.query_map(params![tenant, after, limit], |row| Ok(row.get::<_, StoredId>(0)?.0))?
                .collect()
        };
        self.reader.host(list).await
    }

    /// How many users a disconnect has to reach: those whose accounts are managed, and those without
    /// an account row.
    pub async fn users_to_disconnect(&self, tenant: &str) -> Result<u64> {
        let tenant = self.reader.number(tenant).await?;
        let count = move |connection: &Connection| {
            connection.query_row(USERS_TO_DISCONNECT, [tenant], |row| count_of(row, 0))
        };
        self.reader.host(count).await
    }

    /// How many users are connected, and how many have an account at all; users whose resource is
    /// gone do not count.
    pub async fn connected(&self, tenant: &str) -> Result<(u64, u64)> {
        let tenant = self.reader.number(tenant).await?;
        let count = move |connection: &Connection| {
            let sql = "SELECT coalesce(sum(connected), 0), count(connected) FROM resource
                       WHERE tenant = ? AND kind = 0";
            let counts = |row: &Row<'_>| Ok((count_of(row, 0)?, count_of(row, 1)?));
            connection.query_row(sql, [tenant], counts)
        };
        self.reader.host(count).await
    }
}

/// The account of this tenant in a row, of the columns [`COLUMNS`] from this one.
pub(super) fn read(row: &Row<'_>, first: usize, tenant: &str) -> rusqlite::Result<AccountRow> {
    let StoredId(resource) = row.get(first)?;
    Ok(AccountRow {
        origin: origin::read(row, first + 13)?,
        tenant: tenant.to_owned(),
        resource,
        kind: row.get(first + 1)?,
        user_name: row.get(first + 2)?,
        external_id: row.get(first + 3)?,
        connected: row.get(first + 4)?,
        protected: row.get(first + 5)?,
        doubt: row.get(first + 6)?,
        late_until: row.get(first + 7)?,
        stay: row.get(first + 8)?,
        told: row.get(first + 9)?,
        account: in_app(row, first + 10)?,
    })
}

/// The account in the app: id, membership and data, from this column; none if the id is NULL.
pub(super) fn in_app(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Account>> {
    let Some(id) = row.get(first)? else { return Ok(None) };
    let data: Option<String> = row.get(first + 2)?;
    Ok(Some(Account { id, membership: row.get(first + 1)?, data: data.unwrap_or_default() }))
}
