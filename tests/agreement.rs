//! The directory says what shall be, the account says what is, and operations make them agree: after
//! refusals, outages, late calls and kills, whatever the order of requests.
//!
//! The tests look at the answers, at the directory as GET shows it, and at the app's own state.

use std::time::Duration;

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::lifecycle::BackOff;
use muster::lifecycle::snapshot::ReplyMode;
use muster::sample::{Fault, Status};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{Answer, Muster, Tenant};

mod backoff;
mod groups;
mod late_calls;
mod memberships;
mod newer_requests;
mod operators;
mod patience;
mod profiles;
mod refusals;
mod removals;
mod repeated_calls;
mod retry;
mod slices;
mod start;
mod tenant_state;

/// How long these tests wait for an agreement: longer than several back-offs.
const LONG: Duration = Duration::from_secs(15);
/// More calls than a host makes in a test.
const ALWAYS: u32 = 1_000_000;

/// The options of these tests: short answers, back-offs and patience.
fn quick() -> LocalEnvironmentConfig {
    LocalEnvironmentConfig {
        answer_within: Duration::from_millis(600),
        job_pause: Duration::from_millis(50),
        back_off: BackOff { first: Duration::from_millis(100), longest: Duration::from_secs(1) },
        grant_patience: Duration::from_secs(3),
        longest_call: Duration::from_secs(2),
        ..LocalEnvironmentConfig::default()
    }
}

/// A host that answers when the operation is done, or after a short time.
async fn start() -> Muster {
    Muster::start_with(quick()).await
}

/// Says that the accounts of an app are those of one customer, so that an account which a creation may have made
/// is the tenant's own.
async fn unshare(muster: &Muster, app: &str) {
    let change = Some(json!({ "shared": false }));
    muster.admin("PATCH", &format!("/apps/{app}"), change).await.expect(200);
}

/// Answers when the operation is durable, and lets a request wait for an attempt in the background.
fn recording() -> LocalEnvironmentConfig {
    let answer_within = Duration::from_secs(15);
    LocalEnvironmentConfig { reply: ReplyMode::WhenRecorded, answer_within, ..quick() }
}

/// A host that answers when the operation is durable.
async fn start_recording() -> Muster {
    Muster::start_with(recording()).await
}

/// Waits until the condition holds; panics with the message if it does not.
#[track_caller]
fn eventually(failure: &str, condition: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    within(LONG, failure, condition)
}

