//! Pausing and disconnecting a tenant: which accounts stay, and which operations are held.

mod counts;
mod groups;

use std::time::Duration;

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::lifecycle::snapshot::ReplyMode;
use muster::sample::Fault;
use muster::store::OperationState;
use serde_json::{Value, json};

use crate::support::{Muster, Tenant};

async fn disconnected(muster: &Muster, tenant: &Tenant) {
    let path = format!("/tenants/{}/disconnect", tenant.name);
    for _ in 0..600 {
        if muster.admin("GET", &path, None).await.body["state"] == "disconnected" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the tenant was not disconnected after 30 s");
}

async fn until(failure: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{failure}");
}

/// The job that disconnects the tenant; or what it would do, with a preview.
async fn disconnect(muster: &Muster, tenant: &Tenant, body: Value) -> Value {
    let status = if body["preview"] == true { 200 } else { 202 };
    let path = format!("/tenants/{}/disconnect", tenant.name);
    muster.admin("POST", &path, Some(body)).await.expect(status).body
}

#[tokio::test]
async fn a_disconnect_keeps_the_accounts_of_a_thousand_users() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let mut people = Vec::new();
    for chunk in 0..50 {
        let names: Vec<String> = (0..20).map(|n| format!("p{}", chunk * 20 + n)).collect();
        let created = names.iter().map(|name| muster.person(&tenant, name));
        people.extend(futures_util::future::join_all(created).await);
    }
    let before = muster.stage.sample.people_of(&tenant.organization);
    assert_eq!(before.len(), 1000);

    let preview = disconnect(&muster, &tenant, json!({ "preview": true })).await;
    assert_eq!(
        (&preview["total"], &preview["active"], &preview["refused"]),
        (&json!(1000), &json!(1000), &json!(0))
    );
    assert_eq!(preview["named"].as_array().unwrap().len(), 100);
    assert!(preview["named"][0]["decision"].as_str().unwrap().contains("stays"));
    let state = muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await;
    assert_eq!(state.body["state"], "connected", "a preview changes nothing");

    let calls = muster.app_calls(&tenant).await.len();
    disconnect(&muster, &tenant, json!({})).await;
    disconnected(&muster, &tenant).await;
    for chunk in people.chunks(20) {
        let wave = chunk.iter().map(|id| muster.set_active(&tenant, id, false));
        for answer in futures_util::future::join_all(wave).await {
            assert_eq!(answer.expect(200).body["active"], false);
        }
    }
    assert_eq!(muster.stage.sample.people_of(&tenant.organization), before);
    assert_eq!(muster.app_calls(&tenant).await.len(), calls, "the app received no call");
}

/// A paused tenant with two users, Ada and Bob, whose deactivations are held. Returns Ada's id too.
async fn paused_with_two_held() -> (Muster, Tenant, String) {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let bob = muster.person(&tenant, "bob").await;
    muster.admin("POST", &format!("/tenants/{}/pause", tenant.name), None).await.expect(200);
    for id in [&ada, &bob] {
        assert_eq!(muster.set_active(&tenant, id, false).await.expect(200).body["active"], false);
    }
    (muster, tenant, ada)
}

#[tokio::test]
async fn a_paused_tenant_holds_deactivations_until_an_operator_decides() {
    let (muster, tenant, _) = paused_with_two_held().await;
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 2);
    assert_eq!(muster.operations(OperationState::Held).await.len(), 2);

    let held = muster.admin("GET", "/operations?state=held", None).await.body;
    let id = |n: usize| held["items"][n]["id"].as_str().unwrap().to_owned();
    let (_, explained) = muster.command(&["operation", "explain", &id(0)]).await;
    assert!(explained.contains("  held: the tenant is paused or disconnecting"), "{explained}");
    muster.admin("POST", &format!("/operations/{}/retry", id(0)), None).await.expect(200);
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 1);
    let dropped =
        muster.admin("POST", &format!("/operations/{}/drop", id(1)), None).await.expect(200);
    assert_eq!(dropped.body["state"], "dropped");
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 1);
}

