//! Large answers, and clients that do not read them.

use std::net::SocketAddr;
use std::time::Duration;

use muster::cli::local_environment::{LocalEnvironmentConfig, ServerOptions, Timeouts};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::support::{Muster, Tenant, user};

/// Far longer than every timeout of these tests.
const VERY_LONG: Duration = Duration::from_secs(60);

/// More users than a page of 4 MiB has room for: each has 64 KB.
const USERS: usize = 80;

fn large(name: &str) -> Value {
    let mut body = user(name);
    let phone = |n: usize| json!({ "type": n.to_string(), "value": "a".repeat(8000) });
    body["phoneNumbers"] = (0..8).map(phone).collect();
    body
}

/// A tenant with large users, and their ids in order of age.
async fn tenant_with_large_users(muster: &Muster) -> (Tenant, Vec<String>) {
    let tenant = muster.tenant_with("roster", "generic").await;
    let mut ids = Vec::new();
    for n in 0..USERS {
        let created = muster.post(&tenant, "/Users", large(&format!("user{n:03}"))).await;
        ids.push(created.expect(201).id());
    }
    (tenant, ids)
}

fn ids(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().into_iter().flatten();
    resources.map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_page_ends_early_at_its_bytes_and_a_walk_goes_on_there() {
    let muster = Muster::start().await;
    let (tenant, all) = tenant_with_large_users(&muster).await;
    let group = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Staff",
    });
    let group = muster.post(&tenant, "/Groups", group).await.expect(201).id();
    let everything = [all.clone(), vec![group]].concat();
    for (endpoint, query, expected) in [
        ("/Users", "", &all),
        ("/Users", "&filter=active+eq+true", &all),
        ("/Users", "&sortBy=userName", &all),
        ("/Users", "&sortBy=title", &all),
        ("/Users", "&filter=userName+sw+%22user%22&sortBy=emails", &all),
        ("/", "", &everything),
    ] {
        let (mut start, mut seen, mut pages) = (1, Vec::new(), 0);
        while seen.len() < expected.len() {
            let path = format!("{endpoint}?count=200&startIndex={start}{query}");
            let page = muster.get(&tenant, &path).await.expect(200).body;
            let found = ids(&page);
            assert_eq!(page["itemsPerPage"], found.len(), "{path}");
            assert_eq!(page["totalResults"], expected.len(), "{path}");
            assert_eq!(page["startIndex"], start, "{path}");
            assert!(!found.is_empty() && found.len() < 70, "{path}: {}", found.len());
            start += found.len();
            seen.extend(found);
            pages += 1;
        }
        assert_eq!((&seen, pages), (expected, 2), "{endpoint} {query}");
        let (mut cursor, mut seen) = (Some(String::new()), Vec::new());
        while let Some(at) = cursor {
            let path = format!("{endpoint}?count=200&cursor={at}{query}");
            let page = muster.get(&tenant, &path).await.expect(200).body;
            let found = ids(&page);
            assert_eq!(page["itemsPerPage"], found.len(), "{path}");
            assert_eq!(page["totalResults"], expected.len(), "{path}");
            assert!(found.len() < 70, "{path}: {}", found.len());
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            seen.extend(found);
        }
        assert_eq!(&seen, expected, "{endpoint} {query}");
    }
}

