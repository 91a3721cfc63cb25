//! PATCH operations that are refused, and the error details.

use serde_json::{Value, json};

use super::{ENTERPRISE, person, resource, run};
use crate::scim::{Dialect, Error, Leniency, PatchRequest, Reading, ScimType};

#[track_caller]
fn refuse_in(dialect: Dialect, operations: &Value, scim_type: ScimType, detail: &str) {
    let before = resource("User", &person());
    let after = run("User", &before, operations, &mut Reading::new(dialect));
    assert_eq!(after, Err(Error::bad_request(scim_type, detail)), "{operations}");
}

#[track_caller]
fn refuse(operation: &Value, scim_type: ScimType, detail: &str) {
    refuse_in(Dialect::Generic, &json!([operation]), scim_type, detail);
}

#[test]
fn an_impossible_operation_is_refused() {
    refuse(&json!({"op":"remove"}), ScimType::NoTarget, "remove needs a path");
    refuse(
        &json!({"op":"move","path":"name"}),
        ScimType::InvalidSyntax,
        "op must be add, remove or replace",
    );
    refuse(&json!({"op":"add","path":"name"}), ScimType::InvalidSyntax, "add needs a value");
    refuse(
        &json!({"op":"remove","path":"userName"}),
        ScimType::Mutability,
        "userName is required and cannot be removed",
    );
    refuse(
        &json!({"op":"replace","path":"userName","value":" "}),
        ScimType::InvalidValue,
        "userName must not be empty",
    );
    refuse(
        &json!({"op":"replace","path":"userName","value":null}),
        ScimType::InvalidValue,
        "userName is required",
    );
    refuse(
        &json!({"op":"replace","path":"id","value":"7"}),
        ScimType::Mutability,
        "id is readOnly",
    );
    refuse(
        &json!({"op":"add","path":"groups","value":[{"value":"7"}]}),
        ScimType::Mutability,
        "groups is readOnly",
    );
    refuse(
        &json!({"op":"remove","path":"meta.created"}),
        ScimType::Mutability,
        "meta.created is readOnly",
    );
    refuse(
        &json!({"op":"replace","path":"active","value":"no"}),
        ScimType::InvalidValue,
        "active must be true or false; the value sent is a string",
    );
    refuse(
        &json!({"op":"add","path":"name","value":"Babs"}),
        ScimType::InvalidValue,
        "name must be an object; the value sent is a string",
    );
    refuse(
        &json!({"op":"add","path":"emails[type eq \"a\" or type eq \"b\"].value","value":"x"}),
        ScimType::NoTarget,
        "no value of emails matches type eq \"a\" or type eq \"b\"",
    );
    refuse(
        &json!({"op":"add","path":"title[value eq \"a\"]","value":"x"}),
        ScimType::InvalidPath,
        "title has a single value, so a filter cannot choose one",
    );
    let manager = format!("{ENTERPRISE}:manager[value eq \"m2\"]");
    refuse(
        &json!({"op":"replace","path":manager,"value":{"value":"m3"}}),
        ScimType::NoTarget,
        &format!("no value of {ENTERPRISE}:manager matches value eq \"m2\""),
    );
    refuse(
        &json!({"op":"remove","path":"name[shoeSize eq 1]"}),
        ScimType::InvalidFilter,
        "shoeSize is not a sub-attribute of name",
    );
    for dialect in [Dialect::Strict, Dialect::Interop] {
        let operations = json!([{"op":"remove","path":manager}]);
        let detail = "manager has a single value, so a filter cannot choose one";
        refuse_in(dialect, &operations, ScimType::InvalidPath, detail);
    }
    refuse(
        &json!({"op":"add","value":"x"}),
        ScimType::InvalidValue,
        "without a path, value must be an object of attributes",
    );
    refuse(
        &json!({"op":"add","path":ENTERPRISE,"value":"x"}),
        ScimType::InvalidValue,
        &format!("{ENTERPRISE} must be an object"),
    );
}

#[test]
fn a_password_cannot_be_removed() {
    refuse(
        &json!({"op":"remove","path":"password"}),
        ScimType::Mutability,
        "password can be set, not removed",
    );
}

#[test]
fn two_primaries_are_refused() {
    refuse(
        &json!({"op":"replace","path":"emails.primary","value":true}),
        ScimType::InvalidValue,
        "2 of emails values are primary; at most one can be",
    );
}

#[test]
fn an_unknown_attribute_is_ignored_beside_a_known_one() {
    let alone = json!({"op":"add","path":"shoeSize","value":44});
    refuse(&alone, ScimType::InvalidPath, "shoeSize names no attribute of User");
    let before = resource("User", &person());
    let both = json!([alone, {"op":"replace","path":"active","value":false}]);
    let mut reading = Reading::new(Dialect::Generic);
    assert!(!run("User", &before, &both, &mut reading).unwrap().resource.active());
    assert_eq!(reading.fired().collect::<Vec<_>>(), [Leniency::UnknownAttribute]);
    refuse_in(
        Dialect::Strict,
        &both,
        ScimType::InvalidPath,
        "Operation 1: shoeSize names no attribute of User",
    );
}

