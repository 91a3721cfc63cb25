//! Translation of SCIM 1.1 requests into SCIM 2.0, and of answers back.

use serde_json::json;

use super::*;
use crate::scim::{
    Dialect, MemberChange, Patched, Projection, Reading, Resource, Schemas, Stored, create,
};

const USER: &str = "User";
const GROUP: &str = "Group";

fn resource_type(name: &str) -> std::sync::Arc<ResourceType> {
    Schemas::standard().by_name(name).unwrap().clone()
}

fn patched(name: &str, before: &Value, body: &Value, dialect: Dialect) -> Result<Patched, Error> {
    let t = resource_type(name);
    let before = Resource::from_json(&before.to_string()).unwrap();
    let mut reading = Reading::new(dialect);
    let request = patch(&t, body, &mut reading)?;
    crate::scim::patch(&t, &before, &request, &mut reading)
}

fn ada() -> Value {
    json!({
        "schemas": [USER_SCHEMA, ENTERPRISE_SCHEMA],
        "id": "7",
        "userName": "ada",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "title": "Countess",
        "emails": [
            { "value": "ada@a.example", "type": "work", "primary": true },
            { "value": "ada@a.example", "type": "home" },
            { "value": "byron@b.example" },
        ],
        "addresses": [{ "type": "work", "locality": "London" }, { "type": "home" }],
        "active": true,
        ENTERPRISE_SCHEMA: { "department": "Engines", "manager": { "value": "9" } },
    })
}

fn of_version_one(mut body: Value) -> Value {
    body["schemas"] = json!([CORE_SCHEMA]);
    body
}

/// Checks the user after a PATCH; attributes that are not in `expected` are unchanged.
#[track_caller]
fn check(body: Value, expected: &Value) {
    let body = of_version_one(body);
    for dialect in [Dialect::Okta, Dialect::Strict] {
        let after = patched(USER, &ada(), &body, dialect).unwrap().resource;
        let mut wanted = ada();
        for (key, value) in expected.as_object().unwrap() {
            match value {
                Value::Null => drop(wanted.as_object_mut().unwrap().shift_remove(key)),
                value => wanted[key] = value.clone(),
            }
        }
        assert_eq!(Value::Object(after.document().clone()), wanted, "{dialect}");
    }
}

#[test]
fn a_partial_resource_is_merged() {
    check(json!({}), &json!({}));
    // Okta sends the id too: `tests/fixtures/conversations/okta-oin-v1/deactivate.json`.
    check(json!({ "id": "7", "active": false }), &json!({ "active": false }));
    check(json!({ "USERNAME": "lovelace" }), &json!({ "userName": "lovelace" }));
    check(
        json!({ "name": { "familyName": "Lovelace" } }),
        &json!({ "name": { "givenName": "Ada", "familyName": "Lovelace" } }),
    );
    check(
        json!({ ENTERPRISE_SCHEMA_V1: { "manager": { "managerId": "8" }, "division": "One" } }),
        &json!({ ENTERPRISE_SCHEMA: {
            "department": "Engines", "manager": { "value": "8" }, "division": "One",
        } }),
    );
    check(json!({ "meta": { "version": "W/\"9\"" }, "groups": [] }), &json!({}));
}

#[test]
fn attributes_named_in_meta_attributes_are_cleared_first() {
    let clear = |names: Value| json!({ "meta": { "attributes": names } });
    check(clear(json!(["title"])), &json!({ "title": null }));
    check(clear(json!(["name.givenName"])), &json!({ "name": { "familyName": "Byron" } }));
    check(clear(json!([])), &json!({}));
    check(
        clear(json!([format!("{ENTERPRISE_SCHEMA_V1}:manager")])),
        &json!({ ENTERPRISE_SCHEMA: { "department": "Engines" } }),
    );
    let mut both = clear(json!(["emails", "title", "name"]));
    both["title"] = json!("Lady");
    both["name"] = json!({ "formatted": "Ada" });
    both["emails"] =
        json!([{ "value": "x@x.example" }, { "value": "ada@a.example", "operation": "delete" }]);
    check(
        both,
        &json!({
            "title": "Lady",
            "name": { "formatted": "Ada" },
            "emails": [{ "value": "x@x.example" }],
        }),
    );
    // A required attribute may be replaced in this way, but not cleared.
    let mut required = clear(json!(["userName"]));
    required["userName"] = json!("lovelace");
    check(required, &json!({ "userName": "lovelace" }));
}

