//! Every event in every state, with the app's responses, as tables.

use muster_connector::EventKind::{
    Activate, Create, Deactivate, Delete, GroupCreate, GroupDelete, GroupUpdate, Password, Release,
    Update,
};
use muster_connector::testing::{
    Answer, TestContext, TestPerson, context, defaults, group, manifest, person, reply, reply_with,
    script,
};
use muster_connector::{Account, Connector, EventKind, Membership, Refusal, Visibility};
use serde_json::{Value, json};

use super::{Settings, ThreeState};

const MADE: &str = r#"{"id":"7"}"#;
const FIND: &str = "GET /organizations/acme/accounts?email=ann@example.com";
const LOOK: &str = "GET /organizations/acme/accounts/7";
const MAKE: &str = r#"POST /organizations/acme/accounts {"email":"ann@example.com","name":"Ann","status":"active"}"#;
const MAKE_SUSPENDED: &str = r#"POST /organizations/acme/accounts {"email":"ann@example.com","name":"Ann","status":"suspended"}"#;
const UPDATE_ALL: &str =
    r#"PATCH /organizations/acme/accounts/7 {"email":"ann@example.com","name":"Ann","title":null}"#;
const UPDATE_TITLE: &str = r#"PATCH /organizations/acme/accounts/7 {"title":"Lead"}"#;
const SUSPEND: &str = "POST /organizations/acme/accounts/7/suspend";
const RESUME: &str = "POST /organizations/acme/accounts/7/resume";
const DELETE: &str = "DELETE /organizations/acme/accounts/7";

fn ann() -> TestPerson {
    person("ann@example.com").named("Ann")
}

fn promoted() -> TestPerson {
    ann().with("title", "Lead").changed("title")
}

fn active() -> TestContext {
    context().account(Account::new("7", Membership::Active))
}

fn suspended() -> TestContext {
    context().account(Account::new("7", Membership::Suspended))
}

fn with(settings: Value, given: TestContext) -> TestContext {
    given.settings(settings)
}

/// Compares the outcome of an event: `active`, `suspended` or `none`, and the note.
#[track_caller]
fn check(
    given: &TestContext,
    who: &TestPerson,
    kind: EventKind,
    calls: &[(&str, Answer)],
    expected: &str,
) {
    let outcome = script(&ThreeState, given, &who.event(kind), calls).unwrap();
    let membership = outcome.account.as_ref().map_or("none", |account| {
        assert_eq!(account.id, "7");
        match account.membership {
            Membership::Active => "active",
            Membership::Suspended => "suspended",
            Membership::Absent => "absent",
        }
    });
    assert_eq!(outcome.visibility, Visibility::Present);
    assert_eq!(format!("{membership}: {}", outcome.note), expected);
}

#[track_caller]
fn refuse(
    given: &TestContext,
    who: &TestPerson,
    kind: EventKind,
    calls: &[(&str, Answer)],
    expected: &Refusal,
) {
    let refusal = script(&ThreeState, given, &who.event(kind), calls).unwrap_err();
    assert_eq!(refusal, *expected);
}

fn ok() -> Answer {
    reply(200, "{}")
}

fn missing() -> Answer {
    reply(404, "")
}

