//! `muster connector new`: writes a project from a template.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::output::{FAINT, Format, GOOD, NAME, STRONG};
use crate::terminal;

mod template;

use template::File;

/// The most characters of a name, as in a manifest.
const NAME_LENGTH: usize = 64;

/// Create a connector's project, with an example that builds, its tests, and a copy of the SDK.
#[derive(Args, Debug)]
pub(super) struct NewArgs {
    /// The connector's name: lower-case letters, digits and hyphens, beginning with a letter.
    #[arg(value_parser = name)]
    name: String,
    /// The language to write it in.
    #[arg(long, value_enum, default_value_t)]
    lang: Language,
    /// The folder to create [default: the connector's name].
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

/// A language that connectors are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Language {
    #[default]
    Rust,
    /// JavaScript, or TypeScript
    Js,
    Python,
}

impl Language {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Js => "JavaScript",
            Self::Python => "Python",
        }
    }

    fn files(self, name: &str) -> anyhow::Result<Vec<File>> {
        match self {
            Self::Rust => template::rust(name),
            Self::Js => template::javascript(name),
            Self::Python => template::python(name),
        }
    }

    /// The author's next commands, each with its purpose.
    fn steps(self) -> Vec<(&'static str, &'static str)> {
        let own = match self {
            Self::Rust => Some(("cargo test", "test decisions natively")),
            Self::Js | Self::Python => None,
        };
        let shared = [
            ("muster connector build", "build the .wasm file that a host loads"),
            ("muster connector test", "play the scenarios in the sandbox"),
        ];
        own.into_iter().chain(shared).collect()
    }
}

pub(super) fn run(args: &NewArgs) -> anyhow::Result<()> {
    let NewArgs { name, lang, path, format } = args;
    let folder = path.clone().unwrap_or_else(|| PathBuf::from(name));
    write(&folder, &lang.files(name)?)?;
    let made = json!({ "name": name, "lang": lang.name(), "path": folder });
    format.print(&made, |_| {
        let (place, lang) = (folder.display(), lang.title());
        terminal::println!("{GOOD}made{GOOD:#} {NAME}{place}{NAME:#}, a connector in {lang}\n");
    });
    if !format.json {
        next(&folder, *lang);
    }
    Ok(())
}

fn next(folder: &Path, lang: Language) {
    let enter = format!("cd {}", folder.display());
    let mut steps = vec![(enter.as_str(), "see README.md for the files in it")];
    steps.extend(lang.steps());
    let width = steps.iter().map(|(command, _)| command.len()).max().unwrap_or_default();
    for (command, purpose) in steps {
        terminal::println!("  {STRONG}{command:width$}{STRONG:#}  {FAINT}{purpose}{FAINT:#}");
    }
}

/// Writes the whole folder or nothing. An existing folder is not changed, unless it is empty.
fn write(folder: &Path, files: &[File]) -> anyhow::Result<()> {
    let beside = folder.parent().filter(|it| !it.as_os_str().is_empty());
    let beside = beside.unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(beside).with_context(|| format!("could not make {}", beside.display()))?;
    let made = tempfile::Builder::new().prefix(".muster-new-").tempdir_in(beside)?;
    for File { path, content } in files {
        let path = made.path().join(path);
        let within = path.parent().expect("a template's file is within the folder");
        fs::create_dir_all(within)?;
        fs::write(&path, content)?;
    }
    make_readable(made.path())?;
    // `rename` replaces an empty folder, and fails for any other.
    match fs::rename(made.path(), folder) {
        Ok(()) => Ok(()),
        Err(error) if is_taken(&error) => bail!(
            "{} exists already and is not empty; choose another name, or another folder with --path",
            folder.display()
        ),
        Err(error) => Err(error).with_context(|| format!("could not make {}", folder.display())),
    }
}

/// Gives the folder the usual permissions: a temporary folder is private.
fn make_readable(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn is_taken(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
    )
}

fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
    if begins && text.len() <= NAME_LENGTH && text.chars().all(plain) && !text.ends_with('-') {
        return Ok(text.to_owned());
    }
    Err(format!(
        "a connector's name consists of lower-case letters, digits and hyphens, begins with a \
         letter, and has at most {NAME_LENGTH} characters"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, taken: bool) {
        assert_eq!(name(text).is_ok(), taken, "{text:?}");
    }

    #[test]
    fn a_name_is_valid_for_a_crate_and_a_manifest() {
        check("acme", true);
        check("acme-2", true);
        check(&"a".repeat(64), true);
        check(&"a".repeat(65), false);
        for wrong in ["", "Acme", "2acme", "-acme", "acme-", "ac me", "acme/x", "../acme", "a_b"] {
            check(wrong, false);
        }
    }

    #[test]
    fn an_existing_folder_is_not_changed() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("acme");
        let file = |content: &str| {
            vec![File { path: "src/lib.rs".to_owned(), content: content.as_bytes().to_vec() }]
        };
        write(&folder, &file("mine")).unwrap();
        let error = write(&folder, &file("theirs")).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
        assert_eq!(fs::read_to_string(folder.join("src/lib.rs")).unwrap(), "mine");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}
