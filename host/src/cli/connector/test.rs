//! `muster connector test`.

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
use super::sandbox::{Cache, Loaded};
use crate::cli::admin::Admin;
use crate::cli::limits::LimitArgs;
use crate::cli::output::{BAD, FAINT, Format, NAME, NOTE, STRONG};
use crate::kit::scenario::{self, Scenario};
use crate::kit::{Played, Player};
use crate::limits::AppLimits;

/// Play a connector's scenarios in the sandbox, without a host.
///
/// A scenario says what is given, when what happens, what the app is asked and answers, and what
/// comes of it; connectors/SCENARIOS.md tells the format. Each step is asked again from every point
/// of its journal, as a host does after a crash. The exit status is 0 where everything is as the
/// scenarios say, and 1 where not.
#[derive(Args, Debug)]
pub(super) struct TestArgs {
    /// A connector's project (its newest built file is found), a `.wasm` file with `scenarios/`
    /// beside it, a directory of scenarios, or a scenario file.
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// The connector's file, where it is not to be looked for.
    #[arg(long, value_name = "FILE.wasm")]
    connector: Option<PathBuf>,
    /// Write a scenario of this operation of a running host, and play it.
    #[arg(long, value_name = "OPERATION")]
    record: Option<String>,
    /// The file that `--record` writes; by default it stands among the connector's scenarios.
    #[arg(long, value_name = "FILE", requires = "record")]
    to: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    cache: Cache,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

/// Scenarios of one connector.
struct Suite {
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
        passed &= played.iter().all(Played::passed);
        let report = report::Report {
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
        anstream::println!("{}", json!({ "passed": passed, "connectors": reports }));
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What there is to play at a path.
async fn suite(args: &TestArgs, path: &Path) -> anyhow::Result<Suite> {
    let wasm = match &args.connector {
        Some(file) => file.clone(),
        None => project::built(path)?,
    };
    let Some(operation) = &args.record else {
        return Ok(Suite { wasm, files: project::scenarios(path)? });
    };
    if args.paths.len() > 1 {
        bail!("--record is for one connector");
    }
    let loaded = args.cache.load(&wasm).await?;
    let file = args.to.clone().unwrap_or_else(|| record::file_for(path, operation));
    record::record(&args.admin, &loaded.connector.manifest, operation, &file).await?;
    if !args.format.json {
        anstream::println!("recorded {NAME}{}{NAME:#}", file.display());
        let about = "It holds names and addresses as the operation did: look before you share it.";
        anstream::println!("{NOTE}{about}{NOTE:#}\n");
    }
    Ok(Suite { wasm, files: vec![file] })
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

/// Plays them side by side, and returns how they went in their own order.
async fn play(loaded: &Loaded, limits: AppLimits, scenarios: &[Scenario]) -> Vec<Played> {
    let player = Player::new(&loaded.runtime, loaded.connector.clone(), limits);
    let player = &player;
    let played = scenarios.iter().map(|scenario| player.play(scenario));
    futures_util::stream::iter(played).buffered(16).collect().await
}

fn warn_of_newer_sources(path: &Path, wasm: &Path) {
    if let Some(source) = project::newer_source(path, wasm) {
        let (source, wasm) = (source.display(), wasm.display());
        anstream::eprintln!("{NOTE}note:{NOTE:#} {source} is newer than {wasm}; build it again");
    }
}