#[tokio::test]
async fn a_held_deactivation_is_superseded_when_the_user_is_activated_again() {
    let (muster, tenant, ada) = paused_with_two_held().await;
    muster.set_active(&tenant, &ada, true).await.expect(200);
    let subjects = |held: Vec<(String, String, String)>| -> Vec<String> {
        held.into_iter().map(|(_, subject, _)| subject).collect()
    };
    let held = subjects(muster.operations(OperationState::Held).await);
    let superseded = subjects(muster.operations(OperationState::Superseded).await);
    assert_eq!((held.len(), superseded.len()), (1, 1));
    assert!(superseded[0].starts_with("ada") && held[0].starts_with("bob"), "{superseded:?}");
    let (_, list) = muster.command(&["operation", "list", "--state", "superseded"]).await;
    assert!(list.contains("was held: the tenant is paused or disconnecting"), "{list}");
}

#[tokio::test]
async fn a_disconnect_can_deactivate_all_users() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    for name in ["ada", "bob"] {
        muster.person(&tenant, name).await;
    }
    disconnect(&muster, &tenant, json!({ "people": "deactivate" })).await;
    disconnected(&muster, &tenant).await;
    let accounts = muster.stage.sample.accounts(&tenant.organization);
    assert!(accounts.iter().all(|account| format!("{:?}", account.status) == "Suspended"));
    let refused = muster.post(&tenant, "/Users", crate::support::user("eve")).await.expect(403);
    assert!(refused.body["detail"].as_str().unwrap().contains("disconnected"));
}

#[tokio::test]
async fn the_preview_of_a_connection_counts_whom_it_would_take_out() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let bob = muster.person(&tenant, "bob").await;
    let eve = muster.person(&tenant, "eve").await;
    let path = format!("/tenants/{}/connect", tenant.name);
    let preview = async || {
        let body = Some(json!({ "preview": true }));
        let body = muster.admin("POST", &path, body).await.expect(200).body;
        ["held", "released", "released_inactive", "released_deleted"].map(|it| body[it].clone())
    };
    let said = async || {
        let (status, said) =
            muster.command(&["tenant", "connect", &tenant.name, "--preview"]).await;
        assert_eq!(status, Some(0), "{said}");
        said
    };
    assert!(said().await.contains("no leaving is held, and no person was released"));
    muster.set_active(&tenant, &ada, false).await.expect(200);
    muster.admin("POST", &format!("/tenants/{}/pause", tenant.name), None).await.expect(200);
    muster.scim(&tenant, "DELETE", &format!("/Users/{bob}"), None).await.expect(204);
    assert_eq!(preview().await, [1, 0, 0, 0], "Bob's deletion is held");
    let shown = said().await;
    assert!(shown.contains("1 person's leaving is held") && shown.contains("--held"), "{shown}");
    let bob = shown.lines().find(|line| line.contains("bob@acme.example")).unwrap();
    assert!(bob.contains("the deletion is held") && !shown.contains("released"), "{shown}");
    muster.admin("POST", &path, Some(json!({ "held": "carry-out" }))).await.expect(200);
    muster.settled().await;
    disconnect(&muster, &tenant, json!({})).await;
    disconnected(&muster, &tenant).await;
    muster.set_active(&tenant, &eve, false).await.expect(200);
    assert_eq!(preview().await, [0, 2, 1, 0], "Ada is out already, and Eve is not");
    let shown = said().await;
    assert!(shown.contains("2 people were released, and would be managed again"), "{shown}");
    assert!(shown.contains("and 1 who are inactive"), "{shown}");
    let eve = shown.lines().find(|line| line.contains("eve@acme.example")).unwrap();
    assert!(eve.contains("inactive") && !shown.contains("ada@acme.example"), "{shown}");
}

