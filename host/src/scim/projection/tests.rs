//! The attributes of a user that each projection shows.

use serde_json::json;

use super::*;
use crate::scim::{Schemas, ScimType};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn user() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "id": "1",
        "userName": "bjensen",
        "name": { "givenName": "Barbara", "familyName": "Jensen" },
        "emails": [{ "value": "a@b.c", "type": "work" }, { "type": "home" }],
        "password": "x",
        ENTERPRISE: { "department": "Tour", "manager": { "value": "2", "displayName": "John" } },
        "meta": { "resourceType": "User", "version": "W/\"1\"" },
    })
}

/// Compares the shown attributes, apart from `schemas` and `id`.
#[track_caller]
fn check(attributes: Option<&str>, excluded: Option<&str>, expected: &Value) {
    let schemas = Schemas::standard();
    let user_type = schemas.by_name("User").unwrap();
    let Value::Object(mut document) = user() else { unreachable!() };
    let projection = Projection::parse(attributes, excluded, user_type).unwrap();
    projection.apply(user_type, &mut document);
    assert!(document.shift_remove("schemas").is_some(), "schemas is always returned");
    assert_eq!(document.shift_remove("id"), Some(json!("1")), "id is always returned");
    assert_eq!(&Value::Object(document), expected);
}

#[test]
fn by_default_all_attributes_are_shown_except_those_never_returned() {
    let mut expected = user();
    let object = expected.as_object_mut().unwrap();
    object.retain(|key, _| !["schemas", "id", "password"].contains(&key.as_str()));
    check(None, None, &expected);
    check(Some(""), Some(" , "), &expected);
    check(None, Some("id,schemas,nothing"), &expected);
}

#[test]
fn only_named_attributes_are_shown() {
    check(Some("userName"), None, &json!({ "userName": "bjensen" }));
    check(Some("USERNAME, password,nothing"), None, &json!({ "userName": "bjensen" }));
    check(Some("nothing"), None, &json!({}));
    check(
        Some("urn:ietf:params:scim:schemas:core:2.0:User:name.familyName"),
        None,
        &json!({ "name": { "familyName": "Jensen" } }),
    );
    check(Some("name.middleName"), None, &json!({}));
    check(Some("name,name.givenName"), None, &json!({ "name": user()["name"] }));
    check(Some("emails.Value"), None, &json!({ "emails": [{ "value": "a@b.c" }] }));
    check(Some("meta.version"), None, &json!({ "meta": { "version": "W/\"1\"" } }));
}

#[test]
fn extensions_are_named_by_their_urn() {
    check(Some(ENTERPRISE), None, &json!({ ENTERPRISE: user()[ENTERPRISE] }));
    check(
        Some(&format!("{ENTERPRISE}:Manager.value")),
        None,
        &json!({ ENTERPRISE: { "manager": { "value": "2" } } }),
    );
    check(Some("department"), None, &json!({ ENTERPRISE: { "department": "Tour" } }));
    check(
        None,
        Some(&format!("userName,name,emails,meta,{ENTERPRISE}:manager")),
        &json!({ ENTERPRISE: { "department": "Tour" } }),
    );
    check(None, Some(&format!("userName,name,emails,meta,{ENTERPRISE}")), &json!({}));
}

#[test]
fn excluded_attributes_are_left_out() {
    check(
        None,
        Some("userName,emails.type,name.givenName,name.familyName,meta,department,manager"),
        &json!({ "emails": [{ "value": "a@b.c" }] }),
    );
}

#[test]
fn an_invalid_projection_is_refused() {
    let schemas = Schemas::standard();
    let user_type = schemas.by_name("User").unwrap();
    let refused = |attributes, excluded| {
        let error = Projection::parse(attributes, excluded, user_type).unwrap_err();
        assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
        error.detail
    };
    assert!(refused(Some("userName"), Some("name")).contains("exclude each other"));
    assert!(refused(Some("emails[type eq \"work\"]"), None).starts_with("attributes: "));
    assert!(refused(None, Some("a b")).starts_with("excludedAttributes: "));
}

#[test]
fn attributes_stored_elsewhere_are_loaded_only_if_they_are_shown() {
    let schemas = Schemas::standard();
    let group = schemas.by_name("Group").unwrap();
    let parse = |attributes, excluded| Projection::parse(attributes, excluded, group).unwrap();
    assert!(parse(None, None).wants("members"));
    assert!(parse(None, None).is_default());
    assert!(!parse(None, Some("Members")).wants("members"));
    assert!(parse(None, Some("members.display")).wants("members"));
    assert!(parse(Some("members.value"), None).wants("members"));
    assert!(!parse(Some("displayName"), None).wants("members"));
    assert!(parse(None, Some("Members")).keeps_documents());
    assert!(!parse(None, Some("members.display")).keeps_documents());
    assert!(!parse(None, Some("members,displayName")).keeps_documents());
    assert!(!parse(Some("members"), None).keeps_documents());
}

#[test]
fn an_attribute_returned_on_request_is_shown_by_name() {
    let mut group = ResourceType::clone(Schemas::standard().by_name("Group").unwrap());
    let mut schema = (*group.schema).clone();
    schema.attributes[0].returned = Returned::Request;
    group.schema = schema.into();
    let shown = |attributes| {
        let mut document = Map::from_iter([("displayName".to_owned(), json!("Tour guides"))]);
        let projection = Projection::parse(attributes, None, &group).unwrap();
        assert!(!projection.keeps_documents());
        projection.apply(&group, &mut document);
        document.contains_key("displayName")
    };
    assert!(shown(Some("displayName")));
    assert!(!shown(None));
    assert!(!shown(Some("members")));
}

#[test]
fn the_partial_answer_of_the_rfc_is_a_projection_of_its_full_user() {
    let mut full = rfc("rfc7643-8.2-user-full");
    let schemas = Schemas::standard();
    let user_type = schemas.by_name("User").unwrap();
    let projection = Projection::parse(Some("userName"), None, user_type).unwrap();
    projection.apply(user_type, full.as_object_mut().unwrap());
    let partial = rfc("rfc7644-3.9-user-partial_response");
    assert_eq!(full["schemas"], partial["schemas"]);
    assert_eq!(full["id"], partial["id"]);
    assert_eq!(full["userName"], json!("bjensen@example.com"), "the RFC shortens it");
    assert_eq!(full.as_object().unwrap().len(), 3);
}

fn rfc(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/scim/rfc");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}
