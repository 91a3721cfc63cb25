//! The order of operations, and how their references are resolved.

use serde_json::json;

use super::*;
use crate::scim::Dialect;

fn read(operations: &Value) -> BulkRequest {
    let body = json!({ "schemas": [BULK_REQUEST_SCHEMA], "Operations": operations });
    BulkRequest::parse(&body, &mut Reading::new(Dialect::Strict)).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "it reads better where it is called")]
fn creation(bulk_id: &str, data: Value) -> Value {
    json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data })
}

#[track_caller]
fn check_order(operations: &Value, expected: &[usize]) {
    assert_eq!(read(operations).order(), expected);
}

#[test]
fn a_resource_is_created_before_the_operations_that_refer_to_it() {
    let refers = |to: &str| json!({ "members": [{ "value": format!("bulkId:{to}") }] });
    let (a, b) = (creation("a", json!({})), creation("b", refers("a")));
    check_order(&json!([]), &[]);
    check_order(&json!([a, b]), &[0, 1]);
    check_order(&json!([b, a]), &[1, 0]);
    check_order(&json!([creation("c", refers("b")), b, a]), &[2, 1, 0]);
    check_order(&json!([{ "method": "DELETE", "path": "/Groups/bulkId:a" }, a]), &[1, 0]);
    // In a circle no operation is first, so the client's order decides.
    check_order(&json!([creation("a", refers("b")), creation("b", refers("a"))]), &[1, 0]);
    check_order(&json!([creation("a", refers("a"))]), &[0]);
    check_order(&json!([creation("a", refers("nothing"))]), &[0]);
}

fn references(request: &BulkRequest) -> References {
    References::of(&request.operations)
}

#[test]
fn references_become_ids_in_paths_filters_and_values() {
    let filter = r#"members[value eq "bulkId:a"]"#;
    let data = json!({ "Operations": [
        { "op": "remove", "path": filter },
        { "op": "add", "value": { "$ref": "../Groups/bulkId:a", "display": "of bulkId: a" } },
    ] });
    let patch = json!({ "method": "PATCH", "path": "/Groups/bulkId:a", "data": data });
    let request = read(&json!([creation("a", json!({})), patch]));
    let mut references = references(&request);
    assert!(references.resolve(&request.operations[1]).is_err());
    references.created("a", "7");
    let resolved = references.resolve(&request.operations[1]).unwrap();
    assert_eq!(resolved.path, "/Groups/7");
    let expected = json!({ "Operations": [
        { "op": "remove", "path": r#"members[value eq "7"]"# },
        { "op": "add", "value": { "$ref": "../Groups/7", "display": "of bulkId: a" } },
    ] });
    assert_eq!((resolved.data, resolved.later), (expected, None));
}

#[test]
fn references_to_pending_creations_are_left_for_later() {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let data = json!({
        "displayName": "A",
        "members": [{ "value": "1" }, { "value": "bulkId:b", "type": "Group" }],
        enterprise: { "department": "One", "manager": { "value": "bulkId:b" } },
    });
    let request = read(&json!([creation("a", data), creation("b", json!({}))]));
    let mut references = references(&request);
    let resolved = references.resolve(&request.operations[0]).unwrap();
    let now = json!({
        "displayName": "A",
        "members": [{ "value": "1" }],
        enterprise: { "department": "One" },
    });
    assert_eq!(resolved.data, now);
    let later = resolved.later.unwrap();
    assert_eq!(references.complete(&later), Ok(None));
    references.created("b", "2");
    let added = json!({
        "members": [{ "value": "2", "type": "Group" }],
        enterprise: { "manager": { "value": "2" } },
    });
    assert_eq!(references.complete(&later), Ok(Some(added)));
}

#[test]
fn a_reference_to_a_failed_operation_is_a_conflict_and_to_none_is_invalid() {
    let refers =
        |to: &str| creation("x", json!({ "members": [{ "value": format!("bulkId:{to}") }] }));
    let request = read(&json!([creation("a", json!({})), refers("a")]));
    let mut references = references(&request);
    references.end();
    assert_eq!(references.resolve(&request.operations[1]).unwrap_err().status, 409);
    let request = read(&json!([refers("stranger")]));
    let wrong = References::of(&request.operations).resolve(&request.operations[0]).unwrap_err();
    assert_eq!(wrong.status, 400);
}
