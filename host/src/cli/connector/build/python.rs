//! Builds a project in Python: makes a virtual environment in `.venv`, installs the project's packages
//! there, and runs the SDK's build.

use std::fs;
use std::path::{Path, PathBuf};

use super::{newest, tool};

const MISSING: &str = "Install Python 3.11 or later, from https://www.python.org or your system's \
                       packages; on Debian also python3-venv";
/// A copy of the requirements that were installed, so that they are installed again when they change.
const INSTALLED: &str = ".venv/installed-requirements.txt";

/// Builds the project. The file is the one that the SDK's module wrote.
pub(super) fn build(project: &Path) -> anyhow::Result<PathBuf> {
    let python = project.canonicalize()?.join(".venv/bin/python");
    let wanted = fs::read(project.join("requirements.txt"))?;
    let installed = project.join(INSTALLED);
    if fs::read(&installed).ok().as_ref() != Some(&wanted) {
        tool(project, Path::new("python3"), &["-m", "venv", ".venv"], MISSING)?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        tool(project, &python, &[&install[..], &["-r", "requirements.txt"]].concat(), MISSING)?;
        fs::write(installed, wanted)?;
    }
    tool(project, &python, &["-m", "muster_connector"], MISSING)?;
    newest(project)
}
