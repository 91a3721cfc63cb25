//! Group events, with the app's responses, as tables.

use super::*;
use crate::EventKind::{GroupCreate, GroupUpdate};
use crate::testing::{Answer, TestGroup, context, group, reply, script};
use crate::{Connector, Context, EventKind, NoSettings};

struct Plain;

const ACME: Organization<'_> = Organization { endpoint: "app", id: "acme" };

impl Connector for Plain {
    type Settings = NoSettings;

    fn group_create(&self, app: &mut App, _: &Context, event: &GroupEvent) -> Decision {
        Teams::default().create(app, ACME, event)
    }

    fn group_update(&self, app: &mut App, given: &Context, event: &GroupEvent) -> Decision {
        Teams::default().update(app, ACME, given.account.as_ref(), event)
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
    let (id, note) = (result.clone().map(|it| it.account.unwrap().id), result.map(|it| it.note));
    assert_eq!(note, expected.map(str::to_owned));
    assert!(id.is_err() || id.unwrap() == "t1");
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
fn a_team_that_disappeared_is_reported_and_not_recreated_without_its_members() {
    let calls = [(RENAME, reply(404, ""))];
    let text = "The app has no team t1 (Eng) any more. \
                Unlink the pushed group and push it again.";
    let renamed = group("Eng").changed("displayName");
    check(Some(team()), GroupUpdate, &renamed, &calls, Err(Refusal::Rejected(text.into())));
    let calls = [(ADD, reply(404, ""))];
    let text = "The app has no team t1 (Eng) any more, or no account 7 (ann).";
    let grown = group("Eng").joined("ann", ann());
    check(Some(team()), GroupUpdate, &grown, &calls, Err(Refusal::Rejected(text.into())));
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
