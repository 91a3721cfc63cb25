//! What operators decide: a dropped operation leaves no disagreement behind, and a pause holds what is
//! open at once.

use serde_json::{Value, json};

use super::{
    ALWAYS, add, create_group, eventually, people_in, place, remove, set_title, start_recording,
    stop_answering, team_in, title_in,
};
use crate::support::{Muster, Tenant, user};
use muster::sample::Fault;

/// The app refuses these calls until it is healed.
fn refuse(muster: &Muster, pattern: String) {
    muster.stage.sample.fail(Fault::status(pattern, 422, ALWAYS));
}

async fn operations(muster: &Muster, state: &str) -> Vec<Value> {
    let path = format!("/operations?state={state}");
    let mut body = muster.admin("GET", &path, None).await.expect(200).body;
    std::mem::take(body["items"].as_array_mut().unwrap())
}

/// Waits for an operation that the app has refused, drops it, and lets the app answer again.
async fn drop_refused(muster: &Muster, kind: &str) {
    let refused = async || {
        let mut found = operations(muster, "open").await;
        found.extend(operations(muster, "failed").await);
        found.into_iter().find(|it| it["kind"] == kind && it["tries"] != 0)
    };
    eventually("the app has refused nothing", async || refused().await.is_some()).await;
    let operation = refused().await.unwrap();
    let path = format!("/operations/{}/drop", operation["id"].as_str().unwrap());
    muster.admin("POST", &path, None).await.expect(200);
    muster.stage.sample.heal();
}

#[tokio::test]
async fn an_acknowledged_leave_that_is_dropped_is_carried_out_by_another_operation() {
    let muster = start_recording().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.settled().await;
    refuse(&muster, format!("POST {}", place(&tenant, "accounts")));
    muster.set_active(&tenant, &ada, false).await.expect(200);
    drop_refused(&muster, "deactivate").await;
    let out = async || people_in(&muster, &tenant).is_empty();
    eventually("a leave was lost when its operation was dropped", out).await;
    muster.settled().await;
}

#[tokio::test]
async fn an_acknowledged_creation_and_an_update_that_are_dropped_are_carried_out() {
    let muster = start_recording().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.settled().await;
    refuse(&muster, format!("PATCH {}", place(&tenant, "accounts")));
    set_title(&muster, &tenant, &ada, "Countess").await.expect(200);
    drop_refused(&muster, "update").await;
    let told = async || title_in(&muster, &tenant, "ada").as_deref() == Some("Countess");
    eventually("an update was lost when its operation was dropped", told).await;
    muster.settled().await;
    refuse(&muster, format!("POST {}", place(&tenant, "accounts")));
    muster.post(&tenant, "/Users", user("bob")).await.expect(201);
    drop_refused(&muster, "create").await;
    let both = async || people_in(&muster, &tenant) == ["ada", "bob"];
    eventually("a creation was lost when its operation was dropped", both).await;
    muster.settled().await;
}

async fn pause(muster: &Muster, tenant: &Tenant) {
    muster.admin("POST", &format!("/tenants/{}/pause", tenant.name), None).await.expect(200);
}

#[tokio::test]
async fn a_pause_holds_at_once_what_is_open_and_takes_access_away() {
    let muster = super::start().await;
    let tenant = muster.tenant("three-state").await;
    let (ada, bob) = (muster.person(&tenant, "ada").await, muster.person(&tenant, "bob").await);
    stop_answering(&muster, format!("POST {}", place(&tenant, "accounts")));
    stop_answering(&muster, format!("DELETE {}", place(&tenant, "accounts")));
    muster.set_active(&tenant, &ada, false).await.expect(429);
    super::delete(&muster, &tenant, &bob).await.expect(429);
    pause(&muster, &tenant).await;
    let path = format!("/tenants/{}", tenant.name);
    let shown = muster.admin("GET", &path, None).await.expect(200).body;
    assert_eq!((&shown["backlog"]["open"], &shown["backlog"]["held"]), (&json!(0), &json!(2)));
    // So connecting asks what becomes of them.
    let connect = format!("{path}/connect");
    muster.admin("POST", &connect, None).await.expect(409);
    muster.stage.sample.heal();
    let choice = json!({ "held": "carry-out" });
    muster.admin("POST", &connect, Some(choice)).await.expect(200);
    let out = async || people_in(&muster, &tenant).is_empty();
    eventually("what was held was not carried out", out).await;
    muster.settled().await;
}

#[tokio::test]
async fn a_person_whose_leaving_is_held_is_removed_from_a_team() {
    let muster = super::start().await;
    let tenant = muster.tenant("three-state").await;
    let (ada, bob) = (muster.person(&tenant, "ada").await, muster.person(&tenant, "bob").await);
    let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
    pause(&muster, &tenant).await;
    muster.set_active(&tenant, &ada, false).await.expect(200);
    remove(&muster, &tenant, &group, &ada).await.expect(204);
    muster.settled().await;
    assert_eq!(team_in(&muster, &tenant, "Compilers").unwrap(), ["bob"]);
    assert_eq!(people_in(&muster, &tenant), ["ada", "bob"]);
    // Whose leaving is held is told nothing that grants.
    add(&muster, &tenant, &group, &[&ada]).await.expect(204);
    muster.settled().await;
    assert_eq!(team_in(&muster, &tenant, "Compilers").unwrap(), ["bob"]);
}
