//! One customer's outage is not another's: retries wait for nobody else.

use std::time::Duration;

use muster::cli::stage::StageConfig;
use muster::sample::Fault;
use muster::store::{OperationFilter, OperationRow, OperationState};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::{Muster, Tenant, user};

/// How long these tests wait for what must come.
const LONG: Duration = Duration::from_secs(60);

/// Adds people for whom the app has no answer, and wants to be asked again in so many seconds.
async fn refused_for_now(muster: &Muster, tenant: &Tenant, people: usize, seconds: u32) {
    let path = format!("PUT /organizations/{}", tenant.organization);
    let headers = [("retry-after".to_owned(), seconds.to_string())].into();
    muster.stage.sample.fail(Fault { headers, ..Fault::status(path, 503, 1000) });
    for n in 0..people {
        muster.post(tenant, "/Users", user(&format!("p{n}"))).await.expect(429);
    }
}

/// Lets the app hang whenever it is asked for this tenant, and be well otherwise. Returns how
/// often it was asked before.
fn hang(muster: &Muster, tenant: &Tenant) -> usize {
    let path = format!("PUT /organizations/{}", tenant.organization);
    muster.stage.sample.heal();
    muster.stage.sample.fail(Fault { delay_ms: 600_000, ..Fault::status(path, 503, 1000) });
    calls(muster, tenant)
}

fn calls(muster: &Muster, tenant: &Tenant) -> usize {
    let path = format!("/organizations/{}", tenant.organization);
    let calls = muster.stage.sample.log().into_iter();
    calls.filter(|call| call.method != "GET" && call.path.starts_with(&path)).count()
}

async fn journal(muster: &Muster, tenant: &Tenant) -> Vec<OperationRow> {
    let filter =
        OperationFilter { tenant: Some(tenant.name.clone()), ..OperationFilter::default() };
    muster.stage.host.store.operations(&filter).await.unwrap()
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < LONG, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Has everything that is open of a tenant tried once more, without waiting for its time.
async fn retry_all(muster: &Muster, tenant: &Tenant) {
    for row in journal(muster, tenant).await {
        muster.admin("POST", &format!("/operations/{}/retry", row.id), None).await;
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_tenant_whose_app_hangs_keeps_no_other_waiting() {
    let muster = Muster::start_impatient(Duration::from_secs(1)).await;
    let hanging = muster.tenant("two-state").await;
    let well = muster.tenant("two-state").await;
    refused_for_now(&muster, &hanging, 1, 1).await;
    let before = hang(&muster, &hanging);
    until("nothing is tried again", async || calls(&muster, &hanging) > before).await;
    // The attempt hangs from now on until its endpoint's time is over, in ten seconds.
    let attempts = journal(&muster, &hanging).await[0].attempts;
    refused_for_now(&muster, &well, 1, 1).await;
    hang(&muster, &hanging);
    let done = async || journal(&muster, &well).await[0].state == OperationState::Done;
    until("the other tenant waits", done).await;
    let row = &journal(&muster, &hanging).await[0];
    assert_eq!((row.state, row.attempts), (OperationState::Open, attempts), "it hangs no more");
    muster.stage.sample.heal();
    retry_all(&muster, &hanging).await;
}

#[tokio::test]
async fn one_tenant_is_tried_with_no_more_than_eight_at_once() {
    let muster = Muster::start_impatient(Duration::from_secs(1)).await;
    let tenant = muster.tenant("two-state").await;
    // Long enough that nobody is tried again before the app hangs.
    refused_for_now(&muster, &tenant, 10, 10).await;
    let before = hang(&muster, &tenant);
    until("eight are not tried", async || calls(&muster, &tenant) >= before + 8).await;
    // Meanwhile the journal is looked through again.
    sleep(Duration::from_secs(2)).await;
    assert_eq!(calls(&muster, &tenant), before + 8);
    muster.stage.sample.heal();
    retry_all(&muster, &tenant).await;
}

#[tokio::test]
async fn what_was_recorded_is_delivered_with_no_more_than_eight_at_once() {
    let muster = Muster::start_recording().await;
    let tenant = muster.tenant("three-state").await;
    let path = format!("POST /organizations/{}", tenant.organization);
    muster.stage.sample.fail(Fault { delay_ms: 600_000, ..Fault::status(path, 503, 1000) });
    for n in 0..10 {
        muster.person(&tenant, &format!("p{n}")).await;
    }
    until("eight are not tried", async || calls(&muster, &tenant) >= 8).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(calls(&muster, &tenant), 8);
    muster.stage.sample.heal();
    retry_all(&muster, &tenant).await;
    assert_eq!(muster.stage.sample.accounts(&tenant.organization).len(), 10);
}

#[tokio::test]
async fn a_tenant_with_too_much_open_is_told_to_come_back_and_nobody_else() {
    let muster = Muster::start_with(StageConfig {
        open_operations: 2,
        answer_within: Duration::from_secs(1),
        ..StageConfig::default()
    });
    let muster = muster.await;
    let crowded = muster.tenant("two-state").await;
    let other = muster.tenant("two-state").await;
    let id = muster.person(&crowded, "ada").await;
    let path = format!("PUT /organizations/{}", crowded.organization);
    muster.stage.sample.fail(Fault::status(path, 503, 1000));
    for name in ["bob", "eve"] {
        muster.post(&crowded, "/Users", user(name)).await.expect(429);
    }
    let refused = muster.post(&crowded, "/Users", user("sue")).await.expect(429);
    assert!(refused.body["detail"].as_str().unwrap().contains("too many"), "{}", refused.body);
    assert_eq!(refused.headers["retry-after"], "60");
    assert_eq!(muster.operations(OperationState::Open).await.len(), 2);
    muster.get(&crowded, &format!("/Users/{id}")).await.expect(200);
    muster.person(&other, "ada").await;
    muster.stage.sample.heal();
    muster.settled().await;
    muster.person(&crowded, "sue").await;
    assert_eq!(muster.get(&crowded, "/Users").await.body["totalResults"], json!(4));
}
