//! The template of a new project: the example connector and the SDK of this repository, embedded in the
//! program.

use anyhow::Context as _;
use rust_embed::{Embed, EmbeddedFile};
use toml::{Table, Value};

/// The example, in Rust.
#[derive(Embed)]
#[folder = "../connectors/newsletter"]
#[exclude = "*.wasm"]
#[exclude = "target/*"]
struct Rust;

/// The SDK for Rust.
#[derive(Embed)]
#[folder = "../connectors/sdk"]
#[exclude = "target/*"]
struct RustSdk;

/// The example, in JavaScript.
#[derive(Embed)]
#[folder = "../connectors/newsletter-js"]
#[exclude = "*.wasm"]
#[exclude = "build/*"]
#[exclude = "node_modules/*"]
struct Javascript;

/// The SDK for JavaScript.
#[derive(Embed)]
#[folder = "../connectors/sdk-js"]
#[exclude = "node_modules/*"]
struct JavascriptSdk;

/// The example, in Python.
#[derive(Embed)]
#[folder = "../connectors/newsletter-python"]
#[exclude = "*.wasm"]
#[exclude = ".venv/*"]
#[exclude = "build/*"]
#[exclude = "*__pycache__/*"]
struct Python;

/// The SDK for Python.
#[derive(Embed)]
#[folder = "../connectors/sdk-python"]
#[exclude = "build/*"]
#[exclude = "*.egg-info/*"]
#[exclude = "*__pycache__/*"]
struct PythonSdk;

/// The interface.
#[derive(Embed)]
#[folder = "../wit"]
struct Wit;

/// The workspace's manifest, from which the SDK's inherits.
const WORKSPACE: &str = include_str!("../../../../../Cargo.toml");
/// The licence of the SDK.
const LICENSE: &str = include_str!("../../../../../LICENSE");
/// The SDK's folder in a project. The interface is two folders above, as in this repository.
const SDK: &str = "vendor/muster-connector";
const SDK_MANIFEST: &str = "vendor/muster-connector/Cargo.toml";

