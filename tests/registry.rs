//! Connectors travel through an OCI registry, as an integrator and an operator type it.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::Muster;
use crate::support::guests::guest;
use crate::support::registry::{self, digest};

/// What a command prints, and whether it went well.
async fn run(folder: &Path, args: &[&str]) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").env("HOME", folder);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.success())
}

async fn succeeds(folder: &Path, args: &[&str]) -> String {
    let (text, well) = run(folder, args).await;
    assert!(well, "{args:?}: {text}");
    text
}

async fn fails(folder: &Path, args: &[&str], why: &str) {
    let (text, well) = run(folder, args).await;
    assert!(!well && text.contains(why), "{args:?}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_goes_from_its_author_to_a_host_through_a_registry() {
    let (address, shelf) = registry::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let module = guest("roster-next");
    std::fs::write(folder.join("next.wasm"), &module).unwrap();
    let place = format!("oci://{address}/acme/roster-next:0.2.0");
    let pushed = succeeds(folder, &["connector", "push", "next.wasm", &place, "--json"]).await;
    let pushed: serde_json::Value = serde_json::from_str(&pushed).unwrap();
    let pinned = pushed["digest"].as_str().unwrap().to_owned();
    {
        // The format of the WebAssembly ecosystem: one layer, and a config that says what it is.
        let held = shelf.lock().unwrap();
        let manifest = held.manifest("acme/roster-next:0.2.0");
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
        assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
        assert_eq!(manifest["layers"][0]["digest"], digest(&module));
        let config = manifest["config"]["digest"].as_str().unwrap();
        let config: serde_json::Value = serde_json::from_slice(&held.blobs[config]).unwrap();
        assert_eq!(config["architecture"], "wasm");
        assert_eq!(config["layerDigests"], json!([digest(&module)]));
    }
    succeeds(folder, &["connector", "pull", &place]).await;
    assert_eq!(std::fs::read(folder.join("roster-next.wasm")).unwrap(), module);
    // Once more is no loss; another file of that name is not written over.
    succeeds(folder, &["connector", "pull", &place]).await;
    std::fs::write(folder.join("roster-next.wasm"), "mine").unwrap();
    fails(folder, &["connector", "pull", &place], "is there already").await;

    let muster = Muster::start().await;
    let admin = muster.stage.admin_token().await.unwrap().token;
    let options = ["--url", &muster.stage.url, "--admin-token", &admin];
    let from = [&["connector", "push", &pinned], options.as_slice()].concat();
    assert!(succeeds(folder, &from).await.contains("roster@0.2.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_lies_or_holds_something_else_is_not_believed() {
    let (address, shelf) = registry::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let module = guest("roster-next");
    std::fs::write(folder.join("next.wasm"), &module).unwrap();
    let place = format!("oci://{address}/acme/roster-next:0.2.0");
    succeeds(folder, &["connector", "push", "next.wasm", &place]).await;
    let pull = ["connector", "pull", &place];
    shelf.lock().unwrap().blobs.insert(digest(&module), b"another".to_vec());
    fails(folder, &pull, "digest").await;
    shelf.lock().unwrap().blobs.insert(digest(&module), vec![0; 80 << 20]);
    fails(folder, &pull, "more than").await;
    {
        let mut held = shelf.lock().unwrap();
        let (_, manifest) = held.manifests.get_mut("acme/roster-next:0.2.0").unwrap();
        let text = String::from_utf8(manifest.clone()).unwrap();
        *manifest = text.replace("application/wasm", "application/gzip").into_bytes();
    }
    fails(folder, &pull, "and no WebAssembly").await;
    let nothing = format!("oci://{address}/acme/roster-next:9");
    fails(folder, &["connector", "pull", &nothing], "could not pull").await;
    fails(folder, &["connector", "pull", "acme:1"], "looks like oci://").await;
    std::fs::write(folder.join("text.wasm"), "no wasm").unwrap();
    fails(folder, &["connector", "push", "text.wasm", &place], "not WebAssembly").await;
    assert!(!folder.join("roster-next.wasm").exists());
}
