//! The three discovery endpoints against the examples of RFC 7643 §8.5 to §8.7.

use super::*;

const BASE: &str = "https://example.com/v2";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[track_caller]
fn check_no_nulls(value: &Value) {
    match value {
        Value::Null => panic!("a null"),
        Value::Array(values) => values.iter().for_each(check_no_nulls),
        Value::Object(object) => object.values().for_each(check_no_nulls),
        _ => {}
    }
}

#[test]
fn the_configuration_is_complete_and_says_what_is_supported() {
    let support =
        Support { page: 100, max_results: 200, change_password: false, bulk: None, etag: true };
    let config = read(&service_provider_config(BASE, &support));
    assert_eq!(config["schemas"], json!([CONFIG_SCHEMA]));
    assert_eq!(config["patch"], json!({ "supported": true }));
    assert_eq!(
        config["bulk"],
        json!({ "supported": false, "maxOperations": 0, "maxPayloadSize": 0 })
    );
    assert_eq!(config["filter"], json!({ "supported": true, "maxResults": 200 }));
    assert_eq!(config["changePassword"], json!({ "supported": false }));
    assert_eq!(config["sort"], json!({ "supported": true }));
    assert_eq!(config["etag"], json!({ "supported": true }));
    let schemes = config["authenticationSchemes"].as_array().unwrap();
    for scheme in schemes {
        assert_eq!(names(scheme), ["description", "name", "primary", "specUri", "type"]);
    }
    assert_eq!(
        config["meta"],
        json!({ "resourceType": "ServiceProviderConfig", "location": format!("{BASE}/ServiceProviderConfig") })
    );
    check_no_nulls(&config);
    let bulk = Some(BulkLimits { operations: 7, payload: 1024 });
    let config = read(&service_provider_config(BASE, &Support { bulk, ..support }));
    assert_eq!(
        config["bulk"],
        json!({ "supported": true, "maxOperations": 7, "maxPayloadSize": 1024 })
    );
}

#[test]
fn resource_types_are_listed_and_found() {
    let known = Schemas::standard();
    let all = read(&resource_types(BASE, &known));
    assert_eq!(names(&all), ["Resources", "itemsPerPage", "schemas", "startIndex", "totalResults"]);
    assert_eq!(all["totalResults"], json!(2));
    let user = read(&resource_type(BASE, &known, "User").unwrap());
    assert_eq!(all["Resources"][0], user);
    assert_eq!(
        names(&user),
        ["description", "endpoint", "id", "meta", "name", "schema", "schemaExtensions", "schemas"]
    );
    assert_eq!(user["endpoint"], json!("/Users"));
    assert_eq!(user["schema"], json!(USER));
    assert_eq!(user["meta"]["location"], json!(format!("{BASE}/ResourceTypes/User")));
    let group = read(&resource_type(BASE, &known, "Group").unwrap());
    assert_eq!(group.get("schemaExtensions"), None);
    assert_eq!(resource_type(BASE, &known, "Device"), None);
    check_no_nulls(&all);
}

#[test]
fn schemas_are_listed_once_and_found_by_urn() {
    let known = Schemas::standard();
    let all = read(&schemas(BASE, &known));
    let ids: Vec<_> = all["Resources"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(all["totalResults"], json!(3));
    for id in ids {
        let id = id.as_str().unwrap();
        let one = read(&schema(BASE, &known, &id.to_uppercase()).unwrap());
        assert_eq!(names(&one), ["attributes", "description", "id", "meta", "name", "schemas"]);
        assert_eq!(one["schemas"], json!([SCHEMA_SCHEMA]));
        assert_eq!(one["meta"]["location"], json!(format!("{BASE}/Schemas/{id}")));
    }
    assert_eq!(schema(BASE, &known, "urn:x"), None);
    check_no_nulls(&all);
}

#[test]
fn attributes_are_served_with_all_characteristics() {
    let known = Schemas::standard();
    let user = read(&schema(BASE, &known, USER).unwrap());
    let user_name = &user["attributes"][0];
    assert_eq!(user_name["name"], json!("userName"));
    for name in ["type", "multiValued", "required", "caseExact", "mutability", "returned"] {
        assert!(user_name.get(name).is_some(), "{name}");
    }
    assert_eq!(user_name["mutability"], json!("readWrite"));
    assert_eq!(user_name["uniqueness"], json!("server"));
}

fn rfc(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/scim/rfc");
    read(&std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap())
}

#[test]
fn resource_types_equal_those_of_the_rfc() {
    let mut example = rfc("rfc7644-4-list_response-resource_types");
    // The example says 10, but its list has two.
    example["itemsPerPage"] = json!(2);
    // Okta and other clients send users without the extension.
    example["Resources"][0]["schemaExtensions"][0]["required"] = json!(false);
    assert_eq!(read(&resource_types(BASE, &Schemas::standard())), example);
}

#[test]
fn the_configuration_has_all_members_of_the_rfcs_example() {
    let example = rfc("rfc7643-8.5-service_provider_configuration");
    let support =
        Support { page: 100, max_results: 200, change_password: true, bulk: None, etag: true };
    let config = read(&service_provider_config(BASE, &support));
    for (name, value) in example.as_object().unwrap() {
        match value {
            Value::String(_) => assert_eq!(name, "documentationUri", "optional and left out"),
            Value::Object(_) if name != "meta" => assert_eq!(names(&config[name]), names(value)),
            _ => assert!(config.get(name).is_some(), "{name}"),
        }
    }
}

/// Everything in `part` is in `whole`, which may have more.
#[track_caller]
fn check_contains(whole: &Value, part: &Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().for_each(|(name, value)| check_contains(&whole[name], value));
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len());
            whole.iter().zip(part).for_each(|(whole, part)| check_contains(whole, part));
        }
        _ => assert_eq!(whole, part),
    }
}

#[test]
fn schemas_equal_those_of_the_rfc() {
    let known = Schemas::standard();
    for text in [
        include_str!("../schemas/user.json"),
        include_str!("../schemas/group.json"),
        include_str!("../schemas/enterprise_user.json"),
    ] {
        let example = read(text);
        let served = read(&schema(BASE, &known, example["id"].as_str().unwrap()).unwrap());
        check_contains(&served["attributes"], &example["attributes"]);
        assert_eq!(served["name"], example["name"]);
    }
}
