//! Groups follow their people: the teams of the app have the members of the directory's groups who
//! are active, whatever happened to the people or the groups in the meantime.

use muster::sample::Fault;
use serde_json::{Value, json};

use super::{
    ALWAYS, activate_with_title, add, assert_refused, create_group, delete, eventually,
    operations_on, people_in, place, push, remove, set_title, shown, sizes, start, stop_answering,
    team_in, title_in,
};
use crate::support::meddler::{Meddler, Rule};
use crate::support::{Answer, Muster, Tenant, client, user};

/// The apps with teams.
pub(super) const APPS: [&str; 2] = ["two-state", "three-state"];

/// A host, and a tenant with Ada and Bob.
pub(super) async fn with_ada_and_bob(muster: &Muster, app: &str) -> (Tenant, String, String) {
    let tenant = muster.tenant(app).await;
    let ada = muster.person(&tenant, &format!("ada-{app}")).await;
    let bob = muster.person(&tenant, &format!("bob-{app}")).await;
    (tenant, ada, bob)
}

/// Waits until the host rests and the team has these people.
pub(super) async fn team_becomes(muster: &Muster, tenant: &Tenant, names: &[&str]) {
    muster.settled().await;
    let app = tenant.name.rsplit_once('-').map_or("", |(app, _)| app);
    let name =
        |name: &&str| if app.is_empty() { (*name).to_owned() } else { format!("{name}-{app}") };
    let wanted: Vec<String> = names.iter().map(name).collect();
    let team = || team_in(muster, tenant, "Compilers").unwrap_or_default();
    let failure = format!("{app}: the team should have {wanted:?}");
    eventually(&failure, async || team() == wanted).await;
    muster.settled().await;
    assert_eq!(team(), wanted, "{app}: the team has changed again");
}

#[tokio::test]
async fn a_person_who_was_added_to_a_group_while_out_is_in_the_team_on_return() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, _) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
        muster.set_active(&tenant, &ada, false).await.expect(200);
        add(&muster, &tenant, &group, &[&ada]).await.expect(204);
        muster.set_active(&tenant, &ada, true).await.expect(200);
        team_becomes(&muster, &tenant, &["ada"]).await;
    }
}

#[tokio::test]
async fn a_person_who_returns_while_the_group_is_changed_is_in_the_team() {
    let mut muster = start().await;
    let meddler = Meddler::before(&mut muster).await;
    muster.stage.app("meddled", "two-state").await.unwrap();
    let tenant = muster.tenant_named("acme", "meddled", "okta", "acme").await;
    let (ada, bob) = (muster.person(&tenant, "ada").await, muster.person(&tenant, "bob").await);
    let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
    muster.set_active(&tenant, &ada, false).await.expect(200);
    // Ada is out when the change begins, and in when it is committed.
    let mut join = meddler.hold_before("PUT /organizations/acme/teams");
    let change = async { add(&muster, &tenant, &group, &[&ada, &bob]).await };
    let returning = async {
        join.arrived().await;
        muster.set_active(&tenant, &ada, true).await.expect(200);
        join.release().await;
    };
    tokio::join!(change, returning);
    muster.settled().await;
    let team = async || team_in(&muster, &tenant, "Compilers").unwrap_or_default();
    eventually("both should be in the team", async || team().await == ["ada", "bob"]).await;
}

#[tokio::test]
async fn a_removal_from_a_group_outlives_a_newer_request_until_that_adds_the_member() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let eve = muster.person(&tenant, &format!("eve-{app}")).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        let removal = format!("DELETE /organizations/{}/teams", tenant.organization);
        muster.stage.sample.fail(Fault::status(&removal, 503, 1_000_000));
        remove(&muster, &tenant, &group, &ada).await.expect(429);
        // A request that says nothing of Ada.
        add(&muster, &tenant, &group, &[&eve]).await;
        muster.stage.sample.heal();
        team_becomes(&muster, &tenant, &["bob", "eve"]).await;
        assert_eq!(sizes(&muster, &tenant, &group).await, (2, 2));
        // Requests that want her in.
        muster.stage.sample.fail(Fault::status(&removal, 503, 1_000_000));
        remove(&muster, &tenant, &group, &bob).await.expect(429);
        add(&muster, &tenant, &group, &[&ada, &bob]).await;
        muster.stage.sample.heal();
        team_becomes(&muster, &tenant, &["ada", "bob", "eve"]).await;
        muster.stage.sample.fail(Fault::status(&removal, 503, 1_000_000));
        remove(&muster, &tenant, &group, &bob).await.expect(429);
        push(&muster, &tenant, &group, &[&ada, &bob]).await;
        muster.stage.sample.heal();
        team_becomes(&muster, &tenant, &["ada", "bob"]).await;
    }
}

