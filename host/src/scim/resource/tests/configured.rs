//! A resource type that is only configured takes the same path as users and groups.

use serde_json::{Value, json};

use crate::scim::{
    Dialect, Error, PatchRequest, Reading, Resource, Schemas, create, patch, replace,
};

const CORE: &str = "urn:ietf:params:scim:schemas:test:2.0:TestResource";
const EXTENSION: &str = "urn:ietf:params:scim:schemas:extension:test:2.0:TestResource";

fn schemas() -> Schemas {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/scim");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let schemas = read("testresource-schemas.json");
    Schemas::read(&read("testresource-resource-types.json"), &[&schemas]).unwrap()
}

fn body(more: Value) -> Value {
    let mut body = json!({
        "schemas": [CORE, EXTENSION], "identifier": "i", EXTENSION: { "extRequired": "r" },
    });
    let Value::Object(more) = more else { panic!("attributes are an object") };
    body.as_object_mut().unwrap().extend(more);
    body
}

fn make(body: &Value) -> Result<Resource, Error> {
    let schemas = schemas();
    let t = schemas.by_endpoint("testresources").unwrap();
    create(t, body, &mut Reading::new(Dialect::Strict)).map(|it| it.resource)
}

#[track_caller]
fn keeps(name: &str, value: &Value) {
    let made = make(&body(json!({ name: value }))).unwrap();
    assert_eq!(made.document().get(name), Some(value), "{name}");
}

#[track_caller]
fn refuses(more: Value, detail: &str) {
    assert_eq!(make(&body(more)), Err(Error::invalid_value(detail)));
}

#[test]
fn every_type_is_kept_as_sent() {
    keeps("caseExactString", &json!("MiXed"));
    keeps("integerAttr", &json!(-7));
    keeps("booleanAttr", &json!(false));
    keeps("dateTimeAttr", &json!("2024-02-29T23:59:59.1234567+01:00"));
    keeps("dateTimeAttr", &json!("2024-02-29T23:59:59"));
    keeps("binaryAttr", &json!("aGVsbG8="));
    keeps("referenceAttr", &json!("https://example.com/a?b#c"));
    keeps("multiStrings", &json!(["a", "b"]));
    keeps("complexAttr", &json!({ "sub1": "a", "sub2": 2, "sub3": true }));
    keeps("multiComplex", &json!([{ "value": "a", "type": "b", "primary": true }]));
    keeps("requestOnlyAttr", &json!("r"));
    keeps("immutableAttr", &json!("m"));
}

#[test]
fn every_type_is_checked() {
    refuses(
        json!({ "integerAttr": 1.5 }),
        "integerAttr must be a whole number; the value sent is a number",
    );
    refuses(
        json!({ "integerAttr": "1" }),
        "integerAttr must be a whole number; the value sent is a string",
    );
    refuses(
        json!({ "binaryAttr": "aGVsbG8" }),
        "binaryAttr must be base64; the value sent is a string",
    );
    refuses(
        json!({ "multiStrings": [1] }),
        "multiStrings must be a string; the value sent is a number",
    );
    refuses(
        json!({ "complexAttr": { "sub2": "x" } }),
        "complexAttr.sub2 must be a whole number; the value sent is a string",
    );
    for wrong in ["2024-02-30T00:00:00Z", "2024-02-29", "2024-02-29 00:00:00Z", "now"] {
        refuses(
            json!({ "dateTimeAttr": wrong }),
            "dateTimeAttr must be a date and time like 2008-01-23T04:56:22Z; the value sent is a string",
        );
    }
}

#[test]
fn a_required_extension_is_required() {
    let missing = format!("{EXTENSION}:extRequired is required");
    refuses(json!({ EXTENSION: null }), &missing);
    refuses(json!({ EXTENSION: { "extString": "x" } }), &missing);
}

/// The same types with an extension that is required and has no required attribute.
fn with_optional_attributes() -> Schemas {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/scim");
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let mut schemas = read("testresource-schemas.json");
    let extension = schemas.as_array_mut().unwrap().iter_mut().find(|it| it["id"] == EXTENSION);
    for attribute in extension.unwrap()["attributes"].as_array_mut().unwrap() {
        attribute["required"] = false.into();
    }
    let types = read("testresource-resource-types.json").to_string();
    Schemas::read(&types, &[&schemas.to_string()]).unwrap()
}

