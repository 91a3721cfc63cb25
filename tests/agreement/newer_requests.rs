//! A newer request replaces the goal of an open operation: nothing waits behind anything, nothing old
//! is carried out over something newer, and a leave is kept until a request sets `active: true`.

use std::time::Duration;

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::sample::Fault;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    activate_with_title, create_group, delete, eventually, operations_on, people_in, place, quick,
    recording, set_title, shown, start, start_recording, stop_answering, team_in, title_in,
};
use crate::support::guests::guest;
use crate::support::meddler::{Held, Meddler, Rule};
use crate::support::{Answer, Muster, Tenant, user};

#[tokio::test]
async fn requests_to_deactivate_that_an_activation_replaces_are_answered_come_back() {
    let config = LocalEnvironmentConfig { answer_within: Duration::from_secs(3), ..quick() };
    let muster = Muster::start_with(config).await;
    let tenant = muster.tenant("two-state").await;
    let ada = muster.person(&tenant, "ada").await;
    stop_answering(&muster, format!("DELETE {}", place(&tenant, "members")));
    let activate = async {
        sleep(Duration::from_millis(500)).await;
        muster.set_active(&tenant, &ada, true).await
    };
    let (one, two, activated) = tokio::join!(
        muster.set_active(&tenant, &ada, false),
        muster.set_active(&tenant, &ada, false),
        activate,
    );
    one.expect(429);
    two.expect(429);
    assert_eq!(activated.expect(200).body["active"], true);
    assert_eq!(people_in(&muster, &tenant), ["ada"]);
    muster.settled().await;
    muster.stage.sample.heal();
    assert_eq!(people_in(&muster, &tenant), ["ada"], "the older request is not carried out");
    assert_eq!(shown(&muster, &tenant, &ada).await["active"], true);
}

#[tokio::test]
async fn a_recorded_activation_that_a_leave_replaces_after_the_join_is_undone() {
    let muster = start_recording().await;
    let tenant = muster.tenant("two-state").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.set_active(&tenant, &ada, false).await.expect(200);
    muster.settled().await;
    stop_answering(&muster, "PATCH /users");
    activate_with_title(&muster, &tenant, &ada, "Countess").await.expect(200);
    let joined = async || people_in(&muster, &tenant) == ["ada"];
    eventually("the app did not get the join", joined).await;
    muster.set_active(&tenant, &ada, false).await.expect(200);
    let out = async || people_in(&muster, &tenant).is_empty();
    eventually("a leaver is in the app", out).await;
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(people_in(&muster, &tenant), [""; 0]);
    assert_eq!(shown(&muster, &tenant, &ada).await["active"], false);
}

#[tokio::test]
async fn a_leave_does_not_wait_behind_a_profile_that_the_app_does_not_take() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    stop_answering(&muster, format!("PATCH {}", place(&tenant, "accounts")));
    set_title(&muster, &tenant, &ada, "Countess").await.expect(429);
    muster.set_active(&tenant, &ada, false).await.expect(200);
    assert_eq!(people_in(&muster, &tenant), [""; 0]);
    muster.settled().await;
    muster.stage.sample.heal();
}

/// A tenant whose app takes neither profiles nor suspensions, and its user Ada, who was asked to leave
/// after a change of her name.
async fn leaving(muster: &Muster) -> (Tenant, String) {
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    stop_answering(muster, format!("PATCH {}", place(&tenant, "accounts")));
    stop_answering(muster, format!("POST {}", place(&tenant, "accounts")));
    set_name(muster, &tenant, &ada).await.expect(429);
    muster.set_active(&tenant, &ada, false).await.expect(429);
    (tenant, ada)
}

async fn set_name(muster: &Muster, tenant: &Tenant, id: &str) -> Answer {
    let name = json!([{ "op": "replace", "path": "displayName", "value": "Augusta" }]);
    muster.patch(tenant, &format!("/Users/{id}"), name).await
}

/// The host finishes by itself: Ada is out, and the directory says this.
async fn has_left(muster: &Muster, tenant: &Tenant, ada: &str) -> Value {
    muster.stage.sample.heal();
    let out = async || people_in(muster, tenant).is_empty();
    eventually("a profile has replaced a leave", out).await;
    muster.settled().await;
    let user = shown(muster, tenant, ada).await;
    assert_eq!(user["active"], false);
    user
}

