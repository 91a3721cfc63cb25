//! Promotion, rollback and retirement of connector versions, for an app and for single tenants.

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::{Muster, Tenant};

/// A host with two tenants, and two versions of the roster connector in addition to the embedded one:
/// 0.1.1, which needs another endpoint, and 0.2.0.
async fn start() -> (Muster, Tenant, Tenant) {
    let muster = Muster::start().await;
    let tenants = (muster.tenant("roster").await, muster.tenant("roster").await);
    muster.push(guest("roster-next")).await.expect(201);
    muster.push(guest("planted")).await.expect(201);
    (muster, tenants.0, tenants.1)
}

async fn post(muster: &Muster, path: &str, body: Value) -> (u16, Value) {
    let answer = muster.admin("POST", path, Some(body)).await;
    (answer.status, answer.body)
}

async fn promote(muster: &Muster, body: Value) -> Value {
    let (status, promoted) = post(muster, "/apps/roster/promote", body).await;
    assert_eq!(status, 200, "{promoted}");
    promoted
}

/// Creates a user, and returns the connector version that decided.
async fn deciding_version(muster: &Muster, tenant: &Tenant, name: &str) -> String {
    muster.person(tenant, name).await;
    let path = format!("/operations?tenant={}&limit=1", tenant.name);
    let newest = muster.admin("GET", &path, None).await.body["items"][0].clone();
    newest["version"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_version_is_promoted_for_some_tenants_first_and_then_for_all() {
    let (muster, one, other) = start().await;
    let first = json!({ "connector": "roster@0.2.0", "tenants": [one.name] });
    let promoted = promote(&muster, first).await;
    assert_eq!(promoted["before"]["version"], "0.1.0");
    assert_eq!(deciding_version(&muster, &one, "ada").await, "roster@0.2.0");
    assert_eq!(deciding_version(&muster, &other, "ada").await, "roster@0.1.0");
    let shown = muster.admin("GET", &format!("/tenants/{}", one.name), None).await.body;
    let own = (&shown["version"], &shown["version_of_its_own"]);
    assert_eq!(own, (&json!("roster@0.2.0"), &json!(true)));
    let detail = muster.admin("GET", "/connectors/roster@0.2.0", None).await.body;
    assert_eq!(detail["used"]["tenants"], json!([one.name]));

    let all = promote(&muster, json!({ "connector": "roster@0.2.0" })).await;
    assert_eq!(all["ended"], json!([one.name]));
    assert_eq!(deciding_version(&muster, &one, "bob").await, "roster@0.2.0");
    assert_eq!(deciding_version(&muster, &other, "bob").await, "roster@0.2.0");
    let (status, _) = post(&muster, "/apps/roster/rollback", json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(deciding_version(&muster, &one, "cleo").await, "roster@0.1.0");
}

#[tokio::test]
async fn a_rollback_for_one_tenant_returns_it_to_the_version_of_the_app() {
    let (muster, one, other) = start().await;
    let tenants = json!([one.name]);
    promote(&muster, json!({ "connector": "roster@0.2.0", "tenants": tenants })).await;
    let (status, back) =
        post(&muster, "/apps/roster/rollback", json!({ "tenants": tenants })).await;
    assert_eq!((status, &back["connector"]["version"]), (200, &json!("0.1.0")));
    assert_eq!(deciding_version(&muster, &one, "ada").await, "roster@0.1.0");
    let (status, why) = post(&muster, "/apps/roster/rollback", json!({ "tenants": tenants })).await;
    assert_eq!(status, 409);
    assert!(why["detail"].as_str().unwrap().contains("no version of its own"), "{why}");
    let elsewhere = json!({ "connector": "roster@0.2.0", "tenants": ["unknown"] });
    assert_eq!(post(&muster, "/apps/roster/promote", elsewhere).await.0, 404);
    assert_eq!(deciding_version(&muster, &other, "ada").await, "roster@0.1.0");
}

#[tokio::test]
async fn a_version_that_needs_more_is_promoted_only_with_consent() {
    let (muster, one, _) = start().await;
    let (status, why) =
        post(&muster, "/apps/roster/promote", json!({ "connector": "roster@0.1.1" })).await;
    assert_eq!(status, 409);
    let why = why["detail"].as_str().unwrap();
    assert!(why.contains("the endpoint app (The app.)") && why.contains("--yes"), "{why}");
    assert_eq!(deciding_version(&muster, &one, "ada").await, "roster@0.1.0");

    let preview = json!({ "connector": "roster@0.1.1", "preview": true });
    let preview = promote(&muster, preview).await;
    let events = preview["changes"]["lifecycle"].as_array().unwrap();
    let gone = events.iter().find(|change| change["event"] == "delete").unwrap();
    assert!(gone["after"].is_null() && gone["before"].is_object(), "{gone}");
    assert_eq!(deciding_version(&muster, &one, "bob").await, "roster@0.1.0");

    promote(&muster, json!({ "connector": "roster@0.1.1", "accept": true })).await;
    assert_eq!(deciding_version(&muster, &one, "cleo").await, "roster@0.1.1");
}

#[tokio::test]
async fn a_promotion_based_on_an_outdated_preview_is_refused() {
    let (muster, one, _) = start().await;
    let preview = json!({ "connector": "roster@0.2.0", "preview": true });
    let seen = promote(&muster, preview).await["before"]["digest"].clone();
    promote(&muster, json!({ "connector": "roster@0.1.1", "accept": true })).await;
    let late = json!({ "connector": "roster@0.2.0", "from": seen });
    let (status, why) = post(&muster, "/apps/roster/promote", late).await;
    assert_eq!(status, 409);
    assert!(why["detail"].as_str().unwrap().contains("roster@0.1.1 decides"), "{why}");
    // Without `from`, the last promotion wins, and the one before it is the previous version.
    let at_once = ["roster@0.2.0", "roster@0.1.0"]
        .map(|connector| promote(&muster, json!({ "connector": connector, "accept": true })));
    let [next, first] = at_once;
    tokio::join!(next, first);
    let app = muster.admin("GET", "/apps/roster", None).await.body;
    assert_ne!(app["version"], app["previous_version"]);
    let version = app["version"].as_str().unwrap().to_owned();
    assert_eq!(deciding_version(&muster, &one, "ada").await, version);
}

#[tokio::test]
async fn a_version_in_use_cannot_be_retired_and_a_retired_one_keeps_its_manifest() {
    let (muster, one, _) = start().await;
    let retire = async |version: &str| {
        let path = format!("/connectors/roster@{version}/retire");
        let answer = muster.admin("POST", &path, None).await;
        (answer.status, answer.body["detail"].as_str().unwrap_or_default().to_owned())
    };
    let ada = muster.person(&one, "ada").await;
    muster.admin("POST", &format!("/tenants/{}/pause", one.name), None).await.expect(200);
    muster.set_active(&one, &ada, false).await.expect(200);
    let (status, why) = retire("0.1.0").await;
    assert!(status == 409 && why.contains("it decides for app roster"), "{why}");

    promote(&muster, json!({ "connector": "roster@0.2.0", "tenants": [one.name] })).await;
    let (status, why) = retire("0.2.0").await;
    assert!(status == 409 && why.contains(&format!("for tenant {}", one.name)), "{why}");
    promote(&muster, json!({ "connector": "roster@0.2.0" })).await;
    let (status, why) = retire("0.1.0").await;
    assert!(status == 409 && why.contains("a rollback would lead back to it"), "{why}");
    promote(&muster, json!({ "connector": "roster@0.1.1", "accept": true })).await;
    let (status, why) = retire("0.1.0").await;
    assert!(status == 409 && why.contains("one operation that it started"), "{why}");

    let held = muster.admin("GET", "/operations?state=held", None).await.body;
    let held = held["items"][0]["id"].as_str().unwrap().to_owned();
    muster.admin("POST", &format!("/operations/{held}/drop"), None).await.expect(200);
    assert_eq!(retire("0.1.0").await.0, 200);
    assert_eq!(retire("0.1.0").await.0, 200, "retiring twice has the effect of once");

    let detail = muster.admin("GET", "/connectors/roster@0.1.0", None).await.body;
    assert!(detail["retired"].is_string() && detail["size"] == 0, "{detail}");
    assert_eq!(detail["manifest"]["membership"], "three-state");
    let (_, shown) = muster.command(&["connector", "show", "roster@0.1.0"]).await;
    assert!(shown.contains("retired at") && !shown.contains("bytes"), "{shown}");
    let held = muster.admin("GET", &format!("/operations/{held}"), None).await.body;
    assert_eq!(held["version"], "roster@0.1.0");
    let (status, why) =
        post(&muster, "/apps/roster/promote", json!({ "connector": "roster@0.1.0" })).await;
    let why = why["detail"].as_str().unwrap();
    assert!(status == 409 && why.contains("was retired at"), "{why}");
    assert!(why.contains("muster connector restore roster@0.1.0"), "{why}");
    // The embedded connectors are pushed at every start, which does not restore a retired version.
    muster.stage.host.versions.push_embedded().await.unwrap();
    assert!(
        muster.admin("GET", "/connectors/roster@0.1.0", None).await.body["retired"].is_string()
    );
    muster.admin("POST", &format!("/tenants/{}/connect", one.name), None).await.expect(200);
    assert_eq!(retire("9.9.9").await.0, 404);
}

#[tokio::test]
async fn a_retired_version_that_comes_with_muster_is_restored_by_its_name_and_others_by_their_file()
{
    let (muster, ..) = start().await;
    let act = async |version: &str, what: &str| {
        let path = format!("/connectors/{version}/{what}");
        let answer = muster.admin("POST", &path, None).await;
        (answer.status, answer.body)
    };
    promote(&muster, json!({ "connector": "roster@0.1.1", "accept": true })).await;
    promote(&muster, json!({ "connector": "roster@0.2.0" })).await;
    assert_eq!(act("roster@0.1.0", "retire").await.0, 200);
    let (status, said) = muster.command(&["connector", "restore", "roster@0.1.0"]).await;
    assert!(status == Some(0) && said.contains("restored roster@0.1.0"), "{said}");
    let (status, restored) = act("roster@0.1.0", "restore").await;
    assert!(status == 200 && restored["retired"].is_null(), "{restored}");
    assert!(restored["size"].as_u64().unwrap() > 0 && restored["signer"] == "muster", "{restored}");
    promote(&muster, json!({ "connector": "roster@0.1.0", "accept": true })).await;

    promote(&muster, json!({ "connector": "roster@0.1.0", "accept": true })).await;
    promote(&muster, json!({ "connector": "roster@0.2.0" })).await;
    assert_eq!(act("roster@0.1.1", "retire").await.0, 200);
    let (status, why) = act("roster@0.1.1", "restore").await;
    let why = why["detail"].as_str().unwrap();
    assert!(status == 409 && why.contains("push its file again"), "{why}");
    assert_eq!(act("roster@9.9.9", "restore").await.0, 404);
}

#[tokio::test]
async fn an_operator_promotes_rolls_back_and_retires_from_the_command_line() {
    let (muster, one, _) = start().await;
    muster.person(&one, "ada").await;
    let promote = ["connector", "promote", "roster@0.2.0", "--app", "roster"];
    let (status, printed) = muster.command(&promote).await;
    assert!(
        status == Some(1) && printed.contains("there is no terminal") && printed.contains("--yes"),
        "{printed}"
    );
    let (status, printed) =
        muster.command(&[&promote[..], &["--yes", "--tenant", &one.name]].concat()).await;
    assert!(status == Some(0) && printed.contains("now uses roster@0.2.0"), "{printed}");
    let (_, printed) = muster.command(&["connector", "show", "roster@0.2.0"]).await;
    assert!(printed.contains(&format!("by tenant alone   {}", one.name)), "{printed}");
    let (_, printed) = muster.command(&[&promote[..], &["--yes"]].concat()).await;
    assert!(printed.contains("no longer has a version of its own"), "{printed}");
    let (status, printed) = muster.command(&["connector", "rollback", "--app", "roster"]).await;
    assert!(status == Some(0) && printed.contains("now uses roster@0.1.0"), "{printed}");
    let (status, printed) = muster.command(&["connector", "retire", "roster@0.2.0"]).await;
    assert!(status == Some(1) && printed.contains("a rollback would lead back"), "{printed}");
    let (status, printed) = muster.command(&["connector", "retire", "roster@0.1.1"]).await;
    assert!(status == Some(0) && printed.contains("retired roster@0.1.1"), "{printed}");
    let (_, printed) = muster.command(&["operation", "list"]).await;
    assert!(printed.contains("roster@0.1.0"), "{printed}");
}
