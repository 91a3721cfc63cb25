//! A disk that takes no more: whoever writes is told so, nothing is half done, and when there is
//! room again everything goes on without a restart.

use std::fs;

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::house::{Answered, House, Running};
use crate::support::user;

/// Lets no file of the host grow any more, as a full disk would: the kernel refuses the write.
fn fill(house: &House, host: &Running) {
    let log = house.data.path().join("muster.db-wal");
    limit(host, fs::metadata(log).unwrap().len());
}

fn make_room(host: &Running) {
    limit(host, rlimit::INFINITY);
}

fn limit(host: &Running, bytes: u64) {
    let process = i32::try_from(host.child.id()).unwrap();
    let limits = Some((bytes, rlimit::INFINITY));
    rlimit::prlimit(process, rlimit::Resource::FSIZE, limits, None).unwrap();
}

/// Everything that an identity provider sees.
async fn people(house: &House, host: &Running) -> Value {
    let (status, list) = house.scim(host, "GET", "/Users", Value::Null).await.unwrap();
    assert_eq!(status, 200);
    list["Resources"].clone()
}

#[track_caller]
fn blames_the_disk(answered: Option<Answered>, status: u16) {
    let (got, answer) = answered.unwrap();
    let detail = answer["detail"].as_str().unwrap();
    assert_eq!(got, status, "{detail}");
    assert!(detail.starts_with("the host's disk"), "{detail}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_everything_as_it_was() {
    let house = House::of_roster().await;
    let host = house.start(None);
    assert_eq!(house.push(&host, guest("roster-next")).await.unwrap().0, 201);
    let (status, ada) = house.scim(&host, "POST", "/Users", user("ada")).await.unwrap();
    assert_eq!(status, 201);
    let ada = format!("/Users/{}", ada["id"].as_str().unwrap());
    let (versions, before) = (house.versions(&host).await, people(&house, &host).await);
    let operator: [(&str, &str, Value); 4] = [
        ("POST", "/apps/people/promote", json!({ "connector": "roster@0.2.0" })),
        ("POST", "/connectors/roster@0.2.0/retire", Value::Null),
        ("PUT", "/apps/other", json!({ "connector": "roster@0.1.0" })),
        ("PUT", "/tenants/other", json!({ "app": "people" })),
    ];
    let gone = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { "active": false } }],
    });

    fill(&house, &host);
    blames_the_disk(house.push(&host, guest("planted")).await, 507);
    for (method, path, body) in &operator {
        blames_the_disk(house.ask(&host, method, path, body.clone()).await, 507);
    }
    // In the words that Okta comes back for.
    blames_the_disk(house.scim(&host, "POST", "/Users", user("bob")).await, 429);
    blames_the_disk(house.scim(&host, "PATCH", &ada, gone.clone()).await, 429);
    blames_the_disk(house.scim(&host, "DELETE", &ada, Value::Null).await, 429);
    assert_eq!(people(&house, &host).await, before);
    assert_eq!(house.versions(&host).await, versions);

    make_room(&host);
    assert_eq!(house.decides(&host, "bob").await, "roster@0.1.0");
    assert_eq!(house.scim(&host, "PATCH", &ada, gone).await.unwrap().0, 200);
    assert_eq!(house.push(&host, guest("planted")).await.unwrap().0, 201);
    let (_, path, body) = &operator[0];
    house.admin(&host, "POST", path, body.clone()).await;
    assert_eq!(house.decides(&host, "cleo").await, "roster@0.2.0");
    let versions = house.versions(&host).await;
    drop(host);

    let host = house.start(None);
    assert_eq!(house.people(&host).await, 3);
    assert_eq!(house.versions(&host).await, versions);
}

#[tokio::test]
async fn a_connector_whose_machine_code_cannot_be_kept_is_used_all_the_same() {
    let house = House::of_roster().await;
    let host = house.start(None);
    let compiled = house.data.path().join("compiled");
    fs::remove_dir_all(&compiled).unwrap();
    // Nothing can be made in it, and it is no directory.
    fs::write(&compiled, "").unwrap();
    assert_eq!(house.push(&host, guest("roster-next")).await.unwrap().0, 201);
    let next = json!({ "connector": "roster@0.2.0" });
    house.admin(&host, "POST", "/apps/people/promote", next).await;
    assert_eq!(house.decides(&host, "ada").await, "roster@0.2.0");
    drop(host);

    // Compiled anew, it is kept again.
    fs::remove_file(&compiled).unwrap();
    let host = house.start(None);
    assert_eq!(house.decides(&host, "bob").await, "roster@0.2.0");
    assert!(house.compiled().len() > 3);
}
