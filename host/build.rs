//! Builds the connectors that the host embeds, from source, for WebAssembly.
//!
//! A separate cargo builds them in `<target>/connectors`, which debug and release builds share: the
//! cargo that runs this script holds the lock of the target directory itself.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The connectors that `src/embedded.rs` includes.
const CONNECTORS: [&str; 3] = ["roster", "two-state", "three-state"];
const TARGET: &str = "wasm32-unknown-unknown";

fn main() -> Result<(), Box<dyn Error>> {
    let host = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace = host.parent().ok_or("the host is in a workspace")?;
    for path in ["wit", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    // Only these: npm and pip write files into the folders of the other connectors.
    for crate_name in CONNECTORS.iter().chain(&["sdk"]) {
        let path = workspace.join("connectors").join(crate_name);
        println!("cargo::rerun-if-changed={}", path.display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    if !target_is_installed(workspace)? {
        // cargo prints this error and fails. An error status would bury it in output.
        println!(
            "cargo::error=muster's connectors are built for WebAssembly, but this Rust toolchain \
             lacks the target. Run: rustup target add {TARGET}"
        );
        return Ok(());
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let target = shared_target(&out)?;
    let status = build(workspace, &target)?.status()?;
    if !status.success() {
        println!("cargo::error=the connectors do not build; cargo's output is below");
        return Err(format!("cargo build for {TARGET}: {status}").into());
    }
    for name in CONNECTORS {
        let file = format!("{}.wasm", name.replace('-', "_"));
        let built = target.join(TARGET).join("connector").join(file);
        fs::copy(&built, out.join(format!("{name}.wasm")))
            .map_err(|error| format!("{}: {error}", built.display()))?;
    }
    Ok(())
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo sets {name}"))
}

/// Asks the compiler for the target's standard library, and not rustup, which may not have
/// installed it.
fn target_is_installed(workspace: &Path) -> Result<bool, Box<dyn Error>> {
    let mut rustc = Command::new(variable("RUSTC")?);
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(workspace);
    let answer = rustc.stderr(Stdio::inherit()).output()?;
    let libraries = String::from_utf8(answer.stdout)?;
    Ok(answer.status.success() && Path::new(libraries.trim()).is_dir())
}

/// `<target>/connectors`, from `<target>[/<triple>]/<profile>/build/<package>/out`.
fn shared_target(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let build = out
        .ancestors()
        .find(|path| path.ends_with("build"))
        .ok_or("OUT_DIR has an unknown layout")?;
    let mut target = build.ancestors().nth(2).ok_or("OUT_DIR has an unknown layout")?;
    if target.file_name() == Some(&variable("TARGET")?) {
        target = target.parent().ok_or("OUT_DIR has an unknown layout")?;
    }
    Ok(target.join("connectors"))
}

fn build(workspace: &Path, target: &Path) -> Result<Command, String> {
    let mut cargo = Command::new(variable("CARGO")?);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_none_or(is_outer)) {
        cargo.env_remove(name);
    }
    cargo.current_dir(workspace).args(["build", "--profile", "connector", "--target", TARGET]);
    cargo.arg("--target-dir").arg(target).args(CONNECTORS.map(|name| format!("--package={name}")));
    if workspace.join("Cargo.lock").exists() {
        cargo.arg("--locked");
    }
    // The outer cargo reads this script's standard output.
    cargo.stdin(Stdio::null()).stdout(Stdio::null());
    Ok(cargo)
}

/// Whether a variable describes the build that runs this script: its flags, profile and wrappers
/// (such as clippy). Variables about registries and installations are kept.
fn is_outer(name: &str) -> bool {
    const KEPT: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_MAKEFLAGS",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    const OUTER: [&str; 12] = [
        "CARGO",
        "CLIPPY_",
        "DEBUG",
        "HOST",
        "NUM_JOBS",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTC_",
        "RUSTDOC",
        "RUSTFLAGS",
        "TARGET",
    ];
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    starts(&OUTER) && !starts(&KEPT)
}
