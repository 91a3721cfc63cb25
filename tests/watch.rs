//! A watched folder, as whoever writes a connector uses it: the binary, files that change, and what
//! is told of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::command_line::{Running, muster};
use crate::support::guests::guest;
use crate::support::{client, compiled, data_directory, user};

/// A folder to watch, beside a host's data.
struct Place {
    folder: TempDir,
    data: TempDir,
}

/// A host that watches it, and the lines that it prints.
struct Watching {
    _process: Running,
    lines: UnboundedReceiver<String>,
}

impl Place {
    fn new() -> Self {
        let data = data_directory();
        std::os::unix::fs::symlink(compiled(), data.path().join("compiled")).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), data }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, wasm: &[u8]) {
        // At once, whatever else the machine does: half a file at rest would be news as well.
        let hidden = self.at(&format!(".{name}"));
        fs::write(&hidden, wasm).unwrap();
        fs::rename(hidden, self.at(name)).unwrap();
    }

    fn start(&self, args: &[&str]) -> Watching {
        fs::create_dir_all(compiled()).unwrap();
        let mut command = muster(args);
        command.arg("--data").arg(self.data.path()).arg("--watch").arg(self.folder.path());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Running(command.spawn().unwrap());
        let stdout = BufReader::new(process.0.stdout.take().unwrap());
        let (sender, lines) = unbounded_channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Watching { _process: process, lines }
    }

    /// A host to develop on, with what it says at first.
    async fn dev(&self) -> (Watching, Value) {
        let mut watching = self.start(&["dev", "--json"]);
        let summary = watching.news().await;
        (watching, summary)
    }

    /// An operator's command.
    #[track_caller]
    fn run(&self, url: &str, args: &[&str]) -> String {
        let mut command = muster(args);
        let output = command.args(["--url", url, "--data"]).arg(self.data.path()).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{args:?}: {said}");
        said
    }
}

impl Watching {
    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(Duration::from_secs(120), self.lines.recv()).await;
        line.expect("it says something").expect("it runs")
    }

    async fn news(&mut self) -> Value {
        serde_json::from_str(&self.line().await).unwrap()
    }

    /// What it says, up to the empty line at its end.
    async fn said(&mut self) -> String {
        let mut said = String::new();
        loop {
            let line = self.line().await;
            if line.is_empty() {
                return said;
            }
            said = said + &line + "\n";
        }
    }
}

/// A connector named `letter`, as it is after so many changes of its author: nothing else in the
/// file is another, its version for one.
fn letters(changes: u32) -> Vec<u8> {
    let note = format!("Decided by {changes}.2.");
    let text = format!("{changes}he person is put on the roster.");
    let build = replaced(guest("roster-next"), "\"name\": \"roster\"", "\"name\": \"letter\"");
    replaced(replaced(build, "Decided by 0.2.", &note), "The person is put on the roster.", &text)
}

/// The same with another text of the same length wherever this one is.
fn replaced(mut wasm: Vec<u8>, text: &str, other: &str) -> Vec<u8> {
    assert_eq!(text.len(), other.len());
    let (text, other) = (text.as_bytes(), other.as_bytes());
    let places: Vec<usize> =
        (0..wasm.len() - text.len()).filter(|&at| wasm[at..].starts_with(text)).collect();
    assert!(!places.is_empty(), "{} is not in it", String::from_utf8_lossy(text));
    for at in places {
        wasm[at..at + text.len()].copy_from_slice(other);
    }
    wasm
}

/// The tenant that a connector has in `muster dev`.
fn tenant<'a>(summary: &'a Value, name: &str) -> Option<&'a Value> {
    summary["tenants"].as_array().unwrap().iter().find(|tenant| tenant["tenant"] == name)
}

/// Creates somebody.
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

/// The note and the version of the decision for somebody new.
async fn decided(summary: &Value, tenant: &Value, name: &str) -> (String, String) {
    assert_eq!(create(tenant, name).await, 201);
    let newest = admin(summary, "/operations?tenant=letter&limit=1").await;
    let text = |member: &str| newest["operations"][0][member].as_str().unwrap().to_owned();
    (text("note"), text("version"))
}

