//! Resources: documents as they are served, with searched and unique attributes in columns.

use std::sync::LazyLock;

use anyhow::{Context, Result};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::account::{self, AccountRow};
use super::key::key;
use super::statement::{Bound, Statement};
use super::{Store, frame};
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

impl Related {
    /// As the statements know it.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Groups => 1,
            Self::Members => 2,
            Self::NamedMembers => 3,
        }
    }
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
        let record = self.one(&FIND_BY_ID, tenant, kind, id.to_owned(), related).await?;
        record.map(|record| read(&record)).transpose()
    }

    /// The resource of this id with its account and with related resources.
    pub async fn standing(
        &self,
        tenant: &str,
        kind: &str,
        id: &str,
        related: Related,
    ) -> Result<Option<Standing>> {
        let record = self.one(&FIND_STANDING, tenant, kind, id.to_owned(), related).await?;
        record.map(|record| stands(&record)).transpose()
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
        let found = sqlx::query(
            "SELECT 1 FROM resource
             WHERE tenant = $1 AND kind = 'Group' AND display_name_key = $2 AND id <> $3 LIMIT 1",
        )
        .bind(tenant)
        .bind(key(name))
        .bind(id)
        .fetch_optional(&mut *self.pool.take().await?)
        .await?;
        Ok(found.is_some())
    }

    /// Every resource of a kind of which there are few.
    pub async fn all_of(&self, tenant: &str, kind: &str) -> Result<Vec<StoredResource>> {
        let rows = sqlx::query(
            "SELECT id, document, version, departures, created, last_modified FROM resource
             WHERE tenant = $1 AND kind = $2 ORDER BY seq",
        )
        .bind(tenant)
        .bind(kind)
        .fetch_all(&mut *self.pool.take().await?)
        .await?;
        rows.iter().map(of_row).collect()
    }

    pub(super) async fn of_user_name(
        &self,
        tenant: &str,
        kind: &str,
        user_name: &str,
        related: Related,
    ) -> Result<Option<StoredResource>> {
        let record = self.one(&FIND_BY_USER_NAME, tenant, kind, key(user_name), related).await?;
        record.map(|record| read(&record)).transpose()
    }

    async fn one(
        &self,
        statement: &'static Statement,
        tenant: &str,
        kind: &str,
        wanted: String,
        related: Related,
    ) -> Result<Option<String>> {
        let values =
            vec![tenant.into(), kind.into(), wanted.into(), Bound::Integer(related.number())];
        Ok(self.reader.read(statement, values).await?.pop())
    }
}

/// A resource, its fields in the order of [`find`].
fn read(record: &str) -> Result<StoredResource> {
    let (id, rest) = frame::first(record)?;
    let (version, rest) = frame::first(rest)?;
    let (departures, rest) = frame::first(rest)?;
    let (created, rest) = frame::first(rest)?;
    let (last_modified, rest) = frame::first(rest)?;
    let (related, document) = frame::first(rest)?;
    Ok(StoredResource {
        id: id.to_owned(),
        document: document.to_owned(),
        version: version.parse().context("a resource's version")?,
        departures: departures.parse().context("a resource's departures")?,
        created: created.to_owned(),
        last_modified: last_modified.to_owned(),
        related: Some(related).filter(|it| !it.is_empty()).map(str::to_owned),
    })
}

fn of_row(row: &SqliteRow) -> Result<StoredResource> {
    Ok(StoredResource {
        id: row.try_get("id")?,
        document: row.try_get("document")?,
        version: row.try_get("version")?,
        departures: row.try_get("departures")?,
        created: row.try_get("created")?,
        last_modified: row.try_get("last_modified")?,
        related: None,
    })
}

fn stands(record: &str) -> Result<Standing> {
    let (account, resource) = frame::first(record)?;
    let account = Some(account).filter(|it| !it.is_empty()).map(account::read).transpose()?;
    Ok(Standing { resource: read(resource)?, account })
}

static FIND_BY_ID: LazyLock<Statement> =
    LazyLock::new(|| find("", "r.id = new.wanted AND r.kind = new.kind"));

static FIND_BY_USER_NAME: LazyLock<Statement> =
    LazyLock::new(|| find("", "r.kind = new.kind AND r.user_name_key = new.wanted"));

static FIND_STANDING: LazyLock<Statement> = LazyLock::new(|| {
    let account = format!(
        "coalesce((
             SELECT {} FROM account a WHERE a.tenant = r.tenant AND a.resource = r.id
         ), ''),",
        account::RECORD
    );
    find(&account, "r.id = new.wanted AND r.kind = new.kind")
});

fn find(before: &str, condition: &str) -> Statement {
    let related = format!(
        "CASE new.related WHEN 1 THEN {} WHEN 2 THEN {} WHEN 3 THEN {} ELSE '' END",
        frame::GROUPS,
        frame::members(false),
        frame::members(true)
    );
    // The document is long and stands last, so that it is not searched for fields.
    let record = frame::record(&format!(
        "new.n, {before} r.id, r.version, r.departures, r.created, r.last_modified, {related}, \
         r.document"
    ));
    Statement {
        columns: &["n", "tenant", "kind", "wanted", "related"],
        body: format!(
            "SELECT {} FROM new CROSS JOIN resource r WHERE r.tenant = new.tenant AND {condition}",
            frame::records(&record)
        )
        .into(),
    }
}
