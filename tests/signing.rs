//! Signed connectors on the command line: a host with trusted keys loads only connectors that these
//! keys signed.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::guests::guest;

/// A folder with keys, connectors, and a host's data.
struct Workspace {
    folder: tempfile::TempDir,
}

/// A host, which is stopped at the end of the test.
struct Serving {
    process: Child,
    url: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Workspace {
    fn new() -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap() };
        for key in ["acme", "other"] {
            workspace.succeeds(&["connector", "key", key]);
        }
        fs::write(workspace.path("next.wasm"), guest("roster-next")).unwrap();
        workspace
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn muster(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(args).current_dir(self.folder.path()).env("NO_COLOR", "1");
        command.env_remove("MUSTER_TRUSTED_KEYS");
        command
    }

    /// The command's output, and whether it succeeded.
    fn run(&self, args: &[&str]) -> (String, bool) {
        let output = self.muster(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.success())
    }

    #[track_caller]
    fn succeeds(&self, args: &[&str]) -> String {
        let (text, success) = self.run(args);
        assert!(success, "{args:?}: {text}");
        text
    }

    #[track_caller]
    fn fails(&self, args: &[&str], why: &str) {
        let (text, success) = self.run(args);
        assert!(!success && text.contains(why), "{args:?}: {text}");
    }

    fn serve(&self, keys: &[&str]) -> Serving {
        let mut command = self.muster(&["serve", "--listen", "127.0.0.1:0", "--data", "data"]);
        for key in keys {
            command.args(["--trusted-key", key]);
        }
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        Serving { url: url.unwrap().to_owned(), process }
    }
}

impl Serving {
    /// The arguments, with options that address this host.
    fn options<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--url", &self.url, "--data", "data"]].concat()
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_connectors_signed_by_a_trusted_key_are_loaded() {
    let workspace = Workspace::new();
    let host = workspace.serve(&["acme.pub"]);
    let push = host.options(&["connector", "push", "next.wasm"]);
    workspace.fails(&push, "it is not signed");
    workspace.succeeds(&["connector", "sign", "next.wasm", "--key", "other.key"]);
    workspace.fails(&push, "which this host does not trust");

    // A file that was changed after it was signed is refused.
    let args = ["connector", "sign", "next.wasm", "--key", "acme.key", "--out", "signed.wasm"];
    workspace.succeeds(&args);
    let mut changed = fs::read(workspace.path("signed.wasm")).unwrap();
    let note = changed.windows(6).position(|text| text == b"Decide").unwrap();
    changed[note] = b'd';
    fs::write(workspace.path("changed.wasm"), changed).unwrap();
    workspace.fails(&host.options(&["connector", "push", "changed.wasm"]), "changed after acme (");

    let pushed = workspace.succeeds(&host.options(&["connector", "push", "signed.wasm"]));
    assert!(pushed.contains("signed by acme ("), "{pushed}");
    let listed = workspace.succeeds(&host.options(&["connector", "list", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let signers: Vec<&str> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["signer"].as_str().unwrap().split(' ').next().unwrap())
        .collect();
    assert_eq!(signers, ["muster", "muster", "muster", "acme"]);
}

#[test]
fn a_connector_whose_key_is_no_longer_trusted_is_refused() {
    let workspace = Workspace::new();
    workspace.succeeds(&["connector", "sign", "next.wasm", "--key", "acme.key"]);
    let host = workspace.serve(&["acme.pub", "other.pub"]);
    workspace.succeeds(&host.options(&["connector", "push", "next.wasm"]));
    workspace.succeeds(&host.options(&["app", "create", "people", "--connector", "roster@0.2.0"]));
    workspace.succeeds(&host.options(&["app", "create", "staff", "--connector", "roster@0.1.0"]));
    drop(host);

    let host = workspace.serve(&["other.pub"]);
    let promote = ["connector", "promote", "roster@0.2.0", "--app", "people", "--yes"];
    workspace.fails(&host.options(&promote), "which this host does not trust");
    workspace.succeeds(&host.options(&["app", "create", "crew", "--connector", "roster@0.1.0"]));
    // The same version, signed by a trusted key, replaces it.
    workspace.succeeds(&["connector", "sign", "next.wasm", "--key", "other.key"]);
    workspace.succeeds(&host.options(&["connector", "push", "next.wasm"]));
    workspace.succeeds(&host.options(&promote));
}

#[test]
fn a_key_is_not_overwritten_and_only_its_owner_can_read_it() {
    let workspace = Workspace::new();
    assert_eq!(mode(&workspace.path("acme.key")), 0o600);
    let before = fs::read(workspace.path("acme.key")).unwrap();
    workspace.fails(&["connector", "key", "acme"], "could not write the key to acme.pub");
    assert_eq!(fs::read(workspace.path("acme.key")).unwrap(), before);
    // If only one of the two files exists, it is not overwritten either.
    fs::remove_file(workspace.path("acme.pub")).unwrap();
    workspace.fails(&["connector", "key", "acme"], "could not write the key to acme.key");
    assert!(!workspace.path("acme.pub").exists());
    workspace.fails(
        &["connector", "sign", "next.wasm", "--key", "other.pub"],
        "not a private Ed25519 key",
    );
    fs::write(workspace.path("text.wasm"), "no wasm").unwrap();
    let sign = ["connector", "sign", "text.wasm", "--key", "other.key"];
    workspace.fails(&sign, "not a complete WebAssembly file");
    // A host does not start without a key that it was given, since it would load unsigned files.
    workspace.fails(&["serve", "--listen", "127.0.0.1:0", "--trusted-key", "none.pub"], "none.pub");
}
