//! Secrets in a backup: it is sealed by a passphrase if there is one, and what was sealed with the host
//! key is opened by the restored host.

use std::fs;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{backed_up, backup, failed, restore, run, start, succeeded};
use crate::command_line::muster;
use crate::support::guests::guest;
use crate::support::test_host::{HostProcess, TestHost};
use crate::support::{client, patch_op, user};

const VARIABLE: &str = "MUSTER_BACKUP_PASSPHRASE";

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|it| it == text)
}

#[tokio::test]
async fn a_sealed_backup_shows_nothing_and_opens_with_its_passphrase_alone() {
    let (test_host, _host, folder, unsealed) = backed_up().await;
    let data = test_host.data.path();
    let [file, passphrase, wrong] =
        ["sealed", "passphrase", "wrong"].map(|name| folder.path().join(name));
    fs::write(&passphrase, "correct horse battery staple\n").unwrap();
    fs::write(&wrong, "correct horse battery stable\n").unwrap();
    let said = succeeded(&run(backup(data, &file).arg("--passphrase-file").arg(&passphrase)).await);
    assert!(said.contains("sealed by a passphrase") && !said.contains("note:"), "{said}");
    let (plain, sealed) = (fs::read(unsealed).unwrap(), fs::read(&file).unwrap());
    for part in [&b"ada@acme.example"[..], &[7; 32], b"CREATE TABLE"] {
        assert!(contains(&plain, part) && !contains(&sealed, part));
    }

    let restored = folder.path().join("restored");
    let said = failed(&run(&mut restore(&restored, &file)).await);
    assert!(said.contains("a passphrase is needed, and there is no terminal"), "{said}");
    let mut command = restore(&restored, &file);
    let said = failed(&run(command.arg("--passphrase-file").arg(&wrong)).await);
    assert!(said.contains("the passphrase is wrong"), "{said}");
    assert!(!restored.exists());
    // The other way to give it.
    let mut command = restore(&restored, &file);
    let said = succeeded(&run(command.env(VARIABLE, "correct horse battery staple")).await);
    assert!(said.contains("sealed by a passphrase"), "{said}");
    assert_eq!(test_host.people(&start(&restored)).await, 1);
}

#[tokio::test]
async fn a_passphrase_that_is_empty_or_missing_leads_to_no_backup() {
    let (test_host, _host, folder, _) = backed_up().await;
    let (data, file) = (test_host.data.path(), folder.path().join("sealed"));
    let empty = folder.path().join("empty");
    fs::write(&empty, "\n").unwrap();
    let said = failed(&run(backup(data, &file).arg("--passphrase-file").arg(&empty)).await);
    assert!(said.contains("the passphrase is empty"), "{said}");
    let said = failed(&run(backup(data, &file).env(VARIABLE, "")).await);
    assert!(said.contains(VARIABLE) && said.contains("the passphrase is empty"), "{said}");
    let said = failed(&run(backup(data, &file).args(["--passphrase-file", "/nowhere"])).await);
    assert!(said.contains("reading the passphrase in /nowhere"), "{said}");
    let said = failed(&run(backup(data, &file).arg("--seal")).await);
    assert!(said.contains("a passphrase is needed"), "{said}");
    assert!(!file.exists());
}

/// An app that answers 503 until it is told to work, and keeps the bodies that it accepts.
#[derive(Clone, Default)]
struct App(Arc<Mutex<(bool, Vec<String>)>>);

impl App {
    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = self.clone();
        let answer = move |uri: Uri, body: Bytes| async move {
            let mut app = app.0.lock().unwrap();
            if !app.0 {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            app.1.push(format!("{uri} {}", String::from_utf8_lossy(&body)));
            StatusCode::OK
        };
        tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
        });
        url
    }

    fn works(&self, works: bool) {
        self.0.lock().unwrap().0 = works;
    }

    fn was_told(&self, text: &str) -> bool {
        self.0.lock().unwrap().1.iter().any(|it| it.contains(text))
    }
}

/// A tenant of an app that takes passwords.
struct Client {
    users: String,
    token: String,
}

