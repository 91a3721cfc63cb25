//! Silent and slow clients, too many connections, and the shutdown of a host.

use std::time::Duration;

use muster::cli::local_environment::{
    LocalEnvironment, LocalEnvironmentConfig, ServerOptions, Timeouts,
};
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
    start_with(ServerOptions { timeouts, ..ServerOptions::default() }).await
}

async fn start_with(server: ServerOptions) -> Muster {
    Muster::start_with(LocalEnvironmentConfig { server, ..LocalEnvironmentConfig::default() }).await
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
async fn a_connection_without_a_first_request_is_closed_long_before_an_idle_one() {
    let muster =
        start(Timeouts { first_head: SHORT, head: 4 * VERY_LONG, ..Timeouts::default() }).await;
    let mut used = connect(&muster).await;
    used.write_all(LIVE).await.unwrap();
    assert!(is_answered(&mut used).await);
    let mut silent = connect(&muster).await;
    assert_eq!(read_until_closed(&mut silent).await, "");
    let mut trickling = connect(&muster).await;
    trickling.write_all(b"GET /health/live HTTP/1.1\r\nx: ").await.unwrap();
    assert_eq!(read_until_closed(&mut trickling).await, "");
    used.write_all(LIVE).await.unwrap();
    assert!(is_answered(&mut used).await);
}

const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";

/// Whether an answer comes; false if the connection is closed.
async fn is_answered(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 1024];
    let read = timeout(VERY_LONG, stream.read(&mut buffer)).await;
    let read = read.expect("there is neither an answer nor an end").unwrap_or(0);
    buffer[..read].starts_with(b"HTTP/1.1 200")
}

#[tokio::test]
async fn silent_connections_beyond_the_limit_block_no_client() {
    let muster = start_with(ServerOptions { connections: 8, ..ServerOptions::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..230 {
        silent.push(connect(&muster).await);
    }
    let mut client = connect(&muster).await;
    client.write_all(LIVE).await.unwrap();
    assert!(is_answered(&mut client).await);
    // The first of the silent connections were closed.
    assert_eq!(read_until_closed(&mut silent[0]).await, "");
}

#[tokio::test]
async fn a_busy_connection_is_not_closed_for_a_new_one() {
    let muster = start_with(ServerOptions { connections: 8, ..ServerOptions::default() }).await;
    let tenant = muster.tenant("roster").await;
    let body = user("ada").to_string();
    let head = format!(
        "POST /t/{}/scim/v2/Users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/scim+json\r\ncontent-length: {}\r\n\r\n",
        tenant.name,
        tenant.token,
        body.len()
    );
    let mut busy = connect(&muster).await;
    busy.write_all(head.as_bytes()).await.unwrap();
    let begun = Instant::now();
    while muster.admin("GET", &format!("/tenants/{}/tokens", tenant.name), None).await.body["items"]
        [0]["last_used"]
        .is_null()
    {
        assert!(begun.elapsed() < VERY_LONG, "the request did not begin");
    }
    let mut silent = Vec::new();
    for _ in 0..30 {
        silent.push(connect(&muster).await);
    }
    assert_eq!(read_until_closed(&mut silent[0]).await, "");
    busy.write_all(body.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    busy.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, *b"HTTP/1.1 201");
}

#[tokio::test]
async fn a_head_of_a_megabyte_is_refused_with_431() {
    let muster = start(Timeouts::default()).await;
    let (mut reader, mut writer) = connect(&muster).await.into_split();
    let sending = tokio::spawn(async move {
        let begin = b"GET /health/live HTTP/1.1\r\nhost: x\r\nx: ".as_slice();
        let sent = writer.write_all(&[begin, &vec![b'x'; 1 << 20]].concat()).await;
        (sent.is_ok(), writer)
    });
    let mut status = [0; 12];
    reader.read_exact(&mut status).await.unwrap();
    assert_eq!(status, *b"HTTP/1.1 431");
    drop(reader);
    timeout(VERY_LONG, sending).await.expect("the host neither reads nor closes").unwrap();
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
        server: ServerOptions {
            timeouts: Timeouts { stop, ..Timeouts::default() },
            ..ServerOptions::default()
        },
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
