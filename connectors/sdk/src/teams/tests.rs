//! Group events, with the app's responses, as tables.

use super::*;
use crate::EventKind::{GroupCreate, GroupDelete, GroupUpdate};
use crate::log::Level;
use crate::testing::{Answer, TestGroup, context, group, play, reply, script};
use crate::{Connector, Context, EventKind, NoSettings};

struct Plain;

const ACME: Organization<'_> = Organization { endpoint: "app", id: "acme" };

impl Connector for Plain {
    type Settings = NoSettings;

    fn group_create(&self, app: &mut App, given: &Context, event: &GroupEvent) -> Decision {
        Teams::default().update(app, ACME, given.account.as_ref(), event)
    }

    fn group_update(&self, app: &mut App, given: &Context, event: &GroupEvent) -> Decision {
        Teams::default().update(app, ACME, given.account.as_ref(), event)
    }

    fn group_delete(&self, app: &mut App, given: &Context, event: &GroupEvent) -> Decision {
        Teams::default().delete(app, ACME, given.account.as_ref(), event)
    }
}

const CREATE: &str = r#"POST /organizations/acme/teams {"name":"Eng"}"#;
const RENAME: &str = r#"PATCH /organizations/acme/teams/t1 {"name":"Eng"}"#;
const FIND: &str = "GET /organizations/acme/teams?name=Eng";
const ADD: &str = "PUT /organizations/acme/teams/t1/members/7";

#[track_caller]
fn check(
    known: Option<Account>,
    kind: EventKind,
    group: &TestGroup,
    calls: &[(&str, Answer)],
    expected: Result<&str, Refusal>,
) {
    let given = known.map_or_else(context, |account| context().account(account));
    let result = script(&Plain, &given, &group.event(kind), calls);
    if let Ok(outcome) = &result {
        let id = outcome.account.as_ref().map(|team| team.id.as_str());
        assert_eq!(id, (kind != GroupDelete).then_some("t1"));
    }
    assert_eq!(result.map(|it| it.note), expected.map(str::to_owned));
}

fn ann() -> Account {
    Account::new("7", Membership::Active)
}

fn team() -> Account {
    account("t1", "Eng")
}

#[test]
fn a_team_with_the_same_name_is_taken_over() {
    let found = r#"{"teams":[{"id":"t0","name":"Engine"},{"id":"t1","name":"Eng"}]}"#;
    let eng = group("Eng").joined("ann", ann());
    let calls = [(CREATE, reply(409, "taken")), (FIND, reply(200, found)), (ADD, reply(204, ""))];
    check(None, GroupCreate, &eng, &calls, Ok("Took over the team Eng."));
    let calls = [(CREATE, reply(409, "taken")), (FIND, reply(200, r#"{"teams":[]}"#))];
    let text = "The app sees a conflict in POST /organizations/acme/teams (409): taken";
    check(None, GroupCreate, &eng, &calls, Err(Refusal::Conflict(text.into())));
}

#[test]
fn a_group_without_a_team_gets_one_with_its_next_change() {
    let calls = [(CREATE, reply(201, r#"{"id":"t1"}"#)), (ADD, reply(204, ""))];
    let eng = group("Eng").joined("ann", ann());
    check(None, GroupUpdate, &eng, &calls, Ok("Created the team Eng."));
}

#[test]
fn a_group_that_is_created_again_keeps_its_team() {
    let calls = [(RENAME, reply(200, "{}")), (ADD, reply(204, ""))];
    let eng = group("Eng").joined("ann", ann());
    check(Some(team()), GroupCreate, &eng, &calls, Ok("Updated the team Eng: 1 joined, 0 left."));
}

#[test]
fn a_team_that_disappeared_is_created_again_with_the_members_of_the_event() {
    let note = Ok("The team was gone from the app. Created the team Eng.");
    let old = || Some(account("t0", "Eng"));
    let rename = "PATCH /organizations/acme/teams/t0 {\"name\":\"Eng\"}";
    let made = || (CREATE, reply(201, r#"{"id":"t1"}"#));
    let renamed = group("Eng").changed("displayName");
    check(old(), GroupUpdate, &renamed, &[(rename, reply(404, "")), made()], note.clone());
    let add = "PUT /organizations/acme/teams/t0/members/7";
    let remove = "DELETE /organizations/acme/teams/t1/members/8";
    let calls = [
        (add, reply(404, "")),
        (rename, reply(404, "")),
        made(),
        (ADD, reply(204, "")),
        (remove, reply(404, "")),
    ];
    let changed =
        group("Eng").joined("ann", ann()).left("bob", Account::new("8", Membership::Active));
    check(old(), GroupUpdate, &changed, &calls, note);
}

#[test]
fn a_member_whose_account_disappeared_is_left_out_and_the_others_join() {
    let calls = [
        ("PUT /organizations/acme/teams/t1/members/8", reply(404, "")),
        (RENAME, reply(200, "{}")),
        ("PUT /organizations/acme/teams/t1/members/9", reply(410, "")),
        (ADD, reply(204, "")),
    ];
    let gone = |id| Account::new(id, Membership::Active);
    let eng = group("Eng").joined("bob", gone("8")).joined("cy", gone("9")).joined("ann", ann());
    let note = "Updated the team Eng: 1 joined, 0 left. \
                Left out 2 whose account the app no longer has.";
    check(Some(team()), GroupUpdate, &eng, &calls, Ok(note));
    let event = group("Eng").joined("bob", gone("8")).event(GroupUpdate);
    let played = play(&Plain, &context().account(team()), &event, |request| {
        reply(if request.method == "PUT" { 404 } else { 200 }, "{}")
    });
    let warning = "Left out bob: the app has no account 8 any longer.";
    assert_eq!(played.log, [(Level::Warn, warning.to_owned())]);
}

#[test]
fn a_group_without_a_known_team_is_deleted_by_its_name() {
    let eng = group("Eng");
    let found = r#"{"teams":[{"id":"t0","name":"Engine"},{"id":"t1","name":"Eng"}]}"#;
    let delete = ("DELETE /organizations/acme/teams/t1", reply(204, ""));
    let calls = [(FIND, reply(200, found)), delete];
    check(None, GroupDelete, &eng, &calls, Ok("Deleted the team Eng."));
    for nothing in [reply(200, r#"{"teams":[]}"#), reply(404, "")] {
        check(None, GroupDelete, &eng, &[(FIND, nothing)], Ok("The app has no team Eng."));
    }
}

#[test]
fn members_without_an_account_in_the_organisation_are_left_out() {
    let out = ann().with_membership(Membership::Absent);
    let eng = group("Eng").joined("bob", None).joined("cy", out).joined("Ops", team());
    let none = "Updated the team Eng: 3 joined, 0 left.";
    check(Some(team()), GroupUpdate, &eng, &[], Ok(none));
}

#[test]
fn a_member_who_left_is_removed_even_if_absent_from_the_organisation() {
    let out = ann().with_membership(Membership::Absent);
    let eng = group("Eng").left("bob", None).left("cy", out).left("Ops", team());
    let calls = [("DELETE /organizations/acme/teams/t1/members/7", reply(404, ""))];
    let left = "Updated the team Eng: 0 joined, 3 left.";
    check(Some(team()), GroupUpdate, &eng, &calls, Ok(left));
}
