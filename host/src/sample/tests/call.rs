//! The token, errors, idempotency keys, the log and ordered faults.

use std::time::Instant;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;

fn ann() -> Value {
    json!({"email": "ann@acme.example"})
}

#[tokio::test]
async fn every_route_needs_the_token() {
    let app = SampleApp::new(TOKEN);
    for (path, authorization) in [
        ("/users", ""),
        ("/users", "Bearer"),
        ("/users", "Bearer sample-token-2"),
        ("/users", "Basic c2FtcGxlLXRva2Vu"),
        ("/nowhere", "Bearer x"),
        ("/log", "Bearer x"),
        ("/faults", "Bearer x"),
    ] {
        let request = Request::builder().uri(path).header("authorization", authorization);
        let (code, problem) = answer(&app, request.body(Body::empty()).unwrap()).await;
        assert_eq!((code, &problem["error"]), (401, &json!("unauthorized")), "{path}");
    }
}

#[tokio::test]
async fn every_error_is_json() {
    let app = SampleApp::new(TOKEN);
    let check = async |method: &str, path: &str, kind: &str, body: &'static str, code: u16| {
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        let (status, problem) = answer(&app, request.body(body.into()).unwrap()).await;
        assert_eq!(status, code, "{method} {path} {body}");
        assert!(problem["error"].is_string() && problem["message"].is_string(), "{problem}");
    };
    check("GET", "/nowhere", "text/plain", "", 404).await;
    check("GET", "/users/usr_1", "text/plain", "", 404).await;
    check("PUT", "/users", "text/plain", "", 405).await;
    check("PUT", "/log", "text/plain", "", 405).await;
    check("POST", "/users", "application/json", "{", 400).await;
    check("POST", "/faults", "application/json", "{", 400).await;
    check("POST", "/users", "application/json", "[]", 422).await;
    check("POST", "/users", "text/plain", "{}", 415).await;
    check("GET", "/users/%ff", "text/plain", "", 400).await;
}

#[tokio::test]
async fn a_call_with_a_known_key_has_no_second_effect() {
    let app = SampleApp::new(TOKEN);
    let first = send(&app, "POST", "/users", Some("op-1"), ann()).await;
    let again = send(&app, "POST", "/users", Some("op-1"), ann()).await;
    assert_eq!(first.0, 201);
    assert_eq!(first, again);
    assert_eq!(app.people().len(), 1);
    let repeated: Vec<bool> = app.log().iter().map(|call| call.repeated).collect();
    assert_eq!(repeated, [false, true]);
    // Without the key, or with another one, it is another call.
    assert_eq!(send(&app, "POST", "/users", Some("op-2"), ann()).await.0, 409);
    assert_eq!(send(&app, "POST", "/users", None, ann()).await.0, 409);
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let app = SampleApp::new(TOKEN);
    send(&app, "POST", "/users", Some("op-1"), ann()).await;
    let other = json!({"email": "bob@acme.example"});
    assert_eq!(send(&app, "POST", "/users", Some("op-1"), other).await.0, 422);
    assert_eq!(send(&app, "GET", "/users", Some("op-1"), Value::Null).await.0, 422);
    assert_eq!(app.people().len(), 1);
}

#[tokio::test]
async fn an_error_is_not_repeated_and_a_read_is_handled_again() {
    let app = SampleApp::new(TOKEN);
    let path = "/organizations/acme/members/usr_00001";
    assert_eq!(send(&app, "PUT", path, Some("op-1"), Value::Null).await.0, 404);
    assert_eq!(send(&app, "GET", "/users", Some("op-2"), Value::Null).await.1["users"], json!([]));
    assert_eq!(created(&app, "/users", ann()).await, "usr_00001");
    assert_eq!(send(&app, "PUT", path, Some("op-1"), Value::Null).await.0, 204);
    let (_, listed) = send(&app, "GET", "/users", Some("op-2"), Value::Null).await;
    assert_eq!(listed["users"][0]["organizations"], json!(["acme"]));
    let repeated: Vec<bool> = app.log().iter().map(|call| call.repeated).collect();
    assert_eq!(repeated, [false, false, false, false, true]);
}

#[tokio::test]
async fn the_log_has_every_call_in_order() {
    let app = SampleApp::new(TOKEN);
    send(&app, "POST", "/users", Some("op-1"), ann()).await;
    get(&app, "/users?email=ann%40acme.example").await;
    status(&app, "PUT", "/nowhere", Value::Null).await;
    let call = |n, method, path, body, key: Option<&str>, status| {
        json!({
            "n": n, "method": method, "path": path, "body": body, "idempotency_key": key,
            "status": status, "repeated": false,
        })
    };
    let expected = [
        call(1, "POST", "/users", ann(), Some("op-1"), 201),
        call(2, "GET", "/users?email=ann%40acme.example", Value::Null, None, 200),
        call(3, "PUT", "/nowhere", Value::Null, None, 404),
    ];
    assert_eq!(get(&app, "/log").await, json!({"calls": expected}));
    assert_eq!(app.log().len(), 3);
}

