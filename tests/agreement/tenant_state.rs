//! The state of the tenant counts before each attempt, for grants too: nothing that was open reaches
//! the app after a disconnect, and a disconnect with `remove` leaves no account behind.

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::lifecycle::snapshot::ReplyMode;
use muster::sample::Fault;
use serde_json::{Value, json};

use super::{
    eventually, people_in, place, quick, set_title, shown, start, stop_answering, title_in, unshare,
};
use crate::support::meddler::Meddler;
use crate::support::{Muster, Tenant, user};

/// Disconnects the tenant with this ending for its people, and waits until it is disconnected.
async fn disconnect(muster: &Muster, tenant: &Tenant, people: &str) {
    let path = format!("/tenants/{}/disconnect", tenant.name);
    muster.admin("POST", &path, Some(json!({ "people": people }))).await.expect(202);
    let disconnected = async || {
        let tenant = muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await;
        tenant.body["state"] == "disconnected"
    };
    eventually("the tenant was not disconnected", disconnected).await;
}

/// The calls that changed something in the tenant's organisation of the app.
fn changes(muster: &Muster, tenant: &Tenant) -> usize {
    let calls = muster.stage.sample.log().into_iter();
    let organization = place(tenant, "");
    calls.filter(|it| it.method != "GET" && it.path.starts_with(&organization)).count()
}

#[tokio::test]
async fn an_open_creation_of_a_disconnected_tenant_does_not_reach_the_app() {
    for reply in [ReplyMode::WhenDone, ReplyMode::WhenRecorded] {
        let muster = Muster::start_with(LocalEnvironmentConfig { reply, ..quick() }).await;
        let tenant = muster.tenant("three-state").await;
        stop_answering(&muster, format!("POST {}", place(&tenant, "accounts")));
        let answer = muster.post(&tenant, "/Users", user("ada")).await;
        assert!([201, 429].contains(&answer.status), "{answer:?}");
        disconnect(&muster, &tenant, "release").await;
        // A call that was in flight is repeated within its own time.
        muster.settled().await;
        let before = changes(&muster, &tenant);
        muster.stage.sample.heal();
        muster.settled().await;
        assert_eq!(changes(&muster, &tenant), before, "the app was asked after the disconnect");
        assert_eq!(people_in(&muster, &tenant), [""; 0]);
    }
}

#[tokio::test]
async fn an_open_activation_of_a_disconnected_tenant_does_not_reach_the_app() {
    let muster = start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.set_active(&tenant, &ada, false).await.expect(200);
    stop_answering(&muster, format!("PUT {}", place(&tenant, "members")));
    muster.set_active(&tenant, &ada, true).await.expect(429);
    disconnect(&muster, &tenant, "release").await;
    let before = changes(&muster, &tenant);
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(changes(&muster, &tenant), before, "the app was asked after the disconnect");
}

#[tokio::test]
async fn an_open_creation_of_a_removed_tenant_does_not_reach_the_app() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    stop_answering(&muster, format!("POST {}", place(&tenant, "accounts")));
    muster.post(&tenant, "/Users", user("ada")).await.expect(429);
    disconnect(&muster, &tenant, "release").await;
    let removed = async || {
        let path = format!("/tenants/{}", tenant.name);
        muster.admin("DELETE", &path, None).await.status == 204
    };
    eventually("the tenant was not removed", removed).await;
    let before = changes(&muster, &tenant);
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(changes(&muster, &tenant), before, "the app was asked after the removal");
    // A new tenant of the same name has nothing of the old one.
    let tenant =
        muster.tenant_named(&tenant.name, "three-state", "okta", &tenant.organization).await;
    assert_eq!(muster.get(&tenant, "/Users").await.expect(200).body["totalResults"], 0);
    muster.person(&tenant, "ada").await;
}

#[tokio::test]
async fn a_disconnect_that_removes_leaves_no_account_of_a_creation_whose_answer_was_lost() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    unshare(&muster, "three-state").await;
    let create = format!("POST {}", place(&tenant, "accounts"));
    muster.stage.sample.fail(Fault { times: 1, ..Fault::cut(&create) });
    stop_answering(&muster, &create);
    muster.post(&tenant, "/Users", user("ada")).await.expect(429);
    assert_eq!(people_in(&muster, &tenant), ["ada"], "the app has made the account");
    let path = format!("/tenants/{}/disconnect", tenant.name);
    muster.admin("POST", &path, Some(json!({ "people": "remove" }))).await.expect(202);
    muster.stage.sample.heal();
    let disconnected = async || {
        let state = muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await;
        state.body["state"] == "disconnected"
            && muster.stage.sample.accounts(&tenant.organization).is_empty()
    };
    eventually("the disconnect has left an account behind", disconnected).await;
    muster.settled().await;
}

