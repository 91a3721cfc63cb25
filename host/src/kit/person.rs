//! Events as the host makes them: from what a resource was and is.

use serde_json::{Map, Value};

use crate::connector::Manifest;
use crate::decision::{Event, EventKind, Member};
use crate::lifecycle::{event, typed_view};
use crate::scim::schema::{GROUP_SCHEMA, USER_SCHEMA};
use crate::scim::{Dialect, Leniency, Reading, Resource, Schemas, create};

/// What stands for a password. It is told from everything else, so that it is found wherever it
/// does not belong.
pub const STAND_IN: &str = "stand-in-for-the-password";

/// Reads users and groups for one connector.
pub(super) struct Registry {
    schemas: Schemas,
}

/// What an event is made of.
pub(super) struct Happened<'a> {
    pub(super) kind: EventKind,
    pub(super) before: Option<&'a Resource>,
    pub(super) after: &'a Resource,
    /// What changed, where that is said and not seen.
    pub(super) changes: Option<Vec<String>>,
    pub(super) password: bool,
    pub(super) joined: Vec<Member>,
    pub(super) left: Vec<Member>,
}

/// Whether an event is about a group.
pub(super) fn of_group(kind: EventKind) -> bool {
    matches!(kind, EventKind::GroupCreate | EventKind::GroupUpdate | EventKind::GroupDelete)
}

/// The attributes with others over them; null takes an attribute away.
pub(super) fn merged(base: &Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = base.clone();
    merged.extend(over.clone());
    merged.retain(|_, value| !value.is_null());
    merged
}

impl Registry {
    /// The standard types with what the connector adds.
    pub(super) fn of(manifest: &Manifest) -> Self {
        let standard = Schemas::standard();
        Self { schemas: manifest.scim.to(&standard, |_| true).unwrap_or(standard) }
    }

    /// The canonical resource, as the host would keep it. An error says which attribute is wrong.
    pub(super) fn resource(
        &self,
        group: bool,
        attributes: &Map<String, Value>,
    ) -> Result<Resource, String> {
        let (name, schema, id) = match group {
            true => ("Group", GROUP_SCHEMA, "scim-g"),
            false => ("User", USER_SCHEMA, "scim-1"),
        };
        let kind = self.schemas.by_name(name).ok_or("there are no groups")?;
        let id = attributes.get("id").and_then(Value::as_str).unwrap_or(id);
        let mut body = attributes.clone();
        let extensions = attributes.keys().filter(|key| key.contains(':')).map(String::as_str);
        let schemas: Value = [schema].into_iter().chain(extensions).collect();
        body.insert("schemas".to_owned(), schemas);
        let body = Value::Object(body);
        let read = create(kind, &body, &mut Reading::new(Dialect::Strict)).or_else(|strict| {
            // What identity providers may send is recorded too; a name that is wrong stays wrong.
            let mut reading = Reading::new(Dialect::Generic);
            let unknown = |it| matches!(it, Leniency::UnknownAttribute | Leniency::UnknownSchema);
            match create(kind, &body, &mut reading) {
                Ok(draft) if !reading.fired().any(unknown) => Ok(draft),
                _ => Err(strict),
            }
        });
        Ok(read.map_err(|error| error.detail)?.resource.with_id(id))
    }
}

/// The event, with the changes that the host would tell.
pub(super) fn event(happened: Happened<'_>) -> Event {
    let Happened { kind, before, after, changes, password, joined, left } = happened;
    let group = of_group(kind);
    let seen = || match before {
        None => Vec::new(),
        Some(before) if group => {
            let members = !joined.is_empty() || !left.is_empty();
            event::of_group(before, after, members).changes
        }
        Some(before) => event::of_user(before, after, password).changes,
    };
    Event {
        kind,
        subject: typed_view::subject(kind.resource_kind(), after),
        resource: after.to_json(),
        changes: changes.unwrap_or_else(seen),
        password: password.then(|| STAND_IN.to_owned()),
        joined,
        left,
    }
}
