//! RFC 7644 §7.5.2: the log holds no personal data of requests.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::client;

#[tokio::test]
async fn the_log_holds_no_personal_data() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["dev", "--json"]).env("MUSTER_LOG", "info,muster=trace");
    let mut dev = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(dev.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let summary: Value = serde_json::from_str(&line).unwrap();
    let mut secrets = vec!["Xenia".to_owned(), "Pass-word-1".to_owned()];
    for tenant in summary["tenants"].as_array().unwrap() {
        let token = tenant["token"].as_str().unwrap();
        let users = format!("{}/Users", tenant["base_url"].as_str().unwrap());
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "Xenia@example.com",
            "emails": [{ "value": "Xenia@example.com" }],
            "password": "Pass-word-1",
        });
        let request = client().post(&users).bearer_auth(token).body(body.to_string());
        assert_eq!(request.send().await.unwrap().status(), 201);
        let found = format!("{users}?filter=userName%20eq%20%22Xenia@example.com%22");
        assert_eq!(client().get(found).bearer_auth(token).send().await.unwrap().status(), 200);
        secrets.push(token.to_owned());
    }
    dev.kill().unwrap();
    dev.wait().unwrap();
    let mut log = String::new();
    dev.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(log.matches("/t/{tenant}/scim/v2/{endpoint}").count() >= 6, "{log}");
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log:\n{log}");
    }
}
