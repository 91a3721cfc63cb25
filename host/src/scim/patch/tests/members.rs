//! PATCH of the members of groups.

use serde_json::{Value, json};

use super::{resource, run};
use crate::scim::{Dialect, Leniency, MemberChange, MemberRef, Reading, ScimType};

fn group() -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Guides" })
}

fn member(id: &str) -> MemberRef {
    MemberRef { value: id.to_owned(), display: None, kind: None }
}

#[track_caller]
fn check_members(operation: &Value, fired: &[Leniency], expected: &[MemberChange]) {
    let before = resource("Group", &group());
    let mut reading = Reading::new(Dialect::Generic);
    let after = run("Group", &before, &json!([operation]), &mut reading).unwrap();
    assert_eq!(after.members, expected, "{operation}");
    assert_eq!(after.resource, before, "the document never holds members");
    assert_eq!(reading.fired().collect::<Vec<_>>(), fired, "{operation}");
}

#[test]
fn members_become_changes() {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let ab = json!([{"value":"a","$ref":null},{"value":"b"},{"value":"a"}]);
    let two = vec![member("a"), member("b")];
    check_members(
        &json!({"op":"add","path":"members","value":ab}),
        &[],
        &[MemberChange::Add(two.clone())],
    );
    check_members(&json!({"op":"add","path":"members","value":[]}), &[], &[]);
    check_members(
        &json!({"op":"replace","path":"members","value":ab}),
        &[],
        &[MemberChange::Replace(two)],
    );
    check_members(
        &json!({"op":"replace","path":"members","value":[]}),
        &[],
        &[MemberChange::Clear],
    );
    check_members(&json!({"op":"remove","path":"members"}), &[], &[MemberChange::Clear]);
    check_members(&json!({"op":"replace","value":{"members":[]}}), &[], &[MemberChange::Clear]);
    check_members(
        &json!({"op":"remove","path":"members","value":ab}),
        &[Leniency::RemoveByValue],
        &[MemberChange::Remove(ids(&["a", "b"]))],
    );
    check_members(
        &json!({"op":"remove","path":"members","value":[]}),
        &[Leniency::RemoveByValue],
        &[],
    );
    check_members(
        &json!({"op":"remove","path":"members[value eq \"a\"]"}),
        &[],
        &[MemberChange::Remove(ids(&["a"]))],
    );
    check_members(
        &json!({"op":"remove","path":"members[value eq \"a\" or value eq \"b\"]"}),
        &[],
        &[MemberChange::Remove(ids(&["a", "b"]))],
    );
    let filter = crate::scim::Filter::parse("type eq \"Group\"").unwrap();
    check_members(
        &json!({"op":"remove","path":"members[type eq \"Group\"]"}),
        &[],
        &[MemberChange::RemoveWhere(filter)],
    );
    check_members(
        &json!({"op":"add","path":"members","value":["a"]}),
        &[Leniency::BareValue],
        &[MemberChange::Add(vec![member("a")])],
    );
    let full =
        MemberRef { display: Some("A".to_owned()), kind: Some("User".to_owned()), ..member("a") };
    check_members(
        &json!({"op":"add","path":"Members","value":{"Value":"a","display":"A","type":"user"}}),
        &[],
        &[MemberChange::Add(vec![full])],
    );
}

#[test]
fn a_strict_remove_of_members_takes_no_value() {
    let before = resource("Group", &group());
    let operation = json!([{"op":"remove","path":"members","value":[{"value":"a"}]}]);
    let error = run("Group", &before, &operation, &mut Reading::new(Dialect::Strict)).unwrap_err();
    assert_eq!(error.scim_type, Some(ScimType::InvalidValue));
}

#[test]
fn members_change_only_as_a_whole() {
    let before = resource("Group", &group());
    for operation in [
        json!({"op":"replace","path":"members[value eq \"a\"].display","value":"A"}),
        json!({"op":"replace","path":"members.value","value":"b"}),
        json!({"op":"remove","path":"members.type"}),
        json!({"op":"replace","path":"members[value eq \"a\"]","value":{"value":"b"}}),
    ] {
        let after = run("Group", &before, &json!([operation]), &mut Reading::new(Dialect::Generic));
        assert_eq!(after.unwrap_err().scim_type, Some(ScimType::Mutability), "{operation}");
    }
}
