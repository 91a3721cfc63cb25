//! Replay: a candidate version decides the recorded decisions again, and the report lists the
//! differences.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::{Muster, Tenant, user};

/// Runs a replay, checks its progress messages, and returns its report.
async fn replay(muster: &Muster, app: &str, spec: Value) -> Value {
    let mut lines = muster.admin_lines(&format!("/apps/{app}/replay"), spec).await;
    let last = lines.pop().unwrap();
    assert!(lines.iter().all(|line| line["progress"]["decisions"].is_u64()), "{lines:?}");
    assert!(last["report"].is_object(), "{last}");
    last["report"].clone()
}

/// Kind, event, description and count of each difference, sorted.
fn differences(report: &Value) -> Vec<(String, String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let differences = report["differences"].as_array().unwrap().iter();
    let mut found: Vec<_> = differences
        .map(|it| (text(&it["kind"]), text(&it["event"]), text(&it["what"]), it["count"].as_u64()))
        .map(|(kind, event, what, count)| (kind, event, what, count.unwrap()))
        .collect();
    found.sort();
    found
}

async fn people(muster: &Muster, tenant: &Tenant, names: impl Iterator<Item = String>) {
    let created = |name: String| async move {
        muster.post(tenant, "/Users", user(&name)).await.expect(201);
    };
    stream::iter(names).for_each_concurrent(64, created).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_difference_among_10_000_decisions_is_found() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    people(&muster, &tenant, (0..6_000).map(|n| format!("p{n}"))).await;
    let id = muster.person(&tenant, "planted-suspended").await;
    people(&muster, &tenant, (6_000..9_999).map(|n| format!("p{n}"))).await;
    muster.push(guest("planted")).await.expect(201);

    let report = replay(&muster, "roster", json!({ "connector": "roster@0.1.1" })).await;
    assert_eq!((&report["decisions"], &report["different"]), (&json!(10_000), &json!(1)));
    let expected = ("outcome", "create", "active → suspended", 1);
    let expected = (expected.0.to_owned(), expected.1.to_owned(), expected.2.to_owned(), 1);
    assert_eq!(differences(&report), [expected], "{report}");
    assert_eq!((&report["reworded"], &report["unlisted"]), (&Value::Null, &json!(0)));
    assert_eq!(report["pace"]["slower"], false, "{report}");
    let operation = report["differences"][0]["example"]["operation"].as_str().unwrap();
    let operation = muster.admin("GET", &format!("/operations/{operation}"), None).await.body;
    assert_eq!(operation["resource"], json!(id));
}

#[tokio::test]
async fn each_kind_of_difference_is_reported_with_an_example() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let planted = ["suspended", "call", "refused", "crash", "words"];
    people(&muster, &tenant, planted.iter().map(|name| format!("planted-{name}"))).await;
    people(&muster, &tenant, ["ada".to_owned(), "bob".to_owned()].into_iter()).await;
    muster.push(guest("planted")).await.expect(201);

    let report = replay(&muster, "roster", json!({ "connector": "roster@0.1.1" })).await;
    let found = differences(&report);
    let found: Vec<_> = found.iter().map(|it| (it.0.as_str(), it.2.as_str(), it.3)).collect();
    assert_eq!(
        found,
        [
            ("failure", "active → crashes", 1),
            ("outcome", "active → suspended", 1),
            ("refusal", "active → rejected", 1),
            ("requests", "a call 1, which was not made then", 1),
        ]
    );
    let example = &report["reworded"]["example"];
    assert_eq!(
        (&example["recorded"], &example["candidate"]),
        (&json!("On the roster, active."), &json!("In other words."))
    );
    assert_eq!(report["alike"], false);
}

#[tokio::test]
async fn a_replay_of_the_same_version_finds_no_difference_and_makes_no_call() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let bob = muster.person(&tenant, "bob").await;
    muster.set_active(&tenant, &ada, false).await.expect(200);
    muster.set_active(&tenant, &ada, true).await.expect(200);
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Engineers",
        "members": [{ "value": ada }, { "value": bob }],
    });
    muster.post(&tenant, "/Groups", group).await.expect(201);
    muster.scim(&tenant, "DELETE", &format!("/Users/{bob}"), None).await.expect(204);
    let calls = muster.app_calls(&tenant).await.len();
    let journal = muster.admin("GET", "/operations", None).await.body;

    let report = replay(&muster, "two-state", json!({ "connector": "two-state" })).await;
    assert_eq!(report["alike"], true, "{report}");
    assert!(report["decisions"].as_u64().unwrap() >= 6, "{report}");
    assert_eq!(muster.app_calls(&tenant).await.len(), calls);
    assert_eq!(muster.admin("GET", "/operations", None).await.body, journal);
}