#[tokio::test]
async fn a_fault_replaces_the_response_to_matching_calls() {
    let app = SampleApp::new(TOKEN);
    let fault = json!({
        "match": "POST /users", "times": 2, "status": 503, "headers": {"retry-after": "1"},
        "body": {"sorry": true},
    });
    assert_eq!(status(&app, "POST", "/faults", fault).await, 204);
    get(&app, "/users").await;
    for _ in 0..2 {
        let failed = send(&app, "POST", "/users", Some("op-1"), ann()).await;
        assert_eq!(failed, (503, json!({"sorry": true})));
    }
    assert!(app.people().is_empty());
    assert_eq!(send(&app, "POST", "/users", Some("op-1"), ann()).await.0, 201);
    let log: Vec<(u16, bool)> = app.log().iter().map(|it| (it.status, it.repeated)).collect();
    assert_eq!(log, [(200, false), (503, false), (503, false), (201, false)]);
}

#[tokio::test]
async fn a_fault_can_be_for_a_body_and_begin_with_a_later_call() {
    let app = SampleApp::new(TOKEN);
    app.fail(Fault { containing: Some("bob@".to_owned()), ..Fault::status("POST", 402, 1) });
    app.fail(Fault::pass("POST /users", 1));
    app.fail(Fault::status("POST /users", 422, 1));
    let person = |name: &str| json!({"email": format!("{name}@acme.example")});
    let mut answers = Vec::new();
    for name in ["ann", "eve", "bob", "eve"] {
        answers.push(status(&app, "POST", "/users", person(name)).await);
    }
    assert_eq!(answers, [201, 422, 402, 201]);
}

#[tokio::test]
async fn faults_are_checked_and_cleared() {
    let app = SampleApp::new(TOKEN);
    for fault in [
        json!({"match": "GET", "status": 99}),
        json!({"match": "GET", "status": 500, "headers": {"a b": "c"}}),
        json!({"match": "GET", "state": 500}),
        json!({"status": 500}),
    ] {
        assert_eq!(status(&app, "POST", "/faults", fault.clone()).await, 422, "{fault}");
    }
    status(&app, "POST", "/faults", json!({"match": "GET", "status": 500})).await;
    assert_eq!(status(&app, "DELETE", "/faults", Value::Null).await, 204);
    get(&app, "/users").await;
}

#[tokio::test]
async fn a_delayed_response_comes_after_the_effect() {
    let app = SampleApp::new(TOKEN);
    let fault = json!({"match": "POST /users", "delay_ms": 500});
    status(&app, "POST", "/faults", fault).await;
    let began = Instant::now();
    let late = send(&app, "POST", "/users", Some("op-1"), ann());
    let again = async {
        while app.people().is_empty() {
            tokio::task::yield_now().await;
        }
        let answer = send(&app, "POST", "/users", Some("op-1"), ann()).await;
        (answer, began.elapsed())
    };
    let (late, (again, after)) = tokio::join!(late, again);
    assert_eq!((late.0, &late), (201, &again));
    assert!(after < Duration::from_millis(500) && began.elapsed() >= Duration::from_millis(500));
}

async fn over_socket(sample: &Sample) -> String {
    let mut stream = TcpStream::connect(sample.address()).await.unwrap();
    let body = ann().to_string();
    let request = format!(
        "POST /users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\
         content-type: application/json\r\nidempotency-key: op-1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The connection may also end with a reset.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_cut_connection_loses_the_response_and_not_the_effect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sample = serve(listener, TOKEN).unwrap();
    sample.fail(Fault::cut("POST /users"));
    let broken = over_socket(&sample).await;
    assert!(!broken.contains("usr_") && !broken.ends_with("0\r\n\r\n"), "{broken}");
    assert_eq!(sample.people().len(), 1);
    let whole = over_socket(&sample).await;
    assert!(whole.starts_with("HTTP/1.1 201 Created\r\n") && whole.contains("usr_00001"));
    assert_eq!(sample.people().len(), 1);
    assert!(sample.log()[1].repeated);
}

#[tokio::test]
async fn a_stopped_app_does_not_listen() {
    let sample = serve(TcpListener::bind("127.0.0.1:0").await.unwrap(), TOKEN).unwrap();
    let address = sample.address();
    assert_eq!(sample.base_url(), format!("http://{address}"));
    assert!(TcpStream::connect(address).await.is_ok());
    sample.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
}
