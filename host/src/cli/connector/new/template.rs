//! What a new project is made of: an example connector and the SDK, as they stand in this
//! repository.

use anyhow::Context as _;
use rust_embed::{Embed, EmbeddedFile};
use toml::{Table, Value};

/// The example, in Rust.
#[derive(Embed)]
#[folder = "../connectors/newsletter"]
struct Newsletter;

/// The SDK for Rust.
#[derive(Embed)]
#[folder = "../connectors/sdk"]
struct Sdk;

/// The interface.
#[derive(Embed)]
#[folder = "../wit"]
struct Wit;

/// What the SDK inherits from.
const WORKSPACE: &str = include_str!("../../../../../Cargo.toml");
const IGNORED: &str = "/target\n/*.wasm\n";
/// Where the SDK is in a project. The interface is two folders above, as in this repository.
const SDK: &str = "vendor/muster-connector";

/// A file of a project.
pub(super) struct File {
    /// Below the project's folder.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
}

/// A project in Rust.
pub(super) fn rust(name: &str) -> anyhow::Result<Vec<File>> {
    let mut files = vec![
        File::of("Cargo.toml", manifest(name)),
        File::of(".gitignore", IGNORED),
        File::of(&format!("{SDK}/Cargo.toml"), standing_alone(&embedded::<Sdk>("Cargo.toml")?)?),
    ];
    let is_source = |path: &str| path != "Cargo.toml";
    for path in Newsletter::iter().filter(|path| is_source(path)) {
        files.push(File::of(&path, named(&embedded::<Newsletter>(&path)?, name)));
    }
    for path in Sdk::iter().filter(|path| is_source(path)) {
        files.push(File::of(&format!("{SDK}/{path}"), embedded::<Sdk>(&path)?));
    }
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

/// The example, called otherwise.
fn named(text: &str, name: &str) -> String {
    text.replace("newsletter", name).replace("Newsletter", &camel_case(name))
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

/// The manifest of a crate of this workspace, with everything in it that it inherits.
fn standing_alone(manifest: &str) -> anyhow::Result<String> {
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
    fn a_crate_stands_alone() {
        let manifest = standing_alone(&embedded::<Sdk>("Cargo.toml").unwrap()).unwrap();
        assert!(manifest.contains("edition = \"2024\""), "{manifest}");
        assert!(manifest.contains("name = \"muster-connector\""), "{manifest}");
        assert!(!manifest.contains("workspace"), "{manifest}");
    }

    #[test]
    fn the_example_is_called_as_the_author_likes() {
        let files = rust("acme-people").unwrap();
        let text = |path: &str| {
            let found = files.iter().find(|file| file.path == path).unwrap();
            String::from_utf8(found.content.clone()).unwrap()
        };
        assert!(text("src/lib.rs").contains("export!(AcmePeople, "));
        assert!(text("manifest.json").contains("\"name\": \"acme-people\""));
        assert!(text("Cargo.toml").contains("name = \"acme-people\""));
        assert!(text("wit/world.wit").contains("package muster:connector@"));
        assert!(text("README.md").starts_with("# acme-people\n"));
    }
}