#[test]
fn an_operation_of_which_nothing_is_known_is_refused_beside_others() {
    let known = json!({"op":"replace","path":"displayName","value":"B"});
    for (operation, of) in [
        (json!({"op":"replace","value":{"shoeSize":44}}), "User"),
        (json!({"op":"replace","path":"name","value":{"shoeSize":44}}), "name"),
        (json!({"op":"add","path":"emails","value":[{"shoeSize":44}]}), "emails"),
        (json!({"op":"add","path":ENTERPRISE,"value":{"shoeSize":44}}), ENTERPRISE),
        (json!({"op":"add","value":{ENTERPRISE:{"shoeSize":44}}}), "User"),
    ] {
        let detail = format!("the value names no attribute of {of}");
        refuse(&operation, ScimType::InvalidValue, &detail);
        let beside = json!([known, operation]);
        let detail = format!("Operation 2: {detail}");
        refuse_in(Dialect::Generic, &beside, ScimType::InvalidValue, &detail);
    }
}

#[test]
fn a_name_that_resembles_the_state_is_refused_beside_others() {
    let known = json!({"op":"replace","path":"displayName","value":"B"});
    for name in ["enabled", "actve", "urn:ietf:params:scim:schemas:core:2.0:User.active"] {
        let path = json!([known, {"op":"replace","path":name,"value":false}]);
        let detail = format!("Operation 2: {name} names no attribute of User; is active meant?");
        refuse_in(Dialect::Generic, &path, ScimType::InvalidPath, &detail);
        let key = json!({"op":"replace","value":{"displayName":"B",name:false}});
        let detail = format!("{name} is not an attribute of User; is active meant?");
        refuse(&key, ScimType::InvalidSyntax, &detail);
    }
    refuse(
        &json!({"op":"replace","value":{"displayName":"B","user":{"active":false}}}),
        ScimType::InvalidSyntax,
        "user is not an attribute of User; is active meant?",
    );
    // The object says the state itself.
    let both = json!([{"op":"replace","value":{"active":false,"enabled":false}}]);
    let before = resource("User", &person());
    let after = run("User", &before, &both, &mut Reading::new(Dialect::Generic)).unwrap();
    assert!(!after.resource.active());
}

#[test]
fn one_invalid_operation_refuses_the_whole_patch() {
    let operations = json!([{"op":"replace","path":"active","value":false}, {"op":"replace","path":"name","value":7}]);
    refuse_in(
        Dialect::Generic,
        &operations,
        ScimType::InvalidValue,
        "Operation 2: name must be an object; the value sent is a number",
    );
}

#[test]
fn the_envelope_is_checked() {
    let strict = || Reading::new(Dialect::Strict);
    let pathless = json!({"op":"replace","value":{"active":false}});
    let parse = |body: Value, mut reading: Reading| PatchRequest::parse(&body, &mut reading);
    let operation = json!({"op":"remove","path":"title"});
    let urn = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    assert_eq!(
        parse(json!({ "Operations": [operation] }), strict()),
        Err(Error::invalid_syntax(format!("schemas must contain {urn}")))
    );
    assert_eq!(
        parse(json!({ "schemas": [urn], "Operations": [] }), Reading::new(Dialect::Generic)),
        Err(Error::invalid_syntax("Operations must not be empty"))
    );
    assert!(
        parse(json!({ "schemas": [urn], "Operations": [] }), Reading::new(Dialect::Entra)).is_ok()
    );
    assert!(parse(json!({ "Schemas": [urn], "operations": [operation] }), strict()).is_ok());
    let pathless = json!({ "schemas": [urn], "Operations": [pathless] });
    assert!(parse(pathless.clone(), strict()).is_ok());
    assert_eq!(
        parse(pathless, Reading::new(Dialect::Interop)),
        Err(Error::invalid_path("replace needs a path here"))
    );
    let many = vec![operation; 1001];
    assert_eq!(
        parse(json!({ "schemas": [urn], "Operations": many }), strict()),
        Err(Error::new(413, "a PATCH has at most 1000 operations, this one has 1001"))
    );
}

#[test]
fn a_filter_that_can_never_match_is_refused() {
    let unknown = "colour is not a sub-attribute of emails";
    for op in ["add", "remove", "replace"] {
        refuse(
            &json!({"op":op,"path":"emails[not (colour eq \"red\")]","value":{"value":"x"}}),
            ScimType::InvalidFilter,
            unknown,
        );
    }
}

#[test]
fn lists_are_bounded() {
    let many: Vec<Value> = (0..1001).map(|n| json!({ "value": n.to_string() })).collect();
    refuse(
        &json!({"op":"add","path":"roles","value":many}),
        ScimType::InvalidValue,
        "roles has at most 1000 values, this would be 1001",
    );
}

#[test]
fn long_names_are_cut_in_error_details() {
    let word = "x".repeat(5000);
    let operations = json!([{"op":"add","path":"name","value":{word: 1}}]);
    let detail = format!("name has no sub-attribute {}", "x".repeat(100));
    refuse_in(Dialect::Strict, &operations, ScimType::InvalidSyntax, &detail);
}
