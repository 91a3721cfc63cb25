//! Answers: resources and lists in the form of SCIM 1.1.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::{CORE_SCHEMA, ENTERPRISE_SCHEMA_V1, MANAGER_ID, rename};
use crate::scim::render::ListHead;
use crate::scim::schema::ENTERPRISE_SCHEMA;
use crate::scim::{Projection, ResourceType, Stored, render};

/// Appends the resource as served.
pub fn resource(
    out: &mut String,
    base_url: &str,
    resource_type: &ResourceType,
    stored: &Stored<'_>,
    projection: &Projection,
) {
    let mut text = String::new();
    render::resource(&mut text, base_url, resource_type, stored, projection);
    let modern = serde_json::from_str(&text).expect("a rendered resource is a JSON object");
    write!(out, "{}", rewritten(resource_type, modern)).expect("writing to a string does not fail");
}

/// Appends a list answer (API §3.2.2).
pub fn list<'a>(
    out: &mut String,
    base_url: &str,
    resource_type: &'a ResourceType,
    projection: &'a Projection,
    total: u64,
    start_index: u64,
    resources: impl ExactSizeIterator<Item = Stored<'a>>,
) {
    let mut modern = String::new();
    let count = resources.len();
    let head = ListHead { total, start_index: Some(start_index), count, next_cursor: None };
    let shown = resources.map(|it| (resource_type, projection, it));
    render::list(&mut modern, base_url, &head, shown);
    let mut list: Map<String, Value> =
        serde_json::from_str(&modern).expect("a rendered list is a JSON object");
    list.insert("schemas".to_owned(), [CORE_SCHEMA].into_iter().collect());
    for resource in list.get_mut("Resources").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(modern) = resource.take() {
            *resource = rewritten(resource_type, modern);
        }
    }
    write!(out, "{}", Value::Object(list)).expect("writing to a string does not fail");
}

fn rewritten(t: &ResourceType, modern: Map<String, Value>) -> Value {
    let older = modern.into_iter().map(|(key, value)| match key.as_str() {
        "schemas" => (key, schemas(t, value)),
        "meta" => (key, meta(value)),
        "members" | "groups" => (key, without_references(value)),
        ENTERPRISE_SCHEMA => (ENTERPRISE_SCHEMA_V1.to_owned(), extension(value)),
        _ => (key, value),
    });
    Value::Object(older.collect())
}

fn schemas(t: &ResourceType, said: Value) -> Value {
    let Value::Array(said) = said else { return said };
    let older = |urn: Value| match urn.as_str() {
        Some(ENTERPRISE_SCHEMA) => ENTERPRISE_SCHEMA_V1.into(),
        Some(urn) if urn == t.schema.id => CORE_SCHEMA.into(),
        _ => urn,
    };
    said.into_iter().map(older).collect()
}

/// Core §5.1: there is no `resourceType`.
fn meta(mut meta: Value) -> Value {
    if let Some(meta) = meta.as_object_mut() {
        meta.shift_remove("resourceType");
    }
    meta
}

/// `$ref` was added in SCIM 2.0.
fn without_references(mut values: Value) -> Value {
    for value in values.as_array_mut().into_iter().flatten() {
        if let Some(value) = value.as_object_mut() {
            value.shift_remove("$ref");
        }
    }
    values
}

fn extension(mut value: Value) -> Value {
    if let Some(manager) = value.get_mut("manager").and_then(Value::as_object_mut) {
        manager.shift_remove("$ref");
        rename(manager, "value", MANAGER_ID);
    }
    value
}