#[tokio::test]
async fn a_leave_is_kept_by_a_newer_profile_and_the_older_profile_is_not() {
    let muster = start().await;
    let (tenant, ada) = leaving(&muster).await;
    set_title(&muster, &tenant, &ada, "Countess").await.expect(429);
    let user = has_left(&muster, &tenant, &ada).await;
    assert_eq!((&user["title"], &user["displayName"]), (&json!("Countess"), &json!("ada Doe")));
}

#[tokio::test]
async fn a_leave_is_kept_when_the_profile_before_it_is_asked_for_again() {
    let muster = start().await;
    let (tenant, ada) = leaving(&muster).await;
    set_name(&muster, &tenant, &ada).await.expect(429);
    assert_eq!(has_left(&muster, &tenant, &ada).await["displayName"], "Augusta");
}

#[tokio::test]
async fn a_leave_ends_when_a_request_says_active() {
    let muster = start().await;
    let (tenant, ada) = leaving(&muster).await;
    muster.set_active(&tenant, &ada, true).await.expect(429);
    muster.stage.sample.heal();
    muster.set_active(&tenant, &ada, true).await.expect(200);
    muster.settled().await;
    assert_eq!(people_in(&muster, &tenant), ["ada"]);
    let user = shown(&muster, &tenant, &ada).await;
    assert_eq!((&user["active"], &user["displayName"]), (&json!(true), &json!("ada Doe")));
}

#[tokio::test]
async fn a_patch_applies_to_the_directory_and_not_to_a_goal_that_was_answered_come_back() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let update = format!("PATCH {}", place(&tenant, "accounts"));
    muster.stage.sample.fail(Fault {
        containing: Some("Countess".to_owned()),
        ..Fault::status(update, 503, super::ALWAYS)
    });
    set_title(&muster, &tenant, &ada, "Countess").await.expect(429);
    let locale = json!([{ "op": "replace", "path": "locale", "value": "en-GB" }]);
    let answer = muster.patch(&tenant, &format!("/Users/{ada}"), locale).await.expect(200);
    assert_eq!((&answer.body["locale"], &answer.body["title"]), (&json!("en-GB"), &Value::Null));
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(shown(&muster, &tenant, &ada).await["title"], Value::Null);
    assert_eq!(title_in(&muster, &tenant, "ada"), None);
}

#[tokio::test]
async fn a_replaced_operation_ends_as_superseded_and_names_its_successor() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    stop_answering(&muster, format!("PATCH {}", place(&tenant, "accounts")));
    set_title(&muster, &tenant, &ada, "Lady").await.expect(429);
    set_title(&muster, &tenant, &ada, "Countess").await.expect(429);
    let operations = operations_on(&muster, &ada).await;
    let open: Vec<&Value> = operations.iter().filter(|it| it["state"] == "open").collect();
    assert_eq!(open.len(), 1, "one operation of a resource is open: {operations:#?}");
    let older: Vec<&Value> = operations.iter().filter(|it| it["state"] == "superseded").collect();
    assert_eq!(older.len(), 1, "{operations:#?}");
    assert_eq!(older[0]["successor"], open[0]["id"]);
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(title_in(&muster, &tenant, "ada").as_deref(), Some("Countess"));
}

#[tokio::test]
async fn the_same_request_again_joins_the_open_operation() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    stop_answering(&muster, format!("PATCH {}", place(&tenant, "accounts")));
    for _ in 0..3 {
        set_title(&muster, &tenant, &ada, "Countess").await.expect(429);
    }
    let operations = operations_on(&muster, &ada).await;
    assert_eq!(operations.len(), 2, "a creation and an update: {operations:#?}");
    muster.stage.sample.heal();
    set_title(&muster, &tenant, &ada, "Countess").await.expect(200);
    muster.settled().await;
}

#[tokio::test]
async fn an_open_deletion_is_kept_whatever_else_is_asked() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    stop_answering(&muster, format!("DELETE {}", place(&tenant, "accounts")));
    delete(&muster, &tenant, &ada).await.expect(429);
    set_title(&muster, &tenant, &ada, "Countess").await.expect(429);
    muster.set_active(&tenant, &ada, true).await.expect(429);
    muster.stage.sample.heal();
    muster.settled().await;
    let gone = async || muster.stage.sample.accounts(&tenant.organization).is_empty();
    eventually("a deletion was lost", gone).await;
    muster.get(&tenant, &format!("/Users/{ada}")).await.expect(404);
}