/// A tenant that was disconnected with two users, and is connected again.
async fn reconnected(choices: Value) -> (Muster, Tenant, [String; 2]) {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let people = [muster.person(&tenant, "ada").await, muster.person(&tenant, "bob").await];
    disconnect(&muster, &tenant, json!({})).await;
    disconnected(&muster, &tenant).await;
    let path = format!("/tenants/{}/connect", tenant.name);
    let preview = muster.admin("POST", &path, Some(json!({ "preview": true }))).await.expect(200);
    assert_eq!(
        (&preview.body["released"], &preview.body["released_inactive"]),
        (&json!(2), &json!(0))
    );
    muster.admin("POST", &path, Some(choices)).await.expect(200);
    (muster, tenant, people)
}

#[tokio::test]
async fn a_reconnected_tenant_manages_its_people_again() {
    let (muster, tenant, people) = reconnected(json!({})).await;
    muster.settled().await;
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 2);
    muster.set_active(&tenant, &people[0], false).await.expect(200);
    let left = muster.stage.sample.members(&tenant.organization);
    let left: Vec<&str> = left.iter().map(|p| p.profile.email.as_str()).collect();
    assert_eq!(left, ["bob@acme.example"]);
}

#[tokio::test]
async fn people_who_are_left_released_are_not_written_about() {
    let (muster, tenant, people) = reconnected(json!({ "leave_released": true })).await;
    let refused = muster.set_active(&tenant, &people[0], false).await.expect(403);
    assert!(refused.body["detail"].as_str().unwrap().contains("released"), "{}", refused.body);
    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &format!("/Users/{}", people[0]), title).await.expect(403);
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 2);
    // An operator decides otherwise.
    let path = format!("/tenants/{}/connect", tenant.name);
    muster.admin("POST", &path, Some(json!({ "manage_released": true }))).await.expect(200);
    muster.settled().await;
    muster.set_active(&tenant, &people[0], false).await.expect(200);
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 1);
}

