//! Filters evaluated on the resources of RFC 7643 §8, by rule.

use super::*;
use crate::scim::{Schemas, ScimType};

fn user() -> Value {
    serde_json::json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        ],
        "id": "2819c223-7f76",
        "externalId": "701984",
        "userName": "BJensen@Example.com",
        "name": { "givenName": "Barbara", "familyName": "Jensen" },
        "nickName": "",
        "profileUrl": "https://login.example.com/bjensen",
        "emails": [
            { "value": "bjensen@example.com", "type": "work", "primary": true },
            { "value": "babs@jensen.org", "type": "home" },
        ],
        "phoneNumbers": [],
        "addresses": [{ "country": "US" }],
        "x509Certificates": [{ "value": "MIIDQzCC" }],
        "active": true,
        "meta": { "lastModified": "2011-05-13T04:42:34Z", "resourceType": "User" },
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "701984",
            "manager": { "value": "26118915", "displayName": "John Smith" },
        },
    })
}

#[track_caller]
fn check(filter: &str, expected: bool) {
    let schemas = Schemas::standard();
    let user = user();
    let document = user.as_object().unwrap();
    let parsed = Filter::parse(filter).unwrap();
    let found = parsed.matches(schemas.by_name("User").unwrap(), document);
    assert_eq!(found, Ok(expected), "{filter}");
}

#[track_caller]
fn refuse(filter: &str, detail: &str) {
    let schemas = Schemas::standard();
    let parsed = Filter::parse(filter).unwrap();
    // The filter is refused even for an empty resource.
    let found = parsed.matches(schemas.by_name("User").unwrap(), &Map::new());
    let error = found.expect_err(filter);
    assert_eq!(error.scim_type, Some(ScimType::InvalidFilter), "{filter}");
    assert_eq!(error.detail, detail, "{filter}");
}

#[test]
fn text_is_compared_by_case_exact() {
    check("userName eq \"bjensen@example.COM\"", true);
    check("userName ne \"bjensen@example.COM\"", false);
    check("userName co \"JENSEN\"", true);
    check("userName sw \"bj\"", true);
    check("userName ew \".COM\"", true);
    check("userName ew \"bj\"", false);
    check("userName gt \"bjensen\"", true);
    check("userName lt \"C\"", true);
    check("userName le \"BJENSEN@EXAMPLE.COM\"", true);
    check("id eq \"2819C223-7F76\"", false);
    check("id eq \"2819c223-7f76\"", true);
    check("externalId sw \"70\"", true);
}

#[test]
fn names_are_resolved_in_any_case_and_with_urn() {
    check("USERNAME sw \"b\"", true);
    check("NAME.GIVENNAME eq \"barbara\"", true);
    check("urn:ietf:params:scim:schemas:core:2.0:user:userName pr", true);
    check("urn:ietf:params:scim:schemas:core:2.0:User:employeeNumber pr", false);
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    check(&format!("{enterprise}:employeeNumber eq \"701984\""), true);
    check(&format!("{enterprise}:manager.displayName co \"smith\""), true);
    check(&format!("{enterprise}:userName pr"), false);
    check(&format!("{enterprise} pr"), true);
    // `tests/fixtures/conversations/entra/manager.json`
    check("id eq \"2819c223-7f76\" and manager eq \"26118915\"", true);
}

#[test]
fn a_multi_valued_attribute_matches_if_any_value_does() {
    check("emails.type eq \"home\"", true);
    check("emails.type ne \"home\"", true);
    check("emails co \"jensen.org\"", true);
    check("emails eq \"x\"", false);
    check("emails.type eq \"work\" and emails.value co \"jensen.org\"", true);
    check("emails[type eq \"work\" and value co \"jensen.org\"]", false);
    check("emails[type eq \"home\" and value co \"jensen.org\"]", true);
    check("emails[not (primary pr)]", true);
    check("emails[type eq \"work\"].value sw \"BJ\"", true);
    check("schemas eq \"urn:ietf:params:scim:schemas:core:2.0:User\"", true);
    check("schemas[value sw \"urn:ietf\"]", true);
    check("schemas.value ew \"2.0:Group\"", false);
}