/// The connector of this test takes passwords; the app is played by rules.
#[tokio::test]
async fn a_recorded_password_is_told_although_a_newer_request_came() {
    let mut muster = Muster::start_with(recording()).await;
    let meddler = Meddler::before(&mut muster).await;
    muster.push(guest("faulty")).await.expect(201);
    let settings = serde_json::from_value(json!({ "fault": "none" })).unwrap();
    muster.stage.app_with("faulty", "faulty", settings, ["app"]).await.unwrap();
    meddler.apply(Rule::refuse("PUT /accounts", 200, "well"));
    let tenant = muster.plain_tenant("faulty", "faulty").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.settled().await;
    // The first calls for the password are put off.
    let told = format!("PUT /accounts/{ada}/password");
    meddler.apply(Rule::refuse(&told, 429, "busy").times(6));
    for call in ["PUT /accounts", "PATCH /accounts"] {
        meddler.apply(Rule::refuse(call, 200, "well").always());
    }
    let path = format!("/Users/{ada}");
    let set =
        |attribute: &str| json!([{ "op": "replace", "path": attribute, "value": "Secret-1" }]);
    muster.patch(&tenant, &path, set("password")).await.expect(200);
    muster.patch(&tenant, &path, set("title")).await.expect(200);
    muster.settled().await;
    assert!(meddler.count(&told) > 6, "{:?}", meddler.seen());
    // Alone, too.
    let before = meddler.count(&told);
    muster.patch(&tenant, &path, set("password")).await.expect(200);
    muster.settled().await;
    assert_eq!(meddler.count(&told), before + 1);
}

#[tokio::test]
async fn a_newer_creation_of_a_group_takes_the_place_of_those_whose_answers_were_lost() {
    for app in ["two-state", "three-state"] {
        let muster = start().await;
        let tenant = muster.tenant(app).await;
        let ada = muster.person(&tenant, "ada").await;
        let bob = muster.person(&tenant, "bob").await;
        let creation = format!("POST {}", place(&tenant, "teams"));
        muster.stage.sample.fail(Fault { times: 1, ..Fault::cut(&creation) });
        stop_answering(&muster, &creation);
        create_group(&muster, &tenant, &[]).await.expect(429);
        create_group(&muster, &tenant, &[&bob]).await.expect(429);
        muster.stage.sample.heal();
        let group = create_group(&muster, &tenant, &[&ada]).await.expect(201).id();
        muster.settled().await;
        let groups = muster.get(&tenant, "/Groups").await.expect(200).body;
        assert_eq!(groups["totalResults"], 1, "{app}: {groups}");
        assert_eq!(groups["Resources"][0]["id"], group, "{app}");
        assert_eq!(team_in(&muster, &tenant, "Compilers"), Some(vec!["ada".to_owned()]), "{app}");
        assert_eq!(muster.stage.sample.teams(&tenant.organization).len(), 1, "{app}");
    }
}

#[tokio::test]
async fn an_open_deletion_leaves_the_account_to_a_person_who_was_linked_to_it() {
    for app in ["two-state", "three-state"] {
        let muster = start_recording().await;
        let tenant = muster.tenant(app).await;
        let ada = muster.person(&tenant, "ada").await;
        muster.settled().await;
        let deletion = format!("DELETE {}", place(&tenant, ""));
        muster.stage.sample.fail(Fault::status(&deletion, 503, 2));
        delete(&muster, &tenant, &ada).await.expect(204);
        // Another person for the directory, with the same address.
        let mut other = user("ada");
        other["externalId"] = json!("00u-another");
        other["userName"] = json!("countess@acme.example");
        muster.post(&tenant, "/Users", other).await.expect(201);
        muster.settled().await;
        eventually("the new person should be in the app, and stay there", async || {
            people_in(&muster, &tenant) == ["ada"]
        })
        .await;
        muster.settled().await;
        assert_eq!(people_in(&muster, &tenant), ["ada"], "{app}");
    }
}