#[tokio::test]
async fn a_removal_from_a_group_outlives_a_newer_request_about_members_who_are_out() {
    let muster = super::start_recording().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        muster.set_active(&tenant, &ada, false).await.expect(200);
        muster.settled().await;
        // The removal does not reach the app, which certainly has changed nothing.
        let removal = format!("DELETE {}", place(&tenant, "teams"));
        muster.stage.sample.fail(Fault::status(removal, 429, ALWAYS));
        remove(&muster, &tenant, &group, &bob).await.expect(204);
        remove(&muster, &tenant, &group, &ada).await.expect(204);
        muster.stage.sample.heal();
        eventually("Bob should not be in the team", async || {
            !team_in(&muster, &tenant, "Compilers").unwrap().contains(&format!("bob-{app}"))
        })
        .await;
        muster.set_active(&tenant, &ada, true).await.expect(200);
        team_becomes(&muster, &tenant, &[]).await;
    }
}

#[tokio::test]
async fn a_removal_from_a_group_is_told_although_the_account_of_its_member_is_in_doubt() {
    let mut muster = start().await;
    let meddler = Meddler::before(&mut muster).await;
    muster.stage.app("meddled", "three-state").await.unwrap();
    let tenant = muster.tenant_named("acme", "meddled", "okta", "acme").await;
    let (ada, bob) = (muster.person(&tenant, "ada").await, muster.person(&tenant, "bob").await);
    let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
    // The profile's first call may arrive as long as it is held, and the app refuses to repeat it.
    let mut profile = meddler.hold_before("PATCH /organizations/acme/accounts");
    meddler.apply(Rule::refuse("PATCH /organizations/acme/accounts", 422, "no titles").always());
    let cut = async {
        profile.arrived().await;
        profile.hang_up();
    };
    let (answer, ()) = tokio::join!(set_title(&muster, &tenant, &ada, "Countess"), cut);
    assert_refused(&answer);
    remove(&muster, &tenant, &group, &ada).await.expect(204);
    assert_eq!(team_in(&muster, &tenant, "Compilers").unwrap(), ["bob"]);
    let tenant_shown = muster.admin("GET", "/tenants/acme", None).await.expect(200).body;
    assert_eq!(tenant_shown["backlog"]["in_doubt"], 1, "{tenant_shown}");
    meddler.heal();
    profile.release().await;
    team_becomes(&muster, &tenant, &["bob"]).await;
}

#[tokio::test]
async fn a_removal_from_a_group_outlives_a_leave_that_never_reached_the_app() {
    leave_without_a_call(async |muster, tenant, ada| muster.set_active(tenant, ada, true).await)
        .await;
}

#[tokio::test]
async fn a_removal_from_a_group_outlives_a_leave_that_an_update_replaces() {
    leave_without_a_call(async |muster, tenant, ada| {
        activate_with_title(muster, tenant, ada, "Countess").await
    })
    .await;
}

/// Removes Ada from a group, and deactivates her, while the app takes neither, and activates her again.
async fn leave_without_a_call(activate: impl AsyncFn(&Muster, &Tenant, &str) -> Answer) {
    let muster = super::start_recording().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        muster.settled().await;
        // Neither the removal nor the leave reaches the app, which certainly has changed nothing.
        for method in ["DELETE", "POST"] {
            let pattern = format!("{method} {}", place(&tenant, ""));
            muster.stage.sample.fail(Fault::status(pattern, 429, ALWAYS));
        }
        remove(&muster, &tenant, &group, &ada).await.expect(204);
        muster.set_active(&tenant, &ada, false).await.expect(200);
        let waits_for_ada = async || {
            let operations = operations_on(&muster, &group).await;
            operations.iter().all(|it| it["state"] != "open")
        };
        eventually("the removal should wait for Ada's return", waits_for_ada).await;
        activate(&muster, &tenant, &ada).await.expect(200);
        muster.stage.sample.heal();
        team_becomes(&muster, &tenant, &["bob"]).await;
        assert_eq!(people_in(&muster, &tenant), [format!("ada-{app}"), format!("bob-{app}")]);
    }
}

#[tokio::test]
async fn a_member_who_is_deleted_while_the_app_makes_the_group_is_in_no_team_afterwards() {
    let mut muster = start().await;
    let meddler = Meddler::before(&mut muster).await;
    muster.stage.app("meddled", "two-state").await.unwrap();
    let tenant = muster.tenant_named("acme", "meddled", "okta", "acme").await;
    let (ada, bob) = (muster.person(&tenant, "ada").await, muster.person(&tenant, "bob").await);
    let mut creation = meddler.hold_before("POST /organizations/acme/teams");
    let creating = async { create_group(&muster, &tenant, &[&ada, &bob]).await };
    // Her deletion is held, so her account stays as it is.
    let deleting = async {
        creation.arrived().await;
        muster.admin("POST", "/tenants/acme/pause", None).await.expect(200);
        delete(&muster, &tenant, &ada).await.expect(204);
        creation.release().await;
    };
    tokio::join!(creating, deleting);
    muster.settled().await;
    muster.person(&tenant, "ada").await;
    let connection = json!({ "held": "carry-out" });
    muster.admin("POST", "/tenants/acme/connect", Some(connection)).await.expect(200);
    muster.settled().await;
    let team = async || team_in(&muster, &tenant, "Compilers").unwrap_or_default();
    eventually("only Bob should be in the team", async || team().await == ["bob"]).await;
    assert_eq!(people_in(&muster, &tenant), ["ada", "bob"]);
}