#[test]
fn an_attribute_without_a_value_is_null_and_not_present() {
    check("title pr", false);
    check("nickName pr", false);
    check("phoneNumbers pr", false);
    check("name pr", true);
    check("active pr", true);
    check("title eq null", true);
    check("title ne null", false);
    check("userName eq null", false);
    check("name ne null", true);
    check("phoneNumbers eq null", true);
    check("addresses eq null", false);
    check("title eq \"x\"", false);
    check("title ne \"x\"", true);
    check("title gt \"x\"", false);
}

/// RFC 7643 §2.4: "If not specified, the value of "primary" SHALL be assumed to be "false"".
#[test]
fn an_absent_primary_is_false_and_not_present() {
    check("emails[primary eq false]", true);
    check("emails[primary ne true]", true);
    check("emails[primary eq \"False\"]", true);
    check("emails[type eq \"home\" and primary eq false]", true);
    check("emails[type eq \"work\" and primary eq false]", false);
    check("emails[type eq \"home\" and primary ne false]", false);
    check("emails[type eq \"home\" and primary pr]", false);
    check("emails[type eq \"home\" and primary eq null]", true);
    check("emails[not (primary eq false) and type eq \"home\"]", false);
    check("emails.primary eq false", true);
    check("emails.primary ne true", true);
    check("emails.primary eq null", false);
    check("phoneNumbers.primary eq false", false);
    check("phoneNumbers.primary ne true", true);
    check("active.primary eq false", false);
}

#[test]
fn an_attribute_that_the_type_does_not_define_has_no_value() {
    for filter in ["shoeSize pr", "shoeSize eq 42", "name.shoeSize co \"x\"", "emails[size gt 1]"] {
        check(filter, false);
    }
    check("shoeSize[value pr]", false);
    check("shoeSize eq 42 or userName pr", true);
    check("emails[emails.value pr]", false);
}

#[test]
fn dates_are_compared_as_instants() {
    check("meta.lastModified eq \"2011-05-13T06:42:34+02:00\"", true);
    check("meta.lastModified ge \"2011-05-13T04:42:34.0000000Z\"", true);
    check("meta.lastModified gt \"2011-05-13T04:42:34\"", false);
    check("meta.lastModified gt \"2011-05-13\"", true);
    check("meta.lastModified lt \"2011-05-13T09:00:00+05:00\"", false);
    check("meta.lastModified sw \"2011-05\"", true);
    check("meta.resourceType eq \"User\"", true);
}

#[test]
fn booleans_are_compared_by_equality() {
    check("active eq true", true);
    check("active ne true", false);
    check("active eq \"False\"", false);
    check("emails.primary eq true", true);
    check("not (active eq false)", true);
}

#[test]
fn a_filter_that_makes_no_sense_is_invalid_filter() {
    refuse("active gt true", "active cannot be compared by gt: it is of type boolean");
    refuse(
        "userName pr or active lt true",
        "active cannot be compared by lt: it is of type boolean",
    );
    refuse("emails[primary ge true]", "primary cannot be compared by ge: it is of type boolean");
    refuse(
        "x509Certificates.value le \"a\"",
        "value cannot be compared by le: it is of type binary",
    );
    refuse("active co \"tr\"", "active cannot be compared by co: it is of type boolean");
    refuse("active eq \"yes\"", "active eq must be followed by true or false");
    refuse("userName eq 5", "userName eq must be followed by a string in double quotes");
    refuse("userName gt null", "userName gt must be followed by a string in double quotes");
    refuse(
        "meta.created gt \"2021-09\"",
        "created gt must be followed by a date and time such as \"2026-01-31T08:00:00Z\"",
    );
    refuse("name eq \"x\"", "name is complex: compare one of its sub-attributes");
}

#[test]
fn a_single_value_is_matched_by_its_sub_attributes() {
    let schemas = Schemas::standard();
    let emails = schemas.by_name("User").unwrap().attribute(None, "emails").unwrap();
    let value = serde_json::json!({ "value": "a@b.c", "type": "work" });
    let matches = |filter: &str| Filter::parse(filter).unwrap().matches_value(emails, &value);
    assert_eq!(matches("type eq \"WORK\" and value ew \"b.c\""), Ok(true));
    assert_eq!(matches("type eq \"home\" or primary eq true"), Ok(false));
    assert_eq!(matches("nothing pr"), Ok(false));
    assert!(matches("primary gt true").is_err());
    let not_an_email = Filter::parse("type eq \"work\"").unwrap();
    assert_eq!(not_an_email.matches_value(emails, &"work".into()), Ok(false));
}
