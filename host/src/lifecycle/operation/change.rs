//! Changes: a requested change of one resource, and the result of a write.

use anyhow::Context as _;

use super::typed_view;
use super::work::fingerprint;
use crate::decision::{EventKind, Member, ResourceKind};
use crate::delivery::Secret;
use crate::scim::{self, Resource};
use crate::store::{AccountRow, ResourceRow, StoredResource};

/// The result of a write for the identity provider.
#[derive(Debug)]
pub enum Written {
    /// 201.
    Created(StoredResource),
    /// 200: the resource as it is now. `related` holds a user's groups; a group's members are left
    /// out.
    Kept(StoredResource),
    /// 204: the resource is not visible any more.
    Gone,
}

/// A resource before a change, stored and parsed, with its account.
#[derive(Clone, Debug)]
pub(in crate::lifecycle) struct Before {
    pub(in crate::lifecycle) stored: StoredResource,
    pub(in crate::lifecycle) resource: Resource,
    pub(in crate::lifecycle) account: Option<AccountRow>,
}

impl Before {
    pub(in crate::lifecycle) fn of(
        stored: StoredResource,
        account: Option<AccountRow>,
    ) -> anyhow::Result<Self> {
        let resource = Resource::from_json(&stored.document)
            .with_context(|| format!("the stored document of {}", stored.id))?;
        Ok(Self { stored, resource, account })
    }
}

/// A requested change of one resource.
#[derive(Debug)]
pub(in crate::lifecycle) struct Change {
    pub(in crate::lifecycle) kind: ResourceKind,
    pub(in crate::lifecycle) event: EventKind,
    pub(in crate::lifecycle) before: Option<Before>,
    pub(in crate::lifecycle) after: Resource,
    pub(in crate::lifecycle) changes: Vec<String>,
    pub(in crate::lifecycle) password: Option<Password>,
    pub(in crate::lifecycle) joined: Vec<Member>,
    pub(in crate::lifecycle) nested: Vec<String>,
    pub(in crate::lifecycle) left: Vec<Member>,
    pub(in crate::lifecycle) batch: Option<String>,
    /// Whether it applies to one version of the resource only.
    pub(in crate::lifecycle) conditional: bool,
}

/// A password on its way to the app.
#[derive(Debug)]
pub(in crate::lifecycle) struct Password {
    pub(in crate::lifecycle) value: Secret,
    /// A keyed hash, which distinguishes passwords and does not reveal them.
    pub(in crate::lifecycle) mark: [u8; 32],
}

impl Change {
    pub(in crate::lifecycle) fn new(
        event: EventKind,
        before: Option<Before>,
        after: Resource,
    ) -> Self {
        Self {
            kind: event.resource_kind(),
            event,
            before,
            after,
            changes: Vec::new(),
            password: None,
            joined: Vec::new(),
            nested: Vec::new(),
            left: Vec::new(),
            batch: None,
            conditional: false,
        }
    }

    pub(in crate::lifecycle) fn fingerprint(&self) -> String {
        // Okta generates a random password for each attempt to create a user.
        let password = self.password.as_ref().filter(|_| self.event != EventKind::Create);
        let mark = password.map(|password| password.mark.as_slice()).unwrap_or_default();
        fingerprint(self.event, &self.after, mark, &self.joined, &self.left)
    }

    pub(in crate::lifecycle) fn subject(&self) -> String {
        typed_view::name(&self.after).to_lowercase()
    }
}

/// The answer if another user has the `userName`.
pub(in crate::lifecycle) fn taken(subject: &str) -> scim::Error {
    scim::Error::uniqueness(format!("a user with the userName {subject} exists already"))
}

pub(in crate::lifecycle) fn stored(row: ResourceRow, related: Option<String>) -> StoredResource {
    StoredResource {
        id: row.id,
        document: row.document,
        version: row.version,
        departures: row.departures,
        created: row.created,
        last_modified: row.last_modified,
        related,
    }
}
