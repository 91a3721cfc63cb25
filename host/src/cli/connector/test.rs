//! `muster connector test`: plays scenarios, and records them from a host's operations.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use futures_util::StreamExt as _;
use serde_json::json;

mod record;
mod report;

use super::project;
use super::sandbox::{CacheArgs, LoadedConnector};
use crate::cli::admin::Admin;
use crate::cli::limits::LimitArgs;
use crate::cli::output::{BAD, FAINT, Format, NAME, NOTE, STRONG};
use crate::kit::scenario::{self, Scenario};
use crate::kit::{ScenarioPlayer, ScenarioResult};
use crate::limits::AppLimits;
use crate::terminal;

/// Play a connector's scenarios in the sandbox, without a host.
///
/// A scenario describes a state, an event, the expected requests with the app's responses, and the
/// expected outcome; connectors/SCENARIOS.md describes the format. Each step is repeated from every
/// point of its journal, as a host does after a crash. The exit status is 0 if all scenarios pass, and 1
/// if one fails.
#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// A connector's project (its newest built file is used), a `.wasm` file with `scenarios/` beside
    /// it, a directory of scenarios, or a scenario file.
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// The connector's file [default: the newest built file of the project].
    #[arg(long, value_name = "FILE.wasm")]
    connector: Option<PathBuf>,
    /// Write a scenario from this operation of a running host, and play it.
    #[arg(long, value_name = "OPERATION")]
    record: Option<String>,
    /// The file that --record writes [default: recorded-OPERATION.yaml in the project's scenarios].
    #[arg(long, value_name = "FILE", requires = "record")]
    to: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    cache: CacheArgs,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

/// Scenarios of one connector.
struct ScenarioSuite {
    wasm: PathBuf,
    files: Vec<PathBuf>,
}

pub(super) async fn run(args: TestArgs) -> anyhow::Result<ExitCode> {
    let limits = args.limits.limits()?;
    let mut passed = true;
    let mut reports = Vec::new();
    for path in &args.paths {
        let suite = suite(&args, path).await?;
        let began = Instant::now();
        let scenarios = read(&suite.files)?;
        let loaded = args.cache.load(&suite.wasm).await?;
        let played = play(&loaded, limits, &scenarios).await;
        passed &= played.iter().all(ScenarioResult::passed);
        let report = report::TestReport {
            connector: &loaded.connector,
            wasm: &suite.wasm,
            scenarios: &scenarios,
            played: &played,
            elapsed: began.elapsed(),
        };
        match args.format.json {
            true => reports.push(report.json()),
            false => {
                report.print();
                warn_of_newer_sources(path, &suite.wasm);
            }
        }
    }
    if args.format.json {
        terminal::println!("{}", json!({ "passed": passed, "connectors": reports }));
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The scenarios to play for a path.
async fn suite(args: &TestArgs, path: &Path) -> anyhow::Result<ScenarioSuite> {
    let wasm = match &args.connector {
        Some(file) => file.clone(),
        None => project::built(path)?,
    };
    let Some(operation) = &args.record else {
        return Ok(ScenarioSuite { wasm, files: project::scenarios(path)? });
    };
    if args.paths.len() > 1 {
        bail!("--record is for one connector");
    }
    let loaded = args.cache.load(&wasm).await?;
    let file = args.to.clone().unwrap_or_else(|| record::file_for(path, operation));
    record::record(&args.admin, &loaded.connector.manifest, operation, &file).await?;
    if !args.format.json {
        terminal::println!("recorded {NAME}{}{NAME:#}", file.display());
        let about =
            "It holds the names and addresses of the operation: check it before you share it.";
        terminal::println!("{NOTE}{about}{NOTE:#}\n");
    }
    Ok(ScenarioSuite { wasm, files: vec![file] })
}

fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for file in files {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
        scenarios.extend(scenario::read(&name, &text)?);
    }
    Ok(scenarios)
}

/// Plays scenarios concurrently, and returns their results in order.
async fn play(
    loaded: &LoadedConnector,
    limits: AppLimits,
    scenarios: &[Scenario],
) -> Vec<ScenarioResult> {
    let player = ScenarioPlayer::new(&loaded.runtime, loaded.connector.clone(), limits);
    let player = &player;
    let played = scenarios.iter().map(|scenario| player.play(scenario));
    futures_util::stream::iter(played).buffered(16).collect().await
}

fn warn_of_newer_sources(path: &Path, wasm: &Path) {
    if let Some(source) = project::newer_source(path, wasm) {
        let (source, wasm) = (source.display(), wasm.display());
        terminal::eprintln!("{NOTE}note:{NOTE:#} {source} is newer than {wasm}; build it again");
    }
}
