//! Additions that are taken, and what is said of those that are not.

use serde_json::{Value, json};

use super::*;

const BADGE: &str = "urn:example:scim:schemas:extension:badge:1.0:User";
const ROLE: &str = "urn:okta:scim:schemas:core:1.0:Role";

fn good() -> Value {
    json!({
        "schemas": [
            {
                "id": BADGE,
                "name": "Badge",
                "description": "The badge that opens the doors",
                "attributes": [
                    { "name": "number", "type": "integer", "required": true },
                    {
                        "name": "doors",
                        "type": "complex",
                        "multiValued": true,
                        "subAttributes": [{ "name": "value", "type": "string" }],
                    },
                ],
            },
            {
                "id": ROLE,
                "name": "Role",
                "attributes": [{ "name": "displayName", "type": "string", "required": true }],
            },
        ],
        "resource_types": [{
            "name": "Role",
            "endpoint": "/Roles",
            "description": "Roles in the app.",
            "schema": ROLE,
            "setting": "roles",
        }],
        "extensions": [{ "resource_type": "User", "schema": BADGE }],
    })
}

fn read(additions: Value) -> Additions {
    serde_json::from_value(additions).unwrap()
}

#[test]
fn what_is_added_is_there_beside_the_standard() {
    let additions = read(good());
    assert_eq!(additions.check(), Ok(()));
    let schemas = additions.to(&Schemas::standard(), |setting| setting == "roles").unwrap();
    let names: Vec<&str> = schemas.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["User", "Group", "Role"]);
    let user = schemas.by_name("User").unwrap();
    assert!(user.attribute(Some(BADGE), "NUMBER").is_some_and(|number| number.required));
    assert_eq!(user.extensions.len(), 2);
    assert_eq!(schemas.by_endpoint("roles").map(|it| it.name.as_str()), Some("Role"));
}

#[test]
fn a_type_whose_resources_nobody_lists_is_not_there() {
    let schemas = read(good()).to(&Schemas::standard(), |_| false).unwrap();
    assert!(schemas.by_name("Role").is_none());
}

/// One value of good additions is another.
#[track_caller]
fn check(pointer: &str, value: Value, said: &str) {
    let mut additions = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    additions.pointer_mut(parent).unwrap()[key] = value;
    let error = read(additions).check().unwrap_err();
    assert!(error.contains(said), "{error}");
}

#[test]
fn what_cannot_be_served_is_refused() {
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    check("/schemas/0/id", json!("badge"), "is no URN");
    check("/schemas/0/id", json!("urn:ex ample"), "is no URN");
    let mut twice = good()["schemas"].clone();
    twice[0]["id"] = json!(user);
    check("/schemas", twice, "is there already");
    let number = |change: Value| {
        let mut attribute = json!({ "name": "number", "type": "integer" });
        attribute.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!([attribute])
    };
    let attributes = "/schemas/0/attributes";
    for (change, said) in [
        (json!({ "name": "1st" }), "is no name of an attribute"),
        (json!({ "name": "externalID" }), "is what every resource has"),
        (json!({ "returned": "never" }), "is not always readable"),
        (json!({ "returned": "request" }), "is not always readable"),
        (json!({ "mutability": "writeOnly" }), "is not always readable"),
        (json!({ "uniqueness": "server" }), "is to be unique"),
        (json!({ "type": "complex" }), "is complex without sub-attributes"),
        (json!({ "subAttributes": [{ "name": "a" }] }), "has some and is not"),
    ] {
        check(attributes, number(change), said);
    }
    let deep = json!({ "name": "a", "type": "complex", "subAttributes": [{ "name": "b" }] });
    check("/schemas/0/attributes/1/subAttributes", json!([deep]), "complex within a complex");
    check(attributes, json!([{ "name": "a" }, { "name": "A" }]), "is there twice");
    let many: Vec<Value> = (0..300).map(|n| json!({ "name": format!("a{n}") })).collect();
    check(attributes, json!(many), "are more than 256");
}

#[test]
fn a_type_or_an_extension_that_leads_nowhere_is_refused() {
    check("/resource_types/0/name", json!("R ole"), "is no name of a resource type");
    check("/resource_types/0/name", json!("User"), "is there already");
    check("/resource_types/0/endpoint", json!("Roles"), "is no `/`");
    check("/resource_types/0/endpoint", json!("/bulk"), "is there already");
    check("/resource_types/0/schema", json!("urn:x"), "no schema is called");
    check("/resource_types/0/setting", json!(""), "names no setting");
    check("/extensions/0/resource_type", json!("Device"), "is no type");
    check("/extensions/0/schema", json!("urn:x"), "no schema is called");
    let twice = json!([good()["extensions"][0], good()["extensions"][0]]);
    check("/extensions", twice, "twice");
}
