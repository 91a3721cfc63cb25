//! The accessors of a resource, and the resources of the RFCs.

use serde_json::{Value, json};

use super::{ENTERPRISE, USER, post, user};
use crate::scim::{Dialect, Reading, Resource};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/scim/rfc");

fn made(more: Value) -> Resource {
    post("User", &user(more), &mut Reading::new(Dialect::Strict)).unwrap().resource
}

#[test]
fn a_resource_has_accessors_for_its_keys() {
    let resource = made(
        json!({ "externalId": "x", "displayName": "B", "emails": [{ "value": "a" }, { "type": "home" }, { "value": "b" }] }),
    );
    assert_eq!(resource.id(), "");
    assert_eq!(resource.user_name(), Some("babs"));
    assert_eq!(resource.external_id(), Some("x"));
    assert_eq!(resource.display_name(), Some("B"));
    assert_eq!(resource.emails(), ["a", "b"]);
    assert!(resource.active());
    let mut inactive = resource.clone();
    inactive.set_active(false);
    assert!(!inactive.active());
    assert_eq!(Resource::changes(&resource, &inactive), ["active"]);
}

#[test]
fn the_id_follows_the_schemas() {
    let resource = made(json!({})).with_id("42");
    assert_eq!(resource.id(), "42");
    let text = format!(r#"{{"schemas":["{USER}"],"id":"42","userName":"babs"}}"#);
    assert_eq!(resource.to_json(), text);
    assert_eq!(Resource::from_json(&text).unwrap(), resource);
    assert_eq!(resource.with_id("43").id(), "43");
}

#[test]
fn changes_name_attributes_and_extensions() {
    let before = made(
        json!({ "title": "T", "nickName": "N", ENTERPRISE: { "division": "D", "department": "P" } }),
    );
    let after = made(
        json!({ "title": "U", "locale": "en", ENTERPRISE: { "division": "D", "costCenter": "1" } }),
    );
    let in_extension = |name: &str| format!("{ENTERPRISE}:{name}");
    let expected = [
        "title".to_owned(),
        "nickName".to_owned(),
        in_extension("department"),
        in_extension("costCenter"),
        "locale".to_owned(),
    ];
    assert_eq!(Resource::changes(&before, &after), expected);
    assert_eq!(Resource::changes(&after, &after), [""; 0]);
}

/// Every resource of the RFCs is accepted strictly, and all attributes that are stored are
/// unchanged.
#[test]
fn the_resources_of_the_rfcs_are_stored_unchanged() {
    let mut read = 0;
    for entry in std::fs::read_dir(FIXTURES).unwrap() {
        let path = entry.unwrap().path();
        let body: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let kind = match body["schemas"][0].as_str() {
            Some(USER) => "User",
            Some("urn:ietf:params:scim:schemas:core:2.0:Group") => "Group",
            _ => continue,
        };
        let draft = post(kind, &body, &mut Reading::new(Dialect::Strict));
        let draft = draft.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut expected = body.clone();
        let object = expected.as_object_mut().unwrap();
        for elsewhere in ["id", "meta", "groups", "members", "password"] {
            object.shift_remove(elsewhere);
        }
        object.retain(|_, value| *value != json!([]));
        if let Some(manager) = expected.pointer_mut(&format!("/{ENTERPRISE}/manager")) {
            manager.as_object_mut().unwrap().shift_remove("displayName");
        }
        assert_eq!(
            Value::Object(draft.resource.document().clone()),
            expected,
            "{}",
            path.display()
        );
        let members = body["members"].as_array().map(Vec::len);
        assert_eq!(draft.members.map(|it| it.len()), members);
        read += 1;
    }
    assert!(read >= 12, "only {read} resources were tested");
}
