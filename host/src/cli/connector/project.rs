//! Finding the built file and the scenarios of a connector's project.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail};

/// The folders of Rust's WebAssembly targets, within its target directory.
const TARGETS: [&str; 3] = ["wasm32-unknown-unknown", "wasm32-wasip2", "wasm32-wasip1"];

/// The connector's file for a path: the path itself, or the newest built file of the project there.
pub(super) fn built(path: &Path) -> anyhow::Result<PathBuf> {
    if !path.exists() {
        bail!("{} does not exist", path.display());
    }
    if is_wasm(path) {
        return Ok(path.to_owned());
    }
    let project = project_of(path)?;
    let newest =
        candidates(&project)?.into_iter().filter_map(|file| Some((age(&file)?, file))).max();
    let Some((_, file)) = newest else {
        bail!(
            "no built connector of {} is found: build it with `muster connector build`, or name the \
             file with --connector",
            project.display()
        );
    };
    Ok(file)
}

/// The scenario files for a path, in the order of their names.
pub(super) fn scenarios(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if path.is_file() && !is_wasm(path) {
        return Ok(vec![path.to_owned()]);
    }
    let folder = if path.is_dir() { path } else { parent(path) };
    let beside = folder.join("scenarios");
    let folder = if beside.is_dir() { &beside } else { folder };
    let among = folder.ends_with("scenarios");
    let mut files = entries(folder)?;
    files.retain(|file| is_scenario(file, among));
    files.sort();
    if files.is_empty() {
        bail!("no scenario is found: {} has no .yaml, .yml or .json file", beside.display());
    }
    Ok(files)
}

/// A source file that is newer than the built file, if there is one.
pub(super) fn newer_source(path: &Path, built: &Path) -> Option<PathBuf> {
    let project = project_of(path).ok()?;
    let limit = age(built)?;
    let sources = entries(&project.join("src")).ok()?;
    sources.into_iter().find(|file| age(file).is_some_and(|age| age > limit))
}

fn candidates(project: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in ["", "build", "dist", "target"] {
        let files = entries(&project.join(folder)).unwrap_or_default();
        found.extend(files.into_iter().filter(|file| is_wasm(file)));
    }
    let manifest = project.join("Cargo.toml");
    if manifest.is_file() {
        let text = fs::read_to_string(&manifest)?;
        let manifest: toml::Table = text.parse().with_context(|| manifest.display().to_string())?;
        let name = manifest.get("package").and_then(|it| it.get("name")).and_then(|it| it.as_str());
        let file = name.map(|name| format!("{}.wasm", name.replace('-', "_")));
        let of = |target: PathBuf| {
            file.iter().flat_map(move |file| cargo_files(&target, file)).collect::<Vec<_>>()
        };
        found.extend(targets(project)?.into_iter().flat_map(of));
    }
    Ok(found)
}

/// Cargo's target directories: the one in the environment, and those of the project and its parents.
fn targets(project: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let absolute = project.canonicalize()?;
    let own = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    Ok(own.into_iter().chain(absolute.ancestors().map(|it| it.join("target"))).collect())
}

fn cargo_files(target: &Path, file: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for triple in TARGETS {
        for profile in ["release", "connector", "debug"] {
            let file = target.join(triple).join(profile).join(file);
            found.extend(file.is_file().then_some(file));
        }
    }
    found
}

/// The folder of a project, for a path that is the folder, its scenarios, or one of these.
fn project_of(path: &Path) -> anyhow::Result<PathBuf> {
    let folder = if path.is_dir() { path } else { parent(path) };
    let absolute = folder.canonicalize().with_context(|| folder.display().to_string())?;
    match absolute.file_name().is_some_and(|name| name == "scenarios") {
        true => Ok(folder.join("..")),
        false => Ok(folder.to_owned()),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    Ok(read.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect())
}

fn age(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

fn is_wasm(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "wasm")
}

/// Whether a file is a scenario. JSON counts only within a folder of scenarios; elsewhere it is more
/// likely a manifest.
fn is_scenario(path: &Path, among: bool) -> bool {
    path.extension().is_some_and(|it| it == "yaml" || it == "yml" || among && it == "json")
}
