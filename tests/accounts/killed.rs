//! A host that is killed between a decision and its call: after the restart, it looks again at what the
//! decision depended on.

use std::time::Duration;

use muster::sample::{self, Sample};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::eventually;
use crate::support::meddler::{Meddler, Rule};
use crate::support::test_host::HostProcess;
use crate::support::{client, compiled, data_directory, user};

const CONFIG: &str = "\
private_addresses = [\"127.0.0.0/8\"]
answer_within_seconds = 1
first_back_off_seconds = 1
longest_back_off_seconds = 2
longest_call_seconds = 2
";

/// A host as a process, with the tenants `acme` and `beta` of a two-state app.
struct Killable {
    data: TempDir,
    sample: Sample,
    meddler: Meddler,
    tokens: [String; 2],
}

impl Killable {
    async fn start() -> (Self, HostProcess) {
        let sample = sample::serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), "app").unwrap();
        let meddler = Meddler::start(&sample.base_url()).await;
        let data = data_directory();
        std::fs::create_dir_all(compiled()).unwrap();
        std::os::unix::fs::symlink(compiled(), data.path().join("compiled")).unwrap();
        std::fs::write(data.path().join("muster.toml"), CONFIG).unwrap();
        let host = HostProcess::start(data.path(), None);
        let mut killable = Self { data, sample, meddler, tokens: <[String; 2]>::default() };
        let endpoint = json!({
            "base_url": killable.meddler.url(),
            "auth": { "bearer": { "value": "app" } },
            "private_addresses": true,
        });
        let settings =
            json!({ "delete_account": "when-unused", "fields": { "organizations": "" } });
        let app = json!({
            "name": "shared",
            "connector": "two-state",
            "settings": settings,
            "endpoints": { "app": endpoint },
        });
        killable.admin(&host, "/apps", app).await;
        for (n, name) in ["acme", "beta"].into_iter().enumerate() {
            let tenant = json!({ "id": name, "app": "shared", "dialect": "okta" });
            killable.admin(&host, "/tenants", tenant).await;
            let token = killable.admin(&host, &format!("/tenants/{name}/tokens"), json!({})).await;
            token["token"].as_str().unwrap().clone_into(&mut killable.tokens[n]);
        }
        (killable, host)
    }

    fn spawn(&self, die_at: Option<&str>) -> HostProcess {
        HostProcess::start(self.data.path(), die_at)
    }

    async fn admin(&self, host: &HostProcess, path: &str, body: Value) -> Value {
        let token = std::fs::read_to_string(self.data.path().join("admin.token")).unwrap();
        let url = format!("{}/admin/v1{path}", host.url);
        let request = client().post(url).bearer_auth(token.trim()).body(body.to_string());
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Sends a SCIM request. Returns the status and the body; none if the host died.
    async fn scim(
        &self,
        host: &HostProcess,
        tenant: usize,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Option<(u16, Value)> {
        let name = ["acme", "beta"][tenant];
        let url = format!("{}/t/{name}/scim/v2{path}", host.url);
        let mut request = client().request(method.parse().unwrap(), url);
        if let Some(body) = body {
            let media_type = ("content-type", "application/scim+json");
            request = request.header(media_type.0, media_type.1).body(body.to_string());
        }
        let answer = request.bearer_auth(&self.tokens[tenant]).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, serde_json::from_str(&answer.text().await.ok()?).unwrap_or_default()))
    }
}

#[tokio::test]
async fn a_deletion_that_goes_on_after_a_kill_counts_the_organisations_afresh() {
    let (killable, host) = Killable::start().await;
    let created = killable.scim(&host, 0, "POST", "/Users", Some(user("ada"))).await;
    let (status, ada) = created.unwrap();
    assert_eq!(status, 201, "{ada}");
    let ada = format!("/Users/{}", ada["id"].as_str().unwrap());
    drop(host);

    // The third call of the deletion is the one that deletes the account.
    let mut dying = killable.spawn(Some("call:3"));
    assert_eq!(killable.scim(&dying, 0, "DELETE", &ada, None).await, None);
    assert!(!dying.child.wait().unwrap().success());
    let deletion = "DELETE /users/";
    assert_eq!((killable.meddler.count("GET /users/"), killable.meddler.count(deletion)), (1, 0));

    killable.meddler.apply(Rule::refuse(deletion, 503, "down").always());
    let host = killable.spawn(None);
    eventually("beta should have ada", async || {
        let joined = killable.scim(&host, 1, "POST", "/Users", Some(user("ada"))).await.unwrap();
        assert!([201, 429].contains(&joined.0), "{joined:?}");
        joined.0 == 201
    })
    .await;
    killable.meddler.heal();
    eventually("acme should not have ada", async || {
        killable.scim(&host, 0, "GET", &ada, None).await.unwrap().0 == 404
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let members = |organization| killable.sample.members(organization).len();
    assert_eq!((members("acme"), members("beta")), (0, 1));
}

#[tokio::test]
async fn nobody_joins_an_account_whose_deletion_was_under_way_when_the_host_was_killed() {
    let (killable, host) = Killable::start().await;
    let created = killable.scim(&host, 0, "POST", "/Users", Some(user("ada"))).await;
    let (status, ada) = created.unwrap();
    assert_eq!(status, 201, "{ada}");
    let ada = format!("/Users/{}", ada["id"].as_str().unwrap());
    let deletion = "DELETE /users/";
    let mut held = killable.meddler.hold_before(deletion);
    tokio::select! {
        _ = killable.scim(&host, 0, "DELETE", &ada, None) => panic!("the deletion should be held"),
        () = held.arrived() => {}
    }
    killable.meddler.apply(Rule::refuse(deletion, 503, "down").always());
    drop(host);

    let host = killable.spawn(None);
    let join =
        async || killable.scim(&host, 1, "POST", "/Users", Some(user("ada"))).await.unwrap().0;
    assert_eq!(join().await, 429, "the deletion may still arrive");
    held.release().await;
    killable.meddler.heal();
    eventually("beta should have ada", async || join().await == 201).await;
    eventually("acme should not have ada", async || {
        killable.scim(&host, 0, "GET", &ada, None).await.unwrap().0 == 404
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let members = |organization| killable.sample.members(organization).len();
    assert_eq!((members("acme"), members("beta")), (0, 1));
}
