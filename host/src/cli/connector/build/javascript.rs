//! Building a project in JavaScript or TypeScript, with the npm of its author.

use std::path::{Path, PathBuf};

use super::{newest, tool};

const MISSING: &str = "Install Node 18 or later, from https://nodejs.org or your system's packages";

/// Builds what stands in this folder. The file is the one that its `npm run build` left.
pub(super) fn build(project: &Path) -> anyhow::Result<PathBuf> {
    let npm = Path::new("npm");
    if !project.join("node_modules").is_dir() {
        // It keeps to package-lock.json. `npm ci` would not begin where a package of another
        // platform was never published, as some of componentize-qjs were not.
        tool(project, npm, &["install", "--no-fund", "--no-audit"], MISSING)?;
    }
    tool(project, npm, &["run", "--silent", "build"], MISSING)?;
    newest(project)
}