#[tokio::test]
async fn a_group_that_is_created_again_has_none_of_its_former_members_in_the_app() {
    let muster = super::start_recording().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        muster.settled().await;
        let deletion = format!("DELETE /organizations/{}/teams", tenant.organization);
        muster.stage.sample.fail(Fault::status(&deletion, 503, 3));
        muster.scim(&tenant, "DELETE", &format!("/Groups/{group}"), None).await.expect(204);
        eventually("the group should be created again", async || {
            create_group(&muster, &tenant, &[&ada]).await.status == 201
        })
        .await;
        team_becomes(&muster, &tenant, &["ada"]).await;
    }
}

#[tokio::test]
async fn a_removal_from_a_group_that_the_app_refuses_is_tried_until_it_is_done() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        let removal = format!("DELETE /organizations/{}/teams", tenant.organization);
        muster.stage.sample.fail(Fault::pass(&removal, 1));
        muster.stage.sample.fail(Fault::status(&removal, 422, 3));
        let operations = json!([{ "op": "remove", "path": "members" }]);
        muster.patch(&tenant, &format!("/Groups/{group}"), operations).await.expect(429);
        team_becomes(&muster, &tenant, &[]).await;
        assert_eq!(sizes(&muster, &tenant, &group).await, (0, 0));
    }
}

#[tokio::test]
async fn a_person_who_was_removed_from_a_group_while_out_is_not_in_the_team_on_return() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        muster.set_active(&tenant, &ada, false).await.expect(200);
        remove(&muster, &tenant, &group, &ada).await.expect(204);
        muster.set_active(&tenant, &ada, true).await.expect(200);
        team_becomes(&muster, &tenant, &["bob"]).await;
    }
}

#[tokio::test]
async fn a_person_who_returns_to_an_app_that_forgets_leavers_is_in_their_teams_again() {
    let muster = start().await;
    muster.stage.sample.forget_teams_of_leavers();
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201);
        muster.set_active(&tenant, &ada, false).await.expect(200);
        muster.set_active(&tenant, &ada, true).await.expect(200);
        team_becomes(&muster, &tenant, &["ada", "bob"]).await;
    }
}

#[tokio::test]
async fn a_member_who_was_created_inactive_is_in_the_team_once_active() {
    let muster = start().await;
    for app in APPS {
        let tenant = muster.tenant(app).await;
        let mut inactive = user(&format!("ada-{app}"));
        inactive["active"] = json!(false);
        let ada = muster.post(&tenant, "/Users", inactive).await.expect(201).id();
        create_group(&muster, &tenant, &[&ada]).await.expect(201);
        muster.set_active(&tenant, &ada, true).await.expect(200);
        team_becomes(&muster, &tenant, &["ada"]).await;
    }
}

#[tokio::test]
async fn a_full_push_of_a_group_counts_for_members_who_are_out() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[&ada]).await.expect(201).id();
        muster.set_active(&tenant, &ada, false).await.expect(200);
        push(&muster, &tenant, &group, &[&ada, &bob]).await.expect(200);
        muster.set_active(&tenant, &ada, true).await.expect(200);
        team_becomes(&muster, &tenant, &["ada", "bob"]).await;
        muster.set_active(&tenant, &ada, false).await.expect(200);
        push(&muster, &tenant, &group, &[&bob]).await.expect(200);
        muster.set_active(&tenant, &ada, true).await.expect(200);
        team_becomes(&muster, &tenant, &["bob"]).await;
    }
}

#[tokio::test]
async fn an_account_that_was_removed_by_hand_and_made_again_is_in_its_teams() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201);
        remove_by_hand(&muster, &tenant, &format!("ada-{app}")).await;
        set_title(&muster, &tenant, &ada, "Countess").await.expect(200);
        assert_eq!(people_in(&muster, &tenant), [format!("ada-{app}"), format!("bob-{app}")]);
        team_becomes(&muster, &tenant, &["ada", "bob"]).await;
    }
}

