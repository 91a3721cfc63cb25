//! Builds a project in Rust: runs cargo for a WebAssembly target, and finds the file that it has made.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the project. The file is the one that cargo names.
pub(super) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    check_target(folder)?;
    let mut cargo = Command::new("cargo");
    cargo.current_dir(folder).args(["build", "--release", "--target", TARGET]);
    // Diagnostics go to standard error; the messages in standard output name the file.
    cargo.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let mut running = cargo.spawn().map_err(|error| could_not_run("cargo", error))?;
    let messages = BufReader::new(running.stdout.take().context("cargo has an output")?);
    let manifest = folder.canonicalize()?.join("Cargo.toml");
    let mut built = None;
    for line in messages.lines() {
        built = artifact(&line?, &manifest).or(built);
    }
    if !running.wait()?.success() {
        bail!("cargo could not build the project; see its messages above");
    }
    built.context(
        "cargo built no .wasm file: Cargo.toml needs `crate-type = [\"cdylib\", \"rlib\"]` under \
         `[lib]`",
    )
}

/// The `.wasm` file in a message about the package with this manifest.
fn artifact(message: &str, manifest: &Path) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let of_package = message["manifest_path"].as_str().map(Path::new) == Some(manifest);
    if message["reason"] != "compiler-artifact" || !of_package {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|it| it == "wasm"))
}

/// Checks that the target is installed. It asks the compiler, since Rust may be installed without
/// rustup.
fn check_target(folder: &Path) -> anyhow::Result<()> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(folder).args(["--print", "target-libdir", "--target", TARGET]);
    let output = rustc.output().map_err(|error| could_not_run("rustc", error))?;
    let libraries = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || !Path::new(&libraries).is_dir() {
        bail!(
            "Rust is installed without the target {TARGET}, which connectors are built for. Run: \
             rustup target add {TARGET}"
        );
    }
    Ok(())
}

fn could_not_run(program: &str, error: std::io::Error) -> anyhow::Error {
    if error.kind() == ErrorKind::NotFound {
        return anyhow::anyhow!(
            "{program} is not installed. Install Rust from https://rustup.rs, then run: rustup \
             target add {TARGET}"
        );
    }
    anyhow::Error::from(error).context(format!("could not run {program}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(message: &Value, built: Option<&str>) {
        let found = artifact(&message.to_string(), Path::new("/acme/Cargo.toml"));
        assert_eq!(found, built.map(PathBuf::from), "{message}");
    }

    #[test]
    fn the_file_is_the_one_that_cargo_names() {
        let built = |manifest: &str, files: Value| {
            json!({
                "reason": "compiler-artifact", "manifest_path": manifest, "filenames": files,
            })
        };
        let both = json!(["/t/libacme.rlib", "/t/acme.wasm"]);
        check(&built("/acme/Cargo.toml", both.clone()), Some("/t/acme.wasm"));
        check(&built("/acme/vendor/sdk/Cargo.toml", both), None);
        check(&built("/acme/Cargo.toml", json!(["/t/libacme.rlib"])), None);
        check(&json!({ "reason": "build-finished", "success": true }), None);
    }
}