#[tokio::test]
async fn a_disconnect_lets_nobody_in_whose_creation_ends_in_doubt() {
    let mut muster = start().await;
    let meddler = Meddler::before(&mut muster).await;
    muster.stage.app("meddled", "three-state").await.unwrap();
    let tenant = muster.tenant_named("acme", "meddled", "okta", "acme").await;
    // The first call may still arrive when the second one has made the account.
    let creation = "POST /organizations/acme/accounts";
    let (mut first, mut second) = (meddler.hold_before(creation), meddler.hold_before(creation));
    let disconnecting = async {
        first.arrived().await;
        first.hang_up();
        second.arrived().await;
        let path = "/tenants/acme/disconnect";
        muster.admin("POST", path, Some(json!({ "people": "deactivate" }))).await.expect(202);
        let disconnected = async || {
            let tenant = muster.admin("GET", "/tenants/acme", None).await;
            tenant.body["state"] == "disconnected"
        };
        eventually("the tenant was not disconnected", disconnected).await;
        second.release().await;
    };
    tokio::join!(muster.post(&tenant, "/Users", user("ada")), disconnecting);
    eventually("Ada should be out", async || people_in(&muster, &tenant) == [""; 0]).await;
    muster.settled().await;
    assert_eq!(people_in(&muster, &tenant), [""; 0]);
    let calls = muster.stage.sample.log().into_iter();
    let resumed: Vec<_> = calls.filter(|it| it.path.ends_with("/resume")).collect();
    assert!(resumed.is_empty(), "{resumed:?}");
}

#[tokio::test]
async fn a_disconnect_that_removes_does_not_let_an_open_creation_pass() {
    let muster = start().await;
    let tenant = muster.tenant("two-state").await;
    let bob = muster.person(&tenant, "bob").await;
    // The account is made, and its membership waits.
    stop_answering(&muster, format!("PUT {}", place(&tenant, "members")));
    muster.post(&tenant, "/Users", user("ada")).await.expect(429);
    let path = format!("/tenants/{}/disconnect", tenant.name);
    muster.admin("POST", &path, Some(json!({ "people": "remove" }))).await.expect(202);
    muster.stage.sample.heal();
    let disconnected = async || {
        let state = muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await;
        state.body["state"] == "disconnected"
    };
    eventually("the tenant was not disconnected", disconnected).await;
    muster.settled().await;
    assert_eq!(people_in(&muster, &tenant), [""; 0], "{bob} and ada should be out");
}

#[tokio::test]
async fn a_profile_that_waits_when_its_tenant_is_disconnected_is_not_told() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    stop_answering(&muster, format!("PATCH {}", place(&tenant, "accounts")));
    set_title(&muster, &tenant, &ada, "Countess").await.expect(429);
    disconnect(&muster, &tenant, "release").await;
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(title_in(&muster, &tenant, "ada"), None);
    assert_eq!(shown(&muster, &tenant, &ada).await["title"], Value::Null);
}

#[tokio::test]
async fn a_disconnect_reaches_people_whose_recorded_creation_is_not_carried_out() {
    for (people, active, left) in [
        ("deactivate", Some(false), 0..=0),
        ("remove", None, 0..=0),
        ("release", Some(true), 1..=2),
    ] {
        let muster = Muster::start_with(LocalEnvironmentConfig {
            reply: ReplyMode::WhenRecorded,
            ..quick()
        })
        .await;
        let tenant = muster.tenant("three-state").await;
        let create = format!("POST {}", place(&tenant, "accounts"));
        // The app makes ada's account, and its answer is lost; it has not heard of bob.
        muster.stage.sample.fail(Fault { times: 1, ..Fault::cut(&create) });
        stop_answering(&muster, &create);
        let ada = muster.post(&tenant, "/Users", user("ada")).await.expect(201).id();
        eventually("the app has ada", async || people_in(&muster, &tenant) == ["ada"]).await;
        let bob = muster.post(&tenant, "/Users", user("bob")).await.expect(201).id();
        let path = format!("/tenants/{}/disconnect", tenant.name);
        let preview = json!({ "people": people, "preview": true });
        let preview = muster.admin("POST", &path, Some(preview)).await.expect(200).body;
        assert_eq!(preview["total"], 2, "{preview}");
        let job = muster.admin("POST", &path, Some(json!({ "people": people }))).await.expect(202);
        muster.stage.sample.heal();
        let path = format!("/jobs/{}", job.body["id"].as_str().unwrap());
        let ended = async || muster.admin("GET", &path, None).await.body["state"] == "succeeded";
        eventually("the disconnect does not end", ended).await;
        let job = muster.admin("GET", &path, None).await.body;
        assert_eq!((&job["done"], &job["total"]), (&json!(2), &json!(2)), "{job}");
        muster.settled().await;
        for id in [&ada, &bob] {
            let shown = muster.get(&tenant, &format!("/Users/{id}")).await;
            assert_eq!(shown.body["active"].as_bool(), active, "{people}: {}", shown.body);
        }
        let accounts = people_in(&muster, &tenant);
        assert!(left.contains(&accounts.len()), "{people}: {accounts:?}");
    }
}

#[tokio::test]
async fn a_disconnected_tenant_cannot_be_paused_into_service() {
    let muster = start().await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/tenants/{}", tenant.name);
    disconnect(&muster, &tenant, "release").await;
    muster.admin("POST", &format!("{path}/pause"), None).await.expect(409);
    muster.post(&tenant, "/Users", user("ada")).await.expect(403);
}
