//! Each event in each state, with the app's responses, as tables.

use muster_connector::testing::{
    Answer, TestContext, TestPerson, context, defaults, manifest, person, reply, script,
};
use muster_connector::{Account, EventKind, Membership, Refusal};
use serde_json::json;

use super::{Newsletter, Settings};

const PUT: &str = r#"PUT /lists/staff/readers/ann%40example.com {"name":"Ann"}"#;
const DELETE: &str = "DELETE /lists/staff/readers/ann%40example.com";

fn ann() -> TestPerson {
    person("ann@example.com").named("Ann")
}

fn on_the_list() -> TestContext {
    context().account(Account::new("ann@example.com", Membership::Active))
}

fn off_the_list() -> TestContext {
    context().account(Account::new("ann@example.com", Membership::Absent))
}

#[track_caller]
fn check(
    given: &TestContext,
    who: &TestPerson,
    kind: EventKind,
    calls: &[(&str, Answer)],
    becomes: Option<Membership>,
) {
    let outcome = script(&Newsletter, given, &who.event(kind), calls).unwrap();
    assert_eq!(outcome.account.map(|account| account.membership), becomes);
}

#[track_caller]
fn refused(
    given: &TestContext,
    who: &TestPerson,
    kind: EventKind,
    calls: &[(&str, Answer)],
) -> Refusal {
    script(&Newsletter, given, &who.event(kind), calls).unwrap_err()
}

#[test]
fn the_manifest_is_valid_and_has_the_defaults_of_the_settings() {
    let settings = defaults(&manifest::<Newsletter>()["settings"]);
    let Settings { list } = serde_json::from_value(json!({})).unwrap();
    assert_eq!(settings, json!({ "list": list }));
}

#[test]
fn a_new_user_is_added_to_the_list() {
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
    for kind in [EventKind::Update, EventKind::Activate, EventKind::Create] {
        check(&on_the_list(), &new_address, kind, &calls, active);
    }
}

#[test]
fn a_user_who_leaves_is_removed_and_may_return() {
    let (active, absent) = (Some(Membership::Active), Some(Membership::Absent));
    for kind in [EventKind::Deactivate, EventKind::Delete] {
        check(&on_the_list(), &ann().inactive(), kind, &[(DELETE, reply(204, ""))], absent);
        check(&on_the_list(), &ann().inactive(), kind, &[(DELETE, reply(404, ""))], absent);
        // Without a known account, the address decides.
        check(&context(), &ann().inactive(), kind, &[(DELETE, reply(404, ""))], absent);
        check(&context(), &person("ann").without_email().inactive(), kind, &[], None);
    }
    check(&off_the_list(), &ann(), EventKind::Activate, &[(PUT, reply(204, ""))], active);
    check(&on_the_list(), &ann(), EventKind::Release, &[], active);
}

#[test]
fn a_change_that_the_app_cannot_make_is_refused() {
    let unreachable = person("ann").without_email();
    let refusal = refused(&context(), &unreachable, EventKind::Create, &[]);
    assert!(matches!(refusal, Refusal::Rejected(_)), "{refusal:?}");
    // The host retries later, so that a user who leaves is removed in the end.
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
fn an_event_without_a_method_is_unsupported() {
    let refusal = refused(&on_the_list(), &ann(), EventKind::Password, &[]);
    assert!(matches!(refusal, Refusal::Unsupported(_)), "{refusal:?}");
}
