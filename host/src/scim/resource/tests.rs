//! Whole resources, case by case.

use serde_json::{Value, json};

use crate::scim::{
    Dialect, Draft, Error, Leniency, MemberRef, Reading, Resource, Schemas, create, replace,
};

mod configured;
mod whole;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn post(kind: &str, body: &Value, r: &mut Reading) -> Result<Draft, Error> {
    create(Schemas::standard().by_name(kind).unwrap(), body, r)
}

/// A body with these attributes and those that every user has.
fn user(more: Value) -> Value {
    let mut body = json!({ "schemas": [USER], "userName": "babs" });
    let Value::Object(more) = more else { panic!("attributes are an object") };
    body.as_object_mut().unwrap().extend(more);
    body
}

/// A user sent with `sent` is stored with `kept` and needs these leniencies; the strict dialect
/// refuses it if it needs any.
#[track_caller]
fn check(sent: &Value, fired: &[Leniency], kept: Value) {
    let mut reading = Reading::new(Dialect::Generic);
    let got = post("User", &user(sent.clone()), &mut reading).map(|it| it.resource);
    let mut expected = user(kept);
    if expected.get(ENTERPRISE).is_some() {
        expected["schemas"] = json!([USER, ENTERPRISE]);
    }
    assert_eq!(got.map(|it| Value::Object(it.document().clone())), Ok(expected), "{sent}");
    assert_eq!(reading.fired().collect::<Vec<_>>(), fired, "{sent}");
    let strictly = post("User", &user(sent.clone()), &mut Reading::new(Dialect::Strict));
    assert_eq!(strictly.is_ok(), fired.is_empty(), "{sent} strictly: {strictly:?}");
}

#[track_caller]
fn refuse(body: &Value, error: &Error) {
    let got = post("User", body, &mut Reading::new(Dialect::Generic));
    assert_eq!(got.as_ref(), Err(error), "{body}");
}

#[test]
fn names_take_the_spelling_of_the_schema() {
    check(
        &json!({ "NICKNAME": "B", "Name": { "FamilyName": "J" }, "eMails": [{ "Value": "b", "TYPE": "Work" }],
            ENTERPRISE.to_lowercase(): { "Department": "T", "Manager": { "Value": "7" } } }),
        &[],
        json!({ "nickName": "B", "name": { "familyName": "J" }, "emails": [{ "value": "b", "type": "Work" }],
            ENTERPRISE: { "department": "T", "manager": { "value": "7" } } }),
    );
}

#[test]
fn null_and_the_empty_list_are_unassigned() {
    check(
        &json!({ "title": null, "emails": [], "roles": null, "name": {}, "phoneNumbers": [null, {}],
            "addresses": [{ "region": null }], ENTERPRISE: { "department": null }, "nickName": "" }),
        &[],
        json!({ "nickName": "" }),
    );
}

#[test]
fn read_only_attributes_are_ignored() {
    check(
        &json!({ "id": "7", "meta": { "resourceType": "User" }, "groups": [{ "value": "7" }],
            ENTERPRISE: { "manager": { "value": "7", "displayName": "John" } } }),
        &[],
        json!({ ENTERPRISE: { "manager": { "value": "7" } } }),
    );
}

