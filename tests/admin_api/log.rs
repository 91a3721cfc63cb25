//! The log of a host has one line for each change by the admin API: who, what and which.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::command_line::{KilledOnDrop, muster};

#[test]
fn each_change_is_logged_with_its_operator_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let mut command = muster(&["serve", "--listen", "127.0.0.1:0", "--log-json", "--data"]);
    command.arg(&data).env_remove("MUSTER_LOG").stdout(Stdio::piped());
    let mut serve = KilledOnDrop(command.stderr(File::create(&log).unwrap()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(serve.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let run = |args: &[&str]| {
        let output = muster(args).args(["--json", "--url", url, "--data"]).arg(&data).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    run(&["app", "create", "people", "--connector", "roster"]);
    // The second one changes nothing, and no version is retired that is in use.
    run(&["connector", "retire", "two-state"]);
    run(&["connector", "retire", "two-state"]);
    run(&["connector", "restore", "two-state@0.1.0"]);
    run(&["connector", "restore", "two-state@0.1.0"]);
    run(&["app", "set", "people", "--reply", "when-recorded"]);
    run(&["tenant", "create", "acme", "--app", "people"]);
    run(&["tenant", "set", "acme", "--dialect", "okta"]);
    let token = run(&["token", "add", "acme"]);
    let id = token["id"].as_str().unwrap();
    run(&["token", "revoke", "acme", id]);
    run(&["tenant", "pause", "acme"]);
    run(&["tenant", "connect", "acme"]);
    run(&["tenant", "disconnect", "acme"]);
    run(&["tenant", "disconnect", "acme", "--proceed"]);
    run(&["tenant", "remove", "acme"]);
    run(&["app", "remove", "people"]);

    let log = std::fs::read_to_string(&log).unwrap();
    assert!(!log.contains(token["token"].as_str().unwrap()), "{log}");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = lines.iter().map(|line| &line["fields"]);
    let changes: Vec<&Value> = fields
        .clone()
        .filter(|it| it["message"].as_str().is_some_and(|it| it.starts_with("admin: ")))
        .collect();
    let said: Vec<&str> =
        changes.iter().map(|it| &it["message"].as_str().unwrap()["admin: ".len()..]).collect();
    assert_eq!(
        said,
        [
            "app created",
            "version retired",
            "version restored",
            "app changed",
            "tenant created",
            "tenant changed",
            "token created",
            "token revoked",
            "tenant paused",
            "tenant connected",
            "disconnect requested",
            "tenant removed",
            "app removed",
        ]
    );
    let operator = std::fs::read_to_string(data.join("admin.token")).unwrap();
    let operator = operator.split('-').nth(1).unwrap();
    assert!(changes.iter().all(|it| it["by"] == operator), "{changes:?}");
    assert_eq!((&changes[0]["app"], &changes[4]["tenant"]), (&"people".into(), &"acme".into()));
    assert_eq!((&changes[6]["token"], &changes[7]["token"]), (&id.into(), &id.into()));
    let connectors: Vec<&Value> =
        fields.clone().map(|it| &it["connector"]).filter(|it| !it.is_null()).collect();
    assert_eq!(connectors, ["two-state@0.1.0"; 4]);
    // The line of a request names the tenant if it has one.
    let of = |route: &str| fields.clone().find(|it| it["route"] == route).unwrap();
    assert_eq!(of("/admin/v1/tenants/{tenant}/pause")["tenant"], "acme");
    assert_eq!(of("/admin/v1/apps")["tenant"], Value::Null);
}
