//! The test connectors in `tests/guests`, built once for each test run.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The WebAssembly module of a crate in `tests/guests`, by the crate's name.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let file = format!("{}.wasm", name.replace('-', "_"));
    std::fs::read(BUILT.get_or_init(build).join(file)).unwrap()
}

/// Builds all of them. Returns the folder that holds the modules.
fn build() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/Cargo.toml");
    // `<target>/guests`, beside `<target>/tmp`.
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("guests");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--locked", "--target", "wasm32-unknown-unknown"])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        // Flags for the host's code, such as coverage instrumentation, do not apply to wasm32.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .unwrap();
    assert!(status.success(), "building the test connectors failed");
    target.join("wasm32-unknown-unknown/release")
}
