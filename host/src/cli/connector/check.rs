//! `muster connector check`: runs the conformance kit (`kit/check.rs`) on a connector's file, and prints
//! which states, decisions and breaches of the contract it found.

use std::io::{IsTerminal as _, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::{Map, Value};

pub(super) mod report;

use super::project;
use super::sandbox::{CacheArgs, LoadedConnector};
use crate::cli::limits::LimitArgs;
use crate::cli::output::{FAINT, Format, NAME};
use crate::kit::check::{CheckReport, Checks, check};
use crate::kit::settings_for;
use crate::terminal::{self, LINE_AGAIN};

/// Test a connector against every kind of event, and every kind of response of an app.
///
/// Each event is tried on each starting state. Each request gets every kind of response. Each decision
/// is asked for twice, and each event is sent twice. The report lists the states that events lead to,
/// the decisions that responses lead to, and each breach of the contract with its shortest example. The
/// exit status is 0 if there is no breach, and 1 if there is one; remarks do not count.
#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// The connector's `.wasm` file, or its project, whose newest built file is used.
    #[arg(default_value = ".", value_name = "FILE|DIR")]
    connector: PathBuf,
    /// A file with the settings, an object in JSON or YAML [default: no settings; a required setting
    /// that is missing gets the default of the connector's schema].
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Write the example of each finding into this directory, as a scenario that passes when the
    /// connector is repaired [default: write none].
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// The most decisions in each case; more of them try combinations of several responses.
    #[arg(long, default_value_t = 400, value_name = "N")]
    decisions: usize,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    cache: CacheArgs,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let wasm = project::built(&args.connector)?;
    let given = args.settings.as_deref().map(read).transpose()?.unwrap_or_default();
    let began = Instant::now();
    let loaded = args.cache.load(&wasm).await?;
    let settings = settings_for(&loaded.connector.manifest, &given)
        .map_err(|error| anyhow!("{error}; --settings gives them"))?;
    let checks = Checks { settings, decisions: args.decisions, limits: args.limits.limits()? };
    let report = reported(&loaded, &checks, args.format).await;
    match args.format.json {
        true => terminal::println!("{}", report::json(&loaded.connector, &report)),
        false => report::print(&loaded.connector, &wasm, &report, began.elapsed()),
    }
    if let Some(folder) = &args.write {
        let several = loaded.connector.manifest.endpoints.len() > 1;
        write(folder, &report, several, args.format.json)?;
    }
    Ok(if report.conforms() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the check, and shows its progress on a terminal.
pub(super) async fn reported(
    loaded: &LoadedConnector,
    checks: &Checks,
    format: Format,
) -> CheckReport {
    let show_progress = stderr().is_terminal() && !format.json;
    let report = check(&loaded.runtime, &loaded.connector, checks, |done, all| {
        if show_progress {
            terminal::eprint!("{LINE_AGAIN}{FAINT}{done} of {all} cases{FAINT:#}");
        }
    });
    let report = report.await;
    if show_progress {
        terminal::eprint!("{LINE_AGAIN}");
    }
    report
}

fn read(file: &Path) -> anyhow::Result<Map<String, Value>> {
    let name = || format!("reading the settings in {}", file.display());
    let text = std::fs::read_to_string(file).with_context(name)?;
    serde_saphyr::from_str(&text).with_context(name)
}

fn write(folder: &Path, report: &CheckReport, several: bool, quiet: bool) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for finding in &report.findings {
        let name = format!("{}-{}.yaml", finding.kind.name(), finding.event.name());
        let file = folder.join(name);
        std::fs::write(&file, finding.recording(several).file())
            .with_context(|| file.display().to_string())?;
        if !quiet {
            terminal::println!("wrote {NAME}{}{NAME:#}", file.display());
        }
    }
    Ok(())
}
