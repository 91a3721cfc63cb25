//! Apps that are slow, broken, busy or unreachable.

use std::io::Read as _;

use super::*;

const LIMIT: usize = 1 << 20;

fn silence() -> ScriptedReply {
    ScriptedReply::Silence(Duration::from_secs(30))
}

/// Performs `GET /` and returns its report with the number of requests that the app received.
async fn ask(replies: impl IntoIterator<Item = ScriptedReply>) -> (DeliveryReport, usize) {
    let app = ScriptedApp::start(replies).await;
    let endpoint = endpoint(&app.base_url, &json!({"timeout": "300ms"}));
    let performed = perform(&endpoint, &request("GET", "/")).await;
    (performed, app.requests().len())
}

#[tokio::test]
async fn a_request_to_a_busy_app_is_repeated_with_the_same_key() {
    for status in [429, 500, 502, 503, 504] {
        let app = ScriptedApp::start([answer(status, "", ""), answer(200, "", "done")]).await;
        let endpoint = endpoint(&app.base_url, &json!({}));
        let request = with_json(request("POST", "/users"), &json!({"name": "Ann"}));
        let performed = perform(&endpoint, &request).await;
        assert_eq!(performed.attempts.len(), 2, "{status}");
        assert_eq!(performed.response.unwrap().body, b"done");
        let sent = app.requests();
        assert!(sent[0].contains("idempotency-key: op-1\r\n"));
        assert_eq!(sent[0], sent[1]);
    }
}

#[tokio::test]
async fn a_final_response_is_not_retried() {
    for status in [400, 401, 403, 404, 408, 409, 412, 422, 501] {
        let (performed, seen) = ask([answer(status, "", ""), answer(200, "", "")]).await;
        assert_eq!((performed.response.unwrap().status, seen), (status, 1));
    }
}

#[tokio::test]
async fn the_last_response_of_an_app_that_stays_busy_is_returned() {
    let (performed, seen) = ask([answer(503, "", "busy")]).await;
    assert_eq!(performed.response.unwrap().body, b"busy");
    assert_eq!((performed.attempts.len(), seen), (5, 5));
}

