//! Builds a project with its Makefile: the way for C, and for each language that muster has no support for.

use std::path::{Path, PathBuf};

use super::{newest, tool};

const MISSING: &str = "Install make, from your system's packages";

/// Builds the project. The file is the one that `make` wrote.
pub(super) fn build(project: &Path) -> anyhow::Result<PathBuf> {
    tool(project, Path::new("make"), &[], MISSING)?;
    newest(project)
}
