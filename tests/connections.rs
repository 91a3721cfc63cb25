//! Clients that take their time, and the end of a host.

use std::time::Duration;

use muster::cli::stage::{Patience, Stage, StageConfig};
use muster::clock::Clock;
use muster::sample::Fault;
use muster::store::{OperationFilter, OperationState, Store};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Muster, client, compiled, data_directory, user};

/// Far beyond every limit of these tests: who waits so long waits for ever.
const FOR_EVER: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(500);

async fn start(patience: Patience) -> Muster {
    Muster::start_with(StageConfig { patience, ..StageConfig::default() }).await
}

async fn connect(muster: &Muster) -> TcpStream {
    TcpStream::connect(muster.stage.url.trim_start_matches("http://")).await.unwrap()
}

/// What the host says before it closes the connection.
async fn last_words(stream: &mut TcpStream) -> String {
    let mut words = Vec::new();
    // A connection that is reset has ended as well.
    let end = timeout(FOR_EVER, stream.read_to_end(&mut words)).await;
    drop(end.expect("the connection stays open for ever"));
    String::from_utf8(words).unwrap()
}

#[tokio::test]
async fn a_client_that_trickles_its_head_is_left() {
    let muster = start(Patience { head: SHORT, ..Patience::default() }).await;
    let (mut reader, mut writer) = connect(&muster).await.into_split();
    let trickle = tokio::spawn(async move {
        let mut head = b"GET /health/live HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat(&b'x'));
        while writer.write_all(&[*head.next().unwrap()]).await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    let mut words = Vec::new();
    let end = timeout(FOR_EVER, reader.read_to_end(&mut words)).await;
    drop(end.expect("the connection stays open for ever"));
    assert_eq!(words, b"");
    timeout(FOR_EVER, trickle).await.expect("it can trickle on for ever").unwrap();
    muster.admin("GET", "/tenants", None).await.expect(200);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_while() {
    let muster = start(Patience { head: SHORT, ..Patience::default() }).await;
    let mut stream = connect(&muster).await;
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let words = last_words(&mut stream).await;
    assert!(words.starts_with("HTTP/1.1 200") && words.contains("live"), "{words}");
}

#[tokio::test]
async fn a_client_that_trickles_its_body_is_told_so_and_left() {
    let muster = start(Patience { body: SHORT, ..Patience::default() }).await;
    let tenant = muster.tenant("roster").await;
    let mut stream = connect(&muster).await;
    let head = format!(
        "POST /t/{}/scim/v2/Users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/scim+json\r\ncontent-length: 1000\r\n\r\n{{",
        tenant.name, tenant.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let words = last_words(&mut stream).await;
    assert!(words.starts_with("HTTP/1.1 408"), "{words}");
    assert!(words.contains("connection: close") && words.contains("application/scim+json"));
    let error: Value = serde_json::from_str(words.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(error["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(error["status"], "408");
    assert!(error["detail"].as_str().unwrap().contains("did not arrive"), "{error}");
    assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 0);
}

/// A host that stops while the app takes `delay` over a create: what Okta got, and what stands
/// in the journal afterwards.
async fn stopped_amid_a_create(stop: Duration, delay: Duration) -> (Option<u16>, Vec<String>) {
    let data = data_directory();
    let stage = Stage::start(StageConfig {
        data: Some(data.path().to_owned()),
        compiler: env!("CARGO_BIN_EXE_muster").into(),
        compiled: Some(compiled()),
        patience: Patience { stop, ..Patience::default() },
        ..StageConfig::default()
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
        assert!(begun.elapsed() < FOR_EVER, "the create never began");
        sleep(Duration::from_millis(10)).await;
    }
    timeout(FOR_EVER, stage.stop()).await.expect("the host does not stop").unwrap();
    let store = Store::open(&data.path().join("muster.db"), Clock::system()).await.unwrap();
    let journal = store.operations(&OperationFilter::default()).await.unwrap();
    let states = journal.iter().map(|row| row.state.name().to_owned()).collect();
    (create.await.unwrap(), states)
}

#[tokio::test]
async fn a_host_that_stops_finishes_what_it_has_accepted() {
    let ended = stopped_amid_a_create(FOR_EVER, SHORT).await;
    assert_eq!(ended, (Some(201), vec![OperationState::Done.name().to_owned()]));
}

#[tokio::test]
async fn a_host_that_stops_does_not_wait_for_ever_and_leaves_the_rest_in_the_journal() {
    // Had the host waited for the app's time to run out, Okta would have been told to come back.
    let ended = stopped_amid_a_create(SHORT, 2 * FOR_EVER).await;
    assert_eq!(ended, (None, vec![OperationState::Open.name().to_owned()]));
}
