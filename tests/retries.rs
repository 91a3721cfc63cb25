//! Retries of one tenant do not delay other tenants, and are limited in number for each tenant.

use std::time::Duration;

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::sample::Fault;
use muster::store::{OperationFilter, OperationRow, OperationState};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::support::{Muster, Tenant, user};

/// How long these tests wait for an event.
const LONG: Duration = Duration::from_secs(60);

/// Creates users while the app answers 503 with this Retry-After, so that their operations stay open.
async fn create_with_retry_after(muster: &Muster, tenant: &Tenant, people: usize, seconds: u32) {
    let path = format!("PUT /organizations/{}", tenant.organization);
    let headers = [("retry-after".to_owned(), seconds.to_string())].into();
    muster.stage.sample.fail(Fault { headers, ..Fault::status(path, 503, 1000) });
    for n in 0..people {
        muster.post(tenant, "/Users", user(&format!("p{n}"))).await.expect(429);
    }
}

/// Lets the app hang on every call for this tenant, and removes all other faults. Returns the number
/// of calls so far.
fn hang(muster: &Muster, tenant: &Tenant) -> usize {
    let path = format!("PUT /organizations/{}", tenant.organization);
    muster.stage.sample.heal();
    muster.stage.sample.fail(Fault { delay_ms: 600_000, ..Fault::status(path, 503, 1000) });
    calls(muster, tenant)
}

/// The number of calls that change this tenant's organisation.
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

/// Waits until the condition holds; panics with the message if it does not.
async fn until(failure: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < LONG, "{failure}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Retries all open operations of a tenant, without waiting until they are due.
async fn retry_all(muster: &Muster, tenant: &Tenant) {
    for row in journal(muster, tenant).await {
        muster.admin("POST", &format!("/operations/{}/retry", row.id), None).await;
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_hanging_app_of_one_tenant_does_not_delay_another_tenant() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let hanging = muster.tenant("two-state").await;
    let other = muster.tenant("two-state").await;
    create_with_retry_after(&muster, &hanging, 1, 1).await;
    let before = hang(&muster, &hanging);
    until("no operation is retried", async || calls(&muster, &hanging) > before).await;
    // The attempt hangs until its endpoint's timeout of ten seconds.
    let tries = journal(&muster, &hanging).await[0].tries;
    create_with_retry_after(&muster, &other, 1, 1).await;
    hang(&muster, &hanging);
    let done = async || journal(&muster, &other).await[0].state == OperationState::Done;
    until("the other tenant waits", done).await;
    let row = &journal(&muster, &hanging).await[0];
    assert_eq!(
        (row.state, row.tries),
        (OperationState::Open, tries),
        "the attempt should still hang"
    );
    muster.stage.sample.heal();
    retry_all(&muster, &hanging).await;
}

#[tokio::test]
async fn a_tenant_has_eight_retries_at_the_same_time_at_most() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("two-state").await;
    // Long enough that no operation is retried before the app hangs.
    create_with_retry_after(&muster, &tenant, 10, 10).await;
    let before = hang(&muster, &tenant);
    until("fewer than eight operations are attempted", async || {
        calls(&muster, &tenant) >= before + 8
    })
    .await;
    // Enough time for the host to look for due operations again.
    sleep(Duration::from_secs(2)).await;
    assert_eq!(calls(&muster, &tenant), before + 8);
    muster.stage.sample.heal();
    retry_all(&muster, &tenant).await;
}

#[tokio::test]
async fn recorded_operations_are_delivered_eight_at_the_same_time_at_most() {
    let muster = Muster::start_replying_when_recorded().await;
    let tenant = muster.tenant("three-state").await;
    let path = format!("POST /organizations/{}", tenant.organization);
    muster.stage.sample.fail(Fault { delay_ms: 600_000, ..Fault::status(path, 503, 1000) });
    for n in 0..10 {
        muster.person(&tenant, &format!("p{n}")).await;
    }
    until("fewer than eight operations are attempted", async || calls(&muster, &tenant) >= 8).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(calls(&muster, &tenant), 8);
    muster.stage.sample.heal();
    retry_all(&muster, &tenant).await;
    assert_eq!(muster.stage.sample.accounts(&tenant.organization).len(), 10);
}

#[tokio::test]
async fn a_tenant_with_too_many_open_operations_gets_429_and_other_tenants_do_not() {
    let muster = Muster::start_with(LocalEnvironmentConfig {
        open_operations: 2,
        answer_within: Duration::from_secs(1),
        ..LocalEnvironmentConfig::default()
    });
    let muster = muster.await;
    let full = muster.tenant("two-state").await;
    let other = muster.tenant("two-state").await;
    let id = muster.person(&full, "ada").await;
    let path = format!("PUT /organizations/{}", full.organization);
    muster.stage.sample.fail(Fault::status(path, 503, 1000));
    for name in ["bob", "eve"] {
        muster.post(&full, "/Users", user(name)).await.expect(429);
    }
    let refused = muster.post(&full, "/Users", user("sue")).await.expect(429);
    assert!(refused.body["detail"].as_str().unwrap().contains("too many"), "{}", refused.body);
    assert_eq!(refused.headers["retry-after"], "60");
    assert_eq!(muster.operations(OperationState::Open).await.len(), 2);
    muster.get(&full, &format!("/Users/{id}")).await.expect(200);
    muster.person(&other, "ada").await;
    muster.stage.sample.heal();
    muster.settled().await;
    muster.person(&full, "sue").await;
    assert_eq!(muster.get(&full, "/Users").await.body["totalResults"], json!(4));
}
