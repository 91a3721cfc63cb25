//! Nothing is given up at a start: an operation that this host cannot restore stays open with its
//! reason, and goes on when the cause is gone.

use std::process::Command;
use std::time::Duration;

use muster::sample::{Fault, Sample};
use rusqlite::Connection;
use serde_json::Value;
use tokio::time::sleep;

use crate::support::test_host::{HostProcess, TestHost};

/// The only operation of the host.
async fn operation(test_host: &TestHost, host: &HostProcess) -> Value {
    let listed = test_host.admin(host, "GET", "/operations?limit=10", Value::Null).await;
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{listed}");
    items[0].clone()
}

/// A host that was killed at the second of four calls for Ada.
async fn killed() -> TestHost {
    let test_host = TestHost::start().await;
    let mut dying = test_host.spawn(Some("call:2"));
    assert_eq!(test_host.create(&dying).await, None);
    assert!(!dying.child.wait().unwrap().success());
    test_host
}

/// The operation goes on to its end, each call once.
async fn goes_on(test_host: &TestHost, host: &HostProcess) {
    test_host.settled(host).await;
    let operation = operation(test_host, host).await;
    assert_eq!(operation["state"], "done", "{operation}");
    assert_eq!(test_host.people(host).await, 1);
    let effects = test_host.effects();
    assert_eq!((effects.len(), effects.values().max()), (4, Some(&1)), "{effects:?}");
}

/// Starts the host with a cause that keeps it from restoring the operation: the operation stays open
/// and says why.
async fn stays_open(test_host: &TestHost, reasons: &[&str]) {
    let host = test_host.spawn(None);
    let says = |waiting: &Value| {
        let note = waiting["note"].as_str().unwrap_or_default().to_owned();
        reasons.iter().any(|reason| note.contains(reason))
    };
    let mut note = Value::Null;
    for _ in 0..100 {
        let waiting = operation(test_host, &host).await;
        assert_eq!(waiting["state"], "open", "{waiting}");
        if says(&waiting) {
            return;
        }
        note = waiting["note"].clone();
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the operation does not say why it waits, but {note}");
}

/// Changes what an earlier version of the host has left in the database.
fn change(test_host: &TestHost, statement: &str) {
    let database = Connection::open(test_host.data.path().join("muster.db")).unwrap();
    database.execute_batch(statement).unwrap();
}

#[tokio::test]
async fn an_operation_whose_connector_is_not_trusted_stays_open_and_goes_on_when_it_is() {
    let test_host = killed().await;
    let key = test_host.data.path().join("other");
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    assert!(command.args(["connector", "key"]).arg(&key).output().unwrap().status.success());
    test_host.configure(&format!("trusted_keys = [{:?}]\n", key.with_extension("pub")));
    stays_open(&test_host, &["sign", "trust"]).await;
    test_host.configure("");
    goes_on(&test_host, &test_host.spawn(None)).await;
}

#[tokio::test]
async fn an_operation_whose_connector_does_not_compile_stays_open_and_goes_on_when_it_does() {
    let test_host = killed().await;
    // The cache is shared with other tests and has the compiled connector.
    std::fs::remove_file(test_host.data.path().join("compiled")).unwrap();
    change(
        &test_host,
        "CREATE TABLE kept AS SELECT digest, component FROM connector WHERE name = 'four-calls';
         UPDATE connector SET component = x'0061736d' WHERE name = 'four-calls';",
    );
    stays_open(&test_host, &["not WebAssembly"]).await;
    change(
        &test_host,
        "UPDATE connector SET component = (SELECT component FROM kept) WHERE name = 'four-calls';
         DROP TABLE kept;",
    );
    goes_on(&test_host, &test_host.spawn(None)).await;
}

#[tokio::test]
async fn an_operation_whose_settings_do_not_fit_stays_open_and_goes_on_when_they_do() {
    const CONFIG: &str = "answer_within_seconds = 1\nfirst_back_off_seconds = 1\n";
    let url = async |sample: &Sample| sample.base_url();
    let test_host = TestHost::of_embedded("two-state", CONFIG, url).await;
    test_host.sample.fail(Fault::status("PUT /organizations", 503, 1000));
    let host = test_host.spawn(None);
    assert_eq!(test_host.create(&host).await, Some(429));
    drop(host);
    test_host.sample.heal();
    change(&test_host, r#"UPDATE app SET settings = '{"colour":"blue"}' WHERE name = 'people';"#);
    stays_open(&test_host, &["settings", "colour"]).await;
    assert!(test_host.sample.members("people").is_empty());
    change(&test_host, "UPDATE app SET settings = '{}' WHERE name = 'people';");
    let host = test_host.spawn(None);
    test_host.settled(&host).await;
    assert_eq!(operation(&test_host, &host).await["state"], "done");
    assert_eq!(test_host.sample.members("people").len(), 1);
}
