//! The seeded simulation: random schedules of requests, faults and deaths against a whole host, on
//! virtual time, and an oracle that looks at the result.
//!
//! `cargo bench --bench simulation -- --for 60s` runs schedules for a minute, on every core;
//! `-- --seed 17` runs one and tells its story; `-- --twice 100` runs a hundred of them two times
//! and compares the journals. A schedule that fails is shrunk and printed, with the arguments that
//! repeat it. `--plant NAME=return` switches a fail point of the host on, so that planted faults
//! show what the oracle finds.
//!
//! Lifecycle, store, SQLite and sandbox are the real ones. What is replaced: the app and the way to
//! it (`network`, `app`), time (tokio's paused clock), random numbers and the machine's clocks
//! (`machine`), and threads: SQLite answers within one poll, and connectors decide on the calling
//! thread. So everything happens on one thread in an order that the seed decides.
//!
//! Of the tools for this, turmoil simulates hosts and links between them, which are one host and
//! one link here, and leaves random numbers and threads as they are. madsim replaces tokio as a
//! whole, by a patched dependency in every crate of the tree, sqlx among them; how it replaces the
//! C library's random numbers is taken over. shuttle and loom explore the interleavings of a few
//! primitives of their own, not those of a whole host with a database. proptest's state machines
//! shrink well, and expect that a system under test is called and returns; here steps overlap with
//! requests that are under way. What is left for this program to do is small: a paused runtime, a
//! generator, and a shrinker that leaves steps out.

mod app;
mod belief;
mod client;
mod machine;
mod network;
mod operator;
mod oracle;
mod random;
mod run;
mod schedule;
mod shrink;
mod stage;
mod worker;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use jiff::SignedDuration;

/// How often the processes are looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Runs random schedules against a simulated host.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Args {
    /// How long to run.
    #[arg(long = "for", value_name = "TIME", default_value = "60s")]
    time: SignedDuration,
    /// The most schedules to run.
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    schedules: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// Run this seed alone, and print its schedule.
    #[arg(long)]
    seed: Option<u64>,
    /// Of the one seed, only these steps, counted from 1.
    #[arg(long, value_delimiter = ',')]
    only: Vec<usize>,
    /// Run each of so many seeds twice, and compare the journals.
    #[arg(long)]
    twice: Option<u64>,
    /// Kinds of steps to leave out: ask, pause, connect, disconnect, retry, drop, protect, promote,
    /// fail, heal, restart, die, disk, clock.
    #[arg(long, value_delimiter = ',')]
    without: Vec<String>,
    /// Ignore violations that contain this text.
    #[arg(long)]
    ignore: Vec<String>,
    /// Go on after a failure, and count the kinds of violations.
    #[arg(long)]
    go_on: bool,
    /// Fail points that plant a fault, as the `fail` crate reads them: `name=return`.
    #[arg(long)]
    plant: Vec<String>,
    /// The number of processes [default: one for each core].
    #[arg(long, overrides_with = "jobs")]
    jobs: Option<u64>,
    /// The seeds of this process: each whose remainder by `--jobs` is this.
    #[arg(long, hide = true)]
    job: Option<u64>,
    /// Where a process of `--jobs` keeps its files.
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    // `cargo test --benches` runs this program too, with other arguments; it must do nothing then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that an error of `main` has.
            writeln!(std::io::stderr(), "{error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    if args.job.is_some() || args.seed.is_some() || args.twice.is_some() {
        return worker::work(args);
    }
    let cores = std::thread::available_parallelism().map_or(1, |it| it.get() as u64);
    let jobs = args.jobs.unwrap_or(cores);
    let began = Instant::now();
    // Of this process, which outlives the others: they may be killed.
    let folder = worker::new_folder()?;
    // One process for each core: a full disk, fail points and clocks belong to a whole process.
    let mut children: Vec<_> = (0..jobs)
        .map(|job| {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(std::env::args_os().skip(1)).stdin(Stdio::null());
            command.args(["--job", &job.to_string(), "--jobs", &jobs.to_string()]);
            command.arg("--folder").arg(folder.path());
            command.spawn().context("starting a process")
        })
        .collect::<anyhow::Result<_>>()?;
    let mut well = true;
    while well && !children.is_empty() {
        std::thread::sleep(BETWEEN_LOOKS);
        let mut running = Vec::new();
        for mut child in children {
            match child.try_wait()? {
                Some(status) => well &= status.success(),
                None => running.push(child),
            }
        }
        children = running;
    }
    // One failure is enough: it has been told.
    for mut child in children {
        child.kill()?;
        child.wait()?;
    }
    anyhow::ensure!(well, "schedules failed, within {:?}", began.elapsed());
    Ok(())
}

impl Args {
    fn duration(&self) -> Duration {
        Duration::try_from(self.time).unwrap_or_default()
    }
}