/// A file of a project.
pub(super) struct File {
    /// The path within the project's folder.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

/// A project in Rust.
pub(super) fn rust(name: &str) -> anyhow::Result<Vec<File>> {
    let mut files = project::<Rust, RustSdk>(name, "/target\n/*.wasm\n")?;
    // In this repository both are members of the workspace; a project needs manifests of its own.
    files.retain(|file| !["Cargo.toml", SDK_MANIFEST].contains(&file.path.as_str()));
    files.push(File::of("Cargo.toml", manifest(name)));
    files.push(File::of(SDK_MANIFEST, without_workspace(&embedded::<RustSdk>("Cargo.toml")?)?));
    Ok(files)
}

/// A project in JavaScript.
pub(super) fn javascript(name: &str) -> anyhow::Result<Vec<File>> {
    project::<Javascript, JavascriptSdk>(name, "/build\n/node_modules\n/*.wasm\n")
}

/// A project in Python.
pub(super) fn python(name: &str) -> anyhow::Result<Vec<File>> {
    project::<Python, PythonSdk>(name, "/.venv\n/build\n/*.wasm\n__pycache__/\n*.egg-info/\n")
}

/// The example under the project's name, its scenarios, the SDK of its language, and the interface.
fn project<Example: Embed, Sdk: Embed>(name: &str, ignored: &str) -> anyhow::Result<Vec<File>> {
    let mut files = vec![File::of(".gitignore", ignored)];
    for path in Example::iter() {
        files.push(File::of(&named(&path, name), named(&embedded::<Example>(&path)?, name)));
    }
    // The scenarios are the same for all languages.
    for path in Rust::iter().filter(|path| path.starts_with("scenarios/")) {
        files.push(File::of(&path, named(&embedded::<Rust>(&path)?, name)));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    for path in Sdk::iter() {
        files.push(File::of(&format!("{SDK}/{path}"), embedded::<Sdk>(&path)?));
    }
    files.push(File::of(&format!("{SDK}/LICENSE"), LICENSE));
    for path in Wit::iter() {
        files.push(File::of(&format!("wit/{path}"), embedded::<Wit>(&path)?));
    }
    Ok(files)
}

impl File {
    fn of(path: &str, content: impl Into<String>) -> Self {
        Self { path: path.to_owned(), content: content.into().into_bytes() }
    }
}

fn embedded<T: Embed>(path: &str) -> anyhow::Result<String> {
    let EmbeddedFile { data, .. } = T::get(path).with_context(|| format!("no file {path}"))?;
    Ok(String::from_utf8(data.into_owned())?)
}

/// A file of the example, with the project's name and the SDK's path in a project.
fn named(text: &str, name: &str) -> String {
    let text = text.replace("../sdk-js", SDK).replace("../sdk-python", SDK);
    aligned(&text.replace("newsletter", name).replace("Newsletter", &camel_case(name)))
}

/// The same text with the comments of neighbouring commands below each other.
fn aligned(text: &str) -> String {
    let commented = |line: &&str| line.starts_with("$ ") && line.contains("  # ");
    let lines: Vec<&str> = text.split('\n').collect();
    let mut aligned = Vec::new();
    let mut rest = lines.as_slice();
    while let Some(line) = rest.first() {
        let run = rest.iter().take_while(|line| commented(line)).count();
        if run == 0 {
            aligned.push((*line).to_owned());
            rest = &rest[1..];
            continue;
        }
        let (commands, after) = rest.split_at(run);
        let parts = commands.iter().filter_map(|line| line.split_once("  # "));
        let parts: Vec<_> = parts.map(|(command, why)| (command.trim_end(), why)).collect();
        let width = parts.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
        aligned.extend(parts.iter().map(|(command, why)| format!("{command:width$}  # {why}")));
        rest = after;
    }
    aligned.join("\n")
}

fn camel_case(name: &str) -> String {
    let upper = |part: &str| {
        let (first, rest) = part.split_at(1);
        first.to_uppercase() + rest
    };
    name.split('-').filter(|part| !part.is_empty()).map(upper).collect()
}

fn manifest(name: &str) -> String {
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
crate-type = ["cdylib", "rlib"]

[dependencies]
muster-connector = {{ path = "{SDK}" }}
serde = {{ version = "1", features = ["derive"] }}
serde_json = "1"

# Small, and with the names that a report of a panic needs.
[profile.release]
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
strip = "debuginfo"

[workspace]
"#
    )
}

/// The manifest of a member of this workspace, with the values that it inherits written out.
fn without_workspace(manifest: &str) -> anyhow::Result<String> {
    let workspace: Table = WORKSPACE.parse()?;
    let inherited = &workspace["workspace"]["package"];
    let mut manifest: Table = manifest.parse()?;
    manifest.remove("lints");
    let package = manifest.get_mut("package").and_then(Value::as_table_mut);
    for (key, value) in package.context("a crate has a package")?.iter_mut() {
        if value.get("workspace").is_some() {
            value.clone_from(inherited.get(key).with_context(|| format!("no {key} to inherit"))?);
        }
    }
    Ok(toml::to_string(&manifest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_of_the_sdk_needs_no_workspace() {
        let manifest = without_workspace(&embedded::<RustSdk>("Cargo.toml").unwrap()).unwrap();
        assert!(manifest.contains("edition = \"2024\""), "{manifest}");
        assert!(manifest.contains("name = \"muster-connector\""), "{manifest}");
        assert!(!manifest.contains("workspace"), "{manifest}");
    }

    #[track_caller]
    fn text(files: &[File], path: &str) -> String {
        let found = files.iter().find(|file| file.path == path).unwrap_or_else(|| {
            let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
            panic!("no {path} among {paths:?}")
        });
        String::from_utf8(found.content.clone()).unwrap()
    }

    #[test]
    fn the_example_gets_the_projects_name() {
        let files = rust("acme-people").unwrap();
        assert!(text(&files, "src/lib.rs").contains("export!(AcmePeople, "));
        assert!(text(&files, "manifest.json").contains("\"name\": \"acme-people\""));
        assert!(text(&files, "Cargo.toml").contains("name = \"acme-people\""));
        assert!(text(&files, "wit/world.wit").contains("package muster:connector@"));
        assert!(text(&files, "README.md").starts_with("# acme-people\n"));
        assert!(text(&files, "src/lib.rs").starts_with("//! The connector acme-people: a user is"));
    }

    #[test]
    fn the_comments_of_commands_stay_below_each_other() {
        for name in ["a", "letters", "a-name-that-is-longer-than-the-one-of-the-example"] {
            for files in [rust(name), javascript(name), python(name)] {
                let readme = text(&files.unwrap(), "README.md");
                let mut columns = Vec::new();
                for line in readme.lines().filter(|line| line.contains("muster connector ")) {
                    columns.extend(line.find("  # "));
                }
                assert!(columns.len() > 1, "{readme}");
                assert!(columns.iter().all(|it| *it == columns[0]), "{readme}");
            }
        }
    }

    #[test]
    fn every_language_has_its_sdk_and_the_same_scenarios() {
        let (js, python) = (javascript("acme").unwrap(), python("acme").unwrap());
        assert!(text(&js, "package.json").contains("\"file:vendor/muster-connector\""));
        assert!(text(&js, "package-lock.json").contains("\"vendor/muster-connector\""));
        assert!(text(&js, "src/acme.js").contains("muster-connector"));
        assert!(text(&js, "vendor/muster-connector/index.js").contains("export"));
        assert!(text(&python, "requirements.txt").contains("--editable vendor/muster-connector"));
        assert!(text(&python, "vendor/muster-connector/pyproject.toml").contains("setuptools"));
        let scenarios = "scenarios/life.yaml";
        let rust = rust("acme").unwrap();
        for files in [&js, &python, &rust] {
            let license = text(files, "vendor/muster-connector/LICENSE");
            assert!(license.contains("Apache License"), "{license}");
        }
        for files in [&js, &python] {
            assert_eq!(text(files, scenarios), text(&rust, scenarios));
        }
        for file in [js, python, rust].iter().flatten() {
            let left = [".venv", "node_modules", "target", "__pycache__", ".wasm"];
            let path = &file.path;
            assert!(!left.iter().any(|it| path.contains(it)), "{path} is left from a build");
        }
    }
}
