//! The differences between the manifests of two versions of a connector.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Manifest, Transition};
use crate::decision::EventKind;
use crate::scim::Additions;
use crate::scim::additions::{AddedExtension, AddedType};

/// The changes that an operator reads before replacing one version by another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = VersionChanges)]
pub struct ManifestChanges {
    /// Endpoints, features, settings and schemas that only the later version asks for.
    pub asks: Vec<String>,
    /// The rows in which the lifecycle tables differ.
    pub lifecycle: Vec<LifecycleChange>,
}

/// A changed row of the lifecycle table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LifecycleChange {
    /// The event.
    pub event: EventKind,
    /// The earlier version's transition; none if it did not support the event.
    pub before: Option<Transition>,
    /// The later version's transition; none if it does not support the event.
    pub after: Option<Transition>,
}

impl Manifest {
    /// The changes from an earlier version's manifest to this one.
    pub fn changes_since(&self, before: &Self) -> ManifestChanges {
        ManifestChanges { asks: self.asks_beyond(before), lifecycle: self.lifecycle_since(before) }
    }

    fn asks_beyond(&self, before: &Self) -> Vec<String> {
        let mut asks = Vec::new();
        for endpoint in self.endpoints.iter().filter(|it| !before.calls(&it.name)) {
            asks.push(format!("the endpoint {} ({})", endpoint.name, endpoint.description));
        }
        if self.features.groups && !before.features.groups {
            asks.push("groups".to_owned());
        }
        if self.features.password && !before.features.password {
            asks.push("passwords".to_owned());
        } else if self.passwords != before.passwords {
            asks.push("passwords in other fields of requests".to_owned());
        }
        let known = properties(&before.settings);
        for setting in properties(&self.settings).difference(&known) {
            asks.push(format!("the setting {setting}"));
        }
        asks.extend(asks_of_scim(&self.scim, &before.scim));
        asks
    }

    fn lifecycle_since(&self, before: &Self) -> Vec<LifecycleChange> {
        let events: BTreeSet<EventKind> =
            self.lifecycle.keys().chain(before.lifecycle.keys()).copied().collect();
        let change = |event| LifecycleChange {
            event,
            before: before.lifecycle.get(&event).cloned(),
            after: self.lifecycle.get(&event).cloned(),
        };
        events.into_iter().map(change).filter(|change| change.before != change.after).collect()
    }
}

/// The additions to SCIM's schemas that only the later version has, or has otherwise. To take a type
/// or an extension away asks for something too: identity providers do not find its values any more.
fn asks_of_scim(after: &Additions, before: &Additions) -> Vec<String> {
    let mut asks = Vec::new();
    for name in after.required.iter().filter(|it| !before.required.contains(it)) {
        asks.push(format!("the attribute {name}, required of each user"));
    }
    for new in after.extensions.iter().filter(|it| !before.extensions.contains(it)) {
        let required = if new.required { ", required" } else { "" };
        asks.push(format!("the extension {} of {}{required}", new.schema, new.resource_type));
    }
    for new in after.resource_types.iter().filter(|it| !before.resource_types.contains(it)) {
        let known = before.resource_types.iter().any(|it| it.name == new.name);
        let changed = if known { ", changed" } else { "" };
        asks.push(format!("the resource type {} ({}){changed}", new.name, new.endpoint));
    }
    for schema in after.schemas.iter().filter(|it| !before.schemas.contains(it)) {
        if before.schemas.iter().any(|it| it.id == schema.id) {
            asks.push(format!("other attributes in the schema {}", schema.id));
        }
    }
    let extends = |it: &&AddedExtension| {
        let same = |new: &AddedExtension| {
            (&new.schema, &new.resource_type) == (&it.schema, &it.resource_type)
        };
        after.extensions.iter().any(same)
    };
    for old in before.extensions.iter().filter(|it| !extends(it)) {
        asks.push(format!("the end of the extension {} of {}", old.schema, old.resource_type));
    }
    let kept = |it: &&AddedType| after.resource_types.iter().any(|new| new.name == it.name);
    for old in before.resource_types.iter().filter(|it| !kept(it)) {
        asks.push(format!("the end of the resource type {}", old.name));
    }
    asks
}