#[test]
fn values_of_the_wrong_type_are_converted_if_the_dialect_allows_it() {
    check(&json!({ "active": "False" }), &[Leniency::StringForBoolean], json!({ "active": false }));
    check(&json!({ "active": "" }), &[Leniency::EmptyForUnassigned], json!({}));
    check(
        &json!({ "externalId": 701984 }),
        &[Leniency::NumberForString],
        json!({ "externalId": "701984" }),
    );
    check(
        &json!({ "emails": "b" }),
        &[Leniency::BareValue, Leniency::SingleForList],
        json!({ "emails": [{ "value": "b" }] }),
    );
    check(
        &json!({ "name": [{ "givenName": "B" }] }),
        &[Leniency::ListForSingle],
        json!({ "name": { "givenName": "B" } }),
    );
    check(
        &json!({ "profileUrl": "my page" }),
        &[Leniency::LooseReference],
        json!({ "profileUrl": "my page" }),
    );
    check(&json!({ "profileUrl": "bjensen" }), &[], json!({ "profileUrl": "bjensen" }));
    check(
        &json!({ "name.givenName": "B" }),
        &[Leniency::ExpandedKeys],
        json!({ "name": { "givenName": "B" } }),
    );
    check(
        &json!({ "department": "T" }),
        &[Leniency::UnqualifiedExtension],
        json!({ ENTERPRISE: { "department": "T" } }),
    );
    check(
        &json!({ "shoeSize": 44, "name": { "alias": "B" } }),
        &[Leniency::UnknownAttribute],
        json!({}),
    );
    check(&json!({ "schemas": [USER, "urn:x"] }), &[Leniency::UnknownSchema], json!({}));
    check(&json!({ "schemas": [] }), &[Leniency::MissingSchemas], json!({}));
}

#[test]
fn schemas_are_computed_from_the_attributes() {
    check(&json!({ "schemas": [ENTERPRISE, USER] }), &[], json!({}));
    check(
        &json!({ ENTERPRISE: { "division": "D" } }),
        &[],
        json!({ ENTERPRISE: { "division": "D" } }),
    );
}

#[test]
fn values_are_a_set() {
    check(
        &json!({ "emails": [
            { "value": "a", "type": "work" },
            { "value": "A", "type": "Work", "display": "x" },
            { "value": "a" },
        ] }),
        &[],
        json!({ "emails": [{ "value": "A", "type": "Work", "display": "x" }, { "value": "a" }] }),
    );
    check(
        &json!({ "addresses": [
            { "type": "work", "region": "CA" },
            { "type": "work", "region": "NY" },
            { "region": "ca", "type": "work" },
        ] }),
        &[],
        json!({ "addresses": [{ "type": "work", "region": "ca" }, { "type": "work", "region": "NY" }] }),
    );
}

#[test]
fn an_extension_may_contain_schemas() {
    let said = json!({ ENTERPRISE: { "schemas": [ENTERPRISE], "division": "D" } });
    check(&said, &[], json!({ ENTERPRISE: { "division": "D" } }));
}

#[test]
fn an_error_names_the_attribute() {
    let wrong = |more, detail: &str| refuse(&user(more), &Error::invalid_value(detail));
    wrong(json!({ "active": 1 }), "active must be true or false; the value sent is a number");
    wrong(json!({ "title": {} }), "title must be a string; the value sent is an object");
    wrong(json!({ "title": true }), "title must be a string; the value sent is a boolean");
    wrong(json!({ "title": ["a", "b"] }), "title must be a single value; the value sent is a list");
    wrong(json!({ "emails": [[]] }), "emails must be an object; the value sent is a list");
    wrong(
        json!({ "emails": [{ "value": {} }] }),
        "emails.value must be a string; the value sent is an object",
    );
    wrong(json!({ "name": 7 }), "name must be an object; the value sent is a number");
    wrong(
        json!({ "x509Certificates": [{ "value": "é" }] }),
        "x509Certificates.value must be base64; the value sent is a string",
    );
    wrong(
        json!({ ENTERPRISE: { "department": [] , "manager": true } }),
        &format!("{ENTERPRISE}:manager must be an object; the value sent is a boolean"),
    );
    wrong(
        json!({ ENTERPRISE: { "manager": { "$ref": "../Users/7" } } }),
        &format!("{ENTERPRISE}:manager.value is required"),
    );
    wrong(json!({ ENTERPRISE: 7 }), &format!("{ENTERPRISE} must be an object"));
    wrong(json!({ "userName": "" }), "userName must not be empty");
    wrong(json!({ "userName": null }), "userName is required");
    wrong(
        json!({ "emails": [{ "value": "a", "primary": true }, { "value": "b", "primary": true }] }),
        "2 of emails values are primary; at most one can be",
    );
    refuse(&json!([]), &Error::invalid_syntax("The body must be a JSON object: a User"));
    refuse(&user(json!({ "USERNAME": "b" })), &Error::invalid_syntax("userName is given twice"));
}

