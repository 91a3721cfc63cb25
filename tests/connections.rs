//! Slow clients, and the shutdown of a host.

use std::time::Duration;

use muster::cli::local_environment::{LocalEnvironment, LocalEnvironmentConfig, Timeouts};
use muster::clock::Clock;
use muster::sample::Fault;
use muster::store::{OperationFilter, OperationState, Store};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Muster, client, compiled, data_directory, user};

/// Far longer than every timeout of these tests: a wait of this time means that there is no timeout.
const VERY_LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(500);

async fn start(timeouts: Timeouts) -> Muster {
    Muster::start_with(LocalEnvironmentConfig { timeouts, ..LocalEnvironmentConfig::default() })
        .await
}

async fn connect(muster: &Muster) -> TcpStream {
    TcpStream::connect(muster.stage.url.trim_start_matches("http://")).await.unwrap()
}

/// Everything that the host sends until it closes the connection.
async fn read_until_closed(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    // An error is a reset connection, which is closed too.
    let end = timeout(VERY_LONG, stream.read_to_end(&mut received)).await;
    drop(end.expect("the host never closes the connection"));
    String::from_utf8(received).unwrap()
}

#[tokio::test]
async fn a_client_that_sends_its_head_too_slowly_is_disconnected() {
    let muster = start(Timeouts { head: SHORT, ..Timeouts::default() }).await;
    let (mut reader, mut writer) = connect(&muster).await.into_split();
    let trickle = tokio::spawn(async move {
        let mut head = b"GET /health/live HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'x'));
        while writer.write_all(&[*head.next().unwrap()]).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let mut received = Vec::new();
    let end = timeout(VERY_LONG, reader.read_to_end(&mut received)).await;
    drop(end.expect("the host never closes the connection"));
    assert_eq!(received, b"");
    timeout(VERY_LONG, trickle).await.expect("the host never closes the connection").unwrap();
    muster.admin("GET", "/tenants", None).await.expect(200);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_timeout() {
    let muster = start(Timeouts { head: SHORT, ..Timeouts::default() }).await;
    let mut stream = connect(&muster).await;
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let response = read_until_closed(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 200") && response.contains("live"), "{response}");
}

#[tokio::test]
async fn a_client_that_sends_its_body_too_slowly_gets_408_and_is_disconnected() {
    let muster = start(Timeouts { body: SHORT, ..Timeouts::default() }).await;
    let tenant = muster.tenant("roster").await;
    let mut stream = connect(&muster).await;
    let head = format!(
        "POST /t/{}/scim/v2/Users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/scim+json\r\ncontent-length: 1000\r\n\r\n{{",
        tenant.name, tenant.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let response = read_until_closed(&mut stream).await;
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    assert!(response.contains("connection: close") && response.contains("application/scim+json"));
    let error: Value = serde_json::from_str(response.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(error["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(error["status"], "408");
    assert!(error["detail"].as_str().unwrap().contains("did not arrive"), "{error}");
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 0);
}

/// Stops a host while the app takes `delay` to answer a create. Returns the status that Okta got, if
/// any, and the states of the operations in the journal afterwards.
async fn stop_during_create(stop: Duration, delay: Duration) -> (Option<u16>, Vec<String>) {
    let data = data_directory();
    let stage = LocalEnvironment::start(LocalEnvironmentConfig {
        data: Some(data.path().to_owned()),
        compiler: env!("CARGO_BIN_EXE_muster").into(),
        compiled: Some(compiled()),
        timeouts: Timeouts { stop, ..Timeouts::default() },
        ..LocalEnvironmentConfig::default()
    });
    let stage = stage.await.unwrap();
    let tenant = stage.tenant("acme", "three-state", "okta", "acme").await.unwrap();
    let delay_ms = delay.as_millis().try_into().unwrap();
    stage.sample.fail(Fault { delay_ms, ..Fault::status("POST /organizations", 503, 1) });
    let create = client()
        .post(format!("{}/Users", tenant.base_url))
        .bearer_auth(tenant.token)
        .header("content-type", "application/scim+json")
        .body(user("ada").to_string());
    let create = tokio::spawn(async { create.send().await.ok().map(|it| it.status().as_u16()) });
    let begun = Instant::now();
    while stage.host.operations.count() == 0 {
        assert!(begun.elapsed() < VERY_LONG, "the create did not start");
        sleep(Duration::from_millis(10)).await;
    }
    timeout(VERY_LONG, stage.stop()).await.expect("the host does not stop").unwrap();
    let store = Store::open(&data.path().join("muster.db"), Clock::system()).await.unwrap();
    let journal = store.operations(&OperationFilter::default()).await.unwrap();
    let states = journal.iter().map(|row| row.state.name().to_owned()).collect();
    (create.await.unwrap(), states)
}

#[tokio::test]
async fn a_host_that_stops_finishes_pending_operations() {
    let ended = stop_during_create(VERY_LONG, SHORT).await;
    assert_eq!(ended, (Some(201), vec![OperationState::Done.name().to_owned()]));
}

#[tokio::test]
async fn a_host_stops_after_its_timeout_and_leaves_open_operations_in_the_journal() {
    // No response: if the host had waited for the app's timeout, Okta would have got a 429.
    let ended = stop_during_create(SHORT, 2 * VERY_LONG).await;
    assert_eq!(ended, (None, vec![OperationState::Open.name().to_owned()]));
}
