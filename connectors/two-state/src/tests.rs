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

use super::{Settings, TwoState};

const NONE: &str = r#"{"users":[]}"#;
const MADE: &str = r#"{"id":"7"}"#;
const FOUND: &str =
    r#"{"users":[{"id":8,"email":"joann@example.com"},{"id":7,"email":"Ann@example.com"}]}"#;
const FIND: &str = "GET /users?email=ann@example.com";
const MAKE: &str = r#"POST /users {"email":"ann@example.com","name":"Ann"}"#;
const ADD: &str = "PUT /organizations/acme/members/7";
const REMOVE: &str = "DELETE /organizations/acme/members/7";
const LOOK: &str = "GET /users/7";
const HERE: &str = r#"{"id":"7","organizations":["acme"]}"#;
const SHARED: &str = r#"{"id":"7","organizations":[{"id":"acme"},{"id":"other"}]}"#;

fn ann() -> TestPerson {
    person("ann@example.com").named("Ann")
}

fn promoted() -> TestPerson {
    ann().with("title", "Lead").changed("title")
}

fn member() -> TestContext {
    context().account(Account::new("7", Membership::Active))
}

fn absent() -> TestContext {
    context().account(Account::new("7", Membership::Absent))
}

fn with(settings: Value, given: TestContext) -> TestContext {
    given.settings(settings)
}

/// Compares the outcome of an event: `active`, `absent` or `none`, and the note.
#[track_caller]
fn check(
    given: &TestContext,
    who: &TestPerson,
    kind: EventKind,
    calls: &[(&str, Answer)],
    expected: &str,
) {
    let outcome = script(&TwoState, given, &who.event(kind), calls).unwrap();
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
    let refusal = script(&TwoState, given, &who.event(kind), calls).unwrap_err();
    assert_eq!(refusal, *expected);
}

fn ok() -> Answer {
    reply(204, "")
}

fn missing() -> Answer {
    reply(404, "")
}

#[test]
fn a_new_user_gets_an_account_and_joins() {
    let calls = [(FIND, reply(200, NONE)), (MAKE, reply(201, MADE)), (ADD, ok())];
    let made = "active: Made an account, and added it to acme.";
    check(&context(), &ann(), Create, &calls, made);
    check(&context(), &ann(), Activate, &calls, made);
    check(
        &context(),
        &promoted().changed("name"),
        Update,
        &[
            (FIND, reply(200, NONE)),
            (
                r#"POST /users {"email":"ann@example.com","name":"Ann","title":"Lead"}"#,
                reply(201, MADE),
            ),
            (ADD, ok()),
        ],
        made,
    );
}

#[test]
fn an_account_of_exactly_the_same_address_is_linked_and_not_changed() {
    let linked = "active: Linked the account of the same address, and added it to acme.";
    let calls = [(FIND, reply(200, FOUND)), (ADD, ok())];
    for kind in [Create, Activate] {
        check(&context(), &ann(), kind, &calls, linked);
    }
    let outcome = script(&TwoState, &context(), &ann().event(Create), &calls).unwrap();
    // As muster tells a connector that an account is not the tenant's own.
    let given = context().account(outcome.account.unwrap()).elsewhere(1);
    let stays = "The profile stays: others may have the account too.";
    check(&given, &promoted(), Update, &[], &format!("active: {stays}"));
    let always = given.clone().settings(json!({ "update_profile": "always" }));
    check(&always, &promoted(), Update, &[], &format!("active: {stays}"));
    let left = "absent: Taken out of acme; the account stays.";
    check(&given, &promoted().inactive(), Deactivate, &[(REMOVE, ok())], left);
    let again = format!("active: Added to acme again. {stays}");
    check(&given, &promoted(), Activate, &[(ADD, ok())], &again);
    check(&given, &promoted(), Create, &[(ADD, ok())], &again);
}

#[test]
fn a_known_account_that_the_app_has_all_the_same_is_not_linked() {
    let update = r#"PATCH /users/7 {"title":"Lead"}"#;
    let calls = [
        (LOOK, reply(200, HERE)),
        (update, missing()),
        (FIND, reply(200, FOUND)),
        (ADD, ok()),
        (LOOK, reply(200, HERE)),
        (update, ok()),
    ];
    check(&member(), &promoted(), Update, &calls, "active: Added to acme again.");
    let outcome = script(&TwoState, &member(), &promoted().event(Update), &calls).unwrap();
    assert!(!outcome.account.unwrap().is_linked());
}

