//! Resources that an operator lists in settings, such as roles and entitlements: read and
//! validated.
//!
//! The connector sees them in its settings. The directory keeps them as rows like users and groups
//! (see `publish`), so that one way of finding, filtering and paging serves them all.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::connector::Manifest;
use crate::scim::{self, Dialect, Reading, Resource, ResourceType, Schemas};

/// The most resources that a setting may list. Connectors get the settings with each decision.
const MAX_LISTED: usize = 1000;
/// The most bytes of an id.
const MAX_ID_BYTES: usize = 255;

/// The resource types of a tenant with these settings.
pub(super) fn schemas(
    manifest: &Manifest,
    settings: &Map<String, Value>,
) -> Result<Schemas, scim::Error> {
    let set = |setting: &str| settings.get(setting).is_some_and(|value| !value.is_null());
    manifest.scim.to(&Schemas::standard(), set).map_err(|error| scim::Error::new(422, error))
}

/// Checks the listed resources by the schemas that the connector declares.
pub(super) fn check(manifest: &Manifest, settings: &Map<String, Value>) -> Result<(), scim::Error> {
    let mut known = HashMap::new();
    for resource_type in schemas(manifest, settings)?.iter() {
        for resource in listed(resource_type, settings)? {
            let id = resource.id().to_owned();
            if let Some(other) = known.insert(id, resource_type.name.clone()) {
                let (id, name) = (resource.id(), &resource_type.name);
                let why = format!("settings: a {name} and a {other} share the id {id:?}");
                return Err(scim::Error::new(422, why));
            }
        }
    }
    Ok(())
}

/// The resources of a type that settings list.
pub(super) fn listed(
    resource_type: &ResourceType,
    settings: &Map<String, Value>,
) -> Result<Vec<Resource>, scim::Error> {
    let Some(setting) = resource_type.writes.setting() else { return Ok(Vec::new()) };
    let wrong =
        |at: &str, why: &str| scim::Error::new(422, format!("settings/{setting}{at}: {why}"));
    let entries = settings.get(setting).and_then(Value::as_array);
    let entries = entries.ok_or_else(|| wrong("", "is not a list of resources"))?;
    if entries.len() > MAX_LISTED {
        return Err(wrong(
            "",
            &format!("lists {}, at most {MAX_LISTED} are served", entries.len()),
        ));
    }
    let resource =
        |(at, entry)| resource(resource_type, entry).map_err(|why| wrong(&format!("/{at}"), &why));
    entries.iter().enumerate().map(resource).collect()
}

fn resource(resource_type: &ResourceType, entry: &Value) -> Result<Resource, String> {
    let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
    if id.is_empty() || id.len() > MAX_ID_BYTES || id.contains(|c: char| c.is_control() || c == '/')
    {
        return Err(format!("needs an `id`, a text of at most {MAX_ID_BYTES} bytes without `/`"));
    }
    let mut entry = entry.clone();
    entry["schemas"] = Value::Null;
    let reading = &mut Reading::new(Dialect::Generic);
    let draft = scim::create(resource_type, &entry, reading).map_err(|error| error.detail)?;
    if reading.fired().any(|leniency| leniency == scim::Leniency::UnknownAttribute) {
        return Err("has an attribute that its schemas do not define".to_owned());
    }
    Ok(draft.resource.with_id(id))
}
