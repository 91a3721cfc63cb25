//! Tables of decisions that are alike, reworded or different.

use Membership::{Active, Suspended};

use super::*;

fn call(method: &str, path: &str, body: &str) -> Step {
    Step::Call(Request {
        endpoint: "app".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Some(body.as_bytes().to_vec()),
    })
}

fn done(membership: Membership, data: &str, note: &str) -> Step {
    Step::Done(Outcome {
        account: Some(Account { id: "a1".to_owned(), membership, data: data.to_owned() }),
        visibility: Visibility::Present,
        note: note.to_owned(),
    })
}

fn gone() -> Step {
    Step::Done(Outcome { account: None, visibility: Visibility::Gone, note: String::new() })
}

/// Compares a recorded decision with a candidate's.
fn comparison(then: &Result<Step, &str>, now: Result<Step, Refusal>) -> DecisionComparison {
    let now = Ok(now);
    match then {
        Ok(Step::Call(request)) => compare(2, ExpectedStep::Call(request), &now),
        Ok(Step::Done(outcome)) => compare(2, ExpectedStep::Done(outcome), &now),
        Err(why) => compare(2, ExpectedStep::Stop(why), &now),
    }
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "it reads better where it is called")]
fn check(then: Result<Step, &str>, now: Result<Step, Refusal>, expected: Option<&str>) {
    match (comparison(&then, now), expected) {
        (DecisionComparison::Different(difference), Some(what)) => {
            assert_eq!(difference.what, what);
        }
        (DecisionComparison::Alike, None) => {}
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn requests_are_compared_part_by_part() {
    let put = || Ok(call("PUT", "/a", r#"{"x":1,"y":2}"#));
    check(put(), Ok(call("PUT", "/a", r#"{"x":1,"y":2}"#)), None);
    check(put(), Ok(call("PUT", "/a", r#"{ "y": 2, "x": 1 }"#)), None);
    check(put(), Ok(call("PUT", "/a", "{}")), Some("call 2: other body"));
    check(put(), Ok(call("PUT", "/b", "x")), Some("call 2: other path and body"));
    check(put(), Ok(call("POST", "/b", "")), Some("call 2: POST instead of PUT"));
    let ends = Some("call 2 is not made; active without it");
    check(put(), Ok(done(Active, "", "")), ends);
    let refuses = Some("call 2 → conflict");
    check(put(), Err(Refusal::Conflict("ada".to_owned())), refuses);
}

#[test]
fn outcomes_are_compared_without_their_wording() {
    let then = || Ok(done(Active, r#"{"a":1}"#, "Added."));
    check(then(), Ok(done(Active, r#"{"a":1}"#, "Added.")), None);
    check(then(), Ok(done(Active, r#"{ "a": 1 }"#, "Added.")), None);
    check(then(), Ok(done(Suspended, "", "")), Some("active → suspended"));
    check(then(), Ok(done(Active, "{}", "")), Some("other data kept with the account"));
    check(then(), Ok(gone()), Some("active → no account, and gone"));
    let more = Some("a call 2, which was not made then");
    check(then(), Ok(call("GET", "/", "")), more);
    let no = Some("active → unsupported");
    check(then(), Err(Refusal::Unsupported("no".to_owned())), no);
    let reworded = comparison(&then(), Ok(done(Active, r#"{"a":1}"#, "Put in.")));
    assert_eq!(reworded, DecisionComparison::Reworded("Added.".to_owned(), "Put in.".to_owned()));
}

#[test]
fn refusals_are_compared_by_their_kind() {
    let then = || Err("rejected: too young");
    check(then(), Err(Refusal::Rejected("too young".to_owned())), None);
    check(then(), Err(Refusal::Forbidden("no".to_owned())), Some("rejected → forbidden"));
    check(then(), Ok(done(Active, "", "")), Some("rejected → active"));
    let reworded = comparison(&then(), Err(Refusal::Rejected("not yet 18".to_owned())));
    assert!(matches!(reworded, DecisionComparison::Reworded(..)), "{reworded:?}");
    // A connector that the host stopped may ask for further calls.
    let stopped = "the connector was stopped: the connector asked for more than 256 calls";
    check(Err(stopped), Ok(call("GET", "/", "")), None);
}

#[test]
fn failures_are_described_by_their_kind() {
    let then = Outcome { account: None, visibility: Visibility::Present, note: String::new() };
    let crashed = Err(Failure::Trap("unreachable".to_owned()));
    let DecisionComparison::Different(difference) = compare(1, ExpectedStep::Done(&then), &crashed)
    else {
        panic!("a crash is no outcome")
    };
    assert_eq!(
        (difference.kind, difference.what.as_str()),
        (DifferenceKind::Failure, "no account → crashes")
    );
    let before = why(&FailureCause::Failed(Failure::Trap("unreachable".to_owned())));
    assert_eq!(compare(1, ExpectedStep::Stop(&before), &crashed), DecisionComparison::Alike);
}

#[test]
fn examples_are_short() {
    let long = done(Active, "", &"é".repeat(10_000));
    let DecisionComparison::Different(difference) = comparison(&Ok(gone()), Ok(long)) else {
        panic!()
    };
    assert_eq!(difference.candidate.chars().count(), EXCERPT + 1);
}
