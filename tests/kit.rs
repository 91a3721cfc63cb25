//! The connector test kit, which needs no host: `muster connector test` and `muster connector check`.

mod conformance;
mod scenarios;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use muster::embedded;
use tempfile::TempDir;

/// A temporary folder with the embedded connectors as files.
struct ConnectorFolder(TempDir);

impl ConnectorFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for connector in embedded::CONNECTORS {
            let file = folder.path().join(format!("{}.wasm", connector.name));
            std::fs::write(file, connector.wasm).unwrap();
        }
        Self(folder)
    }

    fn wasm(&self, name: &str) -> PathBuf {
        self.0.path().join(format!("{name}.wasm"))
    }

    /// Writes a file, and returns its path.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.0.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }
}

/// `muster connector …`, with a cache of compiled connectors that all tests share.
fn connector(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kit");
    command.arg("connector").args(args).env("NO_COLOR", "1").env("MUSTER_CACHE", cache);
    command
}

fn text(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// The folder of this repository's connectors.
fn connectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors")
}
