//! Pushing connectors to an OCI registry and pulling them from it, on the command line.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::Muster;
use crate::support::guests::guest;
use crate::support::registry::{self, digest};

/// The output of a command, and whether it succeeded.
async fn run(folder: &Path, args: &[&str]) -> (String, bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1").env("HOME", folder);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8(text).unwrap(), output.status.success())
}

async fn succeeds(folder: &Path, args: &[&str]) -> String {
    let (text, success) = run(folder, args).await;
    assert!(success, "{args:?}: {text}");
    text
}

async fn fails(folder: &Path, args: &[&str], reason: &str) {
    let (text, success) = run(folder, args).await;
    assert!(!success && text.contains(reason), "{args:?}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_goes_from_its_author_to_a_host_through_a_registry() {
    let (address, contents) = registry::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let module = guest("roster-next");
    std::fs::write(folder.join("next.wasm"), &module).unwrap();
    let reference = format!("oci://{address}/acme/roster-next:0.2.0");
    let pushed = succeeds(folder, &["connector", "push", "next.wasm", &reference, "--json"]).await;
    let pushed: serde_json::Value = serde_json::from_str(&pushed).unwrap();
    let pinned = pushed["digest"].as_str().unwrap().to_owned();
    {
        // The OCI artifact layout for Wasm: one layer, and a config that describes it.
        let contents = contents.lock().unwrap();
        let manifest = contents.manifest("acme/roster-next:0.2.0");
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
        assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
        assert_eq!(manifest["layers"][0]["digest"], digest(&module));
        let config = manifest["config"]["digest"].as_str().unwrap();
        let config: serde_json::Value = serde_json::from_slice(&contents.blobs[config]).unwrap();
        assert_eq!(config["architecture"], "wasm");
        assert_eq!(config["layerDigests"], json!([digest(&module)]));
    }
    succeeds(folder, &["connector", "pull", &reference]).await;
    assert_eq!(std::fs::read(folder.join("roster-next.wasm")).unwrap(), module);
    // Pulling again succeeds, but another file of that name is not overwritten.
    succeeds(folder, &["connector", "pull", &reference]).await;
    std::fs::write(folder.join("roster-next.wasm"), "mine").unwrap();
    fails(folder, &["connector", "pull", &reference], "exists already").await;

    let muster = Muster::start().await;
    let admin = muster.stage.admin_token().await.unwrap().token;
    let options = ["--url", &muster.stage.url, "--admin-token", &admin];
    let from = [&["connector", "push", &pinned], options.as_slice()].concat();
    assert!(succeeds(folder, &from).await.contains("roster@0.2.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn content_with_a_wrong_digest_size_or_media_type_is_refused() {
    let (address, contents) = registry::start().await;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let module = guest("roster-next");
    std::fs::write(folder.join("next.wasm"), &module).unwrap();
    let reference = format!("oci://{address}/acme/roster-next:0.2.0");
    succeeds(folder, &["connector", "push", "next.wasm", &reference]).await;
    let pull = ["connector", "pull", &reference];
    contents.lock().unwrap().blobs.insert(digest(&module), b"another".to_vec());
    fails(folder, &pull, "digest").await;
    contents.lock().unwrap().blobs.insert(digest(&module), vec![0; 80 << 20]);
    fails(folder, &pull, "more than").await;
    {
        let mut contents = contents.lock().unwrap();
        let (_, manifest) = contents.manifests.get_mut("acme/roster-next:0.2.0").unwrap();
        let text = String::from_utf8(manifest.clone()).unwrap();
        *manifest = text.replace("application/wasm", "application/gzip").into_bytes();
    }
    fails(folder, &pull, "not WebAssembly").await;
    let nothing = format!("oci://{address}/acme/roster-next:9");
    fails(folder, &["connector", "pull", &nothing], "could not pull").await;
    fails(folder, &["connector", "pull", "acme:1"], "looks like oci://").await;
    std::fs::write(folder.join("text.wasm"), "no wasm").unwrap();
    fails(folder, &["connector", "push", "text.wasm", &reference], "not WebAssembly").await;
    assert!(!folder.join("roster-next.wasm").exists());
}
