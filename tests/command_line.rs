//! The command line: the demo, `muster dev`, a first tenant on a new host, logs and error messages.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use muster::store::OperationState;
use serde_json::Value;

/// A child process. Dropping it kills the process.
pub(crate) struct KilledOnDrop(pub(crate) Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) fn muster(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(args).env("NO_COLOR", "1");
    command
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs a command against a host, with the admin token from its data directory. Returns its output.
#[track_caller]
fn run(url: &str, data: &Path, args: &[&str]) -> String {
    let output = muster(args).args(["--url", url, "--data"]).arg(data).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", text(&output));
    text(&output)
}

#[test]
fn the_demo_runs_to_its_end() {
    let output = muster(&["demo", "--once"]).output().unwrap();
    let story = text(&output);
    assert!(output.status.success(), "{story}");
    for chapter in
        ["Okta connects", "Joiners", "A mover", "A leaver", "A returner", "Another customer leaves"]
    {
        assert!(story.contains(chapter), "{chapter} is missing:\n{story}");
    }
    let list = story.split("People in the app now").nth(1).unwrap();
    for name in ["Ada Lovelace", "Grace Hopper", "Edsger Dijkstra"] {
        assert_eq!(list.matches(name).count(), 2, "{name} should be in both apps:\n{list}");
    }
    for name in ["Barbara Liskov", "Tony Hoare"] {
        assert_eq!(list.matches(name).count(), 1, "{name} should have stayed in the app:\n{list}");
    }
}

#[tokio::test]
async fn the_demo_ends_with_a_server_that_takes_requests_and_commands() {
    let mut command = muster(&["demo"]);
    let mut demo = KilledOnDrop(command.stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lines: Vec<String> = lines.take_while(|line| !line.contains("Press Ctrl-C")).collect();
    let line = |with: &str| {
        let found = lines.iter().find(|line| line.contains(with));
        found.unwrap_or_else(|| panic!("{with} is missing: {lines:#?}")).trim()
    };
    let request = line("curl -s");
    let (token, url) = request.split_once("Bearer ").unwrap().1.split_once("' '").unwrap();
    let url = url.trim_end_matches('\'');
    let users = crate::support::client().get(url).bearer_auth(token).send().await.unwrap();
    let users: Value = serde_json::from_str(&users.text().await.unwrap()).unwrap();
    assert_eq!(users["totalResults"], 3, "{users}");
    let id = users["Resources"][0]["id"].as_str().unwrap();
    let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations":[{"op":"replace","value":{"active":false}}]}"#;
    let patched = crate::support::client().patch(format!("{url}/{id}")).bearer_auth(token);
    let patched = patched.header("content-type", "application/scim+json").body(body);
    assert_eq!(patched.send().await.unwrap().status(), 200);

    let settings = line("export MUSTER_URL").trim_start_matches("export ").split(' ');
    let settings: Vec<(&str, &str)> = settings.map(|it| it.split_once('=').unwrap()).collect();
    let program = env!("CARGO_BIN_EXE_muster");
    let commands = lines.iter().filter_map(|line| line.trim().strip_prefix(program));
    let commands: Vec<Vec<&str>> = commands.map(|it| it.split_whitespace().collect()).collect();
    assert!(commands.contains(&vec!["tenant", "list"]), "{lines:#?}");
    for args in commands {
        let output = muster(&args).envs(settings.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output));
    }
}

#[test]
fn dev_prints_one_line_of_json_and_serves() {
    let mut command = muster(&["dev", "--json"]);
    let mut dev = KilledOnDrop(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(dev.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let summary: Value = serde_json::from_str(&line).unwrap();
    let tenants = summary["tenants"].as_array().unwrap();
    let connectors: Vec<&str> = tenants.iter().map(|t| t["connector"].as_str().unwrap()).collect();
    assert_eq!(connectors, ["roster", "two-state", "three-state"]);
    assert!(summary["admin"]["token"].is_string() && summary["app"]["base_url"].is_string());
    assert_eq!(summary["app"]["token"], "sample-app-token");
    for tenant in tenants {
        let text = |name: &str| tenant[name].as_str().unwrap().to_owned();
        let args = ["conformance", "--url", &text("base_url"), "--token", &text("token")];
        let output = muster(&args).output().unwrap();
        assert!(output.status.success(), "{}: {}", text("connector"), self::text(&output));
    }
}

#[test]
fn an_operator_sets_up_a_tenant_on_a_new_host() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut command = muster(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    let mut serve = KilledOnDrop(
        command.arg(&data).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap(),
    );
    let mut line = String::new();
    BufReader::new(serve.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();

    assert!(run(&url, &data, &["app", "list"]).contains("none"));
    run(&url, &data, &["app", "create", "people", "--connector", "roster"]);
    run(&url, &data, &["tenant", "create", "acme", "--app", "people", "--dialect", "okta"]);
    let token: Value =
        serde_json::from_str(&run(&url, &data, &["token", "add", "acme", "--json"])).unwrap();
    let text = |name: &str| token[name].as_str().unwrap().to_owned();
    let output = muster(&["conformance", "--url", &text("base_url"), "--token", &text("token")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", self::text(&output));

    assert!(run(&url, &data, &["tenant", "list"]).contains("connected"));
    assert!(run(&url, &data, &["token", "list", "acme"]).contains("bearer"));
    assert!(run(&url, &data, &["connector", "show", "roster"]).contains("deactivate"));
    let shown = run(&url, &data, &["connector", "show", "two-state"]);
    let setting = shown.lines().find(|line| line.contains("update_profile")).unwrap();
    assert!(setting.contains("unless-shared, always, never"), "{setting}");
    assert!(shown.contains("required of each user  emails\n"), "{shown}");
    assert!(shown.lines().all(|line| line.trim_end() == line), "{shown:?}");
    let operations = run(&url, &data, &["operation", "list", "--tenant", "acme", "--json"]);
    let operations: Value = serde_json::from_str(&operations).unwrap();
    let id = operations["items"][0]["id"].as_str().unwrap();
    assert!(run(&url, &data, &["operation", "explain", id]).contains("done"));
    assert!(run(&url, &data, &["tenant", "disconnect", "acme"]).contains("Nothing was changed"));
    assert!(
        run(&url, &data, &["tenant", "disconnect", "acme", "--proceed"]).contains("disconnected")
    );
}

/// Starts a host on an empty data directory. Returns the first line of its output, and its log.
fn first_start(options: &[&str], variables: &[(&str, &str)]) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = muster(&["serve", "--listen", "127.0.0.1:0"]);
    command.args(options).arg("--data").arg(folder.path()).env_remove("MUSTER_LOG");
    command.envs(variables.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serve = KilledOnDrop(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(serve.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let stderr = serve.0.stderr.take().unwrap();
    drop(serve);
    (line, BufReader::new(stderr).lines().map(Result::unwrap).collect())
}

#[test]
fn the_first_start_logs_each_connector_that_it_compiles() {
    let (line, log) = first_start(&[], &[]);
    assert!(line.contains("muster serves http://"), "{line}");
    assert!(log[0].contains("starting") && log[0].contains("127.0.0.1:"), "{log:?}");
    for name in ["roster", "two-state", "three-state"] {
        let of = |it: &&String| it.contains(&format!("embedded=\"{name}\""));
        let lines: Vec<&String> = log.iter().filter(of).collect();
        assert!(lines[0].contains("compiling") && lines[1].contains("millis="), "{log:?}");
    }
}

#[test]
fn a_log_in_json_is_json_from_its_first_line() {
    let (_, log) = first_start(&[], &[("MUSTER_LOG_JSON", "1")]);
    assert!(log[0].starts_with("{\"timestamp\""), "{log:?}");
    let (_, log) = first_start(&["--log-json"], &[]);
    let log: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(log[0]["fields"]["message"], "serve: starting");
    let compiled = log.iter().filter(|line| line["fields"]["message"] == "connector: compiled");
    let names = compiled.map(|line| line["span"]["embedded"].as_str().unwrap());
    assert!(names.eq(["roster", "two-state", "three-state"]));
}

#[test]
fn error_messages_say_what_to_do() {
    let unreachable = muster(&["app", "list", "--url", "http://127.0.0.1:1", "--admin-token", "x"])
        .output()
        .unwrap();
    assert!(!unreachable.status.success());
    let said = text(&unreachable);
    assert!(said.contains("muster serve") && said.contains("127.0.0.1:1 (from --url)"), "{said}");
    let mut elsewhere = muster(&["app", "list", "--admin-token", "x"]);
    let said = text(&elsewhere.env("MUSTER_URL", "http://127.0.0.1:2").output().unwrap());
    assert!(said.contains("127.0.0.1:2 (from MUSTER_URL)"), "{said}");
    let empty = tempfile::tempdir().unwrap();
    let no_token = muster(&["app", "list", "--data"]).arg(empty.path()).output().unwrap();
    let said = text(&no_token);
    assert!(said.contains("MUSTER_ADMIN_TOKEN") && said.contains("from --data"), "{said}");
    let no_token = muster(&["app", "list"]).current_dir(empty.path()).output().unwrap();
    assert!(text(&no_token).contains("is the default"), "{}", text(&no_token));
    let address = |variable: &str, args: &[&str]| {
        let mut command = muster(&["serve"]);
        text(&command.args(args).env("MUSTER_LISTEN", variable).output().unwrap())
    };
    let said = address("foo", &[]);
    assert!(said.contains("--listen") && said.contains("variable MUSTER_LISTEN"), "{said}");
    let said = address("foo", &["--listen", "foo"]);
    assert!(said.contains("--listen") && !said.contains("MUSTER_LISTEN"), "{said}");
    let help = muster(&["tenant", "disconnect", "--help"]).output().unwrap();
    assert!(text(&help).contains("release"));
}

#[test]
fn the_help_of_operations_says_what_each_state_needs() {
    let help = muster(&["operation", "--help"]).output().unwrap();
    let help = text(&help);
    for state in OperationState::ALL {
        let of = format!("\n  {} ", state.name());
        let said = help.split_once(&of).unwrap_or_else(|| panic!("{of:?} is missing:\n{help}")).1;
        assert!(said.contains("Needs"), "{help}");
    }
    assert!(help.contains("in doubt"), "{help}");
}

#[test]
fn output_that_cannot_be_written_ends_a_command_without_a_panic() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let demo = || {
        let mut command = muster(&["demo", "--once"]);
        command.env("TMPDIR", folder.path());
        command
    };
    let no_room = demo().stdout(full()).output().unwrap();
    let said = text(&no_room);
    assert_eq!(no_room.status.code(), Some(1), "{said}");
    assert!(said.starts_with("error: the output cannot be written: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    // A reader that goes after the first line, as `head -1`.
    let mut running = demo().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ended = running.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), text(&ended).as_str()), (Some(141), ""));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");

    let mut command = muster(&["app", "list", "--url", "http://127.0.0.1:1", "--admin-token", "x"]);
    assert_eq!(command.stderr(full()).output().unwrap().status.code(), Some(1));
}

#[test]
fn a_filter_of_the_log_that_cannot_be_read_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["inof", "muster=loud", "info,muster::request=of", "wran,sqlx=info"] {
        let mut command = muster(&["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(folder.path().join("data")).env("MUSTER_LOG", wrong);
        let mut serve =
            KilledOnDrop(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
        let mut said = String::new();
        BufReader::new(serve.0.stderr.take().unwrap()).read_line(&mut said).unwrap();
        assert!(said.contains("error: MUSTER_LOG is ") && said.contains(wrong), "{said}");
        assert!(said.contains("such as info,muster::request_log=off"), "{said}");
        assert_eq!(serve.0.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn a_host_whose_output_cannot_be_written_serves() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = muster(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    command.arg(folder.path()).env_remove("MUSTER_LOG").stderr(Stdio::piped());
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut serve = KilledOnDrop(command.stdout(full).spawn().unwrap());
    let log = BufReader::new(serve.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut log = log.skip_while(|line| !line.contains("serve: standard output not written"));
    assert!(log.next().is_some());
    assert!(serve.0.try_wait().unwrap().is_none(), "the host has ended");
}