#[test]
fn an_account_that_an_earlier_request_created_is_not_linked() {
    let attempt = [
        (FIND, reply(200, NONE)),
        (MAKE, reply(409, r#"{"message":"taken"}"#)),
        (FIND, reply(200, FOUND)),
        (ADD, ok()),
    ];
    let made = "active: Made an account, and added it to acme.";
    check(&context(), &ann(), Create, &attempt, made);
    let outcome = script(&TwoState, &context(), &ann().event(Create), &attempt).unwrap();
    assert!(!outcome.account.unwrap().is_linked());
}

#[test]
fn an_address_that_the_app_has_but_does_not_find_is_a_conflict() {
    let calls = [
        (FIND, reply(200, NONE)),
        (MAKE, reply(409, r#"{"message":"taken"}"#)),
        (FIND, reply(200, NONE)),
    ];
    let text = "The app sees a conflict in POST /users (409): taken";
    refuse(&context(), &ann(), Create, &calls, &Refusal::Conflict(text.into()));
}

#[test]
fn an_inactive_user_is_not_added() {
    let kept = "Not active: kept in mind, and not added.";
    check(&context(), &ann().inactive(), Create, &[], &format!("none: {kept}"));
    check(&context(), &promoted().inactive(), Update, &[], &format!("none: {kept}"));
    check(&absent(), &ann().inactive(), Create, &[], &format!("absent: {kept}"));
    let left = "absent: Taken out of acme; the account stays.";
    check(&member(), &ann().inactive(), Create, &[(REMOVE, ok())], left);
}

#[test]
fn the_changed_fields_of_a_member_are_sent() {
    let patch = r#"PATCH /users/7 {"title":"Lead"}"#;
    let updated = [(LOOK, reply(200, HERE)), (patch, reply(200, HERE))];
    check(&member(), &promoted(), Update, &updated, "active: Updated the profile.");
    let gone = r#"PATCH /users/7 {"title":null}"#;
    let updated = [(LOOK, reply(200, HERE)), (gone, reply(200, HERE))];
    check(&member(), &ann().changed("title"), Update, &updated, "active: Updated the profile.");
    let same = "active: Nothing that the app keeps has changed.";
    check(&member(), &ann().changed("locale"), Update, &[], same);
}

#[test]
fn a_shared_account_keeps_its_profile() {
    let stays = "active: The profile stays: others may have the account too.";
    check(&member(), &promoted(), Update, &[(LOOK, reply(200, SHARED))], stays);
    check(&member().elsewhere(1), &promoted(), Update, &[], stays);
    // An app that does not say who else has the account.
    check(&member(), &promoted(), Update, &[(LOOK, reply(200, r#"{"id":"7"}"#))], stays);
    let patch = (r#"PATCH /users/7 {"title":"Lead"}"#, reply(200, HERE));
    let always = |given| with(json!({ "update_profile": "always" }), given);
    check(&always(member()), &promoted(), Update, &[patch], "active: Updated the profile.");
    check(&always(member().elsewhere(1)), &promoted(), Update, &[], stays);
    let never = with(json!({ "update_profile": "never" }), member());
    check(&never, &promoted(), Update, &[], "active: People keep their own profile.");
}

#[test]
fn an_account_that_disappeared_is_found_or_created_again() {
    let again = [
        (LOOK, missing()),
        (FIND, reply(200, NONE)),
        (
            r#"POST /users {"email":"ann@example.com","name":"Ann","title":"Lead"}"#,
            reply(201, MADE),
        ),
        (ADD, ok()),
    ];
    let made = "active: The account was gone from the app; made an account, and added it to acme.";
    check(&member(), &promoted(), Update, &again, made);
    let again = [(ADD, missing()), (FIND, reply(200, NONE)), (MAKE, reply(201, MADE)), (ADD, ok())];
    check(&absent(), &ann(), Activate, &again, made);
    check(&absent(), &ann(), Create, &again, made);
}

#[test]
fn a_deactivated_user_leaves_this_organisation_only() {
    let taken = [(REMOVE, ok())];
    for kind in [Deactivate, Delete] {
        let who = ann().inactive();
        let stays = "absent: Taken out of acme; the account stays.";
        check(&member(), &who, kind, &taken, stays);
        check(&absent(), &who, kind, &taken, stays);
        let twice = "absent: Was already out of acme; the account stays.";
        check(&member(), &who, kind, &[(REMOVE, missing())], twice);
        check(&member().elsewhere(2), &who, kind, &taken, stays);
    }
}

#[test]
fn a_user_without_a_known_account_is_looked_up_and_taken_out() {
    let settings = json!({ "delete_account": "when-unused" });
    for kind in [Deactivate, Delete] {
        let who = ann().inactive();
        let found = [(FIND, reply(200, FOUND)), (REMOVE, ok())];
        check(&context(), &who, kind, &found, "absent: Taken out of acme; the account stays.");
        let found = [(FIND, reply(200, FOUND)), (REMOVE, missing())];
        let given = with(settings.clone(), context());
        check(&given, &who, kind, &found, "absent: Was already out of acme; the account stays.");
        let nothing = "none: Has no account in the app: nothing to take away.";
        let similar = r#"{"users":[{"id":8,"email":"joann@example.com"}]}"#;
        for answer in [reply(200, NONE), reply(200, similar), missing()] {
            check(&context(), &who, kind, &[(FIND, answer)], nothing);
        }
        let before = context().before(json!({ "userName": "ann@example.org" }));
        let calls = [
            (FIND, reply(200, NONE)),
            (
                "GET /users?email=ann@example.org",
                reply(200, r#"{"users":[{"id":7,"email":"ann@example.org"}]}"#),
            ),
            (REMOVE, ok()),
        ];
        check(&before, &who, kind, &calls, "absent: Taken out of acme; the account stays.");
        check(&context(), &person("ann").without_email(), kind, &[], nothing);
        refuse(&context(), &who, kind, &[(FIND, reply(503, ""))], &Refusal::RetryLater(None));
    }
}

#[test]
fn an_account_is_deleted_only_if_the_settings_say_so_and_no_other_organisation_has_it() {
    let given = |given| with(json!({ "delete_account": "when-unused" }), given);
    let nowhere = r#"{"id":"7","organizations":[]}"#;
    let deleted = [(REMOVE, ok()), (LOOK, reply(200, nowhere)), ("DELETE /users/7", ok())];
    let note = "none: Taken out of the organisation; the account was in no other, and is deleted.";
    check(&given(member()), &ann(), Delete, &deleted, note);

    let stays = "absent: Taken out of acme; the account stays.";
    for user in [SHARED, r#"{"id":"7"}"#] {
        check(&given(member()), &ann(), Delete, &[(REMOVE, ok()), (LOOK, reply(200, user))], stays);
    }
    check(&given(member().elsewhere(1)), &ann(), Delete, &[(REMOVE, ok())], stays);
    check(&given(member()), &ann().inactive(), Deactivate, &[(REMOVE, ok())], stays);
    let unknown = json!({ "delete_account": "when-unused", "fields": { "organizations": "" } });
    let deleted = [(REMOVE, ok()), (LOOK, reply(200, r#"{"id":"7"}"#)), ("DELETE /users/7", ok())];
    check(&with(unknown, member()), &ann(), Delete, &deleted, note);
}

#[test]
fn a_returning_user_is_added_again_and_the_whole_profile_is_sent() {
    let look = || (LOOK, reply(200, HERE));
    let again = "active: Added to acme again. Updated the profile.";
    let all = r#"PATCH /users/7 {"email":"ann@example.com","name":"Ann","title":null}"#;
    check(&absent(), &ann(), Create, &[(ADD, ok()), look(), (all, ok())], again);
    // The host lists all attributes as changed.
    let back = ann().with("title", "Lead").changed("emails").changed("name").changed("title");
    let all = r#"PATCH /users/7 {"email":"ann@example.com","name":"Ann","title":"Lead"}"#;
    for given in [absent(), member()] {
        check(&given, &back, Activate, &[(ADD, ok()), look(), (all, ok())], again);
    }
    check(&absent(), &ann(), Activate, &[(ADD, ok())], "active: Added to acme again.");
    let waits = "absent: Not a member: the profile is sent when the person returns.";
    check(&absent(), &promoted().inactive(), Update, &[], waits);
    // A deactivation makes no other call, which the app could refuse.
    let left = "absent: Taken out of acme; the account stays.";
    check(&member(), &promoted().inactive(), Deactivate, &[(REMOVE, ok())], left);
}

#[test]
fn release_and_password_leave_the_app_alone() {
    let left = "The integration ended; the account stays as it is.";
    check(&member(), &ann(), Release, &[], &format!("active: {left}"));
    check(&absent(), &ann(), Release, &[], &format!("absent: {left}"));
    check(&context(), &ann(), Release, &[], &format!("none: {left}"));
    let text = "The connector does not support setting passwords.";
    refuse(&member(), &ann(), Password, &[], &Refusal::Unsupported(text.into()));
}

#[test]
fn the_apps_errors_become_refusals() {
    let remove = |answer| [(REMOVE, answer)];
    let later = Refusal::RetryLater(Some(9));
    let wait = remove(reply_with(429, "retry-after", "9"));
    refuse(&member(), &ann(), Deactivate, &wait, &later);
    let down = remove(reply(503, ""));
    refuse(&member(), &ann(), Deactivate, &down, &Refusal::RetryLater(None));
    let text = "The app does not permit DELETE /organizations/acme/members/7 (403): last owner";
    let owner = remove(reply(403, r#"{"error":"last owner"}"#));
    refuse(&member(), &ann(), Delete, &owner, &Refusal::Misconfigured(text.into()));
    let text = "The app refused POST /users (422): no seats";
    let full = [(FIND, reply(200, NONE)), (MAKE, reply(422, r#"{"detail":"no seats"}"#))];
    refuse(&context(), &ann(), Create, &full, &Refusal::Rejected(text.into()));
    let text = "The app's answer to GET /users has no list \"users\".";
    let odd = [(FIND, reply(200, "{}"))];
    refuse(&context(), &ann(), Create, &odd, &Refusal::Misconfigured(text.into()));
    let text = "The app knows people by their e-mail address: there is none.";
    refuse(
        &context(),
        &person("ann").without_email(),
        Create,
        &[],
        &Refusal::Rejected(text.into()),
    );
}

#[test]
fn paths_and_names_come_from_settings() {
    let settings = json!({
        "organization": "o/1",
        "users": "/api/people",
        "member": "/api/orgs/{organization}/people/{user}",
        "fields": { "email": "mail", "users": "", "id": "uid" },
        "profile": { "mail": "email", "given": "name.givenName" },
    });
    let who = ann().with("name", json!({ "givenName": "Ann" }));
    let calls = [
        ("GET /api/people?mail=ann@example.com", reply(200, "[]")),
        (
            r#"POST /api/people {"given":"Ann","mail":"ann@example.com"}"#,
            reply(200, r#"{"uid":7}"#),
        ),
        ("PUT /api/orgs/o%2F1/people/7", ok()),
    ];
    let made = "active: Made an account, and added it to o/1.";
    check(&with(settings, context()), &who, Create, &calls, made);
}

#[test]
fn groups_become_teams() {
    let teams = "/organizations/acme/teams";
    let ann = || Account::new("7", Membership::Active);
    let team = || ann().with_notes(&json!({ "team": "Other" }));
    let pushed = group("Eng").joined("ann", ann()).joined("bob", None).joined("Other", team());
    let outcome = script(
        &TwoState,
        &context(),
        &pushed.event(GroupCreate),
        &[
            (&format!("POST {teams} {{\"name\":\"Eng\"}}"), reply(201, r#"{"id":"t1"}"#)),
            (&format!("PUT {teams}/t1/members/7"), ok()),
        ],
    );
    let known = context().account(outcome.unwrap().account.unwrap());
    let changed = group("R&D").changed("displayName").left("ann", ann());
    let outcome = script(
        &TwoState,
        &known,
        &changed.event(GroupUpdate),
        &[
            (&format!("PATCH {teams}/t1 {{\"name\":\"R&D\"}}"), reply(200, "{}")),
            (&format!("DELETE {teams}/t1/members/7"), missing()),
        ],
    );
    assert_eq!(outcome.unwrap().note, "Updated the team R&D: 0 joined, 1 left.");
    let outcome = script(
        &TwoState,
        &known,
        &changed.event(GroupDelete),
        &[(&format!("DELETE {teams}/t1"), missing())],
    );
    assert_eq!(outcome.unwrap().account, None);
}

#[test]
fn the_manifest_is_valid_and_has_the_defaults_of_the_settings() {
    let manifest = manifest::<TwoState>();
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    let promised: <TwoState as Connector>::Settings =
        serde_json::from_value(defaults(&manifest["settings"])).unwrap();
    assert_eq!(promised, Settings::default());
    assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
}
