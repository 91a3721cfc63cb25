//! Complete answers, compared by bytes and by meaning.

use serde_json::json;

use super::*;
use crate::scim::Schemas;

const BASE: &str = "https://host/t/acme/scim/v2";

fn stored<'a>(document: &'a str, related: Option<&'a str>) -> Stored<'a> {
    Stored {
        document,
        id: "u-1",
        version: 3,
        created: "2026-01-02T03:04:05Z",
        last_modified: "2026-01-03T03:04:05Z",
        related,
    }
}

fn render(
    kind: &str,
    stored: &Stored<'_>,
    attributes: Option<&str>,
    excluded: Option<&str>,
) -> String {
    let schemas = Schemas::standard();
    let resource_type = schemas.by_name(kind).unwrap();
    let projection = Projection::parse(attributes, excluded, resource_type).unwrap();
    let mut out = String::new();
    resource(&mut out, BASE, resource_type, stored, &projection);
    out
}

const META: &str = r#"{"resourceType":"User","created":"2026-01-02T03:04:05Z","lastModified":"2026-01-03T03:04:05Z","location":"https://host/t/acme/scim/v2/Users/u-1","version":"W/\"3\""}"#;

#[test]
fn a_document_is_served_as_it_is_stored() {
    let document = r#"{"schemas":["urn:x"],"id":"u-1","nickName":"a\u00e4 }"}"#;
    let groups = r#"[{"value":"g-1","display":"Tour \"guides\""}]"#;
    assert_eq!(
        render("User", &stored(document, Some(groups)), None, None),
        format!(
            r#"{{"schemas":["urn:x"],"id":"u-1","nickName":"a\u00e4 }}","groups":{groups},"meta":{META}}}"#
        )
    );
    assert_eq!(
        render("User", &stored(document, None), None, Some("meta")),
        document,
        "attributes that are not loaded are left out"
    );
    assert_eq!(render("User", &stored("{}", Some("[]")), None, Some("meta")), r#"{"groups":[]}"#);
}

#[test]
fn references_are_completed_and_names_are_unchanged() {
    let groups = r#"[{"value":"g-1","$ref":"/Groups/g-1","display":"\"$ref\":\"x"}]"#;
    let whole = groups.replace("/Groups", &format!("{BASE}/Groups"));
    let stored = stored(r#"{"id":"u-1"}"#, Some(groups));
    assert_eq!(
        render("User", &stored, None, Some("meta")),
        format!(r#"{{"id":"u-1","groups":{whole}}}"#)
    );
    assert_eq!(
        render("User", &stored, Some("groups.$ref"), None),
        format!(r#"{{"id":"u-1","groups":[{{"$ref":"{BASE}/Groups/g-1"}}]}}"#)
    );
}

#[test]
fn excluded_members_leave_the_text_as_it_is() {
    // Entra always reads groups so (`tests/fixtures/conversations/entra/group.json`). The extra
    // space shows that the document was not parsed.
    let document = r#"{ "id":"u-1"}"#;
    let text = render("Group", &stored(document, Some("[]")), None, Some("members"));
    assert!(text.starts_with(r#"{ "id":"u-1","meta":{"resourceType":"Group""#), "{text}");
    let text = render("Group", &stored(document, Some("[]")), None, None);
    assert!(text.starts_with(r#"{ "id":"u-1","members":[],"meta":"#), "{text}");
}

#[test]
fn a_projection_covers_attributes_stored_beside_the_document() {
    let document = r#"{"schemas":["urn:x"],"id":"u-1","userName":"b","title":"t"}"#;
    let groups = r#"[{"value":"g-1","display":"d"}]"#;
    assert_eq!(
        render("User", &stored(document, Some(groups)), Some("groups.value,userName"), None),
        r#"{"schemas":["urn:x"],"id":"u-1","userName":"b","groups":[{"value":"g-1"}]}"#
    );
    assert_eq!(
        render("User", &stored(document, Some(groups)), None, Some("userName,groups")),
        format!(r#"{{"schemas":["urn:x"],"id":"u-1","title":"t","meta":{META}}}"#)
    );
    assert_eq!(
        render("User", &stored(document, Some("[]")), Some("groups,meta.version"), None),
        r#"{"schemas":["urn:x"],"id":"u-1","groups":[],"meta":{"version":"W/\"3\""}}"#
    );
}

#[test]
fn inserted_texts_are_escaped() {
    let text = render("User", &Stored { id: "a\"\\\n", ..stored("{}", None) }, None, None);
    let served: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(served["meta"]["location"], json!(format!("{BASE}/Users/a\"\\\n")));
}

#[test]
fn location_and_version_equal_those_in_meta() {
    let schemas = Schemas::standard();
    let user = schemas.by_name("User").unwrap();
    let served: Value =
        serde_json::from_str(&render("User", &stored("{}", None), None, None)).unwrap();
    assert_eq!(served["meta"]["location"], json!(location(BASE, user, "u-1")));
    assert_eq!(served["meta"]["version"], json!(entity_tag(3)));
}

#[track_caller]
fn check_list(documents: &[&str], total: u64, start_index: u64, expected: &Value) {
    let schemas = Schemas::standard();
    let user = schemas.by_name("User").unwrap();
    let projection = Projection::parse(Some("id"), None, user).unwrap();
    let mut out = String::new();
    let resources = documents.iter().map(|it| (&**user, &projection, stored(it, None)));
    let count = documents.len();
    let head = ListHead { total, start_index: Some(start_index), count, next_cursor: None };
    list(&mut out, BASE, &head, resources);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), *expected);
}

#[test]
fn a_list_always_has_its_five_members() {
    check_list(
        &[],
        0,
        1,
        &json!({ "schemas": [LIST_SCHEMA], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": [] }),
    );
    check_list(
        &[r#"{"id":"a"}"#, r#"{"id":"b"}"#],
        250,
        101,
        &json!({ "schemas": [LIST_SCHEMA], "totalResults": 250, "startIndex": 101, "itemsPerPage": 2, "Resources": [{ "id": "a" }, { "id": "b" }] }),
    );
}
