//! The connectors of `tests/guests`, built once for each run of the tests.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The module of one of the crates in `tests/guests`, by the crate's name.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let file = format!("{}.wasm", name.replace('-', "_"));
    std::fs::read(BUILT.get_or_init(build).join(file)).unwrap()
}

/// Builds them all, and tells where they are.
fn build() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/Cargo.toml");
    // Beside what cargo keeps for tests: `<target>/tmp`.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("guests");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked", "--target", "wasm32-unknown-unknown"])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        // What is meant for the host's code, such as instruments for coverage.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .unwrap();
    assert!(status.success(), "the connectors for tests could not be built");
    target.join("wasm32-unknown-unknown/release")
}
