//! Builds a project in JavaScript or TypeScript: installs its packages with npm, and runs its build script.

use std::path::{Path, PathBuf};

use super::{newest, tool};

const MISSING: &str = "Install Node 18 or later, from https://nodejs.org or your system's packages";

/// Builds the project. The file is the one that its `npm run build` wrote.
pub(super) fn build(project: &Path) -> anyhow::Result<PathBuf> {
    let npm = Path::new("npm");
    if !project.join("node_modules").is_dir() {
        // It uses package-lock.json. `npm ci` fails if a package for another platform was never
        // published, which is the case for some of componentize-qjs.
        tool(project, npm, &["install", "--no-fund", "--no-audit"], MISSING)?;
    }
    tool(project, npm, &["run", "--silent", "build"], MISSING)?;
    newest(project)
}
