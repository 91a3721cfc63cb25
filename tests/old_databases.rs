//! Databases that earlier versions wrote: each later host opens them, shows what they hold, decides what
//! they recorded again, and goes on with them.
//!
//! For each schema there is a backup and what its host showed of it (`fixtures/databases`). They are
//! written once, at the end of the work on a schema, and never again.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use muster::sample::Fault;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::command_line::muster;
use crate::support::test_host::{HostProcess, TestHost};
use crate::support::{client, patch_op, user};

/// The newest schema, for which there are fixtures as for all before.
const NEWEST: i64 = 2;

/// The paths that the test reads: as an operator, and as the identity provider.
const ADMIN: [&str; 8] = [
    "/apps",
    "/connectors",
    "/tenants",
    "/tenants/people/tokens",
    "/tenants/leaving",
    "/jobs",
    "/operations?limit=200",
    "/operations?state=held",
];
const SCIM: [&str; 6] = [
    "/Users?count=100",
    "/Groups",
    "/Users?sortBy=userName&sortOrder=descending",
    "/Users?filter=active%20eq%20false",
    "/Users?filter=emails.value%20eq%20%22grace@acme.example%22",
    "/Users?filter=meta.lastModified%20gt%20%222020-01-01T00:00:00Z%22&count=2&startIndex=2",
];

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/databases").join(name)
}

/// All that the host shows, with its own address replaced.
async fn shown(test_host: &TestHost, host: &HostProcess) -> Value {
    let mut shown = Map::new();
    for path in ADMIN {
        shown.insert(path.to_owned(), test_host.admin(host, "GET", path, Value::Null).await);
    }
    let operations = shown["/operations?limit=200"]["items"].as_array().unwrap().clone();
    for operation in operations {
        let path = format!("/operations/{}", operation["id"].as_str().unwrap());
        let detail = test_host.admin(host, "GET", &path, Value::Null).await;
        shown.insert(path, detail);
    }
    for path in SCIM {
        let (status, list) = test_host.scim(host, "GET", path, Value::Null).await.unwrap();
        assert_eq!(status, 200, "{path}: {list}");
        shown.insert(path.to_owned(), list);
    }
    let text = Value::Object(shown).to_string().replace(&host.url, "http://host");
    let mut shown: Value = serde_json::from_str(&text).unwrap();
    // The requests of this test use it.
    for token in shown["/tenants/people/tokens"]["items"].as_array_mut().unwrap() {
        token.as_object_mut().unwrap().remove("last_used");
    }
    shown
}

/// Fails unless all that was shown is shown now. A later version may show more.
fn assert_shows(now: &Value, before: &Value, place: &str) {
    match (now, before) {
        (Value::Object(now), Value::Object(before)) => {
            for (name, value) in before {
                let place = format!("{place} {name}");
                assert_shows(now.get(name).unwrap_or(&Value::Null), value, &place);
            }
        }
        (Value::Array(now), Value::Array(before)) => {
            // The connectors that come with a later version are added at the end.
            let is_alike = now.len() == before.len() || place == " /connectors items";
            assert!(is_alike && now.len() >= before.len(), "{place}");
            for (n, (now, before)) in now.iter().zip(before).enumerate() {
                assert_shows(now, before, &format!("{place} {n}"));
            }
        }
        _ => assert_eq!(now, before, "{place}"),
    }
}

async fn scim(test_host: &TestHost, host: &HostProcess, request: &str, body: Value) -> Value {
    let (method, path) = request.split_once(' ').unwrap();
    let (status, answer) = test_host.scim(host, method, path, body).await.unwrap();
    assert!((200..300).contains(&status), "{request}: {status} {answer}");
    answer
}

