//! Watched folders (`--watch`) of `muster dev` and `muster serve`: the binary runs, connector files
//! change, and its output reports what it did with them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::command_line::{KilledOnDrop, muster};
use crate::support::guests::guest;
use crate::support::{client, compiled, data_directory, replaced, user};

/// A watched folder, and the data directory of the host that watches it.
struct WatchedFolder {
    folder: TempDir,
    data: TempDir,
}

/// A host that watches a folder, and the lines that it prints.
struct WatchingHost {
    _process: KilledOnDrop,
    lines: UnboundedReceiver<String>,
}

impl WatchedFolder {
    fn new() -> Self {
        let data = data_directory();
        std::os::unix::fs::symlink(compiled(), data.path().join("compiled")).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), data }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, wasm: &[u8]) {
        // A rename, because the host would report a half-written file.
        let hidden = self.at(&format!(".{name}"));
        fs::write(&hidden, wasm).unwrap();
        fs::rename(hidden, self.at(name)).unwrap();
    }

    fn start(&self, args: &[&str]) -> WatchingHost {
        fs::create_dir_all(compiled()).unwrap();
        let mut command = muster(args);
        command.arg("--data").arg(self.data.path()).arg("--watch").arg(self.folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = KilledOnDrop(command.spawn().unwrap());
        let stdout = BufReader::new(process.0.stdout.take().unwrap());
        let (sender, lines) = unbounded_channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        WatchingHost { _process: process, lines }
    }

    /// Starts `muster dev`, and returns its summary too.
    async fn dev(&self) -> (WatchingHost, Value) {
        let mut host = self.start(&["dev", "--json"]);
        let summary = host.report().await;
        (host, summary)
    }

    /// Runs an operator's command, and returns its output.
    #[track_caller]
    fn run(&self, url: &str, args: &[&str]) -> String {
        let mut command = muster(args);
        let output = command.args(["--url", url, "--data"]).arg(self.data.path()).output().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{args:?}: {printed}");
        printed
    }
}

impl WatchingHost {
    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(Duration::from_secs(120), self.lines.recv()).await;
        line.expect("the host prints a line").expect("the host runs")
    }

    /// The next report, as `--json` prints it.
    async fn report(&mut self) -> Value {
        serde_json::from_str(&self.line().await).unwrap()
    }

    /// The next message: all lines up to an empty one.
    async fn message(&mut self) -> String {
        let mut message = String::new();
        loop {
            let line = self.line().await;
            if line.is_empty() {
                return message;
            }
            message = message + &line + "\n";
        }
    }
}

/// A connector named `letter`. Builds with different numbers differ only in two texts, not in their
/// version.
fn letters(build: u32) -> Vec<u8> {
    let note = format!("Decided by {build}.2.");
    let text = format!("{build}he person is put on the roster.");
    let wasm = replaced(guest("roster-next"), "\"name\": \"roster\"", "\"name\": \"letter\"");
    replaced(replaced(wasm, "Decided by 0.2.", &note), "The person is put on the roster.", &text)
}

/// The tenant of this name in the summary of `muster dev`.
fn tenant<'a>(summary: &'a Value, name: &str) -> Option<&'a Value> {
    summary["tenants"].as_array().unwrap().iter().find(|tenant| tenant["tenant"] == name)
}

/// Creates a user, and returns the status.
async fn create(tenant: &Value, name: &str) -> u16 {
    let url = format!("{}/Users", tenant["base_url"].as_str().unwrap());
    let request = client().post(url).bearer_auth(tenant["token"].as_str().unwrap());
    let request = request.header("content-type", "application/scim+json");
    request.body(user(name).to_string()).send().await.unwrap().status().as_u16()
}