#[tokio::test]
async fn retry_after_is_waited_for_if_the_deadline_allows_it() {
    let (performed, _) = ask([answer(429, "retry-after: 1\r\n", ""), answer(200, "", "")]).await;
    assert_eq!(performed.response.unwrap().status, 200);
    assert!(performed.elapsed >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_response_with_retry_after_beyond_the_deadline_is_returned_at_once() {
    for header in ["retry-after: 60\r\n", "retry-after: 18446744073709551615\r\n"] {
        let (performed, seen) = ask([answer(429, header, ""), answer(200, "", "")]).await;
        let response = performed.response.unwrap();
        assert_eq!((response.status, seen), (429, 1));
        assert!(response.headers.iter().any(|(name, _)| name == "retry-after"));
        assert!(performed.elapsed < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_slow_app_is_a_timeout_and_is_not_retried() {
    let (performed, seen) = ask([silence()]).await;
    assert_eq!(performed.response, Err(Unreachable::Timeout));
    assert_eq!((performed.attempts.len(), seen), (1, 1));
    assert!(performed.elapsed < Duration::from_secs(5));
}

#[tokio::test]
async fn an_app_that_never_ends_its_response_is_a_timeout() {
    let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun".to_vec();
    let (performed, _) = ask([ScriptedReply::Bytes(begun)]).await;
    assert_eq!(performed.response, Err(Unreachable::Timeout));
}

#[tokio::test]
async fn the_deadline_ends_an_attempt_before_its_own_timeout() {
    let app = ScriptedApp::start([silence()]).await;
    let (delivery, endpoint) =
        (Delivery::new(&rules()).unwrap(), endpoint(&app.base_url, &json!({})));
    let deadline = Instant::now() + Duration::from_millis(100);
    let get = request("GET", "/");
    let performed = delivery.perform(&call(&endpoint, &get), deadline).await.unwrap();
    assert_eq!((performed.response, performed.attempts.len()), (Err(Unreachable::Timeout), 1));
    let performed = delivery.perform(&call(&endpoint, &get), deadline).await.unwrap();
    assert_eq!((performed.response, performed.attempts.len()), (Err(Unreachable::Timeout), 0));
}

#[tokio::test]
async fn the_last_response_before_the_deadline_is_returned() {
    let app = ScriptedApp::start([answer(503, "", "busy")]).await;
    let (delivery, endpoint) =
        (Delivery::new(&rules()).unwrap(), endpoint(&app.base_url, &json!({})));
    let deadline = Instant::now() + Duration::from_millis(800);
    let get = request("GET", "/");
    let performed = delivery.perform(&call(&endpoint, &get), deadline).await.unwrap();
    assert_eq!(performed.response.unwrap().body, b"busy");
    assert!((2..5).contains(&performed.attempts.len()), "{}", performed.attempts.len());
    assert!(Instant::now() < deadline);
}

#[tokio::test]
async fn a_broken_connection_is_retried() {
    for broken in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot-a-size\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "\0\0\0\0",
    ] {
        let cut = ScriptedReply::Cut(broken.as_bytes().to_vec());
        let (performed, _) = ask([cut, answer(200, "", "whole")]).await;
        assert_eq!(performed.response.unwrap().body, b"whole", "{broken:?}");
        assert_eq!(performed.attempts.len(), 2, "{broken:?}");
    }
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_tried_five_times() {
    let (performed, seen) = ask([ScriptedReply::Cut(Vec::new())]).await;
    assert_eq!(performed.response, Err(Unreachable::Connection));
    assert_eq!((performed.attempts.len(), seen), (5, 5));
}

#[tokio::test]
async fn an_unreachable_app_is_a_connection_failure() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    // A label of 64 characters is not valid, so this name needs no DNS server.
    let unknown = format!("http://{}.example", "x".repeat(64));
    let delivery = Delivery::new(&rules()).unwrap();
    for base_url in [&base_url, &unknown] {
        let (endpoint, get) = (endpoint(base_url, &json!({})), request("GET", "/"));
        let deadline = Instant::now() + Duration::from_millis(500);
        let performed = delivery.perform(&call(&endpoint, &get), deadline).await.unwrap();
        assert_eq!(performed.response, Err(Unreachable::Connection), "{base_url}");
        assert!(performed.attempts.len() > 1, "{base_url}");
    }
}

#[tokio::test]
async fn an_https_request_to_a_plain_server_fails() {
    let app = ScriptedApp::start([answer(200, "", "")]).await;
    let base_url = app.base_url.replace("http:", "https:");
    let endpoint = endpoint(&base_url, &json!({"timeout": "2s"}));
    let performed = perform(&endpoint, &request("GET", "/")).await;
    assert!(matches!(performed.response, Err(Unreachable::Connection | Unreachable::Timeout)));
}

#[tokio::test]
async fn a_response_of_a_mebibyte_is_read_and_a_larger_one_is_not() {
    let (performed, _) = ask([answer(200, "", &"x".repeat(LIMIT))]).await;
    assert_eq!(performed.response.unwrap().body.len(), LIMIT);
    let (performed, seen) = ask([answer(200, "", &"x".repeat(LIMIT + 1))]).await;
    assert_eq!((performed.response, seen), (Err(Unreachable::TooLarge), 1));
}

#[tokio::test]
async fn an_endless_response_is_read_only_up_to_the_limit() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // Without a last chunk, a client that reads on waits until the timeout.
    let endless = format!("{head}{}", chunk.repeat(17)).into_bytes();
    let (performed, _) = ask([ScriptedReply::Bytes(endless)]).await;
    assert_eq!(performed.response, Err(Unreachable::TooLarge));
}

#[tokio::test]
async fn repeated_failures_open_the_circuit_of_that_app() {
    let app = ScriptedApp::start([ScriptedReply::Cut(Vec::new())]).await;
    let (delivery, endpoint) =
        (Delivery::new(&rules()).unwrap(), endpoint(&app.base_url, &json!({})));
    let get = request("GET", "/");
    let mut results = Vec::new();
    for _ in 0..3 {
        let performed = delivery.perform(&call(&endpoint, &get), soon(10)).await.unwrap();
        results.push((performed.response.unwrap_err(), performed.attempts.len()));
    }
    let connection = (Unreachable::Connection, 5);
    assert_eq!(results, [connection, connection, (Unreachable::CircuitOpen, 0)]);
    assert_eq!(app.requests().len(), 10);
    // The app's other tenants and other apps are not affected.
    let of_other = OutboundCall { tenant: "globex", ..call(&endpoint, &get) };
    let performed = delivery.perform(&of_other, soon(10)).await.unwrap();
    assert_eq!(performed.response, Err(Unreachable::Connection));
    let other = ScriptedApp::start([answer(200, "", "")]).await;
    let endpoint = super::endpoint(&other.base_url, &json!({}));
    let performed = delivery.perform(&call(&endpoint, &get), soon(10)).await.unwrap();
    assert_eq!(performed.response.unwrap().status, 200);
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_not_retried_and_opens_no_circuit() {
    let app = ScriptedApp::start([answer(200, "", "")]).await;
    let (delivery, endpoint) =
        (Delivery::new(&rules()).unwrap(), endpoint(&app.base_url, &json!({})));
    let query = vec![("q".to_owned(), "x".repeat(70_000))];
    let long = Request { query, ..request("GET", "/") };
    for _ in 0..20 {
        let refused = delivery.perform(&call(&endpoint, &long), soon(10)).await.unwrap_err();
        assert_eq!(refused, DeliveryError::Url);
    }
    let get = request("GET", "/");
    let performed = delivery.perform(&call(&endpoint, &get), soon(10)).await.unwrap();
    assert_eq!(performed.response.unwrap().status, 200);
    assert_eq!(app.requests().len(), 1);
}

/// A small compressed body may be gigabytes when it is expanded. muster asks for no compression
/// (RFC 9110 §12.5.3), and withholds what comes compressed all the same.
#[tokio::test]
async fn a_compressed_response_is_not_expanded() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(&mut std::io::repeat(b'a').take(64 * LIMIT as u64), &mut gzip).unwrap();
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < LIMIT);
    let head = format!(
        "HTTP/1.1 200 x\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        bomb.len()
    );
    let app = ScriptedApp::start([ScriptedReply::Bytes([head.as_bytes(), &bomb].concat())]).await;
    let performed = perform(&endpoint(&app.base_url, &json!({})), &request("GET", "/")).await;
    assert!(performed.response.unwrap().body.is_empty());
    assert!(!app.requests()[0].contains("accept-encoding: gzip"));
}
