//! What a job says of its progress: how many are done, wait for another try and were given up, and why.

use std::time::Duration;

use muster::sample::Fault;
use muster::store::OperationState;
use serde_json::{Value, json};

use super::{cancel, disconnect, disconnected, impatient, until, waiting};
use crate::support::meddler::Meddler;
use crate::support::{Muster, Tenant, user};

async fn job(muster: &Muster, job: &Value) -> Value {
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    muster.admin("GET", &path, None).await.expect(200).body
}

fn counts(job: &Value) -> [u64; 4] {
    ["total", "done", "waiting", "failed"].map(|count| job[count].as_u64().unwrap())
}

/// A tenant of an app that takes this long to suspend an account, with so many people.
async fn slow(people: usize, delay_ms: u64) -> (Muster, Tenant) {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    for n in 0..people {
        muster.person(&tenant, &format!("p{n}")).await;
    }
    let path = format!("POST /organizations/{}/accounts", tenant.organization);
    muster.stage.sample.fail(Fault { delay_ms, status: None, ..Fault::status(path, 200, 1000) });
    (muster, tenant)
}

fn suspended(muster: &Muster, tenant: &Tenant) -> u64 {
    let accounts = muster.stage.sample.accounts(&tenant.organization);
    let suspended = accounts.iter().filter(|it| format!("{:?}", it.status) == "Suspended");
    suspended.count() as u64
}

#[tokio::test]
async fn calls_in_flight_count_when_they_end_whatever_has_cancelled_the_job() {
    for by in ["cancel", "pause", "connect"] {
        let (muster, tenant) = slow(24, 800).await;
        let calls = muster.app_calls(&tenant).await.len();
        let begun = disconnect(&muster, &tenant, json!({ "people": "deactivate" })).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        match by {
            "cancel" => cancel(&muster, &tenant, &begun).await,
            by => {
                let path = format!("/tenants/{}/{by}", tenant.name);
                muster.admin("POST", &path, Some(json!({}))).await.expect(200);
            }
        }
        let cancelled = job(&muster, &begun).await;
        assert_eq!((&cancelled["state"], counts(&cancelled)[0]), (&json!("cancelled"), 24), "{by}");
        until("the calls in flight should have ended", async || {
            let ended = muster.app_calls(&tenant).await.len() - calls;
            let open = muster.operations(OperationState::Open).await;
            ended > 0 && open.is_empty() && suspended(&muster, &tenant) as usize == ended
        })
        .await;
        let suspended = suspended(&muster, &tenant);
        assert!((1..24).contains(&suspended), "{by}: {suspended} were in flight");
        let cancelled = job(&muster, &begun).await;
        assert_eq!(counts(&cancelled), [24, suspended, 0, 0], "{by}: {cancelled}");
    }
}

#[tokio::test]
async fn people_who_wait_for_another_try_have_not_failed_and_the_job_says_why_they_wait() {
    let muster = Muster::start_with(impatient()).await;
    let tenant = muster.tenant("three-state").await;
    for name in ["ada", "bob", "eve"] {
        muster.person(&tenant, name).await;
    }
    let path = format!("POST /organizations/{}/accounts", tenant.organization);
    muster.stage.sample.fail(Fault::status(&path, 503, 1_000_000));
    let begun = disconnect(&muster, &tenant, json!({ "people": "deactivate" })).await;
    waiting(&muster, &begun, 3).await;
    let running = job(&muster, &begun).await;
    assert_eq!((&running["state"], counts(&running)), (&json!("running"), [3, 0, 3, 0]));
    assert!(running["note"].is_null(), "{running}");
    let why = running["last_error"].as_str().unwrap();
    assert!(why.contains("cannot be reached") && why.contains("answered 503"), "{why}");
    let (_, listed) = muster.command(&["job", "list", "--json"]).await;
    assert!(listed.contains("answered 503"), "{listed}");
    let (_, listed) = muster.command(&["job", "list"]).await;
    assert!(listed.contains("cannot be reached"), "{listed}");

    muster.stage.sample.heal();
    disconnected(&muster, &tenant).await;
    until("the job should end", async || job(&muster, &begun).await["state"] == "succeeded").await;
    let ended = job(&muster, &begun).await;
    assert_eq!((counts(&ended), &ended["last_error"]), ([3, 3, 0, 0], &Value::Null));
    assert_eq!(ended["note"], "3 people were disconnected");
}

#[tokio::test]
async fn a_disconnect_that_is_asked_for_again_is_the_same_job_and_the_tenant_stays_disconnected() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    muster.person(&tenant, "ada").await;
    let first = disconnect(&muster, &tenant, json!({})).await;
    let path = format!("/tenants/{}/disconnect", tenant.name);
    let remove = json!({ "people": "remove" });
    let (again, other) = tokio::join!(
        disconnect(&muster, &tenant, json!({})),
        muster.admin("POST", &path, Some(remove.clone())),
    );
    assert_eq!((&again["id"], other.status), (&first["id"], 409));
    until("the job should end", async || job(&muster, &first).await["state"] == "succeeded").await;
    let again = disconnect(&muster, &tenant, json!({})).await;
    assert_eq!((&again["id"], &again["state"]), (&first["id"], &json!("succeeded")));
    let other = muster.admin("POST", &path, Some(remove)).await.expect(409);
    assert!(other.body["detail"].as_str().unwrap().contains("connect it first"), "{other:?}");
    assert_eq!(muster.admin("GET", &path, None).await.body["state"], "disconnected");
    muster.post(&tenant, "/Users", user("eve")).await.expect(403);
}

