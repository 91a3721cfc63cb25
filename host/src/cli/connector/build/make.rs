//! Building a project with the Makefile of its author: in C, or in any language that has no part of
//! its own here.

use std::path::{Path, PathBuf};

use super::{newest, tool};

const MISSING: &str = "Install make, from your system's packages";

/// Builds what stands in this folder. The file is the one that `make` left.
pub(super) fn build(project: &Path) -> anyhow::Result<PathBuf> {
    tool(project, Path::new("make"), &[], MISSING)?;
    newest(project)
}
