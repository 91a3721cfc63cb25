//! A full disk: every write is answered with an error that names the disk, no change is half done,
//! and the host continues without a restart when there is space again.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use muster::sample::Fault;
use serde_json::{Value, json};

use crate::command_line::{KilledOnDrop, muster};
use crate::support::guests::guest;
use crate::support::test_host::{HostProcess, StatusAndBody, TestHost};
use crate::support::{client, user};

/// Limits the size of the host's files, so that the kernel refuses writes as on a full disk.
fn fill(test_host: &TestHost, host: &HostProcess) {
    let wal = test_host.data.path().join("muster.db-wal");
    limit_file_size(host, fs::metadata(wal).unwrap().len());
}

fn free_space(host: &HostProcess) {
    limit_file_size(host, rlimit::INFINITY);
}

fn limit_file_size(host: &HostProcess, bytes: u64) {
    let process = i32::try_from(host.child.id()).unwrap();
    let limits = Some((bytes, rlimit::INFINITY));
    rlimit::prlimit(process, rlimit::Resource::FSIZE, limits, None).unwrap();
}

/// All users, as an identity provider sees them.
async fn people(test_host: &TestHost, host: &HostProcess) -> Value {
    let (status, list) = test_host.scim(host, "GET", "/Users", Value::Null).await.unwrap();
    assert_eq!(status, 200);
    list["Resources"].clone()
}

#[track_caller]
fn assert_disk_error(response: Option<StatusAndBody>, expected: u16) {
    let (status, body) = response.unwrap();
    let detail = body["detail"].as_str().unwrap();
    assert_eq!(status, expected, "{detail}");
    assert!(detail.starts_with("the host's disk"), "{detail}");
}

#[tokio::test]
async fn writes_to_a_full_disk_fail_with_a_disk_error_and_change_nothing() {
    let test_host = TestHost::with_roster().await;
    let host = test_host.spawn(None);
    assert_eq!(test_host.push(&host, guest("roster-next")).await.unwrap().0, 201);
    let (status, ada) = test_host.scim(&host, "POST", "/Users", user("ada")).await.unwrap();
    assert_eq!(status, 201);
    let ada = format!("/Users/{}", ada["id"].as_str().unwrap());
    let (versions, before) = (test_host.versions(&host).await, people(&test_host, &host).await);
    let admin_requests: [(&str, &str, Value); 4] = [
        ("POST", "/apps/people/promote", json!({ "connector": "roster@0.2.0" })),
        ("POST", "/connectors/roster@0.2.0/retire", Value::Null),
        ("POST", "/apps", json!({ "name": "other", "connector": "roster@0.1.0" })),
        ("POST", "/tenants", json!({ "id": "other", "app": "people" })),
    ];
    let deactivate = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { "active": false } }],
    });

    fill(&test_host, &host);
    assert_disk_error(test_host.push(&host, guest("planted")).await, 507);
    for (method, path, body) in &admin_requests {
        assert_disk_error(test_host.try_admin(&host, method, path, body.clone()).await, 507);
    }
    // Okta repeats a request that was answered with 429.
    assert_disk_error(test_host.scim(&host, "POST", "/Users", user("bob")).await, 429);
    assert_disk_error(test_host.scim(&host, "PATCH", &ada, deactivate.clone()).await, 429);
    assert_disk_error(test_host.scim(&host, "DELETE", &ada, Value::Null).await, 429);
    assert_eq!(people(&test_host, &host).await, before);
    assert_eq!(test_host.versions(&host).await, versions);

    free_space(&host);
    assert_eq!(test_host.deciding_version(&host, "bob").await, "roster@0.1.0");
    assert_eq!(test_host.scim(&host, "PATCH", &ada, deactivate).await.unwrap().0, 200);
    assert_eq!(test_host.push(&host, guest("planted")).await.unwrap().0, 201);
    let (_, path, body) = &admin_requests[0];
    test_host.admin(&host, "POST", path, body.clone()).await;
    assert_eq!(test_host.deciding_version(&host, "cleo").await, "roster@0.2.0");
    let versions = test_host.versions(&host).await;
    drop(host);
    // There may be no room for a line of each request.
    let log = fs::read_to_string(test_host.data.path().join("host.log")).unwrap();
    assert_eq!(log.matches("changes are refused until the disk takes writes").count(), 1, "{log}");
    assert!(!log.contains("directory: the disk") && !log.contains("http: "), "{log}");

    let host = test_host.spawn(None);
    assert_eq!(test_host.people(&host).await, 3);
    assert_eq!(test_host.versions(&host).await, versions);
}

