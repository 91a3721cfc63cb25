//! PATCH cases of public test suites, and the RFC's own requests, as data.

use serde_json::{Value, json};

use crate::scim::{
    Dialect, MemberChange, PatchRequest, Patched, Reading, Resource, ResourceType, Schemas, create,
    patch,
};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/scim");

/// Cases in which muster deliberately differs from the suites, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("SCIM PATCH replace REPLACE: nested array element", NESTED),
    ("SCIM PATCH add ADD: nested array element", NESTED),
    ("SCIM PATCH add ADD: should not modify anything if element not found", NESTED),
    ("SCIM PATCH add ADD: empty array add filter type + field 2nd level", NESTED),
    ("SCIM PATCH remove REMOVE: nested array element", NESTED),
    ("SCIM PATCH remove REMOVE: empty array should be unassigned", NESTED),
    (
        "SCIM PATCH remove REMOVE: nested array element with patch value as array with single value",
        NESTED,
    ),
    (
        "SCIM PATCH remove REMOVE: nested array element with patch value as array with multiple values",
        NESTED,
    ),
    (
        "SCIM PATCH remove REMOVE: nested array element with patch value as array with unknown value",
        NESTED,
    ),
    ("SCIM PATCH remove REMOVE: nested array element with value supplied", NESTED),
    (
        "SCIM PATCH remove REMOVE: nested array element with value as object supplied with multiple entries",
        NESTED,
    ),
    ("SCIM PATCH replace REPLACE: replace a non existent element", UNKNOWN),
    ("SCIM PATCH remove REMOVE: with unavailable nested fields", UNKNOWN),
    (
        "SCIM PATCH replace REPLACE: add a non object value to an object key",
        "a complex attribute is not a string",
    ),
    ("SCIM PATCH replace REPLACE: replace on multiValued objects without complete path", WHOLE),
    ("SCIM PATCH replace REPLACE: replace add fields in complex object", WHOLE),
    ("SCIM PATCH replace REPLACE: replace add and update fields in complex object", WHOLE),
    (
        "SCIM PATCH replace REPLACE: filter that match multiple elements of complex multiValued attribute without complete path",
        WHOLE,
    ),
    (
        "SCIM PATCH add ADD: on array attribute when 'path' is absent & value is array should append all values",
        PRIMARY,
    ),
    (
        "SCIM PATCH add ADD: on array attribute when 'path' is absent & value is non-array should append the value",
        PRIMARY,
    ),
    ("tests/test_patch_op_add.py::test_add_operation_with_non_dict_value_no_path", UNDONE),
    ("tests/test_patch_op_replace.py::test_replace_operation_with_non_dict_value_no_path", UNDONE),
    ("tests/test_patch_op_validation.py::test_patch_operations_with_none_path_skipped", UNDONE),
    (
        "tests/test_patch_op_remove.py::test_remove_operation_on_non_list_attribute",
        "the path of a remove names the value; the value sent beside it does not matter",
    ),
    ("SCIM PATCH remove REMOVE: first level property with path", STATE),
    ("SCIM PATCH remove REMOVE: multiple property at once with path", STATE),
    ("SCIM PATCH remove REMOVE: with capital first letter for operation", STATE),
    ("inbound.add[3]", "RFC 7643 §4.2: the sub-attributes of a member are immutable"),
    ("inbound.remove[3]", ROWS),
    ("inbound.remove[4]", ROWS),
    (
        "inbound.replace[1]",
        "RFC 7644 §3.5.2.3: sub-attributes that are not named are left unchanged",
    ),
];

const NESTED: &str = "RFC 7643 §2.3.8: a complex attribute holds no complex one";
const UNKNOWN: &str = "the only path is unknown: a 2xx would say that something was done";
const WHOLE: &str = "RFC 7644 §3.5.2.3: matching values are replaced as a whole, not merged";
const PRIMARY: &str = "RFC 7643 §2.4: one value at most is primary";
const UNDONE: &str = "the suite ignores an impossible operation: a 2xx would say that it was done";
const STATE: &str = "a person is active or not, so a removal keeps the state";
const ROWS: &str = "members are stored by id, so an id is never there twice";

/// Attributes of the suites' documents beyond RFC 7643, with their sub-attributes; a `*` after a
/// name makes it multi-valued.
const BEYOND: &[(&str, &[&str])] = &[
    ("newProperty", &[]),
    ("newProperty3", &[]),
    ("surName*", &["value", "additional"]),
    ("favorites", &["food"]),
    ("name", &["newProperty", "newProperty1", "newProperty2", "surName2*", "surName3"]),
    ("emails*", &["newProperty", "newProperty1", "newProperty2"]),
];

