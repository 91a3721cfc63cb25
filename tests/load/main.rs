//! The load run: muster's release binary beside the smallest program that does the same.
//!
//! `cargo bench --bench load` prints requests per second of both and their ratio. Both run as
//! processes of their own, at the same time, and are driven in turns by the same generator, so that
//! what else the machine does falls on both. Ratios are the result; the figures are this machine's.

#[path = "../support/bare.rs"]
mod bare;
mod connection;
mod directory;
mod generator;
mod limit;
mod measure;
mod operation;
mod process;
mod report;
mod start;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::measure::Plan;

/// No run takes longer.
const LONGEST_RUN: Duration = Duration::from_secs(1800);

/// Measures muster beside the smallest program that does the same.
#[derive(Debug, Parser)]
struct Args {
    /// How many users there are; once for each population.
    #[arg(long, default_values_t = [10_000, 100_000])]
    users: Vec<usize>,
    /// How many requests are under way at once.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How often each operation is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each time.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only these operations: get, filter, list, patch, post, group.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Says that cargo measures, and does not test.
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the limit, with the database in this folder.
    #[arg(long, hide = true, value_name = "DIR")]
    serve_limit: Option<PathBuf>,
    /// As the limit, ask a sandbox and keep a journal.
    #[arg(long, hide = true)]
    work: bool,
}

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` runs this too, with arguments of its own, and waits for nothing here.
    let given = |name: &str| std::env::args().any(|argument| argument == name);
    if given("--test") || !given("--bench") && !given("--serve-limit") {
        return Ok(());
    }
    let args = Args::parse();
    if let Some(folder) = args.serve_limit {
        return limit::serve(&folder, args.work);
    }
    let json = args.json;
    // One thread drives both servers: the less the generator takes, the more it says of them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(undisturbed(args))?;
    if json {
        report.print_json();
    } else {
        report.print_table();
    }
    Ok(())
}

/// Ends early when asked to, in order, so that no process and no folder stays behind.
async fn undisturbed(args: Args) -> anyhow::Result<report::Report> {
    let operations = operation::Operation::named(&args.only)?;
    let plan = Plan {
        users: args.users,
        connections: args.connections.max(1),
        rounds: args.rounds.max(1),
        slice: Duration::from_secs_f64(args.seconds.clamp(0.1, 60.0)),
        operations,
    };
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = tokio::time::timeout(LONGEST_RUN, measure::run(&plan)) => {
            done.context("the run takes too long")?
        }
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminate.recv() => anyhow::bail!("terminated"),
    }
}
