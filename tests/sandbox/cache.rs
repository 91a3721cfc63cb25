//! The on-disk cache of compiled connectors.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use muster::connector::{Budget, Limits, LoadError};

use super::{KEY, Sandbox, describing, note, question, runtime};
use crate::support::guests::guest;

fn only_file(sandbox: &Sandbox) -> PathBuf {
    let mut files = fs::read_dir(sandbox.cache.path()).unwrap();
    let file = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none(), "one connector, one file");
    file
}

#[tokio::test]
async fn a_compiled_connector_is_not_compiled_again() {
    let sandbox = Sandbox::new();
    sandbox.misbehaving().await;
    // Without time for a compilation, only cached connectors can be loaded.
    let no_time = Limits { compilation: Duration::ZERO, ..Limits::default() };
    let again = runtime(sandbox.cache.path(), KEY, no_time);
    again.load(&guest("misbehaving")).await.unwrap();
    let other_key = runtime(sandbox.cache.path(), [8; 32], no_time);
    let error = other_key.load(&guest("misbehaving")).await.unwrap_err();
    assert!(matches!(error, LoadError::TooCostly(_)), "sealed with another key: {error:?}");
}

#[tokio::test]
async fn a_connector_whose_cache_file_was_changed_is_compiled_again() {
    let sandbox = Sandbox::new();
    sandbox.misbehaving().await;
    let file = only_file(&sandbox);
    let good = fs::read(&file).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [&flipped[..], &good[..good.len() - 1], &good[..20], b""] {
        fs::write(&file, bad).unwrap();
        let connector = sandbox.misbehaving().await;
        assert!(fs::read(&file).unwrap() == good, "it was written again");
        let decided = sandbox.runtime.decide(&connector, question("done"), Budget::default()).await;
        assert_eq!(note(&decided), "done");
    }
}

#[tokio::test]
async fn a_connector_cannot_be_given_the_compiled_code_of_another() {
    let sandbox = Sandbox::new();
    sandbox.misbehaving().await;
    let file = only_file(&sandbox);
    let next = guest("roster-next");
    sandbox.runtime.load(&next).await.unwrap();
    let files = fs::read_dir(sandbox.cache.path()).unwrap().map(|file| file.unwrap().path());
    let other = files.into_iter().find(|other| *other != file).unwrap();
    fs::copy(&file, &other).unwrap();
    assert_eq!(sandbox.runtime.load(&next).await.unwrap().manifest.name, "roster");
}

#[tokio::test]
async fn only_the_owner_can_read_compiled_connectors() {
    let sandbox = Sandbox::new();
    let mode = fs::metadata(sandbox.cache.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_connector_has_a_digest_and_a_manifest() {
    let sandbox = Sandbox::new();
    let connector = sandbox.misbehaving().await;
    assert_eq!(connector.manifest.name, "misbehaving");
    assert_eq!(connector.digest.len(), 64);
    assert_eq!(sandbox.misbehaving().await.digest, connector.digest);
    let other = sandbox.runtime.load(&describing("describe:.another")).await.unwrap();
    assert_ne!(other.digest, connector.digest);
}