fn fixture(name: &str) -> Value {
    let path = format!("{FIXTURES}/{name}");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// A resource with its members, which the document never holds.
#[derive(Clone, Debug, PartialEq)]
struct WholeResource {
    resource: Resource,
    members: Vec<String>,
}

/// Reads a resource of a suite, and fills in required attributes that the suite leaves out.
fn whole(t: &ResourceType, body: &Value) -> Result<WholeResource, String> {
    let mut body = body.clone();
    let object = body.as_object_mut().unwrap();
    let required = if t.name == "User" { "userName" } else { "displayName" };
    object.entry(required).or_insert_with(|| "someone".into());
    let draft = create(t, &body, &mut Reading::new(Dialect::Entra));
    let draft = draft.map_err(|error| format!("{error} in {body}"))?;
    let members = draft.members.into_iter().flatten().map(|it| it.value).collect();
    Ok(WholeResource { resource: draft.resource, members })
}

/// Applies changes of members as the store does.
fn apply(members: &mut Vec<String>, changes: &[MemberChange]) -> Result<(), String> {
    for change in changes {
        match change {
            MemberChange::Add(added) => {
                for member in added {
                    if !members.contains(&member.value) {
                        members.push(member.value.clone());
                    }
                }
            }
            MemberChange::Remove(ids) => members.retain(|id| !ids.contains(id)),
            MemberChange::RemoveWhere(_) => return Err(format!("{change:?}")),
            MemberChange::Replace(all) => {
                *members = all.iter().map(|it| it.value.clone()).collect();
            }
            MemberChange::Clear => members.clear(),
        }
    }
    Ok(())
}

fn run(
    t: &ResourceType,
    before: &WholeResource,
    body: &Value,
    dialect: Dialect,
) -> Result<WholeResource, String> {
    let mut reading = Reading::new(dialect);
    let request = PatchRequest::parse(body, &mut reading).map_err(|error| error.to_string())?;
    let Patched { resource, members: changes, .. } =
        patch(t, &before.resource, &request, &mut reading).map_err(|error| error.to_string())?;
    let mut members = before.members.clone();
    apply(&mut members, &changes)?;
    Ok(WholeResource { resource, members })
}

/// The standard types; users have the attributes of `BEYOND` too.
fn beyond() -> Schemas {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut user = read(include_str!("../schemas/user.json"));
    let attributes = user["attributes"].as_array_mut().unwrap();
    for (name, subs) in BEYOND {
        let attribute =
            define(attributes, name, if subs.is_empty() { "string" } else { "complex" });
        if name.ends_with('*') && attribute["subAttributes"].is_null() {
            attribute["subAttributes"] = json!([{ "name": "primary", "type": "boolean" }]);
        }
        for sub in *subs {
            if attribute["subAttributes"].is_null() {
                attribute["subAttributes"] = json!([]);
            }
            define(attribute["subAttributes"].as_array_mut().unwrap(), sub, "string");
        }
    }
    let types = include_str!("../schemas/resource_types.json");
    let group = include_str!("../schemas/group.json");
    let enterprise = include_str!("../schemas/enterprise_user.json");
    Schemas::read(types, &[&user.to_string(), group, enterprise]).unwrap()
}

fn define<'a>(attributes: &'a mut Vec<Value>, name: &str, kind: &str) -> &'a mut Value {
    let plain = name.trim_end_matches('*');
    let at = attributes.iter().position(|it| it["name"] == plain).unwrap_or(attributes.len());
    if at == attributes.len() {
        let many = name.ends_with('*');
        attributes.push(json!({ "name": plain, "type": kind, "multiValued": many }));
    }
    &mut attributes[at]
}

/// The type of a case. The suites give users members too.
fn type_of<'s>(schemas: &'s Schemas, case: &Value) -> &'s ResourceType {
    let text = format!("{}{}", case["before"], case["Operations"]);
    let group = text.contains("core:2.0:Group") || text.contains("members");
    schemas.by_name(if group { "Group" } else { "User" }).unwrap()
}

/// The result of a case; `Ok` if it is what the suite expects.
fn outcome(schemas: &Schemas, case: &Value) -> Result<(), String> {
    let t = type_of(schemas, case);
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": case["Operations"],
    });
    let after = whole(t, &case["before"]).and_then(|it| run(t, &it, &body, Dialect::Entra));
    match (case.get("after"), after) {
        (None, Err(_)) => Ok(()),
        (None, Ok(after)) => Err(format!("must be refused, became {after:?}")),
        (Some(_), Err(error)) => Err(error),
        (Some(expected), Ok(after)) => {
            let expected = whole(t, expected)?;
            if after == expected {
                return Ok(());
            };
            Err(format!("became {after:?}\nnot {expected:?}"))
        }
    }
}