async fn admin(summary: &Value, path: &str) -> Value {
    let url = format!("{}{path}", summary["admin"]["base_url"].as_str().unwrap());
    let token = summary["admin"]["token"].as_str().unwrap();
    let answer = client().get(url).bearer_auth(token).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// Creates a user, and returns the note and the connector version of its operation.
async fn decided(summary: &Value, tenant: &Value, name: &str) -> (String, String) {
    assert_eq!(create(tenant, name).await, 201);
    let newest = admin(summary, "/operations?tenant=letter&limit=1").await;
    let text = |member: &str| newest["items"][0][member].as_str().unwrap().to_owned();
    (text("note"), text("version"))
}

#[tokio::test]
async fn a_changed_file_is_promoted_and_no_request_fails() {
    let folder = WatchedFolder::new();
    folder.write("letters.wasm", &letters(1));
    let (mut host, summary) = folder.dev().await;
    let tenant = tenant(&summary, "letter").unwrap();
    let first = host.report().await;
    let version = first["connector"]["version"].as_str().unwrap();
    assert!(first["watched"] == "loaded" && version.starts_with("0.2.0+dev."), "{first}");

    let mut created = 0;
    let second = {
        folder.write("letters.wasm", &letters(2));
        let report = host.report();
        tokio::pin!(report);
        loop {
            let name = format!("p{created}");
            tokio::select! {
                biased;
                report = &mut report => break report,
                status = create(tenant, &name) => assert_eq!(status, 201),
            }
            created += 1;
        }
    };
    let promoted = &second["apps"][0];
    assert_eq!(promoted["before"]["version"], first["connector"]["version"], "{second}");
    assert_ne!(promoted["connector"]["version"], first["connector"]["version"]);
    let change = &promoted["changes"]["lifecycle"][0];
    let texts = (&change["before"]["text"], &change["after"]["text"]);
    assert_eq!(change["event"], "create");
    let text = |n: u32| json!(format!("{n}he person is put on the roster."));
    assert_eq!(texts, (&text(1), &text(2)));
    let version = promoted["connector"]["version"].as_str().unwrap();
    let by = decided(&summary, tenant, "ada").await;
    assert_eq!(by, ("Decided by 2.2.".to_owned(), format!("letter@{version}")));
}

#[tokio::test]
async fn an_app_of_muster_dev_keeps_its_configuration_and_gets_missing_endpoints() {
    let folder = WatchedFolder::new();
    folder.write("letters.wasm", &letters(1));
    let (mut host, summary) = folder.dev().await;
    let first = host.report().await;
    let set = json!({ "reply": "when-recorded" });
    let url = format!("{}/apps/letter", summary["admin"]["base_url"].as_str().unwrap());
    let token = summary["admin"]["token"].as_str().unwrap();
    let set = client().patch(url).bearer_auth(token).body(set.to_string());
    assert_eq!(set.send().await.unwrap().status(), 200);

    folder.write("letters.wasm", &letters(2));
    assert_eq!(host.report().await["apps"][0]["before"], first["connector"]);
    let app = admin(&summary, "/apps/letter").await;
    assert_eq!((&app["reply"], &app["endpoints"]), (&json!("when-recorded"), &json!({})));

    let planted = replaced(guest("planted"), "\"name\": \"roster\"", "\"name\": \"letter\"");
    folder.write("letters.wasm", &planted);
    let third = host.report().await;
    let promoted = &third["apps"][0];
    assert_eq!(promoted["changes"]["asks"], json!(["the endpoint app (The app.)"]), "{third}");
    let app = admin(&summary, "/apps/letter").await;
    assert!(app["endpoints"]["app"].is_object(), "{app}");
}

#[tokio::test]
async fn an_invalid_file_changes_nothing_and_an_unchanged_file_is_not_reported() {
    let folder = WatchedFolder::new();
    let (mut host, summary) = folder.dev().await;
    assert_eq!(tenant(&summary, "letter"), None, "the folder is still empty");
    folder.write("letters.wasm", &letters(1));
    let first = host.report().await;
    assert_eq!(first["apps"][0]["before"], Value::Null, "{first}");
    let tenant = host.report().await;
    assert_eq!(tenant["connector"], "letter");

    folder.write("letters.wasm", &letters(2)[..9000]);
    let refused = host.report().await;
    assert_eq!((&refused["watched"], &refused["stays"]), (&json!("refused"), &first["connector"]));
    assert!(!refused["error"].as_str().unwrap().is_empty());
    assert_eq!(decided(&summary, &tenant, "ada").await.0, "Decided by 1.2.");

    // The valid file again, the same file written once more, and the same file renamed.
    folder.write("half.wasm", &letters(1));
    fs::rename(folder.at("half.wasm"), folder.at("letters.wasm")).unwrap();
    assert_no_report(&folder, &mut host, "whole").await;
    folder.write("letters.wasm", &letters(1));
    assert_no_report(&folder, &mut host, "same").await;
    fs::rename(folder.at("letters.wasm"), folder.at("post.wasm")).unwrap();
    assert_no_report(&folder, &mut host, "renamed").await;

    folder.write("post.wasm", &letters(3));
    let third = host.report().await;
    assert!(third["file"].as_str().unwrap().ends_with("post.wasm"), "{third}");
    assert_eq!(third["apps"][0]["before"], first["connector"]);
    assert_eq!(decided(&summary, &tenant, "bob").await.0, "Decided by 3.2.");

    fs::remove_file(folder.at("post.wasm")).unwrap();
    let gone = host.report().await;
    assert_eq!((&gone["watched"], &gone["stays"]), (&json!("gone"), &third["connector"]));
    assert_eq!(decided(&summary, &tenant, "cleo").await.0, "Decided by 3.2.");
}

/// Asserts that the earlier changes cause no report. Creates two folders, which are reported as
/// invalid files: the first report says that the earlier changes have settled, the second that their
/// reports would have been printed.
async fn assert_no_report(folder: &WatchedFolder, host: &mut WatchingHost, name: &str) {
    for name in [format!("{name}-1.wasm"), format!("{name}-2.wasm")] {
        fs::create_dir(folder.at(&name)).unwrap();
        let invalid = host.report().await;
        assert!(invalid["file"].as_str().unwrap().ends_with(&name), "{invalid}");
        assert_eq!(
            (&invalid["watched"], &invalid["error"]),
            (&json!("refused"), &json!("it is not a file"))
        );
    }
}

#[tokio::test]
async fn a_file_changed_while_no_host_ran_is_loaded_and_replaced_builds_are_retired() {
    let folder = WatchedFolder::new();
    folder.write("letters.wasm", &letters(1));
    let (mut host, summary) = folder.dev().await;
    let first = host.report().await;
    assert_eq!(decided(&summary, tenant(&summary, "letter").unwrap(), "ada").await.0, note(1));
    drop(host);

    folder.write("letters.wasm", &letters(2));
    let (mut host, summary) = folder.dev().await;
    let second = host.report().await;
    assert_eq!(second["apps"][0]["before"], first["connector"], "{second}");
    assert_eq!(decided(&summary, tenant(&summary, "letter").unwrap(), "bob").await.0, note(2));

    for build in 3..=5 {
        folder.write("letters.wasm", &letters(build));
        host.report().await;
    }
    let all = admin(&summary, "/connectors").await;
    let all = all["items"].as_array().unwrap();
    let kept: Vec<&Value> = all.iter().filter(|it| it["name"] == "letter").collect();
    assert!(
        (2..=3).contains(&kept.len()),
        "the deciding build and the one for a rollback: {kept:?}"
    );
    // A retired build keeps its version, which the journal refers to.
    let path = format!("/connectors/{}", first["connector"]["digest"].as_str().unwrap());
    let retired = admin(&summary, &path).await;
    assert!(retired["retired"].is_string() && retired["size"] == 0, "{retired}");
    assert_eq!(retired["version"], first["connector"]["version"]);
}

fn note(build: u32) -> String {
    format!("Decided by {build}.2.")
}

#[tokio::test]
async fn muster_serve_promotes_a_build_for_the_apps_of_its_connector() {
    let folder = WatchedFolder::new();
    let mut host = folder.start(&["serve", "--listen", "127.0.0.1:0"]);
    let line = host.line().await;
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    while !host.line().await.contains("no connector in it yet") {}
    assert_eq!(host.line().await, "");
    folder.run(&url, &["app", "create", "people", "--connector", "roster"]);

    folder.write("letters.wasm", &letters(1));
    let pushed = host.message().await;
    assert!(pushed.starts_with("pushed letters.wasm "), "{pushed}");
    assert!(pushed.contains("no app uses letter yet"), "{pushed}");

    folder.write("roster.wasm", &guest("roster-next"));
    let promoted = host.message().await;
    let (first, rest) = promoted.split_once('\n').unwrap();
    assert!(first.starts_with("promoted roster.wasm ") && first.ends_with(" ms"), "{promoted}");
    assert!(rest.starts_with("app people: roster@0.1.0 → roster@0.2.0+dev."), "{promoted}");
    let rows = "  deactivate: suspended → unsupported\n    was The person's entry is suspended.";
    assert!(rest.contains(rows), "{promoted}");

    // This connector needs an endpoint that the app does not have.
    folder.write("planted.wasm", &guest("planted"));
    let refused = host.message().await;
    assert!(refused.starts_with("not promoted planted.wasm "), "{refused}");
    assert!(refused.contains("app people: connector roster needs an endpoint named app"));
    assert!(refused.contains("roster.wasm holds roster too"), "{refused}");
    let app = folder.run(&url, &["app", "show", "people"]);
    assert!(app.contains("roster@0.2.0+dev."), "{app}");

    // Pushing the same file makes it a release; the app then runs the release, not the build.
    let file = folder.at("roster.wasm");
    folder.run(&url, &["connector", "push", file.to_str().unwrap()]);
    let app = folder.run(&url, &["app", "show", "people"]);
    assert!(app.contains("roster@0.2.0") && !app.contains("+dev."), "{app}");
    let next = replaced(guest("roster-next"), "Decided by 0.2.", "Decided by 0.3.");
    folder.write("roster.wasm", &next);
    let promoted = host.message().await;
    assert!(promoted.contains("roster@0.2.0 → roster@0.2.0+dev."), "{promoted}");
    assert!(promoted.contains("the lifecycle table is unchanged"), "{promoted}");
}

#[tokio::test]
async fn a_host_with_trusted_keys_loads_only_signed_files_from_a_watched_folder() {
    let folder = WatchedFolder::new();
    let keys = tempfile::tempdir().unwrap();
    let key = |name: &str| keys.path().join(name).to_str().unwrap().to_owned();
    assert!(muster(&["connector", "key", &key("acme")]).output().unwrap().status.success());
    let serve = ["serve", "--listen", "127.0.0.1:0", "--trusted-key", &key("acme.pub")];
    folder.write("letters.wasm", &letters(1));
    let mut host = folder.start(&serve);
    while !host.line().await.contains("no connector in it yet") {}
    assert_eq!(host.line().await, "");
    let refused = host.message().await;
    assert!(refused.starts_with("refused letters.wasm: the connector is refused"), "{refused}");
    let file = folder.at("letters.wasm");
    let sign = ["connector", "sign", file.to_str().unwrap(), "--key", &key("acme.key")];
    assert!(muster(&sign).output().unwrap().status.success());
    let pushed = host.message().await;
    assert!(pushed.starts_with("pushed letters.wasm "), "{pushed}");
}

#[test]
fn a_missing_watched_folder_is_an_error_at_the_start() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = scratch.path().join("missing");
    let missing = missing.to_str().unwrap();
    for args in [&["dev", "--watch", missing][..], &["serve", "--watch", missing]] {
        let output = muster(args).current_dir(scratch.path()).output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(printed.contains("missing; it must be a folder: No such file"), "{printed}");
        assert!(!Path::new(&scratch.path().join("muster-data")).exists());
    }
}
