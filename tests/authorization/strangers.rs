//! What a caller without valid credentials learns: whether its tenant exists, which paths there are and
//! which methods they have, is the same 401.

use std::collections::BTreeMap;
use std::time::Duration;

use muster::cli::local_environment::{LocalEnvironmentConfig, Proxies, ServerOptions};
use muster::clock::Clock;
use reqwest::{Method, Response};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Muster, Tenant, client, user};

/// An answer without what differs from answer to answer.
#[derive(Debug, PartialEq)]
struct Look {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Look {
    async fn of(response: Response) -> Self {
        let own = ["date", "x-request-id"];
        let headers = response.headers().iter().map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let headers = headers.filter(|(name, _)| !own.contains(&name.as_str())).collect();
        Self { status: response.status().as_u16(), headers, body: response.text().await.unwrap() }
    }
}

/// Requests below a base URL: a method, a path, and headers.
type Request = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const REQUESTS: [Request; 16] = [
    ("GET", "/v2/Users", &[]),
    ("GET", "/v2/Users", &[("accept", "application/json")]),
    ("GET", "/v2/Users/7", &[("if-none-match", "W/\"1\"")]),
    ("GET", "/v2", &[]),
    ("GET", "/v2/no/such/route", &[]),
    ("GET", "/v2/Users/%ff", &[]),
    ("PUT", "/v2/Schemas", &[]),
    ("PUT", "/v2/Users", &[]),
    ("DELETE", "/v2/Bulk", &[]),
    ("POST", "/v2/Users", &[("content-type", "text/xml")]),
    ("POST", "/v2/Users", &[("content-encoding", "br")]),
    ("HEAD", "/v2/Users", &[]),
    ("OPTIONS", "/v2/Users", &[]),
    ("GET", "/v1/Users", &[]),
    ("GET", "/v1/Users", &[("accept", "text/xml")]),
    ("PUT", "/v1/Users", &[]),
];

async fn look(url: &str, request: &Request, authorization: Option<&str>) -> Look {
    let (method, path, headers) = request;
    let method: Method = method.parse().unwrap();
    let mut request = client().request(method, format!("{url}{path}"));
    for (name, value) in *headers {
        request = request.header(*name, *value);
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    Look::of(request.send().await.unwrap()).await
}

/// A token of the tenant that has ended.
async fn expired_token(muster: &Muster, clock: &Clock, tenant: &Tenant) -> String {
    let path = format!("/tenants/{}/tokens", tenant.name);
    let minute = Duration::from_secs(60);
    let spec = json!({ "expires": clock.now().saturating_add(minute).unwrap().to_string() });
    let token = muster.admin("POST", &path, Some(spec)).await.expect(201).body;
    clock.set_ahead(2 * minute);
    format!("Bearer {}", token["token"].as_str().unwrap())
}

#[tokio::test]
async fn each_answer_to_a_stranger_is_the_same_for_known_and_unknown_tenants() {
    let clock = Clock::adjustable();
    let config = LocalEnvironmentConfig { clock: clock.clone(), ..Default::default() };
    let muster = Muster::start_with(config).await;
    // OneLogin's answers have a media type of their own.
    let known = muster.tenant_with("roster", "onelogin").await;
    let (expired, cut) = (expired_token(&muster, &clock, &known).await, &known.token[1..]);
    muster.get(&known, "/Users").await.expect(200);
    let url = |tenant: &str| format!("{}/t/{tenant}/scim", muster.stage.url);
    let (there, nowhere) = (url(&known.name), url("nowhere"));
    for request in REQUESTS {
        let expected = look(&nowhere, &request, Some(&format!("Bearer {}", known.token))).await;
        assert_eq!(expected.status, 401, "{request:?} {expected:?}");
        for header in ["allow", "etag", "location"] {
            assert!(!expected.headers.contains_key(header), "{request:?} {expected:?}");
        }
        assert_eq!(expected.headers["www-authenticate"], "Bearer, Basic");
        for authorization in [Some(expired.as_str()), Some(cut), Some("Basic x"), None] {
            for url in [&there, &nowhere] {
                let found = look(url, &request, authorization).await;
                assert_eq!(found, expected, "{request:?} {authorization:?} {url}");
            }
        }
    }
}

#[tokio::test]
async fn a_stranger_learns_no_route_and_no_method_of_the_admin_api() {
    let muster = Muster::start().await;
    let url = format!("{}/admin/v1", muster.stage.url);
    let expected = look(&url, &("GET", "/tenants", &[]), None).await;
    assert_eq!(expected.status, 401);
    for (method, path) in [("GET", "/nothing"), ("PUT", "/tenants"), ("GET", "/apps/%ff/promote")] {
        let found = look(&url, &(method, path, &[]), Some("Bearer muster-0-0")).await;
        assert_eq!(found, expected, "{method} {path}");
    }
    muster.admin("PUT", "/tenants", None).await.expect(405);
}

#[tokio::test]
async fn a_caller_with_a_token_reads_405_with_the_methods_of_the_path() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let answer = muster.scim(&tenant, "PUT", "/Schemas", None).await.expect(405);
    assert!(answer.headers["allow"].to_str().unwrap().contains("GET"));
}

#[tokio::test]
async fn every_answer_is_kept_by_no_cache_and_taken_for_what_it_says_it_is() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let made = muster.post(&tenant, "/Users", user("ada")).await.expect(201);
    let path = format!("/Users/{}", made.id());
    let tag = made.headers["etag"].to_str().unwrap().to_owned();
    let unchanged = muster.scim_with(&tenant, "GET", &path, &[("if-none-match", &tag)], None).await;
    let unchanged = unchanged.expect(304);
    assert_eq!(unchanged.headers["etag"], tag.as_str());
    let nowhere = client().get(format!("{}/nothing", muster.stage.url)).send().await.unwrap();
    let live = client().get(format!("{}/health/live", muster.stage.url)).send().await.unwrap();
    for headers in [
        &made.headers,
        &unchanged.headers,
        &muster.get(&tenant, "/Users/7").await.expect(404).headers,
        &muster.scim(&tenant, "DELETE", &path, None).await.expect(204).headers,
        &muster.admin("GET", "/tenants", None).await.expect(200).headers,
        nowhere.headers(),
        live.headers(),
    ] {
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
}

/// The first line of the answer to this head.
async fn status_line(muster: &Muster, head: &str) -> String {
    let address = muster.stage.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_has_one_host_and_one_authorization() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let token = format!("authorization: Bearer {}\r\n", tenant.token);
    let users = format!("/t/{}/scim/v2/Users", tenant.name);
    for (head, status) in [
        (format!("GET {users} HTTP/1.1\r\nhost: a\r\n{token}"), "200"),
        (format!("GET {users} HTTP/1.1\r\nhost: a\r\nhost: a\r\n{token}"), "400"),
        (format!("GET {users} HTTP/1.1\r\n{token}"), "400"),
        (format!("GET {users} HTTP/1.0\r\n{token}"), "200"),
        // RFC 9112 §3.2.2: the address is used, and the header is ignored.
        (format!("GET http://b{users} HTTP/1.1\r\nhost: a\r\n{token}"), "200"),
        (format!("GET {users} HTTP/1.1\r\nhost: a\r\n{token}{token}"), "400"),
        (format!("GET {users} HTTP/1.1\r\nhost: a\r\nauthorization: x\r\n{token}"), "400"),
        ("GET /health/live HTTP/1.1\r\nhost: a\r\nhost: b\r\n".to_owned(), "400"),
        (
            "GET /admin/v1/apps HTTP/1.1\r\nhost: a\r\nauthorization: a\r\nauthorization: b\r\n"
                .to_owned(),
            "400",
        ),
    ] {
        let line = status_line(&muster, &head).await;
        assert!(line.contains(status), "{head}{line}");
    }
}

/// A host that answers three failed sign-ins a minute at once, behind a proxy on loopback.
async fn guarded() -> Muster {
    let server = ServerOptions {
        failed_sign_ins: 3,
        proxies: Proxies::parse(&["127.0.0.0/8".to_owned()]).unwrap(),
        ..ServerOptions::default()
    };
    Muster::start_with(LocalEnvironmentConfig { server, ..Default::default() }).await
}

/// The answer to a request with this token, which the proxy says comes from this address.
async fn from(muster: &Muster, source: &str, tenant: &Tenant, token: &str) -> Response {
    let request = client().get(format!("{}/Users", tenant.base_url)).bearer_auth(token);
    assert!(muster.stage.url.starts_with("http"));
    request.header("x-forwarded-for", source).send().await.unwrap()
}

#[tokio::test]
async fn many_failed_sign_ins_of_a_source_get_429_and_the_right_token_is_still_accepted() {
    let muster = guarded().await;
    let tenant = muster.tenant("roster").await;
    for _ in 0..3 {
        assert_eq!(from(&muster, "192.0.2.1", &tenant, "wrong").await.status(), 401);
    }
    let refused = from(&muster, "192.0.2.1", &tenant, "wrong").await;
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    // What the client says of itself in front of the proxy's own entry is not believed.
    assert_eq!(from(&muster, "7.7.7.7, 192.0.2.1", &tenant, "wrong").await.status(), 429);
    assert_eq!(from(&muster, "192.0.2.1", &tenant, &tenant.token).await.status(), 200);
    assert_eq!(from(&muster, "192.0.2.2", &tenant, "wrong").await.status(), 401);
    let admin = client().get(format!("{}/admin/v1/apps", muster.stage.url));
    let admin = admin.header("x-forwarded-for", "192.0.2.1").send().await.unwrap();
    assert_eq!(admin.status(), 429);
}

#[tokio::test]
async fn many_failed_sign_ins_with_a_token_id_get_429_from_every_source() {
    let muster = guarded().await;
    let tenant = muster.tenant("roster").await;
    let id = tenant.token.split('-').nth(1).unwrap();
    for (id, unknown) in [(id, false), ("0123456789ab", true)] {
        let wrong = format!("muster-{id}-wrong");
        let net = if unknown { 1 } else { 2 };
        let mut statuses = Vec::new();
        for n in 1..=4 {
            let source = format!("198.51.{net}.{n}");
            statuses.push(from(&muster, &source, &tenant, &wrong).await.status().as_u16());
        }
        // Also with an id that no token has: it must not be told apart.
        assert_eq!(statuses, [401, 401, 401, 429], "{id}");
    }
    assert_eq!(from(&muster, "198.51.2.1", &tenant, &tenant.token).await.status(), 200);
}

#[tokio::test]
async fn operators_see_failed_sign_ins_of_tenants_and_tokens() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let path = format!("/tenants/{}", tenant.name);
    let tokens = format!("{path}/tokens");
    let before = muster.admin("GET", &path, None).await.expect(200).body;
    assert_eq!(before["failed_sign_ins"], 0);
    assert!(before["last_failed_sign_in"].is_null());
    for token in [format!("{}x", tenant.token), "wrong".to_owned()] {
        muster.send("GET", &format!("{}/Users", tenant.base_url), &token, None).await.expect(401);
    }
    let shown = muster.admin("GET", &path, None).await.expect(200).body;
    assert_eq!(shown["failed_sign_ins"], 2);
    assert!(shown["last_failed_sign_in"].is_string());
    let token = &muster.admin("GET", &tokens, None).await.expect(200).body["items"][0];
    assert_eq!(token["failed_sign_ins"], 1);
    let last = token["last_failed_sign_in"].as_str().unwrap();
    let (_, listed) = muster.command(&["token", "list", &tenant.name]).await;
    assert!(listed.contains(&format!("1, last {last}")), "{listed}");
}