/// Creates users with these numbers, each of which must be acknowledged.
async fn create(test_host: &TestHost, host: &HostProcess, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let user = user(&format!("user{n}"));
        let (status, created) = test_host.scim(host, "POST", "/Users", user).await.unwrap();
        assert_eq!(status, 201, "{created}");
    }
}

#[tokio::test]
async fn a_disk_that_is_full_while_the_log_is_moved_into_the_database_loses_nothing() {
    for is_killed in [false, true] {
        let test_host = TestHost::with_roster().await;
        let host = test_host.spawn_with_short_log(None);
        create(&test_host, &host, 0..20).await;
        // The database cannot become longer; its log can, for a while.
        let database = test_host.data.path().join("muster.db");
        limit_file_size(&host, fs::metadata(&database).unwrap().len());
        let log = || fs::read_to_string(test_host.data.path().join("host.log")).unwrap();
        let mut created = 20;
        while !log().contains("store: the log cannot be moved into the database") {
            assert!(created < 200, "the database takes all pages");
            create(&test_host, &host, created..created + 1).await;
            created += 1;
        }
        if !is_killed {
            free_space(&host);
            create(&test_host, &host, created..created + 50).await;
            created += 50;
        }
        drop(host);

        let host = test_host.spawn(None);
        assert_eq!(test_host.people(&host).await, created as u64, "killed: {is_killed}");
        assert_eq!(test_host.deciding_version(&host, "later").await, "roster@0.1.0");
    }
}

#[tokio::test]
async fn an_operation_that_a_full_disk_interrupts_goes_on_by_itself_when_there_is_room() {
    let test_host = TestHost::start().await;
    let host = test_host.spawn(None);
    let sample = &test_host.sample;
    sample.fail(Fault { delay_ms: 1_000, ..Fault::pass("POST /organizations/calls/teams", 1) });
    let created = test_host.scim(&host, "POST", "/Users", user("ada"));
    let during_the_call = async {
        while sample.log().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        fill(&test_host, &host);
    };
    let (created, ()) = tokio::join!(created, during_the_call);
    assert_disk_error(created, 429);
    let operation = async || {
        let operations = test_host.admin(&host, "GET", "/operations", Value::Null).await;
        operations["items"][0].clone()
    };
    assert_eq!(operation().await["state"], "open");
    free_space(&host);
    let done = async {
        while operation().await["state"] != "done" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    // Without it, no earlier than five minutes after its beginning.
    tokio::time::timeout(Duration::from_secs(60), done).await.expect("it goes on by itself");
    assert_eq!(people(&test_host, &host).await[0]["userName"], "ada@acme.example");
}

#[tokio::test]
async fn a_compiled_connector_that_cannot_be_cached_is_used_nevertheless() {
    let test_host = TestHost::with_roster().await;
    let host = test_host.spawn(None);
    let compiled = test_host.data.path().join("compiled");
    fs::remove_dir_all(&compiled).unwrap();
    // A file in place of the directory: nothing can be created in it.
    fs::write(&compiled, "").unwrap();
    assert_eq!(test_host.push(&host, guest("roster-next")).await.unwrap().0, 201);
    let next = json!({ "connector": "roster@0.2.0" });
    test_host.admin(&host, "POST", "/apps/people/promote", next).await;
    assert_eq!(test_host.deciding_version(&host, "ada").await, "roster@0.2.0");
    drop(host);

    // The next start compiles the connector again, and can cache it.
    fs::remove_file(&compiled).unwrap();
    let host = test_host.spawn(None);
    assert_eq!(test_host.deciding_version(&host, "bob").await, "roster@0.2.0");
    assert!(test_host.compiled().len() > 3);
}

/// A host of its own, with an empty data directory in the folder, and its base URL.
fn serve(folder: &Path, log: Stdio) -> (KilledOnDrop, String) {
    let mut command = muster(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(folder.join("data")).stdout(Stdio::piped()).stderr(log);
    let mut host = KilledOnDrop(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(host.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    (host, url.to_owned())
}

#[tokio::test]
async fn requests_are_answered_while_the_log_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (mut host, url) = serve(folder.path(), full.into());
    for path in ["/health/live", "/nothing", "/health/live"] {
        let answer = client().get(format!("{url}{path}")).send().await.unwrap();
        assert!(answer.status().as_u16() < 500, "{path}");
    }
    assert!(host.0.try_wait().unwrap().is_none());
    let process = rustix::process::Pid::from_child(&host.0);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    assert_eq!(host.0.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_new_data_directory_is_for_the_user_of_the_host_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_host, _) = serve(folder.path(), Stdio::null());
    let data = folder.path().join("data");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(&data), 0);
    for name in ["muster.db", "muster.db-wal", "muster.db-shm", "host.key", "admin.token"] {
        assert_eq!(mode(&data.join(name)), 0, "{name}");
    }
}
