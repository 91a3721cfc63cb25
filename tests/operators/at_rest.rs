//! What the files of a host hold, and for whom: no credential of an app in clear text, and nothing for other
//! users of the machine.

use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::command_line::{KilledOnDrop, muster};
use crate::support::test_host::{HostProcess, TestHost};

const SECRET: &str = "correct-horse-battery";

fn endpoints(secret: &str) -> Value {
    json!({ "app": {
        "base_url": "https://app.example",
        "auth": { "header": { "name": "x-key", "value": { "value": secret } } },
    } })
}

/// The names of the files in the data directory that have this text.
fn files_with(data: &Path, text: &str) -> Vec<String> {
    let files = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    let has = |path: &std::path::PathBuf| {
        path.is_file()
            && fs::read(path).unwrap().windows(text.len()).any(|it| it == text.as_bytes())
    };
    files.filter(has).map(|path| path.display().to_string()).collect()
}

/// Creates the app `crm` with this secret.
async fn create_app(test_host: &TestHost, host: &HostProcess, secret: &str) {
    let app = json!({ "name": "crm", "connector": "two-state", "endpoints": endpoints(secret) });
    test_host.admin(host, "POST", "/apps", app).await;
}

#[tokio::test]
async fn a_secret_that_an_operator_gives_is_in_no_file_of_the_host() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    let data = test_host.data.path();
    let host = test_host.spawn(None);
    create_app(&test_host, &host, SECRET).await;
    assert_eq!(files_with(data, SECRET), Vec::<String>::new());
    let next = json!({ "set_endpoints": endpoints("the-next-secret") });
    let shown = test_host.admin(&host, "PATCH", "/apps/crm", next).await;
    assert_eq!(shown["endpoints"]["app"]["auth"]["header"]["value"], json!({ "value": "…" }));
    drop(host);
    for text in [SECRET, "the-next-secret"] {
        assert_eq!(files_with(data, text), Vec::<String>::new());
    }
    assert!(!files_with(data, "https://app.example").is_empty(), "the files are looked through");
}

#[tokio::test]
async fn secrets_that_an_older_host_stored_as_they_were_given_are_sealed_at_the_start() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    let data = test_host.data.path();
    let host = test_host.spawn(None);
    create_app(&test_host, &host, "another-secret").await;
    drop(host);
    // As a host of schema 1 has stored it.
    let database = Connection::open(data.join("muster.db")).unwrap();
    let given = endpoints(SECRET).to_string();
    let sql = "UPDATE app SET endpoints = ? WHERE name = 'crm'";
    assert_eq!(database.execute(sql, [given]).unwrap(), 1);
    drop(database);
    assert!(!files_with(data, SECRET).is_empty());
    let host = test_host.spawn(None);
    assert_eq!(files_with(data, SECRET), Vec::<String>::new());
    // The host has the same secret as before: to give it again changes nothing.
    let same = json!({ "set_endpoints": endpoints(SECRET) });
    test_host.admin(&host, "PATCH", "/apps/crm", same).await;
    let audit = test_host.admin(&host, "GET", "/audit", Value::Null).await;
    let changed = |row: &&Value| row["action"] == "PATCH /apps/{app}";
    assert_eq!(audit["items"].as_array().unwrap().iter().find(changed), None);
}

#[tokio::test]
async fn a_secret_that_is_lost_with_the_host_key_is_named_and_can_be_given_again() {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    let data = test_host.data.path();
    let host = test_host.spawn(None);
    create_app(&test_host, &host, SECRET).await;
    drop(host);
    fs::remove_file(data.join("host.key")).unwrap();
    let output = muster(&["host-key", "replace", "--data"]).arg(data).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("credentials of these apps are lost") && said.contains(": crm"),
        "{said}"
    );
    let host = test_host.spawn(None);
    let reply = json!({ "reply": "when-recorded" });
    let (status, body) = test_host.try_admin(&host, "PATCH", "/apps/crm", reply).await.unwrap();
    let detail = body["detail"].as_str().unwrap_or_default();
    assert!(status == 422 && detail.contains("sealed with another host key"), "{status} {body}");
    let again = json!({ "set_endpoints": endpoints(SECRET) });
    test_host.admin(&host, "PATCH", "/apps/crm", again).await;
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Starts a host that makes files for all users, unless it is told otherwise.
fn start(data: &Path, log: &Path) -> KilledOnDrop {
    let mut command = Command::new("sh");
    let serve = "umask 000; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"";
    command.args(["-c", serve, env!("CARGO_BIN_EXE_muster")]).arg(data);
    command.env("MUSTER_LOG", "warn").env("NO_COLOR", "1").stdout(Stdio::piped());
    let mut host = KilledOnDrop(command.stderr(File::create(log).unwrap()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(host.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("serves"), "{line}");
    host
}

#[tokio::test]
async fn the_files_of_a_host_are_for_its_user_alone_and_wider_modes_are_mended_at_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let files = ["admin.token", "host.key", "muster.db", "muster.db-wal", "muster.db.lock"];
    let check = || {
        for file in files {
            assert_eq!(mode(&data.join(file)), 0o600, "{file}");
        }
        assert_eq!((mode(&data), mode(&data.join("compiled"))), (0o700, 0o700));
    };
    drop(start(&data, &log));
    check();
    assert_eq!(fs::read_to_string(&log).unwrap(), "", "there is nothing to warn of");
    for file in files {
        fs::set_permissions(data.join(file), Permissions::from_mode(0o644)).unwrap();
    }
    fs::write(data.join("notes"), "").unwrap();
    fs::set_permissions(data.join("notes"), Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    drop(start(&data, &log));
    check();
    assert_eq!(mode(&data.join("notes")), 0o644, "it is not the host's");
    let said = fs::read_to_string(&log).unwrap();
    assert_eq!(said.matches("other users had rights to this").count(), 1 + files.len(), "{said}");
    assert!(said.contains("mode=\"755\"") && said.contains("host.key"), "{said}");
}