#[tokio::test]
async fn the_end_of_a_pause_says_what_becomes_of_held_people() {
    for (held, members, state) in
        [("carry-out", 0, OperationState::Superseded), ("drop", 2, OperationState::Dropped)]
    {
        let (muster, tenant, _) = paused_with_two_held().await;
        let path = format!("/tenants/{}/connect", tenant.name);
        let unsaid = muster.admin("POST", &path, None).await.expect(409);
        assert!(unsaid.body.to_string().contains("--held"), "{}", unsaid.body);
        muster.admin("POST", &path, Some(json!({ "held": held }))).await.expect(200);
        for _ in 0..200 {
            if muster.operations(OperationState::Held).await.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        muster.settled().await;
        assert_eq!(muster.stage.sample.members(&tenant.organization).len(), members, "{held}");
        assert_eq!(muster.operations(state).await.len(), 2, "{held}");
    }
}

/// A tenant whose disconnect is stuck, because the app refuses to deactivate one of two users.
/// Returns the progress of the disconnect too.
async fn stuck_disconnect() -> (Muster, Tenant, Value) {
    let muster = Muster::start_with(LocalEnvironmentConfig {
        job_pause: Duration::from_millis(20),
        answer_within: Duration::from_secs(2),
        ..LocalEnvironmentConfig::default()
    });
    let muster = muster.await;
    let tenant = muster.tenant("three-state").await;
    muster.person(&tenant, "ada").await;
    muster.person(&tenant, "owner").await;
    let owner = &muster.stage.sample.accounts(&tenant.organization)[1];
    let path = format!("POST /organizations/{}/accounts/{}", tenant.organization, owner.id);
    let body = Some(json!({ "error": "invalid", "message": "the last owner stays" }));
    muster.stage.sample.fail(Fault { body, ..Fault::status(path, 422, 1_000_000) });
    disconnect(&muster, &tenant, json!({ "people": "deactivate" })).await;
    let path = format!("/tenants/{}/disconnect", tenant.name);
    for _ in 0..600 {
        let progress = muster.admin("GET", &path, None).await.expect(200).body;
        if progress["job"]["state"] == "blocked" {
            return (muster, tenant, progress);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the disconnect was not stopped");
}

fn statuses(muster: &Muster, tenant: &Tenant) -> Vec<String> {
    let accounts = muster.stage.sample.accounts(&tenant.organization);
    accounts.iter().map(|account| format!("{:?}", account.status)).collect()
}

#[tokio::test]
async fn a_stuck_disconnect_reports_the_reason_and_can_be_repeated() {
    let (muster, tenant, progress) = stuck_disconnect().await;
    assert_eq!((&progress["state"], &progress["connected"]), (&json!("disconnecting"), &json!(1)));
    assert_eq!((&progress["job"]["failed"], &progress["job"]["waiting"]), (&json!(1), &json!(0)));
    let why = progress["job"]["note"].as_str().unwrap();
    assert!(why.contains("the last owner stays"), "{why}");
    let shown = muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await.body;
    assert_eq!(shown["disconnect"], progress["job"]);
    assert_eq!(statuses(&muster, &tenant), ["Suspended", "Active"]);

    muster.stage.sample.heal();
    let again = disconnect(&muster, &tenant, json!({ "people": "deactivate" })).await;
    assert_eq!(again["state"], "running");
    disconnected(&muster, &tenant).await;
    assert_eq!(statuses(&muster, &tenant), ["Suspended", "Suspended"]);
}

#[tokio::test]
async fn a_stuck_disconnect_can_be_finished_with_another_ending() {
    let (muster, tenant, _) = stuck_disconnect().await;
    // The operator decides that the last owner keeps the account.
    disconnect(&muster, &tenant, json!({ "people": "release" })).await;
    disconnected(&muster, &tenant).await;
    assert_eq!(statuses(&muster, &tenant), ["Suspended", "Active"]);
    assert_eq!(muster.operations(OperationState::Superseded).await.len(), 1);
}

/// Whatever the reply mode is: a job waits for its operations.
#[tokio::test]
async fn a_cancelled_disconnect_leaves_those_it_did_not_reach_as_they_were() {
    for reply in [ReplyMode::WhenDone, ReplyMode::WhenRecorded] {
        let muster = Muster::start_with(LocalEnvironmentConfig { reply, ..impatient() }).await;
        let tenant = muster.tenant("three-state").await;
        for n in 0..14 {
            muster.person(&tenant, &format!("p{n}")).await;
        }
        muster.settled().await;
        let path = format!("POST /organizations/{}/accounts", tenant.organization);
        muster.stage.sample.fail(Fault::status(&path, 503, 1_000_000));
        let job = disconnect(&muster, &tenant, json!({ "people": "deactivate" })).await;
        waiting(&muster, &job, 14).await;
        cancel(&muster, &tenant, &job).await;

        muster.stage.sample.heal();
        muster.settled().await;
        assert_eq!(muster.operations(OperationState::Held).await.len(), 0);
        let active = statuses(&muster, &tenant).iter().filter(|it| *it == "Active").count();
        // The job's next pass may have begun with some.
        let dropped = muster.operations(OperationState::Dropped).await.len();
        assert!(dropped >= 6 && dropped == active, "{dropped} dropped, {active} active");
        let users = muster.get(&tenant, "/Users?filter=active%20eq%20true").await.expect(200);
        assert_eq!(users.body["totalResults"], active, "the directory says what the app has");
    }
}

#[tokio::test]
async fn a_leaving_that_the_identity_provider_asked_for_outlives_a_cancelled_disconnect() {
    let muster = Muster::start_with(impatient()).await;
    for people in ["deactivate", "remove"] {
        let tenant = muster.tenant("three-state").await;
        let ann = muster.person(&tenant, &format!("ann-{people}")).await;
        let bob = muster.person(&tenant, &format!("bob-{people}")).await;
        let eve = muster.person(&tenant, &format!("eve-{people}")).await;
        let path = format!("POST /organizations/{}/accounts", tenant.organization);
        muster.stage.sample.fail(Fault::status(&path, 503, 1_000_000));
        let path = path.replace("POST", "DELETE");
        muster.stage.sample.fail(Fault::status(&path, 503, 1_000_000));
        muster.set_active(&tenant, &bob, false).await.expect(429);
        let job = disconnect(&muster, &tenant, json!({ "people": people })).await;
        waiting(&muster, &job, 3).await;
        // Asked for while the job runs. Nothing takes the place of a deletion.
        let status = if people == "deactivate" { 200 } else { 429 };
        muster.set_active(&tenant, &eve, false).await.expect(status);
        cancel(&muster, &tenant, &job).await;
        muster.stage.sample.heal();
        muster.settled().await;
        let held = on_in(&muster, &tenant, "held").await;
        assert!(held.contains(&bob) && !held.contains(&ann), "{held:?}");
        let choice = json!({ "held": "carry-out" });
        let path = format!("/tenants/{}/connect", tenant.name);
        muster.admin("POST", &path, Some(choice)).await.expect(200);
        muster.settled().await;
        let shown = async |id: &str| {
            muster.get(&tenant, &format!("/Users/{id}")).await.expect(200).body["active"].clone()
        };
        let active = [shown(&ann).await, shown(&bob).await, shown(&eve).await];
        assert_eq!(active, [true, false, people != "deactivate"], "{people}");
    }
}

/// Waits until so many people of a job wait for another try.
async fn waiting(muster: &Muster, job: &Value, people: u64) {
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    until("all attempts of the job should have ended", async || {
        muster.admin("GET", &path, None).await.body["waiting"] == people
    })
    .await;
}

/// Whose requests and operations do not wait long for the app.
fn impatient() -> LocalEnvironmentConfig {
    LocalEnvironmentConfig {
        answer_within: Duration::from_millis(300),
        job_pause: Duration::from_secs(1),
        ..LocalEnvironmentConfig::default()
    }
}

/// The resources of a tenant's operations in a state.
async fn on_in(muster: &Muster, tenant: &Tenant, state: &str) -> Vec<String> {
    let path = format!("/operations?tenant={}&state={state}", tenant.name);
    let page = muster.admin("GET", &path, None).await.expect(200).body;
    let items = page["items"].as_array().unwrap().iter();
    items.map(|it| it["resource"].as_str().unwrap().to_owned()).collect()
}

/// Cancels a job, after which its tenant is paused.
async fn cancel(muster: &Muster, tenant: &Tenant, job: &Value) {
    let path = format!("/jobs/{}/cancel", job["id"].as_str().unwrap());
    let cancelled = muster.admin("POST", &path, None).await.expect(200);
    assert_eq!(cancelled.body["state"], "cancelled");
    let shown = muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await.body;
    assert_eq!(shown["state"], "paused");
}

#[tokio::test]
async fn a_user_whose_creation_is_pending_is_disconnected_too() {
    let muster = Muster::start_with(LocalEnvironmentConfig {
        // Six passes take longer than the creation.
        job_pause: Duration::from_millis(200),
        ..LocalEnvironmentConfig::default()
    })
    .await;
    let tenant = muster.tenant("three-state").await;
    muster.person(&tenant, "ada").await;
    let path = format!("POST /organizations/{}/accounts", tenant.organization);
    muster.stage.sample.fail(Fault { delay_ms: 700, ..Fault::status(&path, 503, 1) });
    let created = muster.post(&tenant, "/Users", crate::support::user("bob"));
    let disconnect = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        disconnect(&muster, &tenant, json!({ "people": "remove" })).await
    };
    let (created, job) = tokio::join!(created, disconnect);
    created.expect(201);
    let job = format!("/jobs/{}", job["id"].as_str().unwrap());
    for n in 0..600 {
        let job = muster.admin("GET", &job, None).await.body;
        if job["finished"].is_string() {
            assert_eq!(job["state"], "succeeded");
            let path = format!("/tenants/{}/disconnect", tenant.name);
            assert_eq!(muster.admin("GET", &path, None).await.body["connected"], 0);
            assert_eq!(statuses(&muster, &tenant), [""; 0]);
            return;
        }
        // Later, the job may end between the two requests.
        if n == 0 {
            let removal = muster.admin("DELETE", &format!("/tenants/{}", tenant.name), None).await;
            assert_ne!(removal.status, 204, "a tenant is removed while its job runs");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the job does not end");
}
