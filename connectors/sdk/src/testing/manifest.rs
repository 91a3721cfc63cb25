//! Validation of a manifest in a native test.

use serde_json::{Map, Value};

use crate::Manifest;

const EVENTS: [&str; 10] = [
    "create",
    "update",
    "activate",
    "deactivate",
    "delete",
    "release",
    "password",
    "group-create",
    "group-update",
    "group-delete",
];

/// The connector's manifest, after some of the checks that a host makes when it loads the connector.
///
/// # Panics
///
/// If the manifest is invalid, with a message on what is wrong. `describe` in `wit/lifecycle.wit`
/// has the rules.
#[track_caller]
pub fn manifest<C: Manifest>() -> Value {
    let manifest: Value = serde_json::from_str(C::MANIFEST).expect("the manifest is JSON");
    let name = text(&manifest, "name");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(
        name.len() <= 64 && name.chars().all(plain),
        "the name {name:?} is not made of lower-case letters, digits and hyphens"
    );
    let version: Vec<&str> = text(&manifest, "version").splitn(3, '.').collect();
    assert_eq!(version.len(), 3, "the version is not semantic");
    text(&manifest, "description");
    let membership = text(&manifest, "membership");
    assert!(["three-state", "two-state"].contains(&membership), "no such model: {membership}");
    for (event, entry) in object(&manifest, "lifecycle") {
        assert!(EVENTS.contains(&event.as_str()), "no such event: {event}");
        let state = text(entry, "membership");
        let known = ["active", "suspended", "absent", "unchanged"].contains(&state);
        assert!(known, "{event} leads to an unknown state: {state}");
        let suspends = state == "suspended";
        assert!(membership == "three-state" || !suspends, "{event} suspends in a two-state app");
        assert!(text(entry, "text").ends_with('.'), "the text of {event} is not a sentence");
    }
    if let Some(lost) = manifest.get("groups_lost") {
        let known = ["absent", "suspended", "never"].contains(&lost.as_str().unwrap_or_default());
        assert!(known, "groups_lost is an unknown state: {lost}");
        let suspends = lost == "suspended";
        assert!(
            membership == "three-state" || !suspends,
            "groups_lost suspends in a two-state app"
        );
    }
    if let Some(by) = manifest.get("accounts_matched_by") {
        let known = ["name", "other"].contains(&by.as_str().unwrap_or_default());
        assert!(known, "accounts_matched_by is neither name nor other: {by}");
    }
    for name in manifest["scim"]["required"].as_array().into_iter().flatten() {
        assert!(name.is_string(), "scim.required has a name that is no text: {name}");
    }
    assert_eq!(object(&manifest, "settings").get("type"), Some(&Value::from("object")));
    for endpoint in manifest["endpoints"].as_array().expect("endpoints is a list") {
        text(endpoint, "name");
        text(endpoint, "description");
    }
    for entry in manifest["passwords"].as_array().into_iter().flatten() {
        text(entry, "endpoint");
        text(entry, "method");
        assert!(entry["fields"].is_array(), "an entry of passwords has no fields: {entry}");
    }
    for feature in ["groups", "password"] {
        assert!(manifest["features"][feature].is_boolean(), "features.{feature} is not a boolean");
    }
    manifest
}

/// The defaults in a schema of settings, as one object.
///
/// A test should compare it with the defaults of the settings' type.
pub fn defaults(schema: &Value) -> Value {
    if let Some(default) = schema.get("default") {
        return default.clone();
    }
    let properties = schema["properties"].as_object().into_iter().flatten();
    let named = properties.map(|(name, schema)| (name.clone(), defaults(schema)));
    let some: Map<String, Value> = named.filter(|(_, value)| !value.is_null()).collect();
    if some.is_empty() { Value::Null } else { Value::Object(some) }
}

#[track_caller]
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    let text = value[name].as_str().unwrap_or_default();
    assert!(!text.is_empty(), "{name} is missing");
    text
}

#[track_caller]
fn object<'a>(value: &'a Value, name: &str) -> &'a Map<String, Value> {
    value[name].as_object().unwrap_or_else(|| panic!("{name} is not an object"))
}
