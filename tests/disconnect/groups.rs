//! Groups of a tenant whose integration ends and begins again.

use muster::sample::Fault;
use serde_json::json;

use super::{disconnect, disconnected, until};
use crate::support::Muster;

/// A disconnect ends the operations that are open. People are managed again when the tenant is connected;
/// and the app learns of the groups that it does not know, or knows by another name.
#[tokio::test]
async fn groups_that_the_app_was_not_told_of_are_told_when_the_tenant_is_connected_again() {
    let muster = Muster::start_replying_when_recorded().await;
    let tenant = muster.tenant("two-state").await;
    let ann = muster.person(&tenant, "ann").await;
    let group = |name: &str| json!({ "displayName": name, "members": [{ "value": ann }] });
    let red = muster.post(&tenant, "/Groups", group("red")).await.expect(201).body;
    muster.settled().await;
    let teams = format!("/organizations/{}/teams", tenant.organization);
    for method in ["POST", "PATCH"] {
        muster.stage.sample.fail(Fault::status(format!("{method} {teams}"), 422, 1_000_000));
    }
    muster.post(&tenant, "/Groups", group("blue")).await.expect(201);
    let path = format!("/Groups/{}", red["id"].as_str().unwrap());
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "green" }]);
    muster.patch(&tenant, &path, rename).await;
    until("both calls should have been refused", async || {
        let calls = muster.app_calls(&tenant).await;
        ["POST", "PATCH"]
            .iter()
            .all(|method| calls.iter().any(|it| it.method == *method && it.status == 422))
    })
    .await;

    disconnect(&muster, &tenant, json!({ "people": "release" })).await;
    disconnected(&muster, &tenant).await;
    muster.stage.sample.heal();
    let path = format!("/tenants/{}/connect", tenant.name);
    muster.admin("POST", &path, Some(json!({}))).await.expect(200);
    muster.settled().await;
    let mut teams = muster.stage.sample.teams(&tenant.organization);
    teams.sort_by(|one, other| one.name.cmp(&other.name));
    let shown: Vec<_> = teams.iter().map(|it| (it.name.as_str(), it.members.len())).collect();
    assert_eq!(shown, [("blue", 1), ("green", 1)]);
}