#[test]
fn values_are_added_or_deleted() {
    let rest = json!([
        { "value": "ada@a.example", "type": "work", "primary": true },
        { "value": "ada@a.example", "type": "home" },
    ]);
    let delete = json!({ "emails": [{ "value": "byron@b.example", "operation": "delete" }] });
    check(delete, &json!({ "emails": rest }));
    let one_of_two = json!([{ "value": "ada@a.example", "type": "home", "Operation": "Delete" }]);
    check(
        json!({ "emails": one_of_two }),
        &json!({ "emails": [
            { "value": "ada@a.example", "type": "work", "primary": true },
            { "value": "byron@b.example" },
        ] }),
    );
    // API §3.3.2: without `value` all given sub-attributes count.
    let place = json!([{ "type": "work", "locality": "London", "operation": "delete" }]);
    check(json!({ "addresses": place }), &json!({ "addresses": [{ "type": "home" }] }));
    let primary = json!([{ "value": "byron@b.example", "primary": true }]);
    check(
        json!({ "emails": primary }),
        &json!({ "emails": [
            { "value": "ada@a.example", "type": "work", "primary": false },
            { "value": "ada@a.example", "type": "home" },
            { "value": "byron@b.example", "primary": true },
        ] }),
    );
    check(json!({ "emails": [] }), &json!({}));
}

#[track_caller]
fn check_members(body: Value, expected: &[MemberChange]) {
    let body = of_version_one(body);
    let group = json!({ "schemas": [GROUP_SCHEMA], "id": "1", "displayName": "Poets" });
    let after = patched(GROUP, &group, &body, Dialect::Strict).unwrap();
    assert_eq!(after.members, expected);
}

fn refs(ids: &[&str]) -> Vec<crate::scim::MemberRef> {
    let one =
        |id: &&str| crate::scim::MemberRef { value: (*id).to_owned(), display: None, kind: None };
    ids.iter().map(one).collect()
}

#[test]
fn members_are_added_removed_and_replaced() {
    check_members(json!({ "members": [{ "value": "a" }] }), &[MemberChange::Add(refs(&["a"]))]);
    // OneLogin sends `add` with every member that joins.
    check_members(
        json!({ "members": [
            { "value": "a", "operation": "add" }, { "value": "b", "operation": "delete" },
            { "value": "c", "type": "User", "operation": "delete" },
        ] }),
        &[
            MemberChange::Remove(vec!["b".to_owned(), "c".to_owned()]),
            MemberChange::Add(refs(&["a"])),
        ],
    );
    let overwrite =
        |members: Value| json!({ "meta": { "attributes": ["members"] }, "members": members });
    check_members(overwrite(json!([{ "value": "a" }])), &[MemberChange::Replace(refs(&["a"]))]);
    check_members(overwrite(json!([])), &[MemberChange::Clear]);
    check_members(json!({ "meta": { "attributes": ["members"] } }), &[MemberChange::Clear]);
    check_members(json!({ "members": [] }), &[]);
}

