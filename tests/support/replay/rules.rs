//! Rules for every answer below a SCIM base URL, which no fixture repeats.

use serde_json::Value;

use super::socket::Answer;

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The version of SCIM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// The rules that the answer breaks, a sentence each. A body must be of this media type, or of the
/// version's own.
pub(super) fn broken(answer: &Answer, version: Version, media_type: Option<&str>) -> Vec<String> {
    let rules = [error_form, list_form, no_null, no_password];
    let own = match version {
        Version::V1 => "application/json",
        Version::V2 => "application/scim+json",
    };
    let mut broken: Vec<String> =
        wrong_type(answer, media_type.unwrap_or(own)).into_iter().collect();
    broken.extend(rules.iter().filter_map(|rule| rule(answer, version)));
    broken.dedup();
    broken
}

/// RFC 7644 §3.8: an answer with a body has a content type; RFC 9110: 204 has none.
fn wrong_type(answer: &Answer, expected: &str) -> Option<String> {
    if answer.status == 204 {
        return (!answer.body.is_empty()).then(|| "a 204 should have no body".to_owned());
    }
    let media_type = answer.headers.get("content-type").map_or("", String::as_str);
    if media_type.split(';').next() != Some(expected) {
        return Some(format!("the answer should be {expected}, not {media_type:?}"));
    }
    answer.json.is_none().then(|| "the body should be JSON".to_owned())
}

/// RFC 7644 §3.12; Okta shows `detail` to the admin. SCIM 1.1 has a list in place of a schema.
fn error_form(answer: &Answer, version: Version) -> Option<String> {
    let body = answer.json.as_ref().filter(|_| answer.status >= 400)?;
    let marked = match version {
        Version::V1 => body["Errors"][0]["code"] == body["status"],
        Version::V2 => body["schemas"] == serde_json::json!([ERROR]),
    };
    let is_error = marked
        && body["status"].as_str() == Some(answer.status.to_string().as_str())
        && body["detail"].as_str().is_some_and(|detail| !detail.is_empty());
    (!is_error).then(|| "an error should have schemas, status as a string, and detail".to_owned())
}

/// RFC 7644 §3.4.2; Okta stops without an error if a number is a string.
fn list_form(answer: &Answer, version: Version) -> Option<String> {
    let body = answer.json.as_ref().filter(|body| match version {
        Version::V1 => body.get("Resources").is_some(),
        Version::V2 => body["schemas"][0] == LIST,
    })?;
    let numbers = ["totalResults", "startIndex", "itemsPerPage"];
    let is_list = numbers.iter().all(|name| body[name].is_u64());
    let resources = body["Resources"].as_array().map(Vec::len);
    let is_counted = resources.map(|count| count as u64) == body["itemsPerPage"].as_u64();
    (!is_list || !is_counted)
        .then(|| "a list should have three integers, and as many Resources as it says".to_owned())
}

/// RFC 7643 §2.5: unassigned attributes are left out; Entra cannot read a schema with a null.
fn no_null(answer: &Answer, _: Version) -> Option<String> {
    let found = answer.json.as_ref().is_some_and(has_null);
    found.then(|| "no answer should hold a null".to_owned())
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => value.is_null(),
    }
}

/// RFC 7643 §4.1.1: `password` is never returned.
fn no_password(answer: &Answer, _: Version) -> Option<String> {
    let found = answer.json.as_ref().is_some_and(has_password);
    found.then(|| "no answer should hold a password".to_owned())
}

fn has_password(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_password),
        Value::Object(members) => {
            // A schema describes the attribute without a value.
            members.contains_key("password") || members.values().any(has_password)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let media_type = "application/scim+json; charset=utf-8".to_owned();
        let headers = BTreeMap::from([("content-type".to_owned(), media_type)]);
        let json = serde_json::from_str(body).ok();
        Answer { status, headers, body: body.to_owned(), json }
    }

    #[track_caller]
    fn check(status: u16, body: &Value, expected: &[&str]) {
        assert_eq!(broken(&answer(status, &body.to_string()), Version::V2, None), expected);
    }

    #[test]
    fn a_valid_answer_breaks_no_rule() {
        check(200, &json!({ "id": "1" }), &[]);
        check(404, &json!({ "schemas": [ERROR], "status": "404", "detail": "Gone." }), &[]);
        let list = json!({ "schemas": [LIST], "totalResults": 9, "startIndex": 1,
                           "itemsPerPage": 1, "Resources": [{}] });
        check(200, &list, &[]);
        assert_eq!(broken(&answer(204, ""), Version::V2, None), [""; 0]);
    }

    #[test]
    fn an_error_has_the_form_of_the_rfc() {
        let expected = ["an error should have schemas, status as a string, and detail"];
        check(404, &json!({ "schemas": [ERROR], "status": 404, "detail": "Gone." }), &expected);
        check(404, &json!({ "schemas": [ERROR], "status": "404" }), &expected);
        check(404, &json!({ "status": "404", "detail": "Gone." }), &expected);
    }

    #[test]
    fn a_list_has_integers_and_a_correct_count() {
        let expected = ["a list should have three integers, and as many Resources as it says"];
        let list = |total: Value, count: u32| {
            json!({ "schemas": [LIST], "totalResults": total, "startIndex": 1,
                    "itemsPerPage": count, "Resources": [] })
        };
        check(200, &list(json!("0"), 0), &expected);
        check(200, &list(json!(1), 1), &expected);
    }

    #[test]
    fn scim_1_1_has_its_own_forms() {
        let mut older = answer(404, r#"{"Errors":[{"code":"404"}],"status":"404","detail":"x"}"#);
        assert_eq!(broken(&older, Version::V1, None).len(), 1);
        older.headers.insert("content-type".to_owned(), "application/json".to_owned());
        assert_eq!(broken(&older, Version::V1, None), [""; 0]);
        assert_eq!(broken(&older, Version::V2, None).len(), 2);
    }

    #[test]
    fn passwords_nulls_and_bodies_that_are_not_json_are_found() {
        check(200, &json!({ "a": [{ "b": null }] }), &["no answer should hold a null"]);
        check(200, &json!({ "a": [{ "password": "x" }] }), &["no answer should hold a password"]);
        assert_eq!(
            broken(&answer(502, "Bad gateway"), Version::V2, None),
            ["the body should be JSON"]
        );
        assert_eq!(broken(&answer(204, "{}"), Version::V2, None), ["a 204 should have no body"]);
    }
}
