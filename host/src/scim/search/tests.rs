//! Searches as parameters and as bodies, which mean the same.

use serde_json::json;

use super::*;
use crate::scim::Dialect;

fn of_body(body: &Value) -> Result<SearchRequest, Error> {
    SearchRequest::of_body(body, &mut Reading::new(Dialect::Strict))
}

fn of_parameters<'a>(
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<SearchRequest, Error> {
    SearchRequest::of_parameters(parameters, &mut Reading::new(Dialect::Strict))
}

fn body(members: &Value) -> Value {
    let mut body = members.clone();
    body["schemas"] = json!([SEARCH_SCHEMA]);
    body
}

#[test]
fn a_body_and_parameters_give_the_same_search() {
    let request = of_parameters([
        ("FILTER", "userName sw \"a\""),
        ("sortBy", "name.familyName"),
        ("sortOrder", "Descending"),
        ("startIndex", "11"),
        ("count", "5"),
        ("attributes", "userName,emails"),
        ("aadOptscim062020", ""),
    ]);
    let same = of_body(&body(&json!({
        "Filter": "userName sw \"a\"",
        "sortBy": "name.familyName",
        "sortOrder": "descending",
        "startIndex": 11,
        "count": 5,
        "attributes": ["userName", "emails"],
        "excludedAttributes": null,
        "unknown": {},
    })));
    assert_eq!(request, same);
    let request = request.unwrap();
    assert_eq!((request.page, request.count), (PageStart::Index(11), 5));
    assert!(request.sort.unwrap().descending);
}

#[test]
fn rfc7644_3_4_2_4_numbers_out_of_bounds_are_brought_into_them() {
    let page = |start: &str, count: &str| {
        let request = of_parameters([("startIndex", start), ("count", count)]);
        request.map(|it| (it.page, it.count)).unwrap()
    };
    assert_eq!(page("0", "-1"), (PageStart::Index(1), 0));
    assert_eq!(page("-7", "100000"), (PageStart::Index(1), LONGEST_PAGE));
    let nothing = of_parameters([("", ""); 0]).unwrap();
    assert_eq!((nothing.page, nothing.count), (PageStart::Index(1), PAGE));
}

#[test]
fn rfc9865_2_a_cursor_begins_empty_and_has_no_index_beside_it() {
    let first = of_parameters([("cursor", "")]).unwrap();
    assert_eq!(first.page, PageStart::Cursor(String::new()));
    let both = of_parameters([("cursor", ""), ("startIndex", "1")]).unwrap_err();
    assert_eq!(both.scim_type, Some(ScimType::InvalidValue));
    let long = of_parameters([("cursor", ""), ("count", "501")]).unwrap_err();
    assert_eq!(long.scim_type, Some(ScimType::InvalidCount));
}

#[track_caller]
fn refuse(wrong: &Value, word: &str) {
    let error = of_body(wrong).expect_err(&wrong.to_string());
    assert_eq!(error.status, 400);
    assert!(error.detail.contains(word), "{wrong}: {}", error.detail);
}

#[test]
fn an_invalid_search_is_refused() {
    refuse(&json!([]), "SearchRequest");
    refuse(&json!({ "filter": "id pr" }), "schemas");
    refuse(&body(&json!({ "count": "5" })), "count");
    refuse(&body(&json!({ "startIndex": 1.5 })), "startIndex");
    refuse(&body(&json!({ "attributes": "userName" })), "attributes");
    refuse(&body(&json!({ "attributes": [1] })), "attributes");
    refuse(&body(&json!({ "filter": 1 })), "filter");
    refuse(&body(&json!({ "filter": "userName eq" })), "filter");
    refuse(&body(&json!({ "sortBy": "a b" })), "sortBy");
    refuse(&body(&json!({ "sortBy": "userName", "sortOrder": "up" })), "sortOrder");
}