#[tokio::test]
async fn a_file_that_changes_decides_and_no_request_fails() {
    let place = Place::new();
    place.write("letters.wasm", &letters(1));
    let (mut watching, summary) = place.dev().await;
    let tenant = tenant(&summary, "letter").unwrap();
    let first = watching.news().await;
    let version = first["connector"]["version"].as_str().unwrap();
    assert!(first["watched"] == "loaded" && version.starts_with("0.2.0+dev."), "{first}");

    let mut joined = 0;
    let second = {
        place.write("letters.wasm", &letters(2));
        let news = watching.news();
        tokio::pin!(news);
        loop {
            let name = format!("p{joined}");
            tokio::select! {
                biased;
                news = &mut news => break news,
                status = create(tenant, &name) => assert_eq!(status, 201),
            }
            joined += 1;
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
async fn an_app_to_develop_on_keeps_what_was_set_and_gets_the_endpoints_that_are_asked_for() {
    let place = Place::new();
    place.write("letters.wasm", &letters(1));
    let (mut watching, summary) = place.dev().await;
    let first = watching.news().await;
    let set = json!({ "connector": first["connector"]["digest"], "reply": "when-recorded" });
    let url = format!("{}/apps/letter", summary["admin"]["base_url"].as_str().unwrap());
    let token = summary["admin"]["token"].as_str().unwrap();
    let put = client().put(url).bearer_auth(token).body(set.to_string());
    assert_eq!(put.send().await.unwrap().status(), 200);

    place.write("letters.wasm", &letters(2));
    assert_eq!(watching.news().await["apps"][0]["before"], first["connector"]);
    let app = admin(&summary, "/apps/letter").await;
    assert_eq!((&app["reply"], &app["endpoints"]), (&json!("when-recorded"), &json!({})));

    let planted = replaced(guest("planted"), "\"name\": \"roster\"", "\"name\": \"letter\"");
    place.write("letters.wasm", &planted);
    let third = watching.news().await;
    let promoted = &third["apps"][0];
    assert_eq!(promoted["changes"]["asks"], json!(["the endpoint app (The app.)"]), "{third}");
    let app = admin(&summary, "/apps/letter").await;
    assert!(app["endpoints"]["app"].is_object(), "{app}");
}

#[tokio::test]
async fn what_cannot_be_loaded_changes_nothing_and_what_did_not_change_is_not_told() {
    let place = Place::new();
    let (mut watching, summary) = place.dev().await;
    assert_eq!(tenant(&summary, "letter"), None, "there is nothing yet");
    place.write("letters.wasm", &letters(1));
    let first = watching.news().await;
    assert_eq!(first["apps"][0]["before"], Value::Null, "{first}");
    let tenant = watching.news().await;
    assert_eq!(tenant["connector"], "letter");

    place.write("letters.wasm", &letters(2)[..9000]);
    let refused = watching.news().await;
    assert_eq!((&refused["watched"], &refused["stays"]), (&json!("refused"), &first["connector"]));
    assert!(!refused["error"].as_str().unwrap().is_empty());
    assert_eq!(decided(&summary, &tenant, "ada").await.0, "Decided by 1.2.");

    // Whole again, the same once more, and under another name.
    place.write("half.wasm", &letters(1));
    fs::rename(place.at("half.wasm"), place.at("letters.wasm")).unwrap();
    nothing_is_told(&place, &mut watching, "whole").await;
    place.write("letters.wasm", &letters(1));
    nothing_is_told(&place, &mut watching, "same").await;
    fs::rename(place.at("letters.wasm"), place.at("post.wasm")).unwrap();
    nothing_is_told(&place, &mut watching, "renamed").await;

    place.write("post.wasm", &letters(3));
    let third = watching.news().await;
    assert!(third["file"].as_str().unwrap().ends_with("post.wasm"), "{third}");
    assert_eq!(third["apps"][0]["before"], first["connector"]);
    assert_eq!(decided(&summary, &tenant, "bob").await.0, "Decided by 3.2.");

    fs::remove_file(place.at("post.wasm")).unwrap();
    let gone = watching.news().await;
    assert_eq!((&gone["watched"], &gone["stays"]), (&json!("gone"), &third["connector"]));
    assert_eq!(decided(&summary, &tenant, "cleo").await.0, "Decided by 3.2.");
}

/// Nothing, but that folders are no files: the first is told when all before has come to rest, and
/// the second when all before has been told.
async fn nothing_is_told(place: &Place, watching: &mut Watching, name: &str) {
    for name in [format!("{name}-1.wasm"), format!("{name}-2.wasm")] {
        fs::create_dir(place.at(&name)).unwrap();
        let unfit = watching.news().await;
        assert!(unfit["file"].as_str().unwrap().ends_with(&name), "{unfit}");
        assert_eq!(
            (&unfit["watched"], &unfit["error"]),
            (&json!("refused"), &json!("it is no file"))
        );
    }
}

#[tokio::test]
async fn what_changed_while_nobody_watched_is_found_and_what_was_replaced_is_retired() {
    let place = Place::new();
    place.write("letters.wasm", &letters(1));
    let (mut watching, summary) = place.dev().await;
    let first = watching.news().await;
    assert_eq!(decided(&summary, tenant(&summary, "letter").unwrap(), "ada").await.0, note(1));
    drop(watching);

    place.write("letters.wasm", &letters(2));
    let (mut watching, summary) = place.dev().await;
    let second = watching.news().await;
    assert_eq!(second["apps"][0]["before"], first["connector"], "{second}");
    assert_eq!(decided(&summary, tenant(&summary, "letter").unwrap(), "bob").await.0, note(2));

    for changes in 3..=5 {
        place.write("letters.wasm", &letters(changes));
        watching.news().await;
    }
    let all = admin(&summary, "/connectors").await;
    let all = all["connectors"].as_array().unwrap();
    let kept: Vec<&Value> = all.iter().filter(|it| it["name"] == "letter").collect();
    assert!((2..=3).contains(&kept.len()), "what decides, and what a rollback leads to: {kept:?}");
    // The journal still names who decided.
    let path = format!("/connectors/{}", first["connector"]["digest"].as_str().unwrap());
    let retired = admin(&summary, &path).await;
    assert!(retired["retired"].is_string() && retired["size"] == 0, "{retired}");
    assert_eq!(retired["version"], first["connector"]["version"]);
}

fn note(changes: u32) -> String {
    format!("Decided by {changes}.2.")
}

#[tokio::test]
async fn a_host_that_serves_promotes_for_the_apps_that_a_connector_decides_for() {
    let place = Place::new();
    let mut watching = place.start(&["serve", "--listen", "127.0.0.1:0"]);
    let line = watching.line().await;
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    while !watching.line().await.contains("no connector in it yet") {}
    assert_eq!(watching.line().await, "");
    place.run(&url, &["app", "put", "people", "--connector", "roster"]);

    place.write("letters.wasm", &letters(1));
    let pushed = watching.said().await;
    assert!(pushed.starts_with("pushed letters.wasm "), "{pushed}");
    assert!(pushed.contains("no app is decided by letter yet"), "{pushed}");

    place.write("roster.wasm", &guest("roster-next"));
    let promoted = watching.said().await;
    let (first, rest) = promoted.split_once('\n').unwrap();
    assert!(first.starts_with("promoted roster.wasm ") && first.ends_with(" ms"), "{promoted}");
    assert!(rest.starts_with("app people: roster@0.1.0 → roster@0.2.0+dev."), "{promoted}");
    let rows = "  deactivate: suspended → unsupported\n    was The person stays on the roster";
    assert!(rest.contains(rows), "{promoted}");

    // It asks for an endpoint, which this app has not.
    place.write("planted.wasm", &guest("planted"));
    let refused = watching.said().await;
    assert!(refused.starts_with("not promoted planted.wasm "), "{refused}");
    assert!(refused.contains("app people: connector roster needs an endpoint named app"));
    assert!(refused.contains("roster.wasm holds roster too"), "{refused}");
    let app = place.run(&url, &["app", "show", "people"]);
    assert!(app.contains("roster@0.2.0+dev."), "{app}");

    // The same file is released, and is nobody's build any more.
    let file = place.at("roster.wasm");
    place.run(&url, &["connector", "push", file.to_str().unwrap()]);
    let app = place.run(&url, &["app", "show", "people"]);
    assert!(app.contains("roster@0.2.0") && !app.contains("+dev."), "{app}");
    let next = replaced(guest("roster-next"), "Decided by 0.2.", "Decided by 0.3.");
    place.write("roster.wasm", &next);
    let promoted = watching.said().await;
    assert!(promoted.contains("roster@0.2.0 → roster@0.2.0+dev."), "{promoted}");
    assert!(promoted.contains("the lifecycle table is as it was"), "{promoted}");
}

#[tokio::test]
async fn a_host_with_trusted_keys_holds_a_watched_file_to_them() {
    let place = Place::new();
    let keys = tempfile::tempdir().unwrap();
    let key = |name: &str| keys.path().join(name).to_str().unwrap().to_owned();
    assert!(muster(&["connector", "key", &key("acme")]).output().unwrap().status.success());
    let serve = ["serve", "--listen", "127.0.0.1:0", "--trusted-key", &key("acme.pub")];
    place.write("letters.wasm", &letters(1));
    let mut watching = place.start(&serve);
    while !watching.line().await.contains("no connector in it yet") {}
    assert_eq!(watching.line().await, "");
    let refused = watching.said().await;
    assert!(refused.starts_with("refused letters.wasm: the connector is refused"), "{refused}");
    let file = place.at("letters.wasm");
    let sign = ["connector", "sign", file.to_str().unwrap(), "--key", &key("acme.key")];
    assert!(muster(&sign).output().unwrap().status.success());
    let pushed = watching.said().await;
    assert!(pushed.starts_with("pushed letters.wasm "), "{pushed}");
}

#[test]
fn a_folder_that_is_not_there_is_told_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = scratch.path().join("missing");
    let missing = missing.to_str().unwrap();
    for args in [&["dev", "--watch", missing][..], &["serve", "--watch", missing]] {
        let output = muster(args).current_dir(scratch.path()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("missing; it has to be a folder: No such file"), "{said}");
        assert!(!Path::new(&scratch.path().join("muster-data")).exists());
    }
}