/// The names of the settings in a schema.
fn properties(schema: &Value) -> BTreeSet<&str> {
    let properties = schema["properties"].as_object();
    properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest(change: impl FnOnce(&mut Value)) -> Manifest {
        let mut manifest = json!({
            "name": "crm",
            "version": "1.0.0",
            "description": "A CRM.",
            "membership": "three-state",
            "lifecycle": { "create": { "membership": "active", "text": "Added." } },
            "endpoints": [{ "name": "app", "description": "The API." }],
        });
        change(&mut manifest);
        Manifest::parse(&manifest.to_string()).expect("a manifest")
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), asks: &[&str], lifecycle: &[EventKind]) {
        let (before, after) = (manifest(|_| {}), manifest(change));
        let changes = after.changes_since(&before);
        assert_eq!(changes.asks, asks);
        let events: Vec<EventKind> = changes.lifecycle.iter().map(|it| it.event).collect();
        assert_eq!(events, lifecycle);
    }

    #[test]
    fn what_a_version_asks_for_beyond_another_is_told() {
        use EventKind::{Create, Deactivate};
        check(|_| {}, &[], &[]);
        check(|it| it["version"] = json!("2.0.0"), &[], &[]);
        check(|it| it["endpoints"] = json!([]), &[], &[]);
        let files = json!({ "name": "files", "description": "Uploads." });
        check(
            |it| it["endpoints"].as_array_mut().expect("a list").push(files),
            &["the endpoint files (Uploads.)"],
            &[],
        );
        check(
            |it| it["features"] = json!({ "groups": true, "password": true }),
            &["groups", "passwords"],
            &[],
        );
        let region = json!({ "type": "object", "properties": { "region": {} } });
        check(|it| it["settings"] = region, &["the setting region"], &[]);
        let scim = json!({
            "required": ["emails"],
            "schemas": [
                { "id": "urn:example:role", "attributes": [{ "name": "label", "type": "string" }] },
                { "id": "urn:example:desk", "attributes": [{ "name": "floor", "type": "string" }] },
            ],
            "resource_types": [{
                "name": "Role", "endpoint": "/Roles", "description": "A role.",
                "schema": "urn:example:role", "writable": true,
            }],
            "extensions": [{ "resource_type": "User", "schema": "urn:example:desk" }],
        });
        let named = [
            "the attribute emails, required of each user",
            "the extension urn:example:desk of User",
            "the resource type Role (/Roles)",
        ];
        check(|it| it["scim"] = scim.clone(), &named, &[]);
        let (with, without) = (manifest(|it| it["scim"] = scim.clone()), manifest(|_| {}));
        let ends = [
            "the end of the extension urn:example:desk of User",
            "the end of the resource type Role",
        ];
        assert_eq!(without.changes_since(&with).asks, ends);
        let more = manifest(|it| {
            it["scim"] = scim;
            it["scim"]["extensions"][0]["required"] = json!(true);
            it["scim"]["schemas"][0]["attributes"][0]["required"] = json!(true);
            it["scim"]["resource_types"][0]["endpoint"] = json!("/Functions");
        });
        let changed = [
            "the extension urn:example:desk of User, required",
            "the resource type Role (/Functions), changed",
            "other attributes in the schema urn:example:role",
        ];
        assert_eq!(more.changes_since(&with).asks, changed);
        let suspends = json!({ "membership": "suspended", "text": "Suspended." });
        check(|it| it["lifecycle"]["deactivate"] = suspends, &[], &[Deactivate]);
        check(|it| it["lifecycle"]["create"]["text"] = json!("Invited."), &[], &[Create]);
    }
}
