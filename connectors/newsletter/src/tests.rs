//! Each event in each state, with the app's answers, as a table.

use muster_connector::testing::{
    About, Answer, Given, context, defaults, manifest, person, reply, script,
};
use muster_connector::{Account, EventKind, Membership, Refusal};
use serde_json::json;

use super::{Newsletter, Settings};

const PUT: &str = r#"PUT /lists/staff/readers/ann%40example.com {"name":"Ann"}"#;
const DELETE: &str = "DELETE /lists/staff/readers/ann%40example.com";

fn ann() -> About {
    person("ann@example.com").named("Ann")
}

fn on_the_list() -> Given {
    context().account(Account::new("ann@example.com", Membership::Active))
}

fn off_the_list() -> Given {
    context().account(Account::new("ann@example.com", Membership::Absent))
}

#[track_caller]
fn check(
    given: &Given,
    who: &About,
    kind: EventKind,
    calls: &[(&str, Answer)],
    becomes: Option<Membership>,
) {
    let outcome = script(&Newsletter, given, &who.event(kind), calls).unwrap();
    assert_eq!(outcome.account.map(|account| account.membership), becomes);
}

#[track_caller]
fn refused(given: &Given, who: &About, kind: EventKind, calls: &[(&str, Answer)]) -> Refusal {
    script(&Newsletter, given, &who.event(kind), calls).unwrap_err()
}

#[test]
fn the_manifest_is_what_a_host_takes() {
    let settings = defaults(&manifest::<Newsletter>()["settings"]);
    let Settings { list } = serde_json::from_value(json!({})).unwrap();
    assert_eq!(settings, json!({ "list": list }));
}

#[test]
fn whoever_joins_is_put_on_the_list() {
    let active = Some(Membership::Active);
    check(&context(), &ann(), EventKind::Create, &[(PUT, reply(204, ""))], active);
    check(&off_the_list(), &ann(), EventKind::Create, &[(PUT, reply(204, ""))], active);
    check(&context(), &ann().inactive(), EventKind::Create, &[], None);
}

#[test]
fn the_list_is_kept_up_to_date() {
    let active = Some(Membership::Active);
    check(&on_the_list(), &ann(), EventKind::Update, &[(PUT, reply(204, ""))], active);
    check(&off_the_list(), &ann(), EventKind::Update, &[], Some(Membership::Absent));
    let new_address = person("ann@example.org").named("Ann");
    let calls = [
        (r#"PUT /lists/staff/readers/ann%40example.org {"name":"Ann"}"#, reply(204, "")),
        (DELETE, reply(204, "")),
    ];
    check(&on_the_list(), &new_address, EventKind::Update, &calls, active);
}

#[test]
fn whoever_leaves_is_taken_off_and_may_return() {
    let (active, absent) = (Some(Membership::Active), Some(Membership::Absent));
    for kind in [EventKind::Deactivate, EventKind::Delete] {
        check(&on_the_list(), &ann().inactive(), kind, &[(DELETE, reply(204, ""))], absent);
        check(&on_the_list(), &ann().inactive(), kind, &[(DELETE, reply(404, ""))], absent);
        check(&context(), &ann().inactive(), kind, &[], None);
    }
    check(&off_the_list(), &ann(), EventKind::Activate, &[(PUT, reply(204, ""))], active);
    check(&on_the_list(), &ann(), EventKind::Release, &[], active);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let nameless = person("ann").without_email();
    let refusal = refused(&context(), &nameless, EventKind::Create, &[]);
    assert!(matches!(refusal, Refusal::Rejected(_)), "{refusal:?}");
    // An app that is not there is asked again: nobody who leaves is forgotten.
    let refusal =
        refused(&on_the_list(), &ann(), EventKind::Deactivate, &[(DELETE, reply(503, ""))]);
    assert_eq!(refusal, Refusal::RetryLater(None));
}

#[test]
fn an_operator_may_choose_the_list() {
    let given = on_the_list().settings(json!({ "list": "press" }));
    let delete = "DELETE /lists/press/readers/ann%40example.com";
    let absent = Some(Membership::Absent);
    check(&given, &ann(), EventKind::Delete, &[(delete, reply(204, ""))], absent);
}

#[test]
fn what_the_connector_does_not_know_is_unsupported() {
    let refusal = refused(&on_the_list(), &ann(), EventKind::Password, &[]);
    assert!(matches!(refusal, Refusal::Unsupported(_)), "{refusal:?}");
}