/// The same within a given time.
async fn within(limit: Duration, failure: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < limit, "{failure}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The name of a person in an e-mail address.
fn name_of(email: &str) -> String {
    email.split('@').next().unwrap().to_owned()
}

/// The people who have access in the app: members of the organisation, and active accounts in it.
fn people_in(muster: &Muster, tenant: &Tenant) -> Vec<String> {
    let sample = &muster.stage.sample;
    let members = sample.members(&tenant.organization).into_iter().map(|it| it.profile);
    let accounts = sample.accounts(&tenant.organization).into_iter();
    let active = accounts.filter(|it| it.status == Status::Active).map(|it| it.profile);
    let mut names: Vec<_> = members.chain(active).map(|it| name_of(&it.email)).collect();
    names.sort();
    names
}

/// The title of a person in the app.
fn title_in(muster: &Muster, tenant: &Tenant, name: &str) -> Option<String> {
    let sample = &muster.stage.sample;
    let people = sample.people().into_iter().map(|it| it.profile);
    let accounts = sample.accounts(&tenant.organization).into_iter().map(|it| it.profile);
    people.chain(accounts).find(|it| name_of(&it.email) == name)?.title
}

/// The names of the people in the app's team of this name; none if there is no such team.
fn team_in(muster: &Muster, tenant: &Tenant, team: &str) -> Option<Vec<String>> {
    let sample = &muster.stage.sample;
    let people = sample.people().into_iter().map(|it| (it.id, it.profile));
    let accounts = sample.accounts(&tenant.organization);
    let all: Vec<_> = people.chain(accounts.into_iter().map(|it| (it.id, it.profile))).collect();
    let teams = sample.teams(&tenant.organization);
    let team = teams.into_iter().find(|it| it.name == team)?;
    let here = all.iter().filter(|(id, _)| team.members.contains(id));
    let mut names: Vec<_> = here.map(|(_, profile)| name_of(&profile.email)).collect();
    names.sort();
    Some(names)
}

/// A user of the directory as GET shows it.
async fn shown(muster: &Muster, tenant: &Tenant, id: &str) -> Value {
    muster.get(tenant, &format!("/Users/{id}")).await.expect(200).body
}

/// The numbers of members of a group in the directory and of its team in the app.
async fn sizes(muster: &Muster, tenant: &Tenant, group: &str) -> (usize, usize) {
    let body = muster.get(tenant, &format!("/Groups/{group}")).await.expect(200).body;
    let listed = body["members"].as_array().map_or(0, Vec::len);
    let team = team_in(muster, tenant, body["displayName"].as_str().unwrap());
    (listed, team.map_or(0, |team| team.len()))
}

/// Creates the group `Compilers` with these members.
async fn create_group(muster: &Muster, tenant: &Tenant, members: &[&str]) -> Answer {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    muster.post(tenant, "/Groups", json!({ "displayName": "Compilers", "members": members })).await
}

/// Adds members to a group.
async fn add(muster: &Muster, tenant: &Tenant, group: &str, members: &[&str]) -> Answer {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let operations = json!([{ "op": "add", "path": "members", "value": members }]);
    muster.patch(tenant, &format!("/Groups/{group}"), operations).await
}

/// Removes one member from a group.
async fn remove(muster: &Muster, tenant: &Tenant, group: &str, member: &str) -> Answer {
    let path = format!("members[value eq \"{member}\"]");
    let operations = json!([{ "op": "remove", "path": path }]);
    muster.patch(tenant, &format!("/Groups/{group}"), operations).await
}

/// Replaces all members of the group `Compilers`.
async fn push(muster: &Muster, tenant: &Tenant, group: &str, members: &[&str]) -> Answer {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let body = json!({ "displayName": "Compilers", "members": members });
    muster.scim(tenant, "PUT", &format!("/Groups/{group}"), Some(body)).await
}

/// Sets a user's title.
async fn set_title(muster: &Muster, tenant: &Tenant, id: &str, title: &str) -> Answer {
    let operations = json!([{ "op": "replace", "path": "title", "value": title }]);
    muster.patch(tenant, &format!("/Users/{id}"), operations).await
}

/// Activates a user and sets their title in one request.
async fn activate_with_title(muster: &Muster, tenant: &Tenant, id: &str, title: &str) -> Answer {
    let value = json!({ "active": true, "title": title });
    let operations = json!([{ "op": "replace", "value": value }]);
    muster.patch(tenant, &format!("/Users/{id}"), operations).await
}

async fn delete(muster: &Muster, tenant: &Tenant, id: &str) -> Answer {
    muster.scim(tenant, "DELETE", &format!("/Users/{id}"), None).await
}

/// Makes the app refuse the next matching calls for good, with a message.
fn refuse(muster: &Muster, pattern: impl Into<String>, status: u16, times: u32) {
    let body = Some(json!({ "error": "refused", "message": "the seats are taken" }));
    muster.stage.sample.fail(Fault { body, ..Fault::status(pattern, status, times) });
}

/// Makes the app answer 503 to matching calls until it is healed.
fn stop_answering(muster: &Muster, pattern: impl Into<String>) {
    muster.stage.sample.fail(Fault::status(pattern, 503, ALWAYS));
}

/// The path of a tenant's organisation in the app, with this ending.
fn place(tenant: &Tenant, ending: &str) -> String {
    format!("/organizations/{}/{ending}", tenant.organization)
}

/// The operations on a resource as operators see them, oldest first.
async fn operations_on(muster: &Muster, resource: &str) -> Vec<Value> {
    let path = format!("/operations?limit=100&resource={resource}");
    let mut body = muster.admin("GET", &path, None).await.expect(200).body;
    let mut operations = std::mem::take(body["items"].as_array_mut().unwrap());
    operations.reverse();
    operations
}

/// Retries an operation as an operator. An operation that has ended cannot be retried: any answer is
/// accepted.
async fn retry(muster: &Muster, operation: &Value) {
    let id = operation["id"].as_str().unwrap();
    muster.admin("POST", &format!("/operations/{id}/retry"), None).await;
}

/// Asserts a refusal: a 4xx that does not ask the identity provider to come back.
#[track_caller]
fn assert_refused(answer: &Answer) {
    let refused = (400..500).contains(&answer.status) && answer.status != 429;
    assert!(refused, "{}: {}", answer.status, answer.body);
}
