//! Resources: documents as they are served, with searched and unique attributes in columns.

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::account::{self, AccountRow};
use super::key::key;
use super::value::{self, StoredId};
use super::{Store, related};
use crate::decision::ResourceKind;
use crate::scim::Resource;

/// A resource to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRow {
    /// The tenant.
    pub tenant: String,
    /// The name of its resource type: `User`, `Group`, or a type that a connector adds.
    pub kind: String,
    /// The id, unique in the tenant.
    pub id: String,
    /// The `userName`, unique in tenant and kind whatever its case.
    pub user_name: Option<String>,
    /// The `externalId`.
    pub external_id: Option<String>,
    /// The `displayName`.
    pub display_name: Option<String>,
    /// Whether it is active.
    pub active: bool,
    /// The e-mail addresses.
    pub emails: Vec<String>,
    /// The document as it is served, JSON, without `meta`, `groups` and `members`.
    pub document: String,
    /// Counts its changes.
    pub version: i64,
    /// Counts a group's members that left by ceasing to exist, as it was read; it is not written.
    pub departures: i64,
    /// When it was created.
    pub created: String,
    /// When it last changed.
    pub last_modified: String,
}

impl ResourceRow {
    /// The row of a resource that no connector is asked about, as it is from `now` on.
    pub fn unprovisioned(
        tenant: &str,
        kind: &str,
        resource: &Resource,
        before: Option<&StoredResource>,
        now: String,
    ) -> Self {
        Self {
            tenant: tenant.to_owned(),
            kind: kind.to_owned(),
            id: resource.id().to_owned(),
            user_name: None,
            external_id: resource.external_id().map(str::to_owned),
            display_name: resource.display_name().map(str::to_owned),
            active: resource.active(),
            emails: resource.emails().into_iter().map(str::to_owned).collect(),
            document: resource.to_json(),
            version: before.map_or(0, |before| before.version) + 1,
            departures: before.map_or(0, |before| before.departures),
            created: before.map_or_else(|| now.clone(), |before| before.created.clone()),
            last_modified: now,
        }
    }
}

/// A resource as it was read; `T` is `&str` where it is part of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredResource<T = String> {
    /// The id.
    pub id: T,
    /// The document as it is served, JSON, without `meta`, `groups` and `members`.
    pub document: T,
    /// Counts its changes: what a commit expects.
    pub version: i64,
    /// Counts a group's members that left by ceasing to exist.
    pub departures: i64,
    /// When it was created.
    pub created: T,
    /// When it last changed.
    pub last_modified: T,
    /// The related resources that [`Related`] names: a JSON array, each `$ref` a path below the base
    /// URL.
    pub related: Option<T>,
}

impl<T> StoredResource<T> {
    /// Counts all changes, also those without a new version: the value of the entity tag.
    pub fn revision(&self) -> i64 {
        self.version + self.departures
    }

    /// The same resource with each of its texts made into something else.
    pub(super) fn map<'s, U>(&'s self, mut to: impl FnMut(&'s T) -> U) -> StoredResource<U> {
        StoredResource {
            id: to(&self.id),
            document: to(&self.document),
            version: self.version,
            departures: self.departures,
            created: to(&self.created),
            last_modified: to(&self.last_modified),
            related: self.related.as_ref().map(to),
        }
    }
}

/// A resource and how it stands with the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The resource.
    pub resource: StoredResource,
    /// Its account, where there is one.
    pub account: Option<AccountRow>,
}

/// The related resources that are read along with a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Related {
    /// Nothing.
    #[default]
    None,
    /// The groups that a user is in.
    Groups,
    /// The members of a group.
    Members,
    /// The members of a group, and what each is called.
    NamedMembers,
}

