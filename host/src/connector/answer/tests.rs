//! Valid answers, and the messages about invalid ones.

use serde_json::json;

use super::*;
use crate::decision::Visibility;

fn manifest() -> Manifest {
    let manifest = json!({
        "name": "app",
        "version": "1.0.0",
        "description": "An app.",
        "membership": "two-state",
        "lifecycle": { "create": { "membership": "active", "text": "Joins." } },
        "endpoints": [{ "name": "app", "description": "The app." }],
    });
    Manifest::parse(&manifest.to_string()).unwrap()
}

fn request() -> Request {
    Request {
        endpoint: "app".to_owned(),
        method: "POST".to_owned(),
        path: "/users/a%20b".to_owned(),
        query: vec![("q".to_owned(), "a b?".to_owned())],
        headers: vec![("Accept".to_owned(), "*/*".to_owned())],
        body: None,
    }
}

fn outcome() -> Outcome {
    let account =
        Account { id: "7".to_owned(), membership: Membership::Active, data: "{}".to_owned() };
    Outcome { account: Some(account), visibility: Visibility::Present, note: "Done.".to_owned() }
}

fn call(change: impl FnOnce(&mut Request)) -> Result<Result<Step, Refusal>, Failure> {
    let mut request = request();
    change(&mut request);
    checked(Ok(Step::Call(request)), &manifest())
}

fn done(change: impl FnOnce(&mut Outcome, &mut Account)) -> Result<Result<Step, Refusal>, Failure> {
    let mut outcome = outcome();
    let mut account = outcome.account.take().unwrap();
    change(&mut outcome, &mut account);
    outcome.account = Some(account);
    checked(Ok(Step::Done(outcome)), &manifest())
}

#[track_caller]
fn check(answer: Result<Result<Step, Refusal>, Failure>, said: &str) {
    let failure = answer.unwrap_err();
    assert!(failure.to_string().contains(said), "{failure}");
}

#[test]
fn a_valid_answer_is_unchanged() {
    assert_eq!(call(|_| ()), Ok(Ok(Step::Call(request()))));
    assert_eq!(done(|_, _| ()), Ok(Ok(Step::Done(outcome()))));
    let later = Err(Refusal::RetryLater(Some(3)));
    assert_eq!(checked(later.clone(), &manifest()), Ok(later));
}

#[test]
fn a_request_that_breaks_the_rules_is_an_invalid_answer() {
    check(call(|r| r.endpoint = "internet".to_owned()), "which its manifest does not list");
    check(call(|r| r.method = "Post".to_owned()), "not an HTTP method in upper case");
    check(call(|r| r.method = String::new()), "not an HTTP method in upper case");
    check(call(|r| r.method = "GET /".to_owned()), "not an HTTP method in upper case");
    check(call(|r| r.path = "users".to_owned()), "does not begin with `/`");
    check(call(|r| r.path = "/a b".to_owned()), "must be percent-encoded");
    check(call(|r| r.path = "/é".to_owned()), "must be percent-encoded");
    check(call(|r| r.path = "/a?b=c".to_owned()), "must be percent-encoded");
    check(call(|r| r.headers[0].0 = "a:".to_owned()), "not a valid header name");
    check(call(|r| r.headers[0].1 = "a\r\nHost: b".to_owned()), "has an invalid value");
}

#[test]
fn a_request_of_too_many_parts_is_too_much() {
    let pairs = |n: usize, value: &str| vec![("accept".to_owned(), value.to_owned()); n];
    let many = call(|r| r.headers = pairs(24_573, "a"));
    assert!(matches!(many, Err(Failure::TooMuch(_))), "{many:?}");
    check(many, "its request has 24573 headers; the limit is 64");
    check(call(|r| r.headers = pairs(65, "")), "its request has 65 headers; the limit is 64");
    check(call(|r| r.headers = pairs(2, &"a".repeat(9000))), "18012 bytes; the limit is 16384");
    check(
        call(|r| r.query = pairs(257, "")),
        "its request's query has 257 pairs; the limit is 256",
    );
    check(call(|r| r.path = format!("/{}", "a".repeat(8191))), "8203 bytes; the limit is 8192");
    // The query counts as it is encoded.
    check(call(|r| r.query = pairs(1, &"/".repeat(2750))), "8270 bytes; the limit is 8192");
    assert!(call(|r| r.headers = pairs(64, &"a".repeat(250))).is_ok());
    assert!(call(|r| r.query = pairs(256, &"a".repeat(20))).is_ok());
}

#[test]
fn an_account_that_breaks_the_rules_is_an_invalid_answer() {
    check(done(|_, a| a.id.clear()), "id is empty");
    check(done(|_, a| a.id = "x".repeat(513)), "513 bytes");
    check(done(|_, a| a.data = "{".to_owned()), "data is not JSON");
    check(done(|_, a| a.data = format!("\"{}\"", "x".repeat(16 * 1024))), "16386 bytes");
    check(done(|_, a| a.membership = Membership::Suspended), "a two-state app lacks");
}

#[test]
fn a_long_note_is_cut_between_characters() {
    let Ok(Ok(Step::Done(cut))) = done(|o, _| o.note = "a".to_owned() + &"é".repeat(1000)) else {
        panic!("it was refused");
    };
    assert_eq!(cut.note, "a".to_owned() + &"é".repeat(511));
    let refused = checked(Err(Refusal::Rejected("x".repeat(5000))), &manifest());
    assert_eq!(refused, Ok(Err(Refusal::Rejected("x".repeat(1024)))));
}

#[test]
fn an_answer_of_more_than_a_mebibyte_is_too_much() {
    check(call(|r| r.body = Some(vec![0; 1024 * 1024])), "the limit is 1048576");
    check(call(|r| r.query[0].1 = "x".repeat(1024 * 1024)), "the limit is 1048576");
    assert!(call(|r| r.body = Some(vec![0; 1000 * 1024])).is_ok());
}
