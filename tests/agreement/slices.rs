//! Changes of more members than one operation takes: they are acknowledged when all of them are done,
//! however many operations they need, and a repeated request continues them.

use std::time::Duration;

use futures_util::future::join_all;
use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::lifecycle::snapshot::ReplyMode;
use muster::sample::Fault;
use serde_json::json;

use super::{ALWAYS, add, create_group, eventually, place, push, quick, sizes, stop_answering};
use crate::support::{Answer, Muster, Tenant, user};

/// More than the 100 members of one operation.
const MANY: usize = 150;
/// Calls of the first operation.
const FIRST: u32 = 100;

/// A host with a tenant of many people. Its answers have the time for all their calls.
async fn crowd(reply: ReplyMode) -> (Muster, Tenant, Vec<String>) {
    let answer_within = Duration::from_secs(2);
    let config = LocalEnvironmentConfig { reply, answer_within, ..quick() };
    let muster = Muster::start_with(config).await;
    let tenant = muster.tenant("three-state").await;
    let mut people = Vec::new();
    let names: Vec<String> = (0..MANY).map(|n| format!("p{n}")).collect();
    for chunk in names.chunks(25) {
        people.extend(join_all(chunk.iter().map(|name| muster.person(&tenant, name))).await);
    }
    muster.settled().await;
    (muster, tenant, people)
}

fn all(people: &[String]) -> Vec<&str> {
    people.iter().map(String::as_str).collect()
}

