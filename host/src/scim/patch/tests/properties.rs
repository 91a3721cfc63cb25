//! Properties of every PATCH, on random requests.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::scim::{Projection, ResourceType, Stored, render, replace};

/// Paths, each with a valid value.
fn targets() -> impl Strategy<Value = (&'static str, Value)> {
    let text = || "[a-c]{0,2}".prop_map(Value::from);
    let email = (text(), select(&["work", "home"][..]), any::<bool>()).prop_map(
        |(value, kind, primary)| json!({ "value": value, "type": kind, "primary": primary }),
    );
    prop_oneof![
        (select(&["displayName", "title", "name.givenName", "nickName"][..]), text()),
        text().prop_map(|text| ("userName", json!(format!("u{}", text.as_str().unwrap())))),
        any::<bool>().prop_map(|active| ("active", json!(active))),
        (text(), text()).prop_map(|(given, middle)| (
            "name",
            json!({ "givenName": given, "middleName": middle })
        )),
        vec(email.clone(), 0..3).prop_map(|emails| ("emails", json!(emails))),
        email.prop_map(|email| ("emails", email)),
        (select(&["emails[type eq \"work\"].value", "emails.value", "emails.type"][..]), text()),
        text().prop_map(|text| {
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", text)
        }),
    ]
}

fn operations() -> impl Strategy<Value = Value> {
    let operation = (select(&["add", "replace", "remove"][..]), targets());
    let operation = operation.prop_map(|(op, (path, value))| match op {
        "remove" => json!({ "op": op, "path": path }),
        _ => json!({ "op": op, "path": path, "value": value }),
    });
    vec(operation, 1..5).prop_map(Value::from)
}

fn patched(before: &Resource, operations: &Value) -> Result<Resource, Error> {
    let after = run("User", before, operations, &mut Reading::new(Dialect::Generic));
    after.map(|it| it.resource)
}

proptest! {
    /// RFC 7644 §3.5.1 and §3.5.2: the result of a PATCH can be written by a PUT.
    #[test]
    fn a_put_of_the_result_of_a_patch_has_the_same_result(operations in operations()) {
        let before = resource("User", &person());
        let Ok(after) = patched(&before, &operations) else { return Ok(()) };
        let schemas = schemas();
        let user = schemas.by_name("User").unwrap();
        let whole = Value::Object(after.document().clone());
        let put = replace(user, &before, &whole, &mut Reading::new(Dialect::Strict)).unwrap();
        let sorted = |it: &Resource| sorted(&Value::Object(it.document().clone()));
        prop_assert_eq!(sorted(&put.resource), sorted(&after), "{}", operations);
    }

    /// What is read after any PATCH of any dialect can be written back, and changes nothing.
    #[test]
    fn a_put_of_what_is_read_changes_nothing(
        sequence in vec(operations(), 1..4),
        dialect in select(&Dialect::ALL[..]),
    ) {
        let schemas = schemas();
        let user = schemas.by_name("User").unwrap();
        let mut now = resource("User", &person());
        for operations in &sequence {
            let after = run("User", &now, operations, &mut Reading::new(dialect));
            now = after.map_or(now, |it| it.resource);
        }
        let read = served(user, &now);
        let put = replace(user, &now, &read, &mut Reading::new(dialect)).unwrap();
        let document = |it: &Resource| sorted(&Value::Object(it.document().clone()));
        prop_assert_eq!(document(&put.resource), document(&now), "{:?}", sequence);
        prop_assert_eq!(put.password, None);
    }

    /// An operation that sets or removes values changes nothing the second time. Nor does one that
    /// adds to a list, because lists are sets.
    #[test]
    fn a_patch_of_one_operation_changes_nothing_the_second_time(operations in operations()) {
        let before = resource("User", &person());
        let operation = json!([operations[0]]);
        let Ok(once) = patched(&before, &operation) else { return Ok(()) };
        match patched(&once, &operation) {
            Ok(twice) => prop_assert_eq!(once, twice, "{}", operation),
            // A removed value cannot be removed through a filter again.
            Err(error) => prop_assert!(operation[0]["op"] == "remove", "{}: {:?}", operation, error),
        }
    }

    /// One failing operation undoes all others, and leaving out an operation does not change the
    /// effect of those before it.
    #[test]
    fn operations_take_effect_in_order(operations in operations()) {
        let before = resource("User", &person());
        let mut step_by_step = Ok(before.clone());
        for operation in operations.as_array().unwrap() {
            step_by_step = step_by_step.and_then(|it| patched(&it, &json!([operation])));
        }
        let at_once = patched(&before, &operations);
        prop_assert_eq!(at_once.is_ok(), step_by_step.is_ok(), "{}", operations);
        if let (Ok(at_once), Ok(step_by_step)) = (at_once, step_by_step) {
            prop_assert_eq!(at_once, step_by_step, "{}", operations);
        }
    }
}

/// The resource as a client reads it.
fn served(user: &ResourceType, resource: &Resource) -> Value {
    let stored = Stored {
        document: &resource.to_json(),
        id: resource.id(),
        version: 7,
        created: "2026-01-31T08:00:00Z",
        last_modified: "2026-01-31T08:00:00Z",
        related: Some(r#"[{"value":"g1","$ref":"/Groups/g1","display":"Team","type":"direct"}]"#),
    };
    let projection = Projection::parse(None, None, user).unwrap();
    let mut text = String::new();
    render::resource(&mut text, "https://host/t/acme/scim/v2", user, &stored, &projection);
    serde_json::from_str(&text).unwrap()
}

/// The same with the members of objects in alphabetical order, which has no meaning.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