/// Sends requests for whole pages, and reads nothing.
async fn ask_and_read_nothing(muster: &Muster, tenant: &Tenant, pages: usize) -> TcpStream {
    let address: SocketAddr = muster.stage.url.trim_start_matches("http://").parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    // The system has little room for what is not read.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = format!(
        "GET /t/{}/scim/v2/Users?count=200 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        tenant.name, tenant.token
    );
    stream.write_all(request.repeat(pages).as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_an_answer_is_disconnected() {
    let timeouts = Timeouts { body: Duration::from_millis(500), ..Timeouts::default() };
    let config = LocalEnvironmentConfig {
        server: ServerOptions { timeouts, ..ServerOptions::default() },
        ..LocalEnvironmentConfig::default()
    };
    let muster = Muster::start_with(config).await;
    let (tenant, _) = tenant_with_large_users(&muster).await;
    let mut client = ask_and_read_nothing(&muster, &tenant, 10).await;
    let unread =
        async || muster.stage.host.config.observations(&tenant.name).unwrap().unread.clone();
    while unread().await.have_room(usize::MAX) {
        sleep(Duration::from_millis(10)).await;
    }
    // The host lets the answer go, though the client neither reads nor closes its connection.
    let released = async {
        while !unread().await.have_room(usize::MAX) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(VERY_LONG, released).await.expect("the host keeps the answer");
    let mut received = Vec::new();
    let end = timeout(VERY_LONG, client.read_to_end(&mut received)).await;
    drop(end.expect("the host never closes the connection"));
    assert!(received.starts_with(b"HTTP/1.1 200"), "{} bytes", received.len());
    muster.get(&tenant, "/Users?count=1").await.expect(200);
}

#[tokio::test]
async fn answers_that_are_not_read_have_a_share_of_the_memory_and_others_are_served() {
    let muster = Muster::start().await;
    let (tenant, ids) = tenant_with_large_users(&muster).await;
    let other = muster.tenant_with("three-state", "generic").await;
    let person = muster.person(&other, "ada").await;
    let path = format!("/Users/{}", ids[0]);
    let mut clients = Vec::new();
    let refused = loop {
        assert!(clients.len() < 100, "the host takes more and more");
        clients.push(ask_and_read_nothing(&muster, &tenant, 4).await);
        let answer = muster.get(&tenant, "/Users?count=200").await;
        if answer.status != 200 {
            break answer.expect(429);
        }
    };
    assert_eq!(refused.headers["retry-after"], "5");
    assert!(
        refused.body["detail"].as_str().unwrap().contains("wait for their clients"),
        "{refused:?}"
    );
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
    muster.post(&tenant, "/Users/.search", search).await.expect(429);
    // A leaver is not refused, and no other tenant notices.
    assert_eq!(muster.set_active(&tenant, &ids[0], false).await.expect(200).body["active"], false);
    muster.get(&other, &format!("/Users/{person}")).await.expect(200);
    assert_eq!(muster.get(&other, "/Users").await.expect(200).body["totalResults"], 1);
    drop(clients);
    let served = async {
        while muster.get(&tenant, "/Users?count=200").await.status != 200 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(VERY_LONG, served).await.expect("the share stays taken");
    assert_eq!(muster.get(&tenant, &path).await.expect(200).body["active"], false);
}

#[tokio::test]
async fn a_query_of_many_conditions_on_large_users_is_refused_and_one_of_few_is_answered() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    for n in 0..12 {
        muster.post(&tenant, "/Users", large(&format!("user{n:03}"))).await.expect(201);
    }
    let of = |conditions: usize| vec!["title co \"x\""; conditions].join(" or ");
    let search = async |filter: String, sort: Option<&str>| {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "filter": filter, "sortBy": sort, "attributes": ["userName"],
        });
        muster.post(&tenant, "/Users/.search", body).await
    };
    for sort in [None, Some("nickName")] {
        let refused = search(of(250), sort).await.expect(400).body;
        assert_eq!(refused["scimType"], "tooMany", "{refused}");
        assert_eq!(search(of(5), sort).await.expect(200).body["totalResults"], 0);
    }
    let phones = vec!["phoneNumbers[type eq \"9\" and value co \"b\"]"; 80].join(" or ");
    let refused = search(phones, None).await.expect(400).body;
    assert_eq!(refused["scimType"], "tooMany", "{refused}");
    // An index leads to one user, who alone is looked at.
    let narrow = format!("userName eq \"user003@acme.example\" and ({})", of(100));
    assert_eq!(search(narrow, None).await.expect(200).body["totalResults"], 0);
}