#[tokio::test]
async fn an_account_that_was_removed_by_hand_is_made_again_when_its_person_joins_a_group() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[&bob]).await.expect(201).id();
        remove_by_hand(&muster, &tenant, &format!("ada-{app}")).await;
        add(&muster, &tenant, &group, &[&ada]).await.expect(204);
        team_becomes(&muster, &tenant, &["ada", "bob"]).await;
        assert_eq!(people_in(&muster, &tenant), [format!("ada-{app}"), format!("bob-{app}")]);
    }
}

/// Removes a person from the app, as an administrator of the app does.
async fn remove_by_hand(muster: &Muster, tenant: &Tenant, name: &str) {
    let sample = &muster.stage.sample;
    let email = format!("{name}@acme.example");
    let people = sample.people().into_iter().map(|it| (it.profile, format!("/users/{}", it.id)));
    let accounts = sample.accounts(&tenant.organization).into_iter();
    let accounts = accounts.map(|it| (it.profile, place(tenant, &format!("accounts/{}", it.id))));
    let (_, path) = people.chain(accounts).find(|(profile, _)| profile.email == email).unwrap();
    let request = client().delete(format!("{}{path}", sample.base_url()));
    let answer = request.bearer_auth("sample-app-token").send().await.unwrap();
    assert_eq!(answer.status(), 204);
}

#[tokio::test]
async fn a_person_who_was_deleted_and_created_again_is_in_no_team_until_added() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        delete(&muster, &tenant, &ada).await.expect(204);
        let again = muster.person(&tenant, &format!("ada-{app}")).await;
        team_becomes(&muster, &tenant, &["bob"]).await;
        add(&muster, &tenant, &group, &[&again]).await.expect(204);
        team_becomes(&muster, &tenant, &["ada", "bob"]).await;
    }
}

#[tokio::test]
async fn a_person_who_was_suspended_and_deleted_is_in_no_team() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201);
        muster.set_active(&tenant, &ada, false).await.expect(200);
        delete(&muster, &tenant, &ada).await.expect(204);
        muster.person(&tenant, &format!("ada-{app}")).await;
        team_becomes(&muster, &tenant, &["bob"]).await;
    }
}

#[tokio::test]
async fn the_profile_is_told_again_on_return() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, _) = with_ada_and_bob(&muster, app).await;
        let name = format!("ada-{app}");
        set_title(&muster, &tenant, &ada, "Lady").await.expect(200);
        muster.set_active(&tenant, &ada, false).await.expect(200);
        set_title(&muster, &tenant, &ada, "Countess").await.expect(200);
        muster.set_active(&tenant, &ada, true).await.expect(200);
        muster.settled().await;
        assert_eq!(shown(&muster, &tenant, &ada).await["title"], "Countess");
        assert_eq!(title_in(&muster, &tenant, &name).as_deref(), Some("Countess"), "{app}");
    }
}

#[tokio::test]
async fn a_person_returns_to_many_teams_with_one_call_for_each_at_most() {
    const GROUPS: usize = 8;
    let muster = start().await;
    muster.stage.sample.forget_teams_of_leavers();
    let (tenant, ada, _) = with_ada_and_bob(&muster, "two-state").await;
    for n in 0..GROUPS {
        let body = json!({ "displayName": format!("Team {n}"), "members": [{ "value": ada }] });
        muster.post(&tenant, "/Groups", body).await.expect(201);
    }
    muster.set_active(&tenant, &ada, false).await.expect(200);
    muster.settled().await;
    let before = muster.app_calls(&tenant).await.len();
    muster.set_active(&tenant, &ada, true).await.expect(200);
    let in_all = || {
        let teams = muster.stage.sample.teams(&tenant.organization);
        teams.iter().filter(|team| team.members.len() == 1).count() == GROUPS
    };
    eventually("a team lacks a person who has returned", async || in_all()).await;
    muster.settled().await;
    let teams = place(&tenant, "teams");
    let calls = muster.app_calls(&tenant).await.split_off(before);
    let mut paths: Vec<String> = calls
        .into_iter()
        .filter(|call| call.path.starts_with(&teams))
        .map(|call| call.path)
        .collect();
    let all = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!((paths.len(), all), (GROUPS, GROUPS), "one call for each team");
}

#[tokio::test]
async fn a_group_change_during_an_outage_counts_although_its_member_leaves_and_returns() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        stop_answering(&muster, format!("DELETE {}", place(&tenant, "teams")));
        remove(&muster, &tenant, &group, &ada).await.expect(429);
        muster.set_active(&tenant, &ada, false).await.expect(200);
        muster.set_active(&tenant, &ada, true).await.expect(200);
        muster.stage.sample.heal();
        team_becomes(&muster, &tenant, &["bob"]).await;
        let body = muster.get(&tenant, &format!("/Groups/{group}")).await.expect(200).body;
        let members: Vec<&Value> = body["members"].as_array().unwrap().iter().collect();
        assert_eq!(members.len(), 1, "{app}: {body}");
    }
}
