//! A host that was given keys loads nothing but what they signed, as an operator types it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::guests::guest;

/// A folder with keys and connectors, and a host's data.
struct Place {
    folder: tempfile::TempDir,
}

/// A host that ends with the test.
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

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for key in ["acme", "other"] {
            place.succeeds(&["connector", "key", key]);
        }
        fs::write(place.path("next.wasm"), guest("roster-next")).unwrap();
        place
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

    /// What it printed, and whether it went well.
    fn run(&self, args: &[&str]) -> (String, bool) {
        let output = self.muster(args).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.success())
    }

    #[track_caller]
    fn succeeds(&self, args: &[&str]) -> String {
        let (text, well) = self.run(args);
        assert!(well, "{args:?}: {text}");
        text
    }

    #[track_caller]
    fn fails(&self, args: &[&str], why: &str) {
        let (text, well) = self.run(args);
        assert!(!well && text.contains(why), "{args:?}: {text}");
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
    /// Options that lead a command here.
    fn options<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--url", &self.url, "--data", "data"]].concat()
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn nothing_is_loaded_but_what_a_trusted_key_signed() {
    let place = Place::new();
    let host = place.serve(&["acme.pub"]);
    let push = host.options(&["connector", "push", "next.wasm"]);
    place.fails(&push, "it is not signed");
    place.succeeds(&["connector", "sign", "next.wasm", "--key", "other.key"]);
    place.fails(&push, "which this host does not trust");

    // What was signed is what is loaded.
    let args = ["connector", "sign", "next.wasm", "--key", "acme.key", "--out", "signed.wasm"];
    place.succeeds(&args);
    let mut changed = fs::read(place.path("signed.wasm")).unwrap();
    let note = changed.windows(6).position(|text| text == b"Decide").unwrap();
    changed[note] = b'd';
    fs::write(place.path("changed.wasm"), changed).unwrap();
    place.fails(&host.options(&["connector", "push", "changed.wasm"]), "changed after acme (");

    let pushed = place.succeeds(&host.options(&["connector", "push", "signed.wasm"]));
    assert!(pushed.contains("signed by acme ("), "{pushed}");
    let listed = place.succeeds(&host.options(&["connector", "list", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let signers: Vec<&str> = listed["connectors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["signer"].as_str().unwrap().split(' ').next().unwrap())
        .collect();
    assert_eq!(signers, ["muster", "muster", "muster", "acme"]);
}

#[test]
fn a_key_that_is_no_longer_trusted_ends_what_it_signed() {
    let place = Place::new();
    place.succeeds(&["connector", "sign", "next.wasm", "--key", "acme.key"]);
    let host = place.serve(&["acme.pub", "other.pub"]);
    place.succeeds(&host.options(&["connector", "push", "next.wasm"]));
    let put = ["app", "put", "people", "--connector", "roster@0.2.0"];
    place.succeeds(&host.options(&put));
    place.succeeds(&host.options(&["app", "put", "staff", "--connector", "roster@0.1.0"]));
    drop(host);

    let host = place.serve(&["other.pub"]);
    place.fails(&host.options(&put), "which this host does not trust");
    place.succeeds(&host.options(&["app", "put", "staff", "--connector", "roster@0.1.0"]));
    // The same version, signed by somebody who is trusted, takes its place.
    place.succeeds(&["connector", "sign", "next.wasm", "--key", "other.key"]);
    place.succeeds(&host.options(&["connector", "push", "next.wasm"]));
    place.succeeds(&host.options(&put));
}

#[test]
fn keys_are_made_once_and_kept_from_others() {
    let place = Place::new();
    assert_eq!(mode(&place.path("acme.key")), 0o600);
    let before = fs::read(place.path("acme.key")).unwrap();
    place.fails(&["connector", "key", "acme"], "could not keep the key in acme.pub");
    assert_eq!(fs::read(place.path("acme.key")).unwrap(), before);
    // With one half gone, the other one is not written over either.
    fs::remove_file(place.path("acme.pub")).unwrap();
    place.fails(&["connector", "key", "acme"], "could not keep the key in acme.key");
    assert!(!place.path("acme.pub").exists());
    place
        .fails(&["connector", "sign", "next.wasm", "--key", "other.pub"], "no private Ed25519 key");
    fs::write(place.path("text.wasm"), "no wasm").unwrap();
    let sign = ["connector", "sign", "text.wasm", "--key", "other.key"];
    place.fails(&sign, "no whole WebAssembly file");
    // A key that cannot be read keeps the host from starting: nothing is trusted by accident.
    place.fails(&["serve", "--listen", "127.0.0.1:0", "--trusted-key", "none.pub"], "none.pub");
}
