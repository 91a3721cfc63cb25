//! Failures of the app: refusals, outages and invalid responses. No requested change is lost, and none
//! takes effect twice.

use std::collections::HashSet;
use std::time::Duration;

use muster::sample::Fault;
use muster::store::OperationState;
use serde_json::json;

use crate::support::guests::guest;
use crate::support::{Muster, Tenant, user};

/// The number of calls that took effect in the app, without refused and repeated calls.
async fn effects(muster: &Muster, tenant: &Tenant, method: &str, path: &str) -> usize {
    let calls = muster.app_calls(tenant).await;
    let keys: HashSet<_> = calls
        .into_iter()
        .filter(|call| call.method == method && call.path.starts_with(path))
        .filter(|call| call.status < 300 && !call.repeated)
        .map(|call| call.idempotency_key)
        .collect();
    keys.len()
}

#[tokio::test]
async fn a_refusal_of_the_app_is_an_error_with_its_reason_and_changes_nothing() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let path = format!("POST /organizations/{}/accounts", tenant.organization);
    muster.stage.sample.fail(Fault {
        body: Some(json!({ "error": "invalid", "message": "no seats left" })),
        ..Fault::status(path, 422, 1)
    });
    let refused = muster.post(&tenant, "/Users", user("ada")).await.expect(400);
    assert_eq!(refused.body["scimType"], "invalidValue");
    assert!(refused.body["detail"].as_str().unwrap().contains("no seats left"), "{}", refused.body);
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 0);
    assert_eq!(muster.operations(OperationState::Refused).await.len(), 1);
    muster.person(&tenant, "ada").await;
}

#[tokio::test]
async fn a_short_outage_of_the_app_is_retried_within_the_request() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    muster.stage.sample.fail(Fault::status("POST /users", 503, 2));
    muster.stage.sample.fail(Fault { times: 1, ..Fault::cut("PUT /organizations") });
    muster.person(&tenant, "ada").await;
    assert_eq!(effects(&muster, &tenant, "POST", "/users").await, 1);
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 1);
}

#[tokio::test]
async fn okta_gets_429_during_a_long_outage_and_its_retry_finishes_the_same_operation() {
    let muster = Muster::start_answering_within(Duration::from_secs(2)).await;
    let tenant = muster.tenant("two-state").await;
    muster.stage.sample.fail(Fault::status("PUT /organizations", 503, 1000));
    let later = muster.post(&tenant, "/Users", user("ada")).await.expect(429);
    let seconds: u32 = later.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds >= 1);
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 0);
    assert_eq!(muster.operations(OperationState::Open).await.len(), 1);

    muster.stage.sample.heal();
    let created = muster.post(&tenant, "/Users", user("ada")).await.expect(201);
    assert_eq!(created.body["userName"], "ada@acme.example");
    assert_eq!(effects(&muster, &tenant, "POST", "/users").await, 1);
    assert_eq!(muster.operations(OperationState::Done).await.len(), 1);
    muster.settled().await;
}

#[tokio::test]
async fn identity_providers_other_than_okta_get_503_during_an_outage() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant_with("three-state", "entra").await;
    muster.stage.sample.fail(Fault::status("POST /organizations", 500, 1000));
    let later = muster.post(&tenant, "/Users", user("ada")).await.expect(503);
    assert!(later.headers.contains_key("retry-after"));
    muster.stage.sample.heal();
    muster.settled().await;
    // The host has finished the operation. The first retry gets its outcome, the second a conflict.
    muster.post(&tenant, "/Users", user("ada")).await.expect(201);
    muster.post(&tenant, "/Users", user("ada")).await.expect(409);
}

#[tokio::test]
async fn a_deactivation_is_completed_after_an_outage_without_a_retry_of_the_client() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("two-state").await;
    let id = muster.person(&tenant, "ada").await;
    muster.stage.sample.fail(Fault::status("DELETE /organizations", 503, 1000));
    muster.set_active(&tenant, &id, false).await.expect(429);
    assert_eq!(muster.get(&tenant, &format!("/Users/{id}")).await.body["active"], true);
    muster.stage.sample.heal();
    // No client repeats the request; the host retries by itself.
    muster.settled().await;
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 0);
    assert_eq!(muster.get(&tenant, &format!("/Users/{id}")).await.body["active"], false);
}