#[test]
fn many_members_leave_in_few_removals() {
    let members: Vec<_> =
        (0..250).map(|n| json!({ "value": n.to_string(), "operation": "delete" })).collect();
    let body = json!({ "schemas": [CORE_SCHEMA], "members": members });
    let group = json!({ "schemas": [GROUP_SCHEMA], "id": "1", "displayName": "Poets" });
    let changes = patched(GROUP, &group, &body, Dialect::Okta).unwrap().members;
    let sizes: Vec<_> = changes
        .iter()
        .map(|change| match change {
            MemberChange::Remove(ids) => ids.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sizes, [100, 100, 50]);
}

#[track_caller]
fn refuse(body: &Value, dialect: Dialect, word: &str) {
    let error = patched(USER, &ada(), body, dialect).unwrap_err();
    assert_eq!(error.status, 400);
    assert!(error.detail.contains(word), "{}", error.detail);
}

#[test]
fn an_invalid_partial_resource_is_refused() {
    let body = |key: &str, value: Value| json!({ "schemas": [CORE_SCHEMA], key: value });
    refuse(&json!([]), Dialect::Okta, "JSON object");
    refuse(&json!({ "active": false }), Dialect::Strict, CORE_SCHEMA);
    refuse(&body("colour", json!("red")), Dialect::Okta, "colour is not an attribute of User");
    refuse(&body("active", json!("perhaps")), Dialect::Okta, "active");
    refuse(&body("meta", json!({ "attributes": "title" })), Dialect::Okta, "meta.attributes");
    refuse(&body("meta", json!({ "attributes": ["userName"] })), Dialect::Okta, "required");
    refuse(&body("emails", json!([{ "operation": "delete" }])), Dialect::Okta, "not named");
    refuse(
        &body("emails", json!([{ "value": "a", "operation": "move" }])),
        Dialect::Okta,
        "must be delete",
    );
    // A PATCH of SCIM 2.0 is not valid in SCIM 1.1.
    let modern = json!([{ "op": "replace", "value": { "active": false } }]);
    refuse(&body("Operations", modern), Dialect::Okta, "Operations is not an attribute");
}

/// A description is sent with every group that has one, and need not be stored:
/// `tests/fixtures/conversations/okta-oin-v1/group-description.json`.
#[test]
fn an_attribute_under_an_unknown_urn_is_ignored() {
    let custom = json!({
        "schemas": [CORE_SCHEMA, "urn:okta:custom:group:1.0"],
        "displayName": "Group 10",
        "urn:okta:custom:group:1.0": { "description": "All Users West of the Rockies" },
    });
    let t = resource_type(GROUP);
    let body = request(&t, custom.clone());
    let draft = create(&t, &body, &mut Reading::new(Dialect::Okta)).unwrap();
    assert_eq!(draft.resource.display_name(), Some("Group 10"));
    assert!(create(&t, &body, &mut Reading::new(Dialect::Strict)).is_err());
    let group = json!({ "schemas": [GROUP_SCHEMA], "id": "1", "displayName": "Group 1" });
    let mut only = custom;
    only.as_object_mut().unwrap().shift_remove("displayName");
    let after = patched(GROUP, &group, &only, Dialect::Okta).unwrap().resource;
    assert_eq!(Value::Object(after.document().clone()), group);
}

#[test]
fn a_whole_resource_is_parsed_and_rendered_in_the_form_of_its_version() {
    let sent = json!({
        "schemas": [CORE_SCHEMA, ENTERPRISE_SCHEMA_V1],
        "userName": "ada",
        "emails": [{ "value": "ada@a.example", "type": "work", "primary": true }],
        "active": true,
        ENTERPRISE_SCHEMA_V1: { "manager": { "managerId": "9", "displayName": "Charles" } },
    });
    let t = resource_type(USER);
    let body = request(&t, sent.clone());
    let draft = create(&t, &body, &mut Reading::new(Dialect::Strict)).unwrap();
    let document = draft.resource.with_id("7").to_json();
    let stored = Stored {
        document: &document,
        id: "7",
        version: 3,
        created: "2026-11-22T06:39:04Z",
        last_modified: "2026-11-22T06:39:05Z",
        related: Some(r#"[{"value":"1","$ref":"https://x/v1/Groups/1","display":"Poets"}]"#),
    };
    let default = Projection::parse(None, None, &t).unwrap();
    let mut text = String::new();
    list(&mut text, "https://x/v1", &t, &default, 1, 1, [stored].into_iter());
    let mut expected = sent;
    expected["id"] = json!("7");
    // The server sets the display names of a manager and a group.
    expected[ENTERPRISE_SCHEMA_V1] = json!({ "manager": { "managerId": "9" } });
    expected["groups"] = json!([{ "value": "1", "display": "Poets" }]);
    expected["meta"] = json!({
        "created": "2026-11-22T06:39:04Z",
        "lastModified": "2026-11-22T06:39:05Z",
        "location": "https://x/v1/Users/7",
        "version": "W/\"3\"",
    });
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["schemas"], json!([CORE_SCHEMA]));
    assert_eq!(list["totalResults"], 1);
    assert_eq!(list["Resources"], json!([expected]));
}

#[track_caller]
fn check_filter(text: &str, expected: &str) {
    assert_eq!(filter(Filter::parse(text).unwrap()).to_string(), expected);
}

#[test]
fn filters_may_use_the_names_of_either_version() {
    check_filter("userName eq \"ada\"", "userName eq \"ada\"");
    check_filter("urn:scim:schemas:core:1.0:userName sw \"a\"", "userName sw \"a\"");
    check_filter(
        "active eq true and (urn:scim:schemas:extension:enterprise:1.0:manager.managerId pr or \
         emails[type eq \"work\"])",
        &format!(
            "active eq true and ({ENTERPRISE_SCHEMA}:manager.value pr or emails[type eq \"work\"])"
        ),
    );
    assert_eq!(names("userName,emails.value"), "userName,emails.value");
    assert_eq!(
        names(
            "urn:scim:schemas:core:1.0:userName,urn:scim:schemas:extension:enterprise:1.0:department"
        ),
        format!("userName,{ENTERPRISE_SCHEMA}:department")
    );
}

/// Okta's suite requires both shapes: `tests/fixtures/conversations/SOURCES.md`, "Okta: SPEC suite
/// for SCIM 1.1".
#[test]
fn an_error_has_both_shapes() {
    let shown = error(&Error::new(404, format!("{USER_SCHEMA} and {ENTERPRISE_SCHEMA}")));
    let detail = format!("{CORE_SCHEMA} and {ENTERPRISE_SCHEMA_V1}");
    let expected = json!({
        "Errors": [{ "description": detail, "code": "404" }], "detail": detail, "status": "404",
    });
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), expected);
}

#[test]
fn a_schema_describes_a_type_with_its_extensions() {
    let schemas = Schemas::standard();
    let text = discovery::schema("https://x/v1", &schemas, "urn:scim:schemas:core:1.0:User");
    let user: Value = serde_json::from_str(&text.unwrap()).unwrap();
    assert_eq!(user["endpoint"], "/Users");
    let find = |name: &str| {
        user["attributes"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()
    };
    assert_eq!(find("userName")["schema"], CORE_SCHEMA);
    assert_eq!(find("userName")["required"], true);
    let manager = find("manager");
    assert_eq!(manager["schema"], ENTERPRISE_SCHEMA_V1);
    assert_eq!(manager["subAttributes"][0]["name"], "managerId");
    assert!(discovery::schema("https://x/v1", &schemas, USER_SCHEMA).is_none());
}