#[test]
fn a_required_extension_without_required_attributes_is_required() {
    let schemas = with_optional_attributes();
    let t = schemas.by_name("TestResource").unwrap();
    let mut strict = Reading::new(Dialect::Strict);
    let missing = Error::invalid_value(format!("{EXTENSION} is required"));
    for gone in [json!({ EXTENSION: null }), json!({ EXTENSION: {} })] {
        assert_eq!(create(t, &body(gone), &mut strict), Err(missing.clone()));
    }
    let before = create(t, &body(json!({})), &mut strict).unwrap().resource.with_id("42");
    let put = body(json!({ EXTENSION: {} }));
    assert_eq!(replace(t, &before, &put, &mut strict), Err(missing.clone()));
    let removal = |path: &str| {
        let operations = json!([{ "op": "remove", "path": path }]);
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations,
        });
        let mut strict = Reading::new(Dialect::Strict);
        patch(t, &before, &PatchRequest::parse(&body, &mut strict).unwrap(), &mut strict)
    };
    assert_eq!(removal(&format!("{EXTENSION}:extRequired")), Err(missing));
    assert!(removal(EXTENSION).is_err());
    // One that was made before the extension was required may lack it.
    let old = json!({ "schemas": [CORE], "id": "42", "identifier": "i" }).to_string();
    let old = Resource::from_json(&old).unwrap();
    assert!(replace(t, &old, &put, &mut strict).is_ok());
}

#[test]
fn immutable_and_write_only_attributes_keep_their_rules() {
    let made = make(&body(json!({ "readOnlyAttr": "x", "writeOnlyAttr": "y" }))).unwrap();
    assert_eq!(Value::Object(made.document().clone()), body(json!({})));

    let schemas = schemas();
    let t = schemas.by_name("TestResource").unwrap();
    let before = make(&body(json!({ "immutableAttr": "m" }))).unwrap().with_id("42");
    let put = |more| replace(t, &before, &body(more), &mut Reading::new(Dialect::Strict));
    assert_eq!(put(json!({})).unwrap().resource, before);
    assert_eq!(put(json!({ "immutableAttr": "m" })).unwrap().resource, before);
    let error = Error::mutability("immutableAttr is immutable and has a value already");
    assert_eq!(put(json!({ "immutableAttr": "n" })), Err(error.clone()));
    assert_eq!(
        change(&before, &json!({"op":"replace","path":"immutableAttr","value":"n"})),
        Err(error.clone())
    );
    assert_eq!(change(&before, &json!({"op":"remove","path":"immutableAttr"})), Err(error));
    let unset = make(&body(json!({}))).unwrap().with_id("42");
    let set = change(&unset, &json!({"op":"add","path":"immutableAttr","value":"m"}));
    assert_eq!(set, Ok(before));
}

fn change(before: &Resource, operation: &Value) -> Result<Resource, Error> {
    let schemas = schemas();
    let urn = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    let body = json!({ "schemas": [urn], "Operations": [operation] });
    let mut reading = Reading::new(Dialect::Strict);
    let request = PatchRequest::parse(&body, &mut reading)?;
    let t = schemas.by_name("TestResource").unwrap();
    patch(t, before, &request, &mut reading).map(|it| it.resource)
}

#[track_caller]
fn patched(operation: &Value, expected: &Value) {
    let before =
        body(json!({ "multiStrings": ["a", "b"], "complexAttr": { "sub1": "x", "sub2": 2 },
        "multiComplex": [{ "value": "p", "type": "t", "primary": true }] }));
    let after = change(&make(&before).unwrap(), operation).unwrap();
    let mut document = before;
    for (name, value) in expected.as_object().unwrap() {
        document[name] = value.clone();
    }
    assert_eq!(Some(after), make(&document).ok(), "{operation}");
}

#[test]
fn every_kind_of_attribute_is_patched() {
    patched(
        &json!({"op":"add","path":"multiStrings","value":["B","c"]}),
        &json!({ "multiStrings": ["a", "b", "c"] }),
    );
    patched(
        &json!({"op":"remove","path":"multiStrings[value eq \"A\"]"}),
        &json!({ "multiStrings": ["b"] }),
    );
    patched(
        &json!({"op":"replace","path":"multiStrings","value":["c"]}),
        &json!({ "multiStrings": ["c"] }),
    );
    patched(
        &json!({"op":"replace","path":"complexAttr.sub2","value":3}),
        &json!({ "complexAttr": { "sub1": "x", "sub2": 3 } }),
    );
    patched(&json!({"op":"remove","path":"complexAttr"}), &json!({ "complexAttr": null }));
    patched(
        &json!({"op":"add","path":"multiComplex","value":{"value":"q","primary":true}}),
        &json!({ "multiComplex": [{ "value": "p", "type": "t", "primary": false }, { "value": "q", "primary": true }] }),
    );
    patched(
        &json!({"op":"add","path":format!("{EXTENSION}:extInteger"),"value":7}),
        &json!({ EXTENSION: { "extRequired": "r", "extInteger": 7 } }),
    );
    let required =
        change(&make(&body(json!({}))).unwrap(), &json!({"op":"remove","path":EXTENSION}));
    assert_eq!(
        required,
        Err(Error::mutability(format!("{EXTENSION} is required and cannot be removed")))
    );
}