fn taken() -> Answer {
    reply(409, r#"{"message":"taken"}"#)
}

fn found(status: &str) -> Answer {
    let same = json!({ "id": 7, "email": "ANN@example.com", "status": status });
    let similar = json!({ "id": 8, "email": "joann@example.com", "status": status });
    reply(200, json!({ "accounts": [similar, same] }).to_string())
}

#[test]
fn a_new_user_gets_an_account_in_their_state() {
    for kind in [Create, Update] {
        let made = "active: Made an account.";
        check(&context(), &ann(), kind, &[(MAKE, reply(201, MADE))], made);
        let made = "suspended: Made an account, suspended until the person is active.";
        let calls = [(MAKE_SUSPENDED, reply(201, MADE))];
        check(&context(), &ann().inactive(), kind, &calls, made);
    }
    let calls = [(MAKE, reply(201, r#"{"id":7}"#))];
    check(&context(), &ann(), Activate, &calls, "active: Made an account.");
}

#[test]
fn the_organisations_account_of_the_same_address_is_linked() {
    let linked = "active: Linked the account of the same address.";
    let calls = [(MAKE, taken()), (FIND, found("active"))];
    check(&context(), &ann(), Create, &calls, linked);
    let calls = [(MAKE, taken()), (FIND, found("suspended")), (RESUME, ok())];
    check(&context(), &ann(), Create, &calls, linked);
    let calls = [(MAKE_SUSPENDED, taken()), (FIND, found("active")), (SUSPEND, ok())];
    let linked = "suspended: Linked the account of the same address.";
    check(&context(), &ann().inactive(), Create, &calls, linked);
}

#[test]
fn an_account_that_others_may_have_keeps_its_profile_and_is_not_deleted() {
    let calls = [(MAKE, taken()), (FIND, found("active"))];
    let outcome = script(&ThreeState, &context(), &ann().event(Create), &calls).unwrap();
    let linked = outcome.account.unwrap();
    assert!(linked.is_linked());
    // As muster tells a connector that an account is not the tenant's own.
    let given = context().account(linked).elsewhere(1);
    let stays = "The profile stays: others may have the account too.";
    check(&given, &promoted(), Update, &[], &format!("active: {stays}"));
    let gone = promoted().inactive().event(Deactivate);
    let left = script(&ThreeState, &given, &gone, &[(SUSPEND, ok())]).unwrap();
    let given = context().account(left.account.unwrap()).elsewhere(1);
    let note = format!("active: Resumed the account. {stays}");
    check(&given, &promoted(), Activate, &[(RESUME, ok())], &note);
    let note = format!("active: Resumed the account from before. {stays}");
    check(&given, &promoted(), Create, &[(RESUME, ok())], &note);
    let note = "suspended: Suspended the account in place of deleting it: others may have it.";
    check(&given, &ann(), Delete, &[(SUSPEND, ok())], note);
}

#[test]
fn an_account_that_an_earlier_request_created_is_not_linked() {
    let same = json!({ "id": 7, "email": "Ann@example.com", "name": "Ann", "status": "active" });
    let found = reply(200, json!({ "accounts": [same] }).to_string());
    let calls = [(MAKE, taken()), (FIND, found.clone())];
    for settings in [json!({}), json!({ "link_existing": false })] {
        let given = with(settings, context());
        for kind in [Create, Activate] {
            check(&given, &ann(), kind, &calls, "active: Made an account.");
        }
        let outcome = script(&ThreeState, &given, &ann().event(Create), &calls).unwrap();
        assert!(!outcome.account.unwrap().is_linked());
        let calls = [(FIND, found.clone()), (DELETE, ok())];
        check(&given, &ann(), Delete, &calls, "none: Deleted the account 7.");
    }
}

#[test]
fn a_known_account_that_the_app_has_all_the_same_is_not_linked() {
    let other = json!({ "id": 7, "email": "ann@example.com", "name": "Ann", "status": "active" });
    let found = reply(200, json!({ "accounts": [other] }).to_string());
    let all = r#"PATCH /organizations/acme/accounts/7 {"email":"ann@example.com","name":"Ann","title":"Lead"}"#;
    let make = MAKE.replace('}', r#","title":"Lead"}"#);
    let calls = [
        (UPDATE_TITLE, missing()),
        (make.as_str(), taken()),
        (FIND, found),
        (RESUME, ok()),
        (all, ok()),
    ];
    let note = "active: The app has the account all the same: it has the state and the profile.";
    check(&active(), &promoted().changed("title"), Update, &calls, note);
    let event = promoted().changed("title").event(Update);
    let outcome = script(&ThreeState, &active(), &event, &calls).unwrap();
    assert!(!outcome.account.unwrap().is_linked());
}

#[test]
fn a_taken_address_is_a_conflict_if_no_account_can_be_linked() {
    let text = "The app sees a conflict in POST /organizations/acme/accounts (409): taken";
    let conflict = Refusal::Conflict(text.into());
    let strict = with(json!({ "link_existing": false }), context());
    refuse(&strict, &ann(), Create, &[(MAKE, taken()), (FIND, found("active"))], &conflict);
    let calls = [(MAKE, taken()), (FIND, reply(200, r#"{"accounts":[]}"#))];
    refuse(&context(), &ann(), Create, &calls, &conflict);
    let calls = [(MAKE, taken()), (FIND, found("suspended")), (RESUME, missing())];
    let text = "The account 7 went away while it was being linked.";
    refuse(&context(), &ann(), Create, &calls, &Refusal::Conflict(text.into()));
}

#[test]
fn the_changed_fields_of_an_account_are_sent_in_either_state() {
    let updated = "Updated the account.";
    check(&active(), &promoted(), Update, &[(UPDATE_TITLE, ok())], &format!("active: {updated}"));
    let calls = [(UPDATE_TITLE, ok())];
    let note = format!("suspended: {updated}");
    check(&suspended(), &promoted().inactive(), Update, &calls, &note);
    let same = "active: Nothing that the app keeps has changed.";
    check(&active(), &ann().changed("locale"), Update, &[], same);
}

#[test]
fn a_deactivated_user_is_suspended_without_other_calls() {
    let done = "suspended: Suspended the account.";
    for given in [active(), suspended()] {
        let who = promoted().inactive();
        check(&given, &who, Deactivate, &[(SUSPEND, ok())], done);
        let already = [(SUSPEND, taken()), (LOOK, reply(200, r#"{"status":"suspended"}"#))];
        check(&given, &who, Deactivate, &already, done);
        let gone = "none: The account was gone from the app already.";
        check(&given, &who, Deactivate, &[(SUSPEND, missing())], gone);
    }
    let calls = [(SUSPEND, taken()), (LOOK, reply(200, r#"{"status":"active"}"#))];
    let text =
        "The app sees a conflict in POST /organizations/acme/accounts/7/suspend (409): taken";
    let refusal = Refusal::Conflict(text.into());
    refuse(&active(), &ann().inactive(), Deactivate, &calls, &refusal);
}

#[test]
fn a_returning_user_is_resumed_and_the_whole_profile_is_sent() {
    let same = "active: Resumed the account. Nothing that the app keeps has changed.";
    check(&suspended(), &ann(), Activate, &[(RESUME, ok())], same);
    let gone = promoted().inactive().event(Deactivate);
    let left = script(&ThreeState, &active(), &gone, &[(SUSPEND, ok())]).unwrap();
    assert_eq!(left.account, Some(Account::new("7", Membership::Suspended)));
    let back = [(RESUME, ok()), (UPDATE_ALL, ok())];
    let note = "active: Resumed the account. Updated the account.";
    // The host lists all attributes as changed.
    let all = ann().changed("emails").changed("displayName").changed("title");
    for given in [suspended(), active()] {
        check(&given, &all, Activate, &back, note);
    }
}

#[test]
fn a_user_who_is_not_active_may_lack_an_address() {
    let who = || person("ann").named("Ann").without_email().inactive();
    let title = || who().with("title", "Lead").changed("title").changed("emails");
    let none = "none: Not active and without an address: kept in mind.";
    for kind in [Create, Update] {
        check(&context(), &who(), kind, &[], none);
    }
    let calls = [(UPDATE_TITLE, ok())];
    check(&suspended(), &title(), Update, &calls, "suspended: Updated the account.");
    let same = "suspended: Nothing that the app keeps has changed.";
    check(&suspended(), &who().changed("emails"), Update, &[], same);
    check(
        &suspended(),
        &who(),
        Deactivate,
        &[(SUSPEND, ok())],
        "suspended: Suspended the account.",
    );
    let all = UPDATE_ALL.replace(r#""email":"ann@example.com","#, "");
    let calls = [(SUSPEND, ok()), (all.as_str(), ok())];
    let kept = "suspended: Kept suspended and updated the account from before.";
    check(&suspended(), &who(), Create, &calls, kept);
    let gone = format!("none: The account was gone from the app. {}", &none[6..]);
    check(&suspended(), &who(), Create, &[(SUSPEND, missing())], &gone);
    check(&suspended(), &title(), Update, &[(UPDATE_TITLE, missing())], &gone);
}

#[test]
fn a_user_who_is_created_again_gets_their_account_back() {
    for given in [active(), suspended()] {
        let back = "active: Resumed and updated the account from before.";
        check(&given, &ann(), Create, &[(RESUME, ok()), (UPDATE_ALL, ok())], back);
        let kept = "suspended: Kept suspended and updated the account from before.";
        let calls = [(SUSPEND, ok()), (UPDATE_ALL, ok())];
        check(&given, &ann().inactive(), Create, &calls, kept);
    }
}

#[test]
fn an_account_that_disappeared_is_created_again() {
    let again = "active: The account was gone from the app. Made an account.";
    let made = || (MAKE, reply(201, MADE));
    check(&suspended(), &ann(), Create, &[(RESUME, missing()), made()], again);
    check(&suspended(), &ann(), Activate, &[(RESUME, missing()), made()], again);
    let with_title = MAKE.replace('}', r#","title":"Lead"}"#);
    let calls = [(UPDATE_TITLE, missing()), (with_title.as_str(), reply(201, MADE))];
    check(&active(), &promoted(), Update, &calls, again);
}

#[test]
fn deletion_deletes_or_suspends_by_the_settings() {
    for given in [active(), suspended()] {
        check(&given, &ann(), Delete, &[(DELETE, reply(204, ""))], "none: Deleted the account 7.");
        let gone = "none: The account 7 was gone from the app already.";
        check(&given, &ann(), Delete, &[(DELETE, missing())], gone);
        let keep = with(json!({ "on_delete": "suspend" }), given);
        let kept = "suspended: Suspended the account in place of deleting it.";
        check(&keep, &ann(), Delete, &[(SUSPEND, ok())], kept);
    }
}

#[test]
fn a_user_without_a_known_account_is_looked_up_and_taken_out() {
    let out = |kind, calls: &[(&str, Answer)], note| {
        check(&context(), &ann().inactive(), kind, calls, note);
    };
    let suspend = [(FIND, found("active")), (SUSPEND, ok())];
    out(Deactivate, &suspend, "suspended: Suspended the account.");
    out(Delete, &[(FIND, found("active")), (DELETE, ok())], "none: Deleted the account 7.");
    let nothing = "none: Has no account in the app: nothing to take away.";
    let similar = r#"{"accounts":[{"id":8,"email":"joann@example.com"}]}"#;
    for kind in [Deactivate, Delete] {
        for answer in [reply(200, r#"{"accounts":[]}"#), reply(200, similar), missing()] {
            out(kind, &[(FIND, answer)], nothing);
        }
        check(&context(), &person("ann").without_email(), kind, &[], nothing);
        // Such an account is not linked, so nothing is taken away from it either.
        let strict = with(json!({ "link_existing": false }), context());
        check(&strict, &ann(), kind, &[(FIND, found("active"))], nothing);
        let down = [(FIND, reply(503, ""))];
        refuse(&context(), &ann(), kind, &down, &Refusal::RetryLater(None));
    }
}

#[test]
fn release_and_password_leave_the_app_alone() {
    let left = "The integration ended; the account stays as it is.";
    check(&active(), &ann(), Release, &[], &format!("active: {left}"));
    check(&suspended(), &ann(), Release, &[], &format!("suspended: {left}"));
    check(&context(), &ann(), Release, &[], &format!("none: {left}"));
    let text = "The connector does not support setting passwords.";
    refuse(&active(), &ann(), Password, &[], &Refusal::Unsupported(text.into()));
}

#[test]
fn the_apps_errors_become_refusals() {
    let wait = [(SUSPEND, reply_with(429, "retry-after", "9"))];
    refuse(&active(), &ann(), Deactivate, &wait, &Refusal::RetryLater(Some(9)));
    let down = [(RESUME, reply(502, "<html>"))];
    refuse(&suspended(), &ann(), Activate, &down, &Refusal::RetryLater(None));
    let text = "The app refused POST /organizations/acme/accounts (422): no seats";
    let full = [(MAKE, reply(422, r#"{"errors":[{"message":"no seats"}]}"#))];
    refuse(&context(), &ann(), Create, &full, &Refusal::Rejected(text.into()));
    let text = "The app's answer has no id \"id\".";
    let odd = [(MAKE, reply(201, "{}"))];
    refuse(&context(), &ann(), Create, &odd, &Refusal::Misconfigured(text.into()));
}

#[test]
fn paths_and_names_come_from_settings() {
    let settings = json!({
        "organization": "o1",
        "accounts": "/v2/{organization}/staff",
        "fields": { "status": "state", "active": "on", "id": "uid" },
        "profile": { "mail": "email" },
    });
    let calls = [(
        r#"POST /v2/o1/staff {"mail":"ann@example.com","state":"on"}"#,
        reply(201, r#"{"uid":"7"}"#),
    )];
    check(&with(settings, context()), &ann(), Create, &calls, "active: Made an account.");
}

#[test]
fn groups_become_teams_including_suspended_members() {
    let teams = "/organizations/acme/teams";
    let ann = Account::new("7", Membership::Suspended);
    let pushed = group("Eng").joined("ann", ann.clone()).joined("bob", None);
    let outcome = script(
        &ThreeState,
        &context(),
        &pushed.event(GroupCreate),
        &[
            (&format!("POST {teams} {{\"name\":\"Eng\"}}"), reply(201, r#"{"id":"t1"}"#)),
            (&format!("PUT {teams}/t1/members/7"), ok()),
        ],
    );
    let known = context().account(outcome.unwrap().account.unwrap());
    let left = group("Eng").left("ann", ann).event(GroupUpdate);
    let call = format!("DELETE {teams}/t1/members/7");
    let outcome = script(&ThreeState, &known, &left, &[(&call, ok())]).unwrap();
    assert_eq!(outcome.note, "Updated the team Eng: 0 joined, 1 left.");
    let call = format!("DELETE {teams}/t1");
    let deleted = group("Eng").event(GroupDelete);
    let outcome = script(&ThreeState, &known, &deleted, &[(&call, ok())]).unwrap();
    assert_eq!(outcome.account, None);
}

#[test]
fn the_manifest_is_valid_and_has_the_defaults_of_the_settings() {
    let manifest = manifest::<ThreeState>();
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    let promised: <ThreeState as Connector>::Settings =
        serde_json::from_value(defaults(&manifest["settings"])).unwrap();
    assert_eq!(promised, Settings::default());
    assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
}