#[tokio::test]
async fn what_was_done_in_a_removed_tenant_can_still_be_read() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    muster.person(&tenant, "ada").await;
    let begun = disconnect(&muster, &tenant, json!({ "people": "remove" })).await;
    until("the job should end", async || job(&muster, &begun).await["state"] == "succeeded").await;
    let path = format!("/tenants/{}", tenant.name);
    muster.admin("DELETE", &path, None).await.expect(204);

    let jobs = muster.admin("GET", &format!("/jobs?tenant={}", tenant.name), None).await.body;
    assert_eq!(jobs["items"][0]["note"], "1 person was disconnected");
    let (status, said) = muster.command(&["job", "list", "--tenant", &tenant.name]).await;
    assert!(status == Some(0) && said.contains("succeeded"), "{said}");
    let (status, said) = muster.command(&["operation", "list", "--tenant", &tenant.name]).await;
    assert!(status == Some(0) && said.contains("delete") && said.contains("create"), "{said}");
    let args = ["operation", "list", "--tenant", &tenant.name, "--state", "open"];
    let (status, said) = muster.command(&args).await;
    assert!(status == Some(0) && said.contains("none"), "{said}");
    for what in ["operation", "job"] {
        let (status, said) = muster.command(&[what, "list", "--tenant", "acmee"]).await;
        assert!(status != Some(0) && said.contains("no tenant acmee"), "{said}");
    }

    // A tenant of the same name begins without a disconnect.
    let spec = json!({ "id": tenant.name, "app": "three-state", "settings": {
        "organization": tenant.organization
    } });
    muster.admin("POST", "/tenants", Some(spec)).await.expect(201);
    let progress = muster.admin("GET", &format!("{path}/disconnect"), None).await.body;
    assert_eq!((&progress["state"], &progress["job"]), (&json!("connected"), &Value::Null));
    let again = disconnect(&muster, &tenant, json!({})).await;
    assert_ne!(again["id"], begun["id"]);
}

#[tokio::test]
async fn a_released_person_is_not_counted_among_the_accounts_in_doubt() {
    let muster = Muster::start_with(impatient()).await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let path = format!("/organizations/{}/accounts", tenant.organization);
    for method in ["POST", "PATCH"] {
        let fault = Fault::status(format!("{method} {path}"), 503, 1_000_000);
        muster.stage.sample.fail(Fault { delay_ms: 1000, ..fault });
    }
    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &format!("/Users/{ada}"), title).await.expect(429);
    let begun = disconnect(&muster, &tenant, json!({ "people": "release" })).await;
    until("the job should end", async || job(&muster, &begun).await["state"] == "succeeded").await;
    let shown = muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await.body;
    let nothing = json!({ "open": 0, "held": 0, "failed": 0, "in_doubt": 0 });
    assert_eq!(shown["backlog"], nothing, "{shown}");
    let release = muster.admin("GET", "/operations?kind=release", None).await.body;
    let path = format!("/operations/{}", release["items"][0]["id"].as_str().unwrap());
    let account = &muster.admin("GET", &path, None).await.body["account"];
    assert_eq!((&account["managed"], &account["in_doubt"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn a_cancelled_step_makes_the_call_that_is_under_way_and_no_other() {
    for by in ["cancel", "pause", "connect"] {
        let mut muster = Muster::start().await;
        let meddler = Meddler::before(&mut muster).await;
        muster.stage.app("meddled", "two-state").await.unwrap();
        let tenant = muster.tenant_named("acme", "meddled", "okta", "acme").await;
        let other = muster.tenant_named("other", "meddled", "okta", "other").await;
        // The step for Ada looks her up first, and then takes her out.
        let mut ada = user("ada");
        ada["active"] = json!(false);
        muster.post(&tenant, "/Users", ada).await.expect(201);
        muster.person(&other, "ada").await;
        let mut look_up = meddler.hold_before("GET /users");
        let begun = disconnect(&muster, &tenant, json!({ "people": "remove" })).await;
        look_up.arrived().await;
        match by {
            "cancel" => cancel(&muster, &tenant, &begun).await,
            by => {
                let path = format!("/tenants/{}/{by}", tenant.name);
                muster.admin("POST", &path, Some(json!({}))).await.expect(200);
            }
        }
        look_up.release().await;
        muster.settled().await;
        let calls = meddler.seen();
        let after = calls.iter().filter(|call| call.starts_with("DELETE"));
        assert_eq!(after.count(), 0, "{by}: {calls:?}");
        assert_eq!(muster.operations(OperationState::Dropped).await.len(), 1, "{by}");
        assert_eq!(counts(&job(&muster, &begun).await)[1], 0, "{by}");
    }
}
