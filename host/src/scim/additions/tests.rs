//! Valid additions, and the errors of invalid ones.

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
fn added_types_stand_beside_the_standard_ones() {
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
fn a_type_whose_setting_is_not_set_does_not_exist() {
    let schemas = read(good()).to(&Schemas::standard(), |_| false).unwrap();
    assert!(schemas.by_name("Role").is_none());
}

#[test]
fn a_writable_type_needs_no_setting() {
    let mut additions = good();
    additions["resource_types"][0]["writable"] = true.into();
    additions["resource_types"][0].as_object_mut().unwrap().remove("setting");
    let additions = read(additions);
    additions.check().unwrap();
    let schemas = additions.to(&Schemas::standard(), |_| false).unwrap();
    assert_eq!(schemas.by_name("Role").unwrap().writes, Writes::Unprovisioned);
    assert_eq!(schemas.by_name("User").unwrap().writes, Writes::Provisioned);
}

#[test]
fn two_types_differ_by_more_than_case() {
    let additions = good();
    let mut other = additions["resource_types"][0].clone();
    for (name, endpoint) in [("ROLE", "/Others"), ("Other", "/roles"), ("user", "/Persons")] {
        (other["name"], other["endpoint"]) = (name.into(), endpoint.into());
        let mut both = additions.clone();
        both["resource_types"].as_array_mut().unwrap().push(other.clone());
        let error = read(both).check().unwrap_err();
        assert!(error.ends_with("exists already"), "{error}");
    }
}

#[test]
fn a_type_is_either_listed_or_writable() {
    check("/resource_types/0/setting", Value::Null, "needs either a `setting`");
    check("/resource_types/0/setting", json!(""), "needs either a `setting`");
    check("/resource_types/0/writable", json!(true), "is `writable` and has a `setting`");
}

#[test]
fn an_added_type_has_no_attribute_that_is_kept_beside_the_document() {
    for name in ["userName", "USERNAME", "password", "members", "groups"] {
        let attributes = json!([{ "name": name, "type": "string" }]);
        check("/schemas/1/attributes", attributes, "which only users or groups may have");
    }
}

/// Checks the error after replacing one value of valid additions.
#[track_caller]
fn check(pointer: &str, value: Value, said: &str) {
    let mut additions = good();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    additions.pointer_mut(parent).unwrap()[key] = value;
    let error = read(additions).check().unwrap_err();
    assert!(error.contains(said), "{error}");
}

#[test]
fn a_standard_attribute_that_the_app_needs_is_required() {
    let additions = read(json!({ "required": ["emails", "title"] }));
    additions.check().unwrap();
    let schemas = additions.to(&Schemas::standard(), |_| true).unwrap();
    let required = |schemas: &Schemas, name| {
        schemas.by_name("User").unwrap().attribute(None, name).unwrap().required
    };
    assert!(required(&schemas, "emails") && required(&schemas, "title"));
    assert!(!required(&schemas, "nickName") && !required(&Schemas::standard(), "emails"));
    for wrong in ["password", "groups", "shoeSize", "id", "Emails"] {
        let error = read(json!({ "required": [wrong] })).check().unwrap_err();
        assert!(error.ends_with("is no attribute of users that can be required"), "{error}");
    }
    for twice in [json!(["userName"]), json!(["emails", "emails"])] {
        let error = read(json!({ "required": twice })).check().unwrap_err();
        assert!(error.ends_with("is required already"), "{error}");
    }
}

#[test]
fn additions_that_cannot_be_served_are_refused() {
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    check("/schemas/0/id", json!("badge"), "is not a URN");
    check("/schemas/0/id", json!("urn:ex ample"), "is not a URN");
    let mut twice = good()["schemas"].clone();
    twice[0]["id"] = json!(user);
    check("/schemas", twice, "exists already");
    let number = |change: Value| {
        let mut attribute = json!({ "name": "number", "type": "integer" });
        attribute.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!([attribute])
    };
    let attributes = "/schemas/0/attributes";
    for (change, said) in [
        (json!({ "name": "1st" }), "must be named by"),
        (json!({ "name": "externalID" }), "is common to all"),
        (json!({ "returned": "never" }), "must be readable"),
        (json!({ "returned": "request" }), "must be readable"),
        (json!({ "mutability": "writeOnly" }), "must be readable"),
        (json!({ "uniqueness": "server" }), "must have `uniqueness` none"),
        (json!({ "type": "complex" }), "exactly if it is complex"),
        (json!({ "subAttributes": [{ "name": "a" }] }), "exactly if it is complex"),
    ] {
        check(attributes, number(change), said);
    }
    let deep = json!({ "name": "a", "type": "complex", "subAttributes": [{ "name": "b" }] });
    check("/schemas/0/attributes/1/subAttributes", json!([deep]), "must not have complex");
    check(attributes, json!([{ "name": "a" }, { "name": "A" }]), "is given twice");
    let many: Vec<Value> = (0..300).map(|n| json!({ "name": format!("a{n}") })).collect();
    check(attributes, json!(many), "exceed the limit of 256");
}

#[test]
fn a_type_or_extension_with_an_invalid_reference_is_refused() {
    check("/resource_types/0/name", json!("R ole"), "must be named by");
    check("/resource_types/0/name", json!("User"), "exists already");
    check("/resource_types/0/endpoint", json!("Roles"), "must be `/`");
    check("/resource_types/0/endpoint", json!("/bulk"), "exists already");
    check("/resource_types/0/schema", json!("urn:x"), "there is no schema");
    check("/extensions/0/resource_type", json!("Device"), "is not a resource type");
    check("/extensions/0/schema", json!("urn:x"), "there is no schema");
    let twice = json!([good()["extensions"][0], good()["extensions"][0]]);
    check("/extensions", twice, "twice");
}