impl Store {
    /// The resource of this id, with related resources.
    pub async fn resource(
        &self,
        tenant: &str,
        kind: &str,
        id: &str,
        related: Related,
    ) -> Result<Option<StoredResource>> {
        let (lane, [tenant, kind]) = (tenant, self.reader.numbers([tenant, kind]).await?);
        let id = value::id(id);
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached(&find(related, "r.id = ?3"))?;
            find.query_row(params![tenant, kind, id], read).optional()
        };
        self.reader.point_of(lane, find).await
    }

    /// The resource of this id with its account and with related resources.
    pub async fn standing(
        &self,
        tenant: &str,
        kind: &str,
        id: &str,
        related: Related,
    ) -> Result<Option<Standing>> {
        let (lane, [tenant, kind]) = (tenant, self.reader.numbers([tenant, kind]).await?);
        let (name, id) = (lane.to_owned(), value::id(id));
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached(&format!(
                "SELECT {}, {} FROM resource r
                 WHERE r.tenant = ? AND r.kind = ? AND r.id = ?",
                columns(related),
                account::COLUMNS_OF_RESOURCE
            ))?;
            find.query_row(params![tenant, kind, id], |row| standing(row, &name)).optional()
        };
        self.reader.point_of(lane, find).await
    }

    /// The user of this `userName`, whatever its case.
    pub async fn by_user_name(
        &self,
        tenant: &str,
        user_name: &str,
    ) -> Result<Option<StoredResource>> {
        self.of_user_name(tenant, ResourceKind::User.name(), user_name, Related::None).await
    }

    /// Whether another group than this one has the `displayName`, as names are compared.
    pub async fn has_other_group(&self, tenant: &str, name: &str, id: &str) -> Result<bool> {
        let (lane, tenant) = (tenant, self.reader.number(tenant).await?);
        let (name, id) = (key(name), value::id(id));
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached(
                "SELECT 1 FROM resource
                 WHERE tenant = ? AND kind = 1 AND display_name_key = ? AND id <> ? LIMIT 1",
            )?;
            find.exists(params![tenant, name, id])
        };
        self.reader.point_of(lane, find).await
    }

    /// Every resource of a kind of which there are few.
    pub async fn all_of(&self, tenant: &str, kind: &str) -> Result<Vec<StoredResource>> {
        let (lane, [tenant, kind]) = (tenant, self.reader.numbers([tenant, kind]).await?);
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(&format!(
                "SELECT {} FROM resource r WHERE r.tenant = ? AND r.kind = ? ORDER BY r.seq",
                columns(Related::None)
            ))?;
            list.query_map([tenant, kind], read)?.collect()
        };
        self.reader.list(lane, list).await
    }

    pub(super) async fn of_user_name(
        &self,
        tenant: &str,
        kind: &str,
        user_name: &str,
        related: Related,
    ) -> Result<Option<StoredResource>> {
        let (lane, [tenant, kind]) = (tenant, self.reader.numbers([tenant, kind]).await?);
        let name = key(user_name);
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached(&find(related, "r.user_name_key = ?3"))?;
            find.query_row(params![tenant, kind, name], read).optional()
        };
        self.reader.point_of(lane, find).await
    }
}

/// The columns of a row `r`, as [`read`] reads them.
pub(super) fn columns(related: Related) -> String {
    format!(
        "r.seq, r.id, r.version, r.departures, r.created, r.last_modified, r.document, {}",
        related::array(related)
    )
}

/// How many they are.
pub(super) const COLUMN_COUNT: usize = 8;

/// The statement that finds a resource of tenant `?1` and kind `?2`.
fn find(related: Related, condition: &str) -> String {
    let columns = columns(related);
    format!("SELECT {columns} FROM resource r WHERE r.tenant = ?1 AND r.kind = ?2 AND {condition}")
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredResource> {
    let StoredId(id) = row.get(1)?;
    Ok(StoredResource {
        id,
        version: row.get(2)?,
        departures: row.get(3)?,
        created: row.get(4)?,
        last_modified: row.get(5)?,
        document: row.get(6)?,
        related: row.get(7)?,
    })
}

fn standing(row: &Row<'_>, tenant: &str) -> rusqlite::Result<Standing> {
    let has_account: Option<StoredId> = row.get(COLUMN_COUNT)?;
    let account = has_account.map(|_| account::read(row, COLUMN_COUNT, tenant)).transpose()?;
    Ok(Standing { resource: read(row)?, account })
}