/// Repeats a request as an identity provider does that is told to come back.
async fn repeated(mut request: impl AsyncFnMut() -> Answer) -> Answer {
    for _ in 0..10 {
        let answer = request().await;
        if answer.status != 429 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("the request was answered 429 ten times");
}

/// Lets the calls of the first operation succeed, and no later ones.
fn block_the_second_slice(muster: &Muster, call: &str) {
    muster.stage.sample.fail(Fault::pass(call, FIRST));
    muster.stage.sample.fail(Fault::status(call, 503, ALWAYS));
}

#[tokio::test]
async fn many_members_added_during_an_outage_are_acknowledged_when_all_are_added() {
    let (muster, tenant, people) = crowd(ReplyMode::WhenDone).await;
    let people = all(&people);
    let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
    stop_answering(&muster, format!("PUT {}", place(&tenant, "teams")));
    add(&muster, &tenant, &group, &people).await.expect(429);
    muster.stage.sample.heal();
    repeated(async || add(&muster, &tenant, &group, &people).await).await.expect(204);
    assert_eq!(sizes(&muster, &tenant, &group).await, (MANY, MANY));
    muster.settled().await;
}

#[tokio::test]
async fn many_members_of_whom_the_second_slice_is_blocked_are_acknowledged_when_all_are_added() {
    let (muster, tenant, people) = crowd(ReplyMode::WhenDone).await;
    let people = all(&people);
    let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
    block_the_second_slice(&muster, &format!("PUT {}", place(&tenant, "teams")));
    add(&muster, &tenant, &group, &people).await.expect(429);
    add(&muster, &tenant, &group, &people).await.expect(429);
    muster.stage.sample.heal();
    repeated(async || add(&muster, &tenant, &group, &people).await).await.expect(204);
    assert_eq!(sizes(&muster, &tenant, &group).await, (MANY, MANY));
    muster.settled().await;
}

#[tokio::test]
async fn many_members_whose_request_is_not_repeated_are_all_added_or_none_is() {
    let (muster, tenant, people) = crowd(ReplyMode::WhenDone).await;
    let people = all(&people);
    let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
    block_the_second_slice(&muster, &format!("PUT {}", place(&tenant, "teams")));
    add(&muster, &tenant, &group, &people).await.expect(429);
    muster.stage.sample.heal();
    muster.settled().await;
    let agree = async || {
        let sizes = sizes(&muster, &tenant, &group).await;
        sizes == (MANY, MANY) || sizes == (0, 0)
    };
    eventually("a half of the members was added", agree).await;
}

#[tokio::test]
async fn a_push_without_members_removes_many_members() {
    let (muster, tenant, people) = crowd(ReplyMode::WhenDone).await;
    let people = all(&people);
    let created = repeated(async || create_group(&muster, &tenant, &people).await).await;
    let group = created.expect(201).id();
    block_the_second_slice(&muster, &format!("DELETE {}", place(&tenant, "teams")));
    push(&muster, &tenant, &group, &[]).await.expect(429);
    muster.stage.sample.heal();
    repeated(async || push(&muster, &tenant, &group, &[]).await).await.expect(200);
    assert_eq!(sizes(&muster, &tenant, &group).await, (0, 0));
    muster.settled().await;
}

#[tokio::test]
async fn many_members_recorded_behind_an_open_rename_are_all_added() {
    let (muster, tenant, people) = crowd(ReplyMode::WhenRecorded).await;
    let people = all(&people);
    let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
    muster.settled().await;
    stop_answering(&muster, format!("PATCH {}", place(&tenant, "teams")));
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Linkers" }]);
    muster.patch(&tenant, &format!("/Groups/{group}"), rename).await.expect(204);
    add(&muster, &tenant, &group, &people).await.expect(204);
    let body = muster.get(&tenant, &format!("/Groups/{group}")).await.body;
    assert_eq!(
        (&body["displayName"], body["members"].as_array().unwrap().len()),
        (&json!("Linkers"), MANY)
    );
    muster.stage.sample.heal();
    let agree = async || sizes(&muster, &tenant, &group).await == (MANY, MANY);
    eventually("a recorded member is not in the team", agree).await;
    muster.settled().await;
}

#[tokio::test]
async fn a_new_group_of_many_members_that_is_asked_for_again_is_one_group() {
    let (muster, tenant, people) = crowd(ReplyMode::WhenDone).await;
    let people = all(&people);
    block_the_second_slice(&muster, &format!("PUT {}", place(&tenant, "teams")));
    create_group(&muster, &tenant, &people).await.expect(429);
    muster.stage.sample.heal();
    let created = repeated(async || create_group(&muster, &tenant, &people).await).await;
    let group = created.expect(201).id();
    assert_eq!(sizes(&muster, &tenant, &group).await, (MANY, MANY));
    assert_eq!(muster.get(&tenant, "/Groups").await.body["totalResults"], 1);
    assert_eq!(muster.stage.sample.teams(&tenant.organization).len(), 1);
    muster.settled().await;
}

#[tokio::test]
async fn a_new_group_whose_caller_hung_up_is_answered_with_its_id_when_asked_for_again() {
    let muster = Muster::start_with(quick()).await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let create = format!("POST {}", place(&tenant, "teams"));
    muster.stage.sample.fail(Fault { delay_ms: 300, ..Fault::pass(create, 1) });
    {
        let members = [ada.as_str()];
        let asked = create_group(&muster, &tenant, &members);
        // Dropping the request closes its connection.
        let hung_up = tokio::time::timeout(Duration::from_millis(100), asked).await;
        assert!(hung_up.is_err(), "the app should be slow");
    }
    muster.settled().await;
    let answer = create_group(&muster, &tenant, &[&ada]).await.expect(201);
    let listed = muster.get(&tenant, "/Groups").await.body;
    assert_eq!(
        (&listed["totalResults"], &listed["Resources"][0]["id"]),
        (&json!(1), &json!(answer.id()))
    );
    assert_eq!(muster.stage.sample.teams(&tenant.organization).len(), 1);
    assert_eq!(sizes(&muster, &tenant, &answer.id()).await, (1, 1));
}

#[tokio::test]
async fn a_creation_whose_caller_hung_up_and_asks_again_at_once_is_answered_with_its_id() {
    let muster = Muster::start_with(quick()).await;
    let tenant = muster.tenant("three-state").await;
    for n in 0..8 {
        let create = format!("POST {}", place(&tenant, "accounts"));
        muster.stage.sample.fail(Fault { delay_ms: 450, ..Fault::pass(create, 1) });
        let ask = || muster.post(&tenant, "/Users", user(&format!("ada{n}")));
        let hung_up = tokio::time::timeout(Duration::from_millis(200), ask()).await;
        assert!(hung_up.is_err(), "the app should be slow");
        ask().await.expect(201);
        ask().await.expect(409);
    }
    assert_eq!(muster.stage.sample.accounts(&tenant.organization).len(), 8);
}
