//! `muster connector build`: builds a project with its language's tools, and makes a component of it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, json};

use super::check;
use super::sandbox::{CacheArgs, LoadedConnector};
use crate::cli::output::{FAINT, Format, GOOD, NAME, NOTE, STRONG};
use crate::connector;
use crate::kit::check::{CheckReport, Checks};
use crate::kit::{SettingsError, settings_for};
use crate::limits::AppLimits;
use crate::terminal;

mod javascript;
mod make;
mod python;
mod rust;

/// Build a connector's project into the one `.wasm` file that a host loads.
///
/// The language is detected by Cargo.toml, package.json or requirements.txt, and built with its own
/// tools: cargo, npm, or Python with its packages in `.venv`. Other languages, such as C, need a
/// Makefile. The output is made a component, loaded as a host loads it, and checked briefly (`muster
/// connector check` is thorough). The exit status is 1 if it breaks the contract.
#[derive(Args, Debug)]
pub(super) struct BuildArgs {
    /// The project's folder.
    #[arg(default_value = ".", value_name = "DIR")]
    project: PathBuf,
    /// The file to write [default: the connector's name with .wasm, in the project's folder].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Skip the check.
    #[arg(long)]
    no_check: bool,
    #[command(flatten)]
    cache: CacheArgs,
    #[command(flatten)]
    format: Format,
}

/// The most decisions in each case of the brief check.
const DECISIONS: usize = 40;

/// Builds the project in a folder, and returns the path of the file that the tools wrote.
type BuildFunction = fn(&Path) -> anyhow::Result<PathBuf>;

/// The languages, each by the file that identifies it, and how each is built. A Makefile comes last,
/// since beside one of the other files it may serve any purpose.
const LANGUAGES: [(&str, BuildFunction); 4] = [
    ("Cargo.toml", rust::build),
    ("package.json", javascript::build),
    ("requirements.txt", python::build),
    ("Makefile", make::build),
];

pub(super) async fn run(args: BuildArgs) -> anyhow::Result<ExitCode> {
    let BuildArgs { project, out, no_check, cache, format } = args;
    let language = LANGUAGES.into_iter().find(|(file, _)| project.join(file).is_file());
    let Some((_, build)) = language else {
        bail!(
            "{} is not a connector's project: it has no Cargo.toml, package.json, requirements.txt \
             or Makefile; `muster connector new NAME` makes one",
            project.display()
        );
    };
    let output = build(&project)?;
    let wasm = fs::read(&output).with_context(|| format!("reading {}", output.display()))?;
    let wasm = connector::valid_component(&wasm).with_context(|| output.display().to_string())?;
    let loaded = cache.load_bytes(&output.display().to_string(), &wasm).await?;
    let connector = &loaded.connector;
    let manifest = &connector.manifest;
    let named = format!("{}.wasm", manifest.name);
    let here = project == Path::new(".");
    let out = out.unwrap_or_else(|| if here { PathBuf::from(named) } else { project.join(named) });
    fs::write(&out, &wasm).with_context(|| format!("writing {}", out.display()))?;
    let began = Instant::now();
    let checked = if no_check { Ok(None) } else { checked(&loaded, format).await.map(Some) };
    let built = json!({
        "file": out,
        "bytes": wasm.len(),
        "digest": connector.digest,
        "name": manifest.name,
        "version": manifest.version,
        "conforms": checked.as_ref().ok().and_then(|report| Some(report.as_ref()?.conforms())),
    });
    format.print(&built, |_| {
        let (file, name, version) = (out.display(), &manifest.name, &manifest.version);
        let kib = wasm.len().div_ceil(1024);
        terminal::println!("{GOOD}built{GOOD:#} {NAME}{file}{NAME:#}: {name}@{version}, {kib} KiB");
        terminal::println!("{FAINT}{}{FAINT:#}", connector.digest);
        match &checked {
            Ok(Some(report)) if report.conforms() => {
                terminal::println!("It keeps the contract in {} cases.\n", report.cases);
            }
            Ok(Some(report)) => {
                terminal::println!();
                check::report::print(connector, &out, report, began.elapsed());
                terminal::println!();
            }
            Ok(None) => {}
            Err(why) => terminal::println!("{NOTE}not checked{NOTE:#}: {why}\n"),
        }
        for (command, purpose) in [
            ("test", "play its scenarios in the sandbox"),
            ("check", "test it against every kind of response of an app"),
            ("push", "push it to a running host"),
        ] {
            let command = format!("muster connector {command:5} {file}");
            terminal::println!("  {STRONG}{command}{STRONG:#}  {FAINT}{purpose}{FAINT:#}");
        }
    });
    let breaks = matches!(&checked, Ok(Some(report)) if !report.conforms());
    Ok(if breaks { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Checks a connector with the default settings of its schema; an error if a required setting has no
/// default.
async fn checked(loaded: &LoadedConnector, format: Format) -> Result<CheckReport, SettingsError> {
    let settings = settings_for(&loaded.connector.manifest, &Map::new())?;
    let checks = Checks { settings, decisions: DECISIONS, limits: AppLimits::default() };
    Ok(check::reported(loaded, &checks, format).await)
}

/// Runs a tool in a project's folder. Its output goes to standard error, so that standard output holds
/// only JSON.
///
/// `missing` tells the user what to do if the tool is not installed.
fn tool(project: &Path, program: &Path, args: &[&str], missing: &str) -> anyhow::Result<()> {
    let named = program.file_name().unwrap_or_default().to_string_lossy();
    let mut command = Command::new(program);
    command.current_dir(project).args(args).stdin(Stdio::null()).stdout(std::io::stderr());
    let status = match command.status() {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{named} is not installed. {missing}")
        }
        Err(error) => return Err(error).with_context(|| format!("could not run {named}")),
    };
    if !status.success() {
        bail!("`{named} {}` failed; see its messages above", args.join(" "));
    }
    Ok(())
}

/// The newest `.wasm` file in a project's folder, which the project's tools have just written.
fn newest(project: &Path) -> anyhow::Result<PathBuf> {
    let files = fs::read_dir(project)?.filter_map(|entry| Some(entry.ok()?.path()));
    let wasm = files.filter(|file| file.extension().is_some_and(|it| it == "wasm"));
    let age = |file: &PathBuf| fs::metadata(file).and_then(|it| it.modified()).ok();
    wasm.max_by_key(age)
        .with_context(|| format!("the build wrote no .wasm file to {}", project.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_missing_or_fails_is_named() {
        let here = Path::new(".");
        let missing = tool(here, Path::new("no-such-tool"), &[], "Install it.").unwrap_err();
        assert_eq!(missing.to_string(), "no-such-tool is not installed. Install it.");
        let failed = tool(here, Path::new("sh"), &["-c", "exit 3"], "").unwrap_err().to_string();
        assert!(failed.starts_with("`sh -c exit 3` failed"), "{failed}");
    }

    #[test]
    fn the_newest_file_is_the_built_one() {
        let folder = tempfile::tempdir().unwrap();
        assert!(newest(folder.path()).unwrap_err().to_string().contains("wrote no .wasm"));
        for (name, at) in [("new.wasm", 1000), ("old.wasm", 10), ("newer.txt", 2000)] {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at);
            file.set_modified(at).unwrap();
        }
        assert_eq!(newest(folder.path()).unwrap(), folder.path().join("new.wasm"));
    }
}