impl Client {
    async fn of(app: &App, test_host: &TestHost, host: &HostProcess) -> Self {
        assert_eq!(test_host.push(host, guest("faulty")).await.unwrap().0, 201);
        let endpoint = json!({ "base_url": app.serve().await, "private_addresses": true });
        let spec = json!({
            "name": "other", "connector": "faulty", "settings": { "fault": "none" },
            "endpoints": { "app": endpoint },
        });
        test_host.admin(host, "POST", "/apps", spec).await;
        let tenant = json!({ "id": "other", "app": "other", "dialect": "okta" });
        test_host.admin(host, "POST", "/tenants", tenant).await;
        let token = test_host.admin(host, "POST", "/tenants/other/tokens", json!({})).await;
        let token = token["token"].as_str().unwrap().to_owned();
        Self { users: "/t/other/scim/v2/Users".to_owned(), token }
    }

    /// The status and the body of the response.
    async fn send(
        &self,
        host: &HostProcess,
        method: Method,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let request = client().request(method, format!("{}{}{path}", host.url, self.users));
        let request = request.header("content-type", "application/scim+json");
        let request = request.bearer_auth(&self.token).body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }
}

#[tokio::test]
async fn a_password_that_waits_in_the_journal_reaches_the_app_from_the_restored_host() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    test_host.configure("answer_within_seconds = 1\nfirst_back_off_seconds = 1\n");
    let host = test_host.spawn(None);
    let app = App::default();
    app.works(true);
    let client = Client::of(&app, &test_host, &host).await;
    let (status, created) = client.send(&host, Method::POST, "", user("ada")).await;
    assert_eq!(status, 201);

    app.works(false);
    let secret = json!([{ "op": "replace", "path": "password", "value": "Secret-99" }]);
    let ada = format!("/{}", created["id"].as_str().unwrap());
    assert_eq!(client.send(&host, Method::PATCH, &ada, patch_op(secret)).await.0, 429);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("muster.backup");
    let said = succeeded(&run(&mut backup(test_host.data.path(), &file)).await);
    assert!(said.contains("(1 open)"), "{said}");
    assert!(!contains(&fs::read(&file).unwrap(), b"Secret-99"), "the password is sealed in there");
    drop(host);

    let restored = folder.path().join("restored");
    succeeded(&run(&mut restore(&restored, &file)).await);
    for file in ["muster.toml", "admin.token"] {
        fs::copy(test_host.data.path().join(file), restored.join(file)).unwrap();
    }
    let host = start(&restored);
    app.works(true);
    test_host.settled(&host).await;
    assert!(app.was_told("Secret-99"));
}

#[tokio::test]
async fn a_creation_whose_password_is_lost_with_the_host_key_is_made_when_it_is_sent_again() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    test_host.configure("answer_within_seconds = 1\nfirst_back_off_seconds = 600\n");
    let host = test_host.spawn(None);
    let app = App::default();
    let client = Client::of(&app, &test_host, &host).await;
    let with_password = |password: &str| {
        let mut body = user("ada");
        body["password"] = password.into();
        body
    };
    let create = async |host: &HostProcess, password| {
        client.send(host, Method::POST, "", with_password(password)).await
    };
    assert_eq!(create(&host, "Secret-1").await.0, 429);
    drop(host);
    fs::remove_file(test_host.data.path().join("host.key")).unwrap();
    let mut replace = muster(&["host-key", "replace", "--data"]);
    let said = succeeded(&run(replace.arg(test_host.data.path())).await);
    assert!(said.contains("1 password"), "{said}");

    let host = test_host.spawn(None);
    app.works(true);
    let mut answers = Vec::new();
    for _ in 0..3 {
        let (status, body) = create(&host, "Secret-1").await;
        answers.push(status.as_u16());
        if status == 201 {
            assert!(app.was_told("Secret-1"), "{answers:?}");
            assert!(answers.len() <= 2, "{answers:?}");
            return;
        }
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("lost with the host key") && status != 500, "{status} {detail}");
    }
    panic!("{answers:?}");
}