#[tokio::test]
async fn a_replay_can_be_restricted_to_a_tenant_a_number_or_a_time() {
    let muster = Muster::start().await;
    let (one, other) = (muster.tenant("roster").await, muster.tenant("roster").await);
    people(&muster, &one, (0..70).map(|n| format!("p{n}"))).await;
    people(&muster, &other, (0..7).map(|n| format!("q{n}"))).await;
    let decisions = async |spec: Value| {
        let mut whole = json!({ "connector": "roster" });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        replay(&muster, "roster", whole).await["decisions"].as_u64().unwrap()
    };
    assert_eq!(decisions(json!({})).await, 77);
    assert_eq!(decisions(json!({ "tenant": other.name })).await, 7);
    assert_eq!(decisions(json!({ "last": 66 })).await, 66);
    assert_eq!(decisions(json!({ "last": 66, "tenant": other.name })).await, 7);
    assert_eq!(decisions(json!({ "since": "2020-01-01T00:00:00Z" })).await, 77);
    assert_eq!(decisions(json!({ "since": "2100-01-01T00:00:00Z" })).await, 0);
    // Another app has no recorded decisions.
    let two = replay(&muster, "two-state", json!({ "connector": "roster" })).await;
    assert_eq!((&two["decisions"], &two["alike"]), (&json!(0), &json!(true)));

    let refused = async |spec: Value| {
        let answer = muster.admin("POST", "/apps/roster/replay", Some(spec)).await;
        (answer.status, answer.body["detail"].as_str().unwrap().to_owned())
    };
    assert_eq!(refused(json!({ "connector": "unknown" })).await.0, 404);
    assert_eq!(refused(json!({ "connector": "roster", "tenant": "unknown" })).await.0, 422);
    let (status, why) = refused(json!({ "connector": "roster", "since": "now" })).await;
    assert!(status == 422 && why.contains("RFC 3339"), "{why}");
}

#[tokio::test]
async fn the_replay_of_a_candidate_that_loops_is_stopped() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    people(&muster, &tenant, (0..200).map(|n| format!("planted-loop{n}"))).await;
    muster.push(guest("planted")).await.expect(201);
    let report = replay(&muster, "roster", json!({ "connector": "roster@0.1.1" })).await;
    assert_eq!((&report["stopped"], &report["alike"]), (&json!(true), &json!(false)));
    assert!(report["decisions"].as_u64().unwrap() < 200, "{report}");
    // The host still serves after the replay.
    muster.person(&tenant, "ada").await;
}

#[tokio::test]
async fn a_slower_candidate_is_reported_as_slower() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    people(&muster, &tenant, (0..48).map(|n| format!("planted-slow{n}"))).await;
    muster.push(guest("planted")).await.expect(201);
    let report = replay(&muster, "roster", json!({ "connector": "roster@0.1.1" })).await;
    let (pace, different) = (&report["pace"], &report["different"]);
    assert_eq!((&pace["slower"], different), (&json!(true), &json!(0)), "{report}");
    assert_eq!(report["alike"], false);
}

#[tokio::test]
async fn the_replay_command_prints_the_differences_and_sets_the_exit_status() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    people(&muster, &tenant, ["ada".to_owned(), "planted-crash".to_owned()].into_iter()).await;
    muster.push(guest("planted")).await.expect(201);
    let replay = ["connector", "replay", "roster@0.1.1", "--app", "roster"];

    let (status, printed) = muster.command(&replay).await;
    assert_eq!(status, Some(2), "{printed}");
    for part in ["2 recorded decisions", "1 are decided alike", "active → crashes", "explain "] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let (status, printed) =
        muster.command(&[&replay[..], &["--since", "1d", "--json"]].concat()).await;
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((status, &report["different"]), (Some(2), &json!(1)));
    let (status, printed) =
        muster.command(&["connector", "replay", "roster@0.1.0", "--app", "roster"]).await;
    assert_eq!(status, Some(0), "{printed}");
    let (status, printed) =
        muster.command(&["connector", "replay", "roster@7.0.0", "--app", "roster"]).await;
    assert_eq!(status, Some(1), "{printed}");
    assert!(printed.contains("muster connector list"), "{printed}");
}
