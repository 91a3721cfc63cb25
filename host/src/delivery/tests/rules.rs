//! The rules for requests and responses.

use super::*;

#[tokio::test]
async fn a_request_carries_the_headers_that_the_host_adds() {
    let app = ScriptedApp::start([answer(200, "", "")]).await;
    let own = json!({"auth": {"bearer": {"value": "hunter2"}}, "headers": {"x-version": "7"}});
    let endpoint = endpoint(&format!("{}/v1/", app.base_url), &own);
    let mut request = with_json(request("POST", "/users/a%40b"), &json!({"name": "Ü"}));
    request.query = vec![("notify".into(), "a & b".into())];
    perform(&endpoint, &request).await.response.unwrap();
    let sent = &app.requests()[0];
    assert!(sent.starts_with("post /v1/users/a%40b?notify=a%20%26%20b http/1.1\r\n"), "{sent}");
    for line in [
        "authorization: bearer hunter2",
        "content-type: application/json",
        "idempotency-key: op-1",
        "x-version: 7",
        &format!("host: {}", app.base_url.trim_start_matches("http://")),
        &format!("user-agent: muster/{}", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(sent.contains(&format!("\r\n{line}\r\n")), "{line} is not in {sent}");
    }
    assert!(sent.ends_with("\r\n\r\n{\"name\":\"Ü\"}"), "{sent}");
}

#[tokio::test]
async fn a_response_comes_back_without_headers_that_authenticate() {
    let headers = "X-Request-Id: 7\r\nSet-Cookie: session=1\r\nX-A: 1\r\nx-a: 2\r\n\
                   WWW-Authenticate: Bearer realm=\"x\"\r\nAuthorization: Bearer y\r\n\
                   X-Api-Key: z\r\nlocation: /users/7\r\n";
    let app = ScriptedApp::start([answer(418, headers, "short and stout")]).await;
    let own = json!({"auth": {"header": {"name": "x-api-key", "value": {"value": "hunter2"}}}});
    let performed = perform(&endpoint(&app.base_url, &own), &request("GET", "/")).await;
    let response = performed.response.unwrap();
    assert_eq!((response.status, performed.attempts.len()), (418, 1));
    assert_eq!(response.body, b"short and stout");
    let names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-request-id", "x-a", "x-a", "location", "content-length"]);
}

#[tokio::test]
async fn no_cookie_is_kept() {
    let app = ScriptedApp::start([answer(200, "Set-Cookie: session=1\r\n", "")]).await;
    let (delivery, endpoint) =
        (Delivery::new(&rules()).unwrap(), endpoint(&app.base_url, &json!({})));
    for _ in 0..2 {
        let request = request("GET", "/");
        delivery.perform(&call(&endpoint, &request), soon(10)).await.unwrap();
    }
    assert!(app.requests().iter().all(|request| !request.contains("\r\ncookie:")));
    assert_eq!(app.requests().len(), 2);
}

#[tokio::test]
async fn a_redirect_is_returned_and_not_followed() {
    let app = ScriptedApp::start([answer(302, "location: /elsewhere\r\n", "")]).await;
    let performed = perform(&endpoint(&app.base_url, &json!({})), &request("GET", "/")).await;
    assert_eq!(performed.response.unwrap().status, 302);
    assert_eq!(app.requests().len(), 1);
}

#[tokio::test]
async fn a_private_address_is_refused_unless_the_endpoint_allows_it() {
    let app = ScriptedApp::start([answer(200, "", "")]).await;
    let by_name = app.base_url.replace("127.0.0.1", "localhost");
    for base_url in [&app.base_url, &by_name, &"http://169.254.169.254/latest".to_owned()] {
        let guarded = endpoint(base_url, &json!({"private_addresses": false}));
        let refused = refusal(&guarded, &request("GET", "/")).await;
        assert_eq!(refused, DeliveryError::Address, "{base_url}");
    }
    assert_eq!(app.requests().len(), 0);
    for base_url in [&app.base_url, &by_name] {
        perform(&endpoint(base_url, &json!({})), &request("GET", "/")).await.response.unwrap();
    }
    assert_eq!(app.requests().len(), 2);
}

#[tokio::test]
async fn a_request_that_no_connector_may_make_is_refused_before_anything_is_sent() {
    let app = ScriptedApp::start([answer(200, "", "")]).await;
    let endpoint = endpoint(&app.base_url, &json!({}));
    let header =
        |name: &str| Request { headers: vec![(name.into(), "x".into())], ..request("GET", "/") };
    for (refused, word) in [
        (request("TRACE", "/"), "method"),
        (request("GET", "/../admin"), "path"),
        (request("GET", "//evil.example"), "path"),
        (header("authorization"), "header \"authorization\""),
        (header("Host"), "header \"host\""),
        (Request { body: Some(vec![]), ..request("POST", "/") }, "content-type"),
    ] {
        let error = refusal(&endpoint, &refused).await.to_string();
        assert!(error.contains(word), "{error}");
    }
    assert_eq!(app.requests().len(), 0);
}

#[tokio::test]
async fn only_the_app_receives_a_password() {
    let app = ScriptedApp::start([answer(200, "", r#"{"password":"correct horse"}"#)]).await;
    let endpoint = endpoint(&app.base_url, &json!({}));
    let request = with_json(request("POST", "/users"), &json!({"password": "stand-in-1"}));
    let before = request.clone();
    let password = Placeholder {
        text: "stand-in-1".into(),
        value: Secret::new("correct horse"),
        fields: vec!["/password".into()],
    };
    let delivery = Delivery::new(&rules()).unwrap();
    let call = OutboundCall { placeholders: &[password], ..call(&endpoint, &request) };
    let performed = delivery.perform(&call, soon(10)).await;
    assert!(app.requests()[0].ends_with(r#"{"password":"correct horse"}"#));
    assert_eq!(request, before);
    assert_eq!(performed.unwrap().response.unwrap().body, br#"{"password":"stand-in-1"}"#);
}

/// The header and the body that come back from an app that repeats a request's secret in both.
async fn echoed(own: Value, echo: &str) -> (String, String) {
    let headers = format!("x-echo: {echo}\r\nretry-after: 99\r\n");
    let app = ScriptedApp::start([answer(500, &headers, &format!("you sent {echo}"))]).await;
    let performed = perform(&endpoint(&app.base_url, &own), &request("GET", "/")).await;
    let response = performed.response.unwrap();
    let header = response.headers.iter().find(|(name, _)| name == "x-echo").unwrap();
    (header.1.clone(), String::from_utf8(response.body).unwrap())
}

#[tokio::test]
async fn credentials_that_an_app_repeats_do_not_come_back() {
    let secret = json!({"value": "s3cret/token"});
    let bearer = json!({"auth": {"bearer": secret}});
    let both = |echo: &str| (echo.to_owned(), format!("you sent {echo}"));
    assert_eq!(echoed(bearer.clone(), "Bearer s3cret/token").await, both("Bearer …"));
    assert_eq!(echoed(bearer, "token=s3cret%2Ftoken").await, both("token=…"));
    let ssws =
        json!({"header": {"name": "authorization", "value": {"value": "SSWS s3cret-token"}}});
    assert_eq!(echoed(json!({"auth": ssws}), "s3cret-token").await, both("…"));
    let basic = json!({"auth": {"basic": {"user": "me", "password": {"value": "s3cret-token"}}}});
    assert_eq!(echoed(basic, "Basic bWU6czNjcmV0LXRva2Vu").await, both("Basic …"));
    // A second key is recognised by its header's name; other headers may hold anything.
    let second = json!({"headers": {"x-app-key": "s3cret-token", "x-version": "2026-01-01"}});
    assert_eq!(echoed(second, "s3cret-token, 2026-01-01").await, both("…, 2026-01-01"));
}

#[tokio::test]
async fn credentials_come_back_neither_in_another_case_nor_in_parts_nor_compressed() {
    let bearer = json!({"auth": {"bearer": {"value": "s3cret/token"}}});
    let upper = ("BEARER …".to_owned(), "you sent BEARER …".to_owned());
    assert_eq!(echoed(bearer.clone(), "BEARER S3CRET/TOKEN").await, upper);
    for form in [
        "content-range: bytes 0-5/12\r\n",
        "content-type: multipart/byteranges; boundary=x\r\n",
        "Content-Encoding: GZIP\r\n",
        "content-encoding: identity, br\r\n",
    ] {
        let app = ScriptedApp::start([answer(206, form, "s3cret")]).await;
        let performed = perform(&endpoint(&app.base_url, &bearer), &request("GET", "/")).await;
        let response = performed.response.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (206, &b""[..]), "{form}");
        assert!(app.requests()[0].contains("\r\naccept-encoding: identity\r\n"));
    }
    // Some apps answer so to a part of a list, and some name a charset where a coding belongs.
    for form in ["content-range: people 0-9/99\r\n", "content-encoding: utf-8\r\n"] {
        let app = ScriptedApp::start([answer(206, form, "[]")]).await;
        let performed = perform(&endpoint(&app.base_url, &bearer), &request("GET", "/")).await;
        assert_eq!(performed.response.unwrap().body, b"[]", "{form}");
    }
}

#[tokio::test]
async fn a_short_secret_is_concealed_as_a_whole_value() {
    let own = json!({"auth": {"bearer": {"value": "use"}}});
    let (header, body) = echoed(own.clone(), "use").await;
    assert_eq!((header.as_str(), body.as_str()), ("…", "you sent use"));
    let (header, _) = echoed(own, "user").await;
    assert_eq!(header, "user");
}