/// People and groups in every state that a database can keep for long.
async fn fill(test_host: &TestHost, host: &HostProcess) {
    let mut ids = Vec::new();
    for name in ["ada", "bob", "grace", "linus", "barbara"] {
        let created = scim(test_host, host, "POST /Users", user(name)).await;
        ids.push(created["id"].as_str().unwrap().to_owned());
    }
    let [ada, bob, grace, linus, barbara] = &ids[..] else { unreachable!("five were created") };
    let patch = |replaced: Value| patch_op(json!([{ "op": "replace", "value": replaced }]));
    let of = |id: &String| format!("PATCH /Users/{id}");
    scim(test_host, host, &of(ada), patch(json!({ "title": "Countess" }))).await;
    scim(test_host, host, &of(ada), patch(json!({ "active": false }))).await;
    scim(test_host, host, &format!("DELETE /Users/{bob}"), Value::Null).await;
    let staff = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Staff",
        "members": [{ "value": grace, "display": "Grace" }, { "value": ada }],
    });
    let staff = scim(test_host, host, "POST /Groups", staff).await;
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": linus }] }]);
    let path = format!("PATCH /Groups/{}", staff["id"].as_str().unwrap());
    scim(test_host, host, &path, patch_op(add)).await;
    test_host.sample.fail(Fault::status("POST /users", 422, 1));
    let (status, _) = test_host.scim(host, "POST", "/Users", user("edsger")).await.unwrap();
    assert_eq!(status, 400);
    let protect = format!("/tenants/people/people/{barbara}/protect");
    test_host.admin(host, "POST", &protect, json!({})).await;
    // An integration that has ended.
    let leaving = json!({ "id": "leaving", "app": "people", "dialect": "entra" });
    test_host.admin(host, "POST", "/tenants", leaving).await;
    let token = test_host.admin(host, "POST", "/tenants/leaving/tokens", json!({})).await;
    let base_url = token["base_url"].as_str().unwrap();
    let created = client().post(format!("{base_url}/Users")).json(&user("margaret"));
    let created = created.bearer_auth(token["token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(created.status(), 201);
    test_host
        .admin(host, "POST", "/tenants/leaving/disconnect", json!({ "people": "release" }))
        .await;
    for _ in 0..200 {
        let jobs = test_host.admin(host, "GET", "/jobs", Value::Null).await;
        if jobs["items"][0]["state"] == "succeeded" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A leaver whom a pause holds.
    test_host.admin(host, "POST", "/tenants/people/pause", json!({})).await;
    scim(test_host, host, &of(linus), patch(json!({ "active": false }))).await;
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Writes the fixtures of the newest schema.
async fn write() {
    let url = async |sample: &muster::sample::Sample| sample.base_url();
    let test_host = TestHost::of_embedded("two-state", "", url).await;
    let host = test_host.spawn(None);
    fill(&test_host, &host).await;
    let mut shown = shown(&test_host, &host).await;
    shown["token"] = test_host.token().into();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    run(muster(&["backup"]).arg(&file).arg("--data").arg(test_host.data.path()));
    let packed = fs::File::create(fixture(&format!("schema-{NEWEST}.tar.gz"))).unwrap();
    let mut packed = GzEncoder::new(packed, Compression::best());
    packed.write_all(&fs::read(&file).unwrap()).unwrap();
    packed.finish().unwrap();
    let text = serde_json::to_string_pretty(&shown).unwrap();
    fs::write(fixture(&format!("schema-{NEWEST}.json")), text + "\n").unwrap();
}

/// The host of a fixture, restored, and what the version that wrote it showed.
fn restored(schema: i64) -> (TempDir, Value) {
    let mut backup = Vec::new();
    let packed = fs::File::open(fixture(&format!("schema-{schema}.tar.gz"))).unwrap();
    GzDecoder::new(packed).read_to_end(&mut backup).unwrap();
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = folder.path().join("backup");
    fs::write(&file, backup).unwrap();
    run(muster(&["restore"]).arg(&file).arg("--data").arg(data.path()));
    let shown = fs::read_to_string(fixture(&format!("schema-{schema}.json"))).unwrap();
    (data, serde_json::from_str(&shown).unwrap())
}

#[test]
fn each_schema_has_a_database_that_its_version_wrote() {
    assert_eq!(
        muster::store::newest_schema(),
        NEWEST,
        "write fixtures for it, and keep those before"
    );
    for schema in 1..=NEWEST {
        assert!(fixture(&format!("schema-{schema}.tar.gz")).exists());
        assert!(fixture(&format!("schema-{schema}.json")).exists());
    }
}

#[tokio::test]
async fn databases_of_every_schema_are_opened_and_used() {
    if std::env::var_os("MUSTER_WRITE_FIXTURES").is_some_and(|it| it == "databases") {
        write().await;
    }
    for schema in 1..=NEWEST {
        let (data, mut before) = restored(schema);
        let token = before["token"].take();
        let test_host = TestHost::restored(data, "people", token.as_str().unwrap()).await;
        let host = test_host.spawn(None);
        before.as_object_mut().unwrap().remove("token");
        assert_shows(&shown(&test_host, &host).await, &before, "");
        replay(&test_host, &host).await;
        tell_app(&test_host, &before).await;
        goes_on(&test_host, &host).await;
    }
}

/// The recorded decisions are made again, by the connector of that time.
async fn replay(test_host: &TestHost, host: &HostProcess) {
    let url = format!("{}/admin/v1/apps/people/replay", host.url);
    let request = client().post(url).bearer_auth(test_host.admin_token());
    let request = request.json(&json!({ "connector": "two-state@0.1.0" }));
    let lines = request.send().await.unwrap().text().await.unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let report = &last["report"];
    assert!(report["decisions"].as_u64().unwrap() > 12, "{report}");
    assert_eq!(report["alike"], true, "{report}");
}

/// Sends the recorded requests to the app of this test, which then has what that of the old host had.
async fn tell_app(test_host: &TestHost, before: &Value) {
    let all = before.as_object().unwrap();
    let operations = all.iter().filter(|(path, _)| path.starts_with("/operations/"));
    let mut operations: Vec<&Value> = operations.map(|(_, operation)| operation).collect();
    operations.sort_by_key(|operation| operation["id"].as_str());
    let exchanges = operations.iter().flat_map(|it| it["exchanges"].as_array().unwrap());
    for exchange in exchanges.filter(|it| it["response"]["Ok"]["status"] != 422) {
        let request = &exchange["request"];
        let part = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let url = format!("{}{}", test_host.sample.base_url(), part("path"));
        let sent = client().request(part("method").parse().unwrap(), url).bearer_auth("app");
        let sent = sent.header("content-type", "application/json").body(part("body"));
        let status = sent.send().await.unwrap().status().as_u16();
        assert!(status < 300, "{request}: {status}");
    }
}

/// The tenant is connected again, and people come and go.
async fn goes_on(test_host: &TestHost, host: &HostProcess) {
    let app = json!({ "endpoints": { "app": {
        "base_url": test_host.sample.base_url(),
        "auth": { "bearer": { "value": "app" } },
        "private_addresses": true,
    } } });
    test_host.admin(host, "PATCH", "/apps/people", app).await;
    test_host.admin(host, "POST", "/tenants/people/connect", json!({ "held": "carry-out" })).await;
    let unfinished = async || {
        let held = test_host.admin(host, "GET", "/operations?state=held", Value::Null).await;
        !held["items"].as_array().unwrap().is_empty()
    };
    while unfinished().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    test_host.settled(host).await;
    let list = scim(test_host, host, "GET /Users", Value::Null).await;
    for person in list["Resources"].as_array().unwrap() {
        let path = format!("/Users/{}", person["id"].as_str().unwrap());
        let active = !person["active"].as_bool().unwrap();
        let change = json!([{ "op": "replace", "value": { "active": active } }]);
        let (status, after) = test_host.scim(host, "PATCH", &path, patch_op(change)).await.unwrap();
        match person["userName"].as_str() {
            // She is protected.
            Some("barbara@acme.example") => assert_eq!(status, 403, "{after}"),
            _ => assert_eq!(after["active"], active, "{status} {after}"),
        }
    }
    let returned = scim(test_host, host, "POST /Users", user("bob")).await;
    assert_eq!(returned["userName"], "bob@acme.example");
}