#[test]
fn the_cases_of_public_suites_have_the_expected_results() {
    let schemas = beyond();
    let vectors = fixture("patch_vectors.json");
    let mut wrong = Vec::new();
    for case in vectors["vectors"].as_array().unwrap() {
        // These cases are about options and resource types of one library.
        if case.get("library_options").is_some() || case.get("custom_resource_type").is_some() {
            continue;
        }
        let name = case["test"].as_str().unwrap();
        let different = DIFFERENT.iter().any(|(it, _)| *it == name);
        match outcome(&schemas, case) {
            Ok(()) if different => wrong.push(format!("{name}: does not differ any more")),
            Err(why) if !different => {
                wrong.push(format!("{name}\n{}\n{why}\n", case["Operations"]));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[track_caller]
fn check_rfc(before: &str, request: &str, after: impl FnOnce(&mut Value)) {
    let schemas = Schemas::standard();
    let document = fixture(before);
    let t = type_of(&schemas, &json!({ "before": document, "Operations": [] }));
    let mut expected = document.clone();
    after(&mut expected);
    let body = fixture(request);
    let got = run(t, &whole(t, &document).unwrap(), &body, Dialect::Generic);
    assert_eq!(got, whole(t, &expected), "{request}");
}

const USER: &str = "rfc/rfc7643-8.2-user-full.json";
const GROUP: &str = "rfc/rfc7643-8.4-group.json";

#[test]
fn the_additions_of_rfc_7644_are_applied() {
    check_rfc(USER, "rfc/rfc7644-3.5.2.1-patch_op-add_emails.json", |_| {});
    check_rfc(GROUP, "rfc/rfc7644-3.5.2.1-patch_op-add_members.json", |_| {});
}

#[test]
fn the_removals_of_rfc_7644_are_applied() {
    check_rfc(GROUP, "rfc/rfc7644-3.5.2.2-patch_op-remove_all_members.json", |it| {
        it["members"] = Value::Null;
    });
    check_rfc(GROUP, "rfc/rfc7644-3.5.2.2-patch_op-remove_one_member.json", |_| {});
    check_rfc(GROUP, "rfc/rfc7644-3.5.2.2-patch_op-remove_and_add_one_member.json", |it| {
        let new = json!({ "value": "08e1d05d...473d93df9210" });
        it["members"].as_array_mut().unwrap().push(new);
    });
    check_rfc(USER, "rfc/rfc7644-3.5.2.2-patch_op-remove_multi_complex_value.json", |it| {
        it["emails"].as_array_mut().unwrap().remove(0);
    });
}

#[test]
fn the_replacements_of_rfc_7644_are_applied() {
    check_rfc(USER, "rfc/rfc7644-3.5.2.3-patch_op-replace_all_email_values.json", |_| {});
    check_rfc(GROUP, "rfc/rfc7644-3.5.2.3-patch_op-replace_all_members.json", |it| {
        it["members"][1]["value"] = "08e1d05d-121c-4561-8b96-473d93df9210".into();
    });
    check_rfc(USER, "rfc/rfc7644-3.5.2.3-patch_op-replace_street_address.json", |it| {
        it["addresses"][0]["streetAddress"] = "1010 Broadway Ave".into();
    });
    check_rfc(USER, "rfc/rfc7644-3.5.2.3-patch_op-replace_user_work_address.json", |it| {
        let request = fixture("rfc/rfc7644-3.5.2.3-patch_op-replace_user_work_address.json");
        it["addresses"][0] = request["Operations"][0]["value"].clone();
    });
}

#[test]
fn the_paths_of_public_suites_are_resolved() {
    let before = fixture(USER);
    let schemas = Schemas::standard();
    let t = schemas.by_name("User").unwrap();
    let before = whole(t, &before).unwrap();
    let paths = fixture("paths.json");
    let about_users = |row: &&Value| row["kind"].as_str().unwrap().contains("against User");
    let mut seen = 0;
    for row in paths["paths"].as_array().unwrap().iter().filter(about_users) {
        let body = json!({ "Operations": [{ "op": "remove", "path": row["path"] }] });
        let error = run(t, &before, &body, Dialect::Generic).err().unwrap_or_default();
        let names = ["names no attribute", "no sub-attribute", "not a sub-attribute"];
        let unknown = names.iter().any(|it| error.contains(it));
        assert_eq!(unknown, row["valid"] == false, "{row}: {error}");
        seen += 1;
    }
    assert!(seen > 15, "only {seen} paths were tested");
}
