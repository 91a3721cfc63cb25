//! A panic ends the attempt, the request or the read that it happened in, and nothing else. What cannot go
//! on safely ends the process, and a restart loses nothing.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::test_host::{HostProcess, TestHost};
use crate::support::user;

/// The newest operation.
async fn operation(test_host: &TestHost, host: &HostProcess) -> Value {
    let newest = test_host.admin(host, "GET", "/operations?limit=1", Value::Null).await;
    newest["items"][0].clone()
}

/// Asserts that the log has one line about a panic, with its place.
#[track_caller]
fn assert_one_panic(test_host: &TestHost) {
    let log = test_host.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("panic: a defect")).collect();
    let [line] = lines[..] else { panic!("{log}") };
    assert!(line.contains("failpoint.rs:") && line.contains("MUSTER_PANIC_AT"), "{line}");
    assert!(!log.contains("RUST_BACKTRACE"), "only the line: {log}");
}

async fn assert_each_call_once(test_host: &TestHost, host: &HostProcess) {
    test_host.settled(host).await;
    assert_eq!(test_host.people(host).await, 1);
    let once: HashMap<String, usize> =
        (1..=4).map(|n| (format!("ada@acme.example {n}"), 1)).collect();
    assert_eq!(test_host.effects(), once);
}

#[tokio::test]
async fn a_panic_in_the_attempt_of_a_request_is_an_internal_error_and_is_tried_again() {
    let test_host = TestHost::start().await;
    let host = test_host.spawn_panicking("call:2");
    let (status, error) =
        test_host.scim(&host, "POST", "/Users", user("ada")).await.expect("an answer");
    assert_eq!((status, &error["status"]), (500, &json!("500")));
    let detail = error["detail"].as_str().unwrap();
    assert!(detail.starts_with("internal error (request "), "{detail}");
    assert_one_panic(&test_host);
    assert_each_call_once(&test_host, &host).await;
    assert_eq!(test_host.create(&host).await, Some(201), "the answer to the operation");
    assert_eq!(operation(&test_host, &host).await["tries"], 1);
}

#[tokio::test]
async fn a_panic_in_an_attempt_in_the_background_backs_off_and_is_explained() {
    let test_host = TestHost::start().await;
    let host = test_host.spawn(None);
    test_host.admin(&host, "PATCH", "/apps/calls", json!({ "reply": "when-recorded" })).await;
    drop(host);

    let host = test_host.spawn_panicking("call-done:1");
    assert_eq!(test_host.create(&host).await, Some(201));
    let mut explained = operation(&test_host, &host).await;
    while explained["tries"] == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        explained = operation(&test_host, &host).await;
    }
    assert_eq!((&explained["state"], &explained["tries"]), (&json!("open"), &json!(1)));
    let note = explained["note"].as_str().unwrap();
    assert_eq!(
        note,
        "not tried: internal error: a panic; see the lines with `panic:` in the server log"
    );
    assert!(explained["due"].as_str() > explained["created"].as_str(), "{explained}");
    assert_one_panic(&test_host);

    // Another operation of the tenant is not disturbed, nor sent again and again.
    let (status, _) = test_host.scim(&host, "POST", "/Users", user("bob")).await.unwrap();
    assert_eq!(status, 201);
    let of_bob = operation(&test_host, &host).await["id"].as_str().unwrap().to_owned();
    while operation(&test_host, &host).await["state"] != "done" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_ne!(json!(of_bob), explained["id"]);
    let calls = test_host.sample.log();
    let posts = calls.iter().filter(|call| call.method == "POST");
    assert_eq!(posts.count(), 5, "four for bob, and the one of ada whose answer was lost");

    let id = explained["id"].as_str().unwrap();
    test_host.admin(&host, "POST", &format!("/operations/{id}/retry"), json!({})).await;
    test_host.settled(&host).await;
    assert!(test_host.effects().values().all(|times| *times == 1));
    assert_eq!(test_host.effects().len(), 8);
}

#[tokio::test]
async fn a_panic_while_a_change_is_written_rolls_it_back_and_the_writer_goes_on() {
    let test_host = TestHost::start().await;
    let host = test_host.spawn_panicking("journal:1");
    assert_eq!(test_host.create(&host).await, Some(500));
    assert_eq!(test_host.effects().len(), 0, "no call leaves that is not in the journal");
    assert_one_panic(&test_host);
    assert_eq!(test_host.create(&host).await, Some(201));
    assert_each_call_once(&test_host, &host).await;
}

#[tokio::test]
async fn a_panic_after_a_commit_ends_the_process_and_a_restart_loses_nothing() {
    let test_host = TestHost::start().await;
    let mut host = test_host.spawn_panicking("journal-done:1");
    // Whether it was written is not known: the answer says so, unless the process ends before it is sent.
    let status = test_host.create(&host).await;
    assert!(matches!(status, None | Some(500)), "{status:?}");
    assert_eq!(host.child.wait().unwrap().code(), Some(70));
    assert_one_panic(&test_host);
    assert!(test_host.log().contains("panic: the process ends, to be started again"));

    let host = test_host.spawn(None);
    assert_each_call_once(&test_host, &host).await;
    assert_eq!(test_host.create(&host).await, Some(201));
    assert_eq!(test_host.create(&host).await, Some(409));
}

#[tokio::test]
async fn a_panic_of_the_thread_of_the_log_does_not_keep_the_log_long() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    let host = test_host.spawn_panicking_with_short_log("log-copied:2");
    for n in 0..150 {
        let (status, _) =
            test_host.scim(&host, "POST", "/Users", user(&format!("user{n}"))).await.unwrap();
        assert_eq!(status, 201);
    }
    assert_one_panic(&test_host);
    let log = test_host.data.path().join("muster.db-wal");
    // Without the thread, 150 users make it longer than 2 MB.
    while std::fs::metadata(&log).unwrap().len() > 50 * 4096 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        test_host.scim(&host, "POST", "/Users", user("last")).await.unwrap();
    }
}

#[tokio::test]
async fn a_panic_in_a_step_of_a_job_is_a_step_that_failed_and_the_job_goes_on() {
    let test_host = TestHost::start().await;
    let host = test_host.spawn(None);
    for name in ["ada", "bob", "eve"] {
        let (status, _) = test_host.scim(&host, "POST", "/Users", user(name)).await.unwrap();
        assert_eq!(status, 201);
    }
    drop(host);
    let host = test_host.spawn_panicking("call:1");
    let request = json!({ "people": "deactivate" });
    let path = "/tenants/calls/disconnect";
    test_host.admin(&host, "POST", path, request).await;
    let mut errors = Vec::new();
    let ended = loop {
        let jobs = test_host.admin(&host, "GET", "/jobs?limit=1", Value::Null).await;
        let job = jobs["items"][0].clone();
        if job["finished"].is_string() {
            break job;
        }
        errors.push(job["last_error"].clone());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(ended["done"], 3, "{ended}");
    assert!(errors.contains(&json!("internal error; see the server log")), "{errors:?}");
    assert_one_panic(&test_host);
}