#[tokio::test]
async fn a_newer_change_takes_the_place_of_an_open_one() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("three-state").await;
    let id = muster.person(&tenant, "ada").await;
    muster.stage.sample.fail(Fault::status("PATCH /organizations", 503, 1000));
    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &format!("/Users/{id}"), title).await.expect(429);
    // It does not wait for the older one, whose goal was never acknowledged and is given up.
    muster.set_active(&tenant, &id, false).await.expect(200);
    assert_eq!(muster.operations(OperationState::Superseded).await.len(), 1);
    muster.stage.sample.heal();
    muster.settled().await;
    let seen = muster.get(&tenant, &format!("/Users/{id}")).await.body;
    assert_eq!((&seen["title"], &seen["active"]), (&json!(null), &json!(false)));
    let account = &muster.stage.sample.accounts(&tenant.organization)[0];
    assert_eq!(account.profile.title, None);
    assert_eq!(format!("{:?}", account.status), "Suspended");
}

#[tokio::test]
async fn a_recorded_operation_is_answered_at_once_and_the_newest_state_is_delivered() {
    let muster = Muster::start_replying_when_recorded().await;
    let tenant = muster.tenant("two-state").await;
    muster.stage.sample.fail(Fault { delay_ms: 300, ..Fault::status("GET /users", 503, 2) });
    let id = muster.person(&tenant, "ada").await;
    assert_eq!(muster.get(&tenant, &format!("/Users/{id}")).await.expect(200).body["active"], true);
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 0, "not delivered yet");
    let off = muster.set_active(&tenant, &id, false).await.expect(200);
    assert_eq!(off.body["active"], false);
    muster.set_active(&tenant, &id, true).await.expect(200);
    muster.settled().await;
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 1);
    // An operation that had not begun when a newer request came was never carried out.
    let done = muster.operations(OperationState::Done).await.len();
    let superseded = muster.operations(OperationState::Superseded).await.len();
    assert!(done >= 1 && done + superseded >= 2, "{done} done, {superseded} superseded");
}

#[tokio::test]
async fn who_was_answered_when_recorded_goes_out_of_sight_when_the_connector_says_so() {
    let muster = Muster::start_replying_when_recorded().await;
    muster.push(guest("four-calls")).await.expect(201);
    muster.stage.app("calls", "four-calls").await.unwrap();
    let tenant = muster.plain_tenant("calls", "calls").await;
    let id = muster.person(&tenant, "ada").await;
    muster.settled().await;
    muster.stage.sample.fail(Fault::status("GET /organizations", 503, 1));
    muster.set_active(&tenant, &id, false).await.expect(200);
    muster.settled().await;
    muster.get(&tenant, &format!("/Users/{id}")).await.expect(404);
}

#[tokio::test]
async fn identical_requests_at_the_same_time_take_effect_once() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let twice = (0..8).map(|_| muster.post(&tenant, "/Users", user("ada")));
    let mut answers: Vec<u16> =
        futures_util::future::join_all(twice).await.into_iter().map(|a| a.status).collect();
    answers.sort_unstable();
    assert_eq!(answers, [201, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(effects(&muster, &tenant, "POST", "/users").await, 1);
}

#[tokio::test]
async fn an_invalid_response_of_the_app_is_not_a_success() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    muster.stage.sample.fail(Fault {
        body: Some(json!("<html>all is well</html>")),
        ..Fault::status("POST /organizations", 200, 1)
    });
    let answer = muster.post(&tenant, "/Users", user("ada")).await;
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 0);
    // The app answers correctly from now on, and the host retries the operation by itself.
    muster.settled().await;
    muster.post(&tenant, "/Users", user("ada")).await.expect(201);
}

