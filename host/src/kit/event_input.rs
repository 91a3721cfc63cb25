//! Events for scenarios and checks, made like the host's from a resource before and after a change.

use serde_json::{Map, Value};

use crate::connector::Manifest;
use crate::decision::{Event, EventKind, Member};
use crate::lifecycle::{event, typed_view};
use crate::scim::schema::{GROUP_SCHEMA, USER_SCHEMA};
use crate::scim::{Additions, Dialect, Leniency, Reading, Resource, Schemas, create};

/// The placeholder for a password. It is unlike any other text, so that it is found wherever a
/// connector must not put it.
pub const PASSWORD_PLACEHOLDER: &str = "stand-in-for-the-password";

/// Reads users and groups for one connector.
pub(super) struct ResourceReader {
    schemas: Schemas,
}

/// The parts of an event.
pub(super) struct EventInput<'a> {
    pub(super) kind: EventKind,
    pub(super) before: Option<&'a Resource>,
    pub(super) after: &'a Resource,
    /// The names of the changed attributes, if the scenario gives them; otherwise they are
    /// compared.
    pub(super) changes: Option<Vec<String>>,
    pub(super) password: bool,
    pub(super) joined: Vec<Member>,
    pub(super) left: Vec<Member>,
}

/// Whether an event is about a group.
pub(super) fn is_group_event(kind: EventKind) -> bool {
    matches!(kind, EventKind::GroupCreate | EventKind::GroupUpdate | EventKind::GroupDelete)
}

/// Attributes with others merged over them; null removes an attribute.
pub(super) fn merged(base: &Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = base.clone();
    merged.extend(over.clone());
    merged.retain(|_, value| !value.is_null());
    merged
}

impl ResourceReader {
    /// The standard resource types with the connector's additions. A person may lack what the app
    /// needs, since the connector must have an answer for those who lacked it before it was needed.
    pub(super) fn of(manifest: &Manifest) -> Self {
        let standard = Schemas::standard();
        let additions = Additions { required: Vec::new(), ..manifest.scim.clone() };
        Self { schemas: additions.to(&standard, |_| true).unwrap_or(standard) }
    }

    /// The canonical resource, as the host keeps it. The error names the wrong attribute.
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
            // Recordings hold values that only a lenient reading accepts, so that is tried too. A
            // misspelt name stays an error.
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

/// The event. Its changes are those that the host would find; for `activate` they are all
/// attributes, since the host tells everything again.
pub(super) fn event(happened: EventInput<'_>) -> Event {
    let EventInput { kind, before, after, changes, password, joined, left } = happened;
    let group = is_group_event(kind);
    let found = || match before {
        before if kind == EventKind::Activate => all_attributes(before, after),
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
        changes: changes.unwrap_or_else(found),
        password: password.then(|| PASSWORD_PLACEHOLDER.to_owned()),
        joined,
        left,
    }
}

/// The names of all attributes that the resource has, and of those that only the one before has.
fn all_attributes(before: Option<&Resource>, after: &Resource) -> Vec<String> {
    let mut names = Resource::changes(&Resource::default(), after);
    for name in before.map(|before| Resource::changes(before, after)).unwrap_or_default() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