/// Sends a request while the answer of a held call waits, which is let go a little later.
async fn meanwhile(mut held: Held, request: impl Future<Output = Answer>) -> Answer {
    held.arrived().await;
    let release = async {
        sleep(Duration::from_millis(100)).await;
        held.release().await;
    };
    tokio::join!(request, release).0
}

/// Sends a request again until it has one of these answers, as an identity provider does.
async fn insist(answer: &Answer, wanted: &[u16], request: impl AsyncFn() -> Answer) {
    if !wanted.contains(&answer.status) {
        let failure = format!("the request should be answered {wanted:?}: {answer:?}");
        eventually(&failure, async || wanted.contains(&request().await.status)).await;
    }
}

/// A tenant of an app behind the proxy, with Ada.
async fn meddled(muster: &Muster, connector: &str) -> (Tenant, String) {
    let app = format!("meddled-{connector}");
    muster.stage.app(&app, connector).await.unwrap();
    let tenant = muster.tenant_named(connector, &app, "okta", connector).await;
    let ada = muster.person(&tenant, "ada").await;
    (tenant, ada)
}

#[tokio::test]
async fn a_person_is_not_linked_to_an_account_that_is_being_deleted() {
    let mut muster = start().await;
    let meddler = Meddler::before(&mut muster).await;
    for (connector, accounts) in [("two-state", "/users"), ("three-state", "/organizations")] {
        let (tenant, ada) = meddled(&muster, connector).await;
        let mut other = user("ada");
        other["userName"] = json!("countess@acme.example");
        let create = async || muster.post(&tenant, "/Users", other.clone()).await;
        let remove = async || delete(&muster, &tenant, &ada).await;
        // The other person's look-up finds the account before it is deleted.
        let look_up = meddler.hold_after(format!("GET {accounts}"));
        let (created, deleted) = tokio::join!(create(), meanwhile(look_up, remove()));
        insist(&deleted, &[204, 404], remove).await;
        insist(&created, &[201], create).await;
        muster.settled().await;
        assert_eq!(people_in(&muster, &tenant), ["ada"], "{connector}: {created:?} {deleted:?}");
    }
}

#[tokio::test]
async fn a_group_does_not_take_over_a_team_that_is_being_deleted() {
    let mut muster = start().await;
    let meddler = Meddler::before(&mut muster).await;
    for connector in ["two-state", "three-state"] {
        let (tenant, ada) = meddled(&muster, connector).await;
        let group = create_group(&muster, &tenant, &[&ada]).await.expect(201).id();
        let path = format!("/Groups/{group}");
        let create = async || create_group(&muster, &tenant, &[&ada]).await;
        let remove = async || muster.scim(&tenant, "DELETE", &path, None).await;
        let look_up = meddler.hold_after(format!("GET {}", place(&tenant, "teams")));
        let (created, deleted) = tokio::join!(create(), meanwhile(look_up, remove()));
        insist(&deleted, &[204, 404], remove).await;
        insist(&created, &[201], create).await;
        muster.settled().await;
        let team = team_in(&muster, &tenant, "Compilers");
        assert_eq!(team, Some(vec!["ada".to_owned()]), "{connector}: {created:?} {deleted:?}");
    }
}

#[tokio::test]
async fn a_team_that_a_late_call_makes_for_a_refused_creation_is_taken_away() {
    let mut muster = start().await;
    let meddler = Meddler::before(&mut muster).await;
    muster.stage.app("meddled", "two-state").await.unwrap();
    let tenant = muster.tenant_named("acme", "meddled", "okta", "acme").await;
    let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
    let mut creation = meddler.hold_before("POST /organizations/acme/teams");
    let cut = async {
        creation.arrived().await;
        creation.hang_up();
    };
    // The call is repeated, and the app says that the name is taken.
    let (refused, ()) = tokio::join!(create_group(&muster, &tenant, &[]), cut);
    refused.expect(409);
    muster.scim(&tenant, "DELETE", &format!("/Groups/{group}"), None).await.expect(204);
    creation.release().await;
    assert_eq!(team_in(&muster, &tenant, "Compilers"), Some(Vec::new()), "the call was late");
    let gone = async || team_in(&muster, &tenant, "Compilers").is_none();
    eventually("the team that the late call made should be deleted", gone).await;
    muster.settled().await;
}
