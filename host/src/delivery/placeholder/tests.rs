//! Bodies with placeholders, and the places where none may be.

use super::*;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn password(fields: &[&str]) -> Vec<Placeholder> {
    vec![Placeholder {
        text: "stand-in-1".into(),
        value: Secret::new("pa\"ss & wörd\\1"),
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
    }]
}

fn filled(fields: &[&str], content_type: &str, body: &str) -> Result<String, DeliveryError> {
    let filled = fill(body.as_bytes(), content_type, &password(fields));
    filled.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

#[track_caller]
fn check(fields: &[&str], content_type: &str, body: &str, expected: &str) {
    assert_eq!(filled(fields, content_type, body).as_deref(), Ok(expected));
}

#[track_caller]
fn refused(content_type: &str, body: &str, place: &'static str) {
    let fields = ["/password", "/users/0/p~1w", "password", "displayName"];
    let error = filled(&fields, content_type, body).unwrap_err();
    assert_eq!(error, DeliveryError::Placeholder(place), "{body}");
}

#[test]
fn a_secret_is_encoded_for_its_body() {
    let json = r#"{"password": "stand-in-1", "n": 1.50}"#;
    let with_secret = r#"{"password": "pa\"ss & wörd\\1", "n": 1.50}"#;
    check(&["/password"], JSON, json, with_secret);
    check(&["/password"], "Application/scim+JSON; charset=utf-8", json, with_secret);
    let with_secret = "p=pa%22ss%20%26%20w%C3%B6rd%5C1&q=1";
    check(&["p"], FORM, "p=stand-in-1&q=1", with_secret);
    check(&[], "text/plain", "nothing to see", "nothing to see");
}

#[test]
fn a_field_is_found_by_its_json_pointer() {
    let inner = r#"{"users":[{"a":[true,null,-1],"p/w":"stand-in-1"}]}"#;
    let expected = r#"{"users":[{"a":[true,null,-1],"p/w":"pa\"ss & wörd\\1"}]}"#;
    check(&["/users/0/p~1w"], JSON, inner, expected);
    assert!(filled(&["/users/1/p~1w", "/users/0", "/users"], JSON, inner).is_err());
}

#[test]
fn a_placeholder_is_refused_in_other_fields_in_names_and_in_longer_texts() {
    refused(JSON, r#"{"displayName":"stand-in-1"}"#, "another field of the body");
    refused(JSON, r#"{"user":{"password":"stand-in-1"}}"#, "another field of the body");
    refused(JSON, r#"["stand-in-1"]"#, "another field of the body");
    refused(JSON, r#""stand-in-1""#, "another field of the body");
    refused(JSON, r#"{"stand-in-1":1}"#, "the name of a member of the body");
    refused(JSON, r#"{"password":"x stand-in-1"}"#, "a part of a longer text of the body");
    refused(FORM, "name=stand-in-1", "another field of the body");
    refused(FORM, "stand-in-1=a", "the name of a member of the body");
    refused(FORM, "password=stand-in-1%21", "a part of a longer text of the body");
    refused(FORM, "a=1;displayName=stand-in-1", "a part of a longer text of the body");
    // A field of a form is none of JSON.
    refused(JSON, r#"{"displayName":"stand-in-1","password":"x"}"#, "another field of the body");
}

#[test]
fn a_placeholder_does_not_hide_behind_a_repeated_member_or_an_escape() {
    let body = r#"{"name":"stand-in-1","name":"x","password":"stand\u002din-1"}"#;
    refused(JSON, body, "another field of the body");
    let body = r#"{"name":"stand\u002din-1","password":"stand-in-1"}"#;
    refused(JSON, body, "another field of the body");
    refused(FORM, "name=%73tand-in-1&password=stand-in-1", "another field of the body");
}

#[test]
fn a_placeholder_is_refused_in_a_body_of_another_media_type() {
    let neither = "a body that is neither JSON nor a form";
    refused("text/plain", "stand-in-1", neither);
    refused("multipart/form-data", "stand-in-1", neither);
    refused(JSON, r#"{"password":stand-in-1}"#, "a body that claims to be JSON and is not");
    refused(JSON, r#"{"password":"stand-in-1"} x"#, "a body that claims to be JSON and is not");
}

#[test]
fn a_placeholder_is_refused_outside_the_body() {
    let request = |path: &str, query: &str, header: &str| Request {
        endpoint: "api".into(),
        method: "GET".into(),
        path: path.into(),
        query: vec![("q".into(), query.into())],
        headers: vec![("x-a".into(), header.into())],
        body: None,
    };
    let check = |request: &Request| match super::check(request, &password(&[])) {
        Err(DeliveryError::Placeholder(place)) => Err(place),
        other => Ok(other),
    };
    assert_eq!(check(&request("/a", "b", "c")), Ok(Ok(())));
    assert_eq!(check(&request("/stand-in-1", "b", "c")), Err("the path"));
    assert_eq!(check(&request("/a", "(stand-in-1)", "c")), Err("the query"));
    assert_eq!(check(&request("/a", "b", "stand-in-1")), Err("a header"));
}
