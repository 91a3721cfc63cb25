//! Whether a request takes access away, by its body alone, in the spelling of any dialect and version.
//!
//! It is no reading of the request: whom it is about is not looked up, and what else it changes does not
//! matter.

use serde_json::Value;

use super::resource::spelt_boolean;

/// Whether a PATCH or PUT with this body deactivates a person, or removes members of a group.
pub fn takes_access_away(body: &Value) -> bool {
    match member(body, "Operations") {
        Some(Value::Array(operations)) => operations.iter().any(operation),
        _ => deactivates(body) || removes_members(body),
    }
}

/// An operation of a PATCH in SCIM 2.0.
fn operation(operation: &Value) -> bool {
    let text = |name| member(operation, name).and_then(Value::as_str).unwrap_or_default();
    let path = text("path");
    let value = member(operation, "value");
    // The path may begin with the URI of the schema.
    let attribute = path.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    if attribute == "active" {
        return value.is_some_and(is_false);
    }
    let removes = text("op").eq_ignore_ascii_case("remove");
    match attribute.starts_with("members") {
        // PingFederate replaces the members by none.
        true => removes || value.is_none_or(is_empty),
        false => path.is_empty() && value.is_some_and(deactivates),
    }
}

fn deactivates(resource: &Value) -> bool {
    member(resource, "active").is_some_and(is_false)
}

/// SCIM 1.1 marks members that are removed, draft-scim-api-01 §3.2.2.
fn removes_members(group: &Value) -> bool {
    let Some(Value::Array(members)) = member(group, "members") else { return false };
    let operation = |it: &Value| member(it, "operation").and_then(Value::as_str).map(str::to_owned);
    members.is_empty()
        || members.iter().filter_map(operation).any(|it| it.eq_ignore_ascii_case("delete"))
}

fn is_false(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        // Entra without its flag: `tests/fixtures/conversations/SOURCES.md`.
        Value::String(text) => spelt_boolean(text) == Some(false),
        _ => false,
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let mut members = object.as_object()?.iter();
    members.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(body: &Value, expected: bool) {
        assert_eq!(takes_access_away(body), expected, "{body}");
    }

    #[track_caller]
    fn check_patch(operation: &Value, expected: bool) {
        check(&json!({ "Operations": [{ "op": "add", "path": "title" }, operation] }), expected);
    }

    #[test]
    fn a_deactivation_is_recognised_in_each_spelling() {
        check(&json!({ "userName": "ada", "active": false }), true);
        check(&json!({ "Active": "False" }), true);
        check(&json!({ "active": true }), false);
        check(&json!({ "userName": "ada" }), false);
        check(&json!([]), false);
        check_patch(&json!({ "op": "replace", "path": "active", "value": false }), true);
        check_patch(&json!({ "op": "Replace", "path": "active", "value": "False" }), true);
        check_patch(&json!({ "op": "replace", "value": { "active": false } }), true);
        let path = "urn:ietf:params:scim:schemas:core:2.0:User:active";
        check_patch(&json!({ "op": "replace", "path": path, "value": false }), true);
        check_patch(&json!({ "op": "replace", "path": "active", "value": true }), false);
        check_patch(&json!({ "op": "replace", "path": "nickName", "value": "false" }), false);
    }

    #[test]
    fn a_removal_of_members_is_recognised_in_each_spelling() {
        check_patch(&json!({ "op": "remove", "path": "members[value eq \"7\"]" }), true);
        check_patch(
            &json!({ "op": "Remove", "path": "members", "value": [{ "value": "7" }] }),
            true,
        );
        check_patch(&json!({ "op": "replace", "path": "members", "value": [] }), true);
        check_patch(&json!({ "op": "add", "path": "members", "value": [{ "value": "7" }] }), false);
        check(&json!({ "members": [{ "value": "7", "operation": "delete" }] }), true);
        check(&json!({ "members": [{ "value": "7" }] }), false);
    }
}
