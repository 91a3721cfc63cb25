//! The load benchmark: throughput of muster's release binary, compared with a reference server.
//!
//! `cargo bench --bench load` prints requests per second of muster, of the reference server in its
//! two configurations (*limit* and *baseline*, see `reference.rs`), and their ratios. All of them
//! run as separate processes at the same time, and one load generator drives them in turns, so that
//! other work on the machine affects all alike. The ratios are the result: absolute figures depend
//! on the machine. `README.md` in this folder explains every column.

#[path = "../support/bare.rs"]
mod bare;
mod calls;
mod connection;
mod directory;
mod generator;
mod latency;
mod measure;
mod neighbour;
mod operation;
mod process;
mod reference;
mod report;
mod start;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::measure::Plan;

/// A run that takes longer is aborted.
const LONGEST_RUN: Duration = Duration::from_secs(1800);

/// Measures the throughput of muster, compared with a minimal reference server.
#[derive(Debug, Parser)]
struct Args {
    /// Number of users; give it once for each population to measure.
    #[arg(long, default_values_t = [10_000, 100_000])]
    users: Vec<usize>,
    /// Number of connections, each with one request at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Measurements of each operation; the median is reported.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Create and change users in a random order, and not one after another.
    #[arg(long)]
    random: bool,
    /// Measure only these operations: get, filter, list, random, patch, post, group.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Measure instead how much of its rate a tenant keeps beside a tenant with slow queries, and how
    /// long a change takes at most.
    #[arg(long)]
    neighbour: bool,
    /// Measure instead what a creation costs that is carried out in an app.
    #[arg(long)]
    calls: bool,
    /// Measure instead how long changes take, for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    latency: Option<f64>,
    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    /// Run as the reference server, with the database in this folder.
    #[arg(long, hide = true, value_name = "DIR")]
    serve_reference: Option<PathBuf>,
    /// As the reference server, decide each write with a connector and journal it.
    #[arg(long, hide = true)]
    with_decisions: bool,
}

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` runs this program too, with other arguments; it must do nothing then.
    let given = |name: &str| std::env::args().any(|argument| argument == name);
    if given("--test") || !given("--bench") && !given("--serve-reference") {
        return Ok(());
    }
    let args = Args::parse();
    if let Some(folder) = args.serve_reference {
        return reference::serve(&folder, args.with_decisions);
    }
    let json = args.json;
    // One thread drives all servers: the load generator shares the processors with them, and
    // distorts the figures less if it is small.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let users = args.users.iter().copied().max().unwrap_or(100_000);
    if let Some(seconds) = args.latency {
        let time = Duration::from_secs_f64(seconds.clamp(0.1, 3600.0));
        return runtime.block_on(latency::run(users, args.random, args.connections.max(1), time));
    }
    let slice = Duration::from_secs_f64(args.seconds.clamp(0.1, 600.0));
    if args.calls {
        return runtime.block_on(calls::run(args.connections.max(1), args.rounds, slice));
    }
    if args.neighbour {
        return runtime.block_on(neighbour::run(users, args.connections, args.rounds, slice));
    }
    let report = runtime.block_on(run_until_signal(args))?;
    if json {
        report.print_json();
    } else {
        report.print_table();
    }
    Ok(())
}

/// Runs the benchmark. A signal ends it in order, so that no process and no folder is left behind.
async fn run_until_signal(args: Args) -> anyhow::Result<report::Report> {
    let operations = operation::Operation::named(&args.only)?;
    let plan = Plan {
        users: args.users,
        connections: args.connections.max(1),
        rounds: args.rounds.max(1),
        slice: Duration::from_secs_f64(args.seconds.clamp(0.1, 60.0)),
        operations,
        random: args.random,
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
