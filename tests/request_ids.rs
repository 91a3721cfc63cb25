//! Request ids: one in the header of each response, in each internal error, and in the log.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{client, patch_op, user};

/// A host in a process of its own, with its log in a file.
struct LoggedHost {
    folder: tempfile::TempDir,
    process: Child,
    /// Addresses and tokens.
    summary: Value,
}

impl Drop for LoggedHost {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A response: its status, the request id in its header, and its body.
struct Response {
    status: u16,
    id: String,
    body: Value,
}

impl LoggedHost {
    fn start() -> Self {
        Self::start_with_log("info")
    }

    /// A host whose log is filtered.
    fn start_with_log(filter: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(["dev", "--json", "--data"]).arg(folder.path().join("data"));
        command.env("MUSTER_LOG", filter).stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { folder, process, summary: serde_json::from_str(&line).unwrap() }
    }

    async fn send(&self, api: &Value, method: &str, path: &str, body: Option<Value>) -> Response {
        let url = format!("{}{path}", api["base_url"].as_str().unwrap());
        let mut request = client().request(method.parse().unwrap(), url);
        request = request.bearer_auth(api["token"].as_str().unwrap());
        request = request.header("x-request-id", "an-id-of-the-client");
        if let Some(body) = body {
            let body = body.to_string();
            request = request.header("content-type", "application/scim+json").body(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let body = serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default();
        Response { status, id, body }
    }

    fn scim(&self) -> &Value {
        &self.summary["tenants"][0]
    }

    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("data/muster.db")).unwrap()
    }

    /// The lines of the log with this text.
    fn log(&self, text: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// Checks that the detail of a 500 and the log line of its cause name the request.
    #[track_caller]
    fn check_internal_error(&self, id: &str, detail: &Value) {
        assert_eq!(*detail, format!("internal error (request {id}); see the server log"));
        let lines = self.log(id);
        assert!(lines.iter().any(|line| line.contains("ERROR") && line.contains("error=")));
        assert!(lines.iter().any(|line| line.contains("http: request answered")), "{lines:?}");
    }
}

#[tokio::test]
async fn each_response_has_the_id_of_its_request() {
    let host = LoggedHost::start();
    let mut ids = Vec::new();
    for (path, status) in
        [("/Users", 200), ("/Users", 200), ("/Users/none", 404), ("/no/such", 404)]
    {
        let response = host.send(host.scim(), "GET", path, None).await;
        assert_eq!(response.status, status, "{path}");
        let lines = host.log(&response.id);
        let [line] = &lines[..] else { panic!("{path}: {lines:?}") };
        assert!(line.contains(&format!("status={status}")), "{line}");
        ids.push(response.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert!(host.log("an-id-of-the-client").is_empty());
}

#[tokio::test]
async fn a_request_whose_client_leaves_is_a_line_of_the_log_too() {
    let host = LoggedHost::start();
    // The tenant on the two-state connector.
    let [app, tenant] = [&host.summary["app"], &host.summary["tenants"][1]];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let fault = json!({ "match": "GET /users", "delay_ms": 60_000 });
    let faults = client().post(format!("{}/faults", text(&app["base_url"]))).json(&fault);
    let answer = faults.bearer_auth(text(&app["token"])).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let create = client().post(format!("{}/Users", text(&tenant["base_url"])));
    let create = create.bearer_auth(text(&tenant["token"])).json(&user("ada"));
    create.timeout(Duration::from_millis(300)).send().await.unwrap_err();
    let line = async {
        loop {
            if let Some(line) = host.log("client left before the answer").pop() {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let line = tokio::time::timeout(Duration::from_secs(20), line).await.expect("it is logged");
    assert!(line.contains("method=POST") && line.contains("tenant="), "{line}");
    assert!(!line.contains("status="), "{line}");
}

#[tokio::test]
async fn an_internal_error_names_its_request_and_the_log_has_its_cause() {
    let host = LoggedHost::start();
    let created = host.send(host.scim(), "POST", "/Users", Some(user("ada"))).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let path = format!("/Users/{}", created.body["id"].as_str().unwrap());
    host.database().execute("UPDATE resource SET document = '[]'", []).unwrap();
    let operations = json!([{ "op": "replace", "value": { "title": "Lead" } }]);

    let failed = host.send(host.scim(), "PATCH", &path, Some(patch_op(operations.clone()))).await;
    assert_eq!(failed.status, 500, "{}", failed.body);
    host.check_internal_error(&failed.id, &failed.body["detail"]);

    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "PATCH", "path": path, "data": operations }],
    });
    let answered = host.send(host.scim(), "POST", "/Bulk", Some(bulk)).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    let operation = &answered.body["Operations"][0];
    assert_eq!(operation["status"], "500");
    host.check_internal_error(&answered.id, &operation["response"]["detail"]);
}

#[tokio::test]
async fn an_internal_error_of_the_admin_api_names_its_request() {
    let host = LoggedHost::start();
    host.database().execute("UPDATE tenant SET settings = 'damaged'", []).unwrap();
    let failed = host.send(&host.summary["admin"], "GET", "/tenants", None).await;
    assert_eq!(failed.status, 500, "{}", failed.body);
    host.check_internal_error(&failed.id, &failed.body["detail"]);
}

#[tokio::test]
async fn a_request_id_leads_to_the_operation_and_its_reason() {
    // The lines about operations name their request, also without the line for each request.
    let host = LoggedHost::start_with_log("info,muster::request_log=off");
    let admin = &host.summary["admin"];
    let app = json!({
        "name": "crm", "connector": "two-state", "settings": { "organization": "acme" },
        "endpoints": { "app": { "base_url": "http://127.0.0.1:1", "private_addresses": true } },
    });
    let tenant = json!({ "id": "acme", "app": "crm" });
    for (path, body) in [("/apps", app), ("/tenants", tenant)] {
        let created = host.send(admin, "POST", path, Some(body)).await;
        assert_eq!(created.status, 201, "{}", created.body);
    }
    let token = host.send(admin, "POST", "/tenants/acme/tokens", Some(json!({}))).await.body;

    let answered = host.send(&token, "POST", "/Users", Some(user("ada"))).await;
    assert_eq!(answered.status, 503, "{}", answered.body);
    let lines = host.log(&answered.id);
    assert!(!lines.iter().any(|line| line.contains("http: request answered")), "{lines:?}");
    let line = lines.iter().find(|line| line.contains("operation: to be retried")).unwrap();
    let operation = line.split_once("operation=\"").unwrap().1.split('"').next().unwrap();
    let shown = host.send(admin, "GET", &format!("/operations/{operation}"), None).await.body;
    assert_eq!(shown["tenant"], "acme");
    assert!(shown["note"].as_str().unwrap().contains("got no connection"), "{shown}");
}