#[test]
fn passwords_and_members_are_taken_out_of_the_document() {
    let mut reading = Reading::new(Dialect::Strict);
    let draft = post("User", &user(json!({ "password": "1mz050nq" })), &mut reading).unwrap();
    assert_eq!(draft.password.as_deref(), Some("1mz050nq"));
    assert!(!draft.resource.to_json().contains("1mz050nq"));

    let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let body = json!({ "schemas": [group], "displayName": "G", "members": [{ "value": "7", "type": "group", "display": "H" }] });
    let draft = post("Group", &body, &mut reading).unwrap();
    let member = MemberRef {
        value: "7".to_owned(),
        display: Some("H".to_owned()),
        kind: Some("Group".to_owned()),
    };
    assert_eq!(draft.members, Some(vec![member]));
    assert_eq!(
        Value::Object(draft.resource.document().clone()),
        json!({ "schemas": [group], "displayName": "G" })
    );

    let members = |value: Value| {
        let body = json!({ "schemas": [group], "displayName": "G", "members": value });
        post("Group", &body, &mut Reading::new(Dialect::Generic)).map(|it| it.members)
    };
    assert_eq!(members(json!([])), Ok(Some(vec![])));
    assert_eq!(members(Value::Null), Ok(Some(vec![])));
    let error = "members.value is missing: each member is named by the id of a resource";
    assert_eq!(members(json!([{ "display": "x" }])), Err(Error::invalid_value(error)));
    let none = post("Group", &json!({ "schemas": [group], "displayName": "G" }), &mut reading);
    assert_eq!(none.unwrap().members, None);
}

fn put(before: &Resource, body: &Value) -> Result<Draft, Error> {
    let schemas = Schemas::standard();
    replace(schemas.by_name("User").unwrap(), before, body, &mut Reading::new(Dialect::Okta))
}

#[test]
fn a_put_clears_attributes_that_it_leaves_out_except_id_and_active() {
    let sent = user(
        json!({ "active": false, "title": "T", "externalId": "x", ENTERPRISE: { "division": "D" } }),
    );
    let before =
        post("User", &sent, &mut Reading::new(Dialect::Okta)).unwrap().resource.with_id("42");
    let after = put(&before, &user(json!({ "id": "43", "nickName": "B" }))).unwrap();
    let expected = user(json!({ "id": "42", "nickName": "B", "active": false }));
    assert_eq!(Value::Object(after.resource.document().clone()), expected);
    assert_eq!(after.members, None);
    let active = put(&before, &user(json!({ "active": true }))).unwrap();
    assert!(active.resource.active());
    assert!(!put(&before, &user(json!({ "active": null }))).unwrap().resource.active());
    assert_eq!(put(&before, &json!({})), Err(Error::invalid_value("userName is required")));
}

#[test]
fn okta_may_put_back_any_representation_that_it_read() {
    let before = user(
        json!({ "name": { "middleName": "" }, "emails": [{ "value": "b", "display": "b", "primary": true }] }),
    );
    let before =
        post("User", &before, &mut Reading::new(Dialect::Okta)).unwrap().resource.with_id("42");
    let mut echo = Value::Object(before.document().clone());
    echo["meta"] = json!({ "resourceType": "User" });
    echo["groups"] = json!([{ "value": "7", "display": "G" }]);
    echo["urn:unknown:1.0"] = json!({ "a": [{}] });
    assert_eq!(put(&before, &echo).unwrap().resource, before);
}