#[tokio::test]
async fn a_change_is_applied_to_the_directory_as_it_is_read() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("three-state").await;
    let id = muster.person(&tenant, "ada").await;
    let path = format!("/Users/{id}");
    muster.stage.sample.fail(Fault::status("PATCH /organizations", 503, 1000));
    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &path, title).await.expect(429);
    muster.stage.sample.heal();
    // The title was not acknowledged: a GET does not show it, and a newer request does not have it.
    let renamed = json!([{ "op": "replace", "path": "nickName", "value": "Ada" }]);
    let seen = muster.patch(&tenant, &path, renamed).await.expect(200);
    assert_eq!((&seen.body["title"], &seen.body["nickName"]), (&json!(null), &json!("Ada")));
    muster.settled().await;
    assert_eq!(muster.stage.sample.accounts(&tenant.organization)[0].profile.title, None);
}

#[tokio::test]
async fn a_request_that_sets_active_ends_an_open_deactivation() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("two-state").await;
    let id = muster.person(&tenant, "ada").await;
    muster.stage.sample.fail(Fault::status("DELETE /organizations", 503, 1000));
    muster.set_active(&tenant, &id, false).await.expect(429);
    // `active` is true in the directory, but the app may have lost the person.
    muster.set_active(&tenant, &id, true).await.expect(200);
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 1);
}

#[tokio::test]
async fn an_open_deactivation_outlives_a_request_that_does_not_mention_it() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("two-state").await;
    let id = muster.person(&tenant, "ada").await;
    muster.stage.sample.fail(Fault::status("DELETE /organizations", 503, 1000));
    muster.set_active(&tenant, &id, false).await.expect(429);
    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    muster.patch(&tenant, &format!("/Users/{id}"), title).await.expect(429);
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 0);
    assert_eq!(muster.get(&tenant, &format!("/Users/{id}")).await.body["active"], false);
}

#[tokio::test]
async fn a_refused_deactivation_is_retried() {
    let muster = Muster::start_answering_within(Duration::from_secs(2)).await;
    let tenant = muster.tenant("three-state").await;
    let id = muster.person(&tenant, "ada").await;
    muster.stage.sample.fail(Fault::status("POST /organizations", 422, 1));
    // It stays open, so the answer is not a final one; it has the app's words.
    let later = muster.set_active(&tenant, &id, false).await.expect(429);
    assert!(later.body["detail"].as_str().unwrap().contains("refuses"), "{}", later.body);
    muster.settled().await;
    assert_eq!(muster.get(&tenant, &format!("/Users/{id}")).await.body["active"], false);
}

#[tokio::test]
async fn a_pause_also_holds_open_deactivations() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("two-state").await;
    let id = muster.person(&tenant, "ada").await;
    muster.stage.sample.fail(Fault::status("DELETE /organizations", 503, 1000));
    muster.set_active(&tenant, &id, false).await.expect(429);
    muster.admin("POST", &format!("/tenants/{}/pause", tenant.name), None).await.expect(200);
    muster.stage.sample.heal();
    muster.settled().await;
    assert_eq!(muster.operations(OperationState::Held).await.len(), 1);
    assert_eq!(muster.stage.sample.members(&tenant.organization).len(), 1);
}

#[tokio::test]
async fn a_group_is_not_created_twice_when_its_create_is_repeated() {
    let muster = Muster::start_answering_within(Duration::from_secs(1)).await;
    let tenant = muster.tenant("two-state").await;
    let group = json!({ "displayName": "Compilers", "members": [] });
    muster.stage.sample.fail(Fault::status("POST /organizations", 503, 1000));
    muster.post(&tenant, "/Groups", group.clone()).await.expect(429);
    muster.stage.sample.heal();
    muster.settled().await;
    muster.post(&tenant, "/Groups", group).await.expect(201);
    assert_eq!(muster.get(&tenant, "/Groups").await.body["totalResults"], 1);
    assert_eq!(muster.stage.sample.teams(&tenant.organization).len(), 1);
}
