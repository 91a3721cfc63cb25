//! The neighbours benchmark: how long the requests of a quiet tenant take while another tenant of the
//! same host does everything at once that costs the host work.
//!
//! `cargo bench --bench neighbours` starts muster with its default limits and two tenants. The quiet one
//! reads and deactivates people at a steady pace. In each round it does so first alone, and then beside the
//! loud one: slow filters, changes of many values, answers that are not read, creations and
//! failed sign-ins, over many connections, from a process of its own. The goal is that the quiet tenant's p99 stays below three
//! times its value alone, or below 10 ms, whichever is more.

#[path = "../load/connection.rs"]
mod connection;
mod noise;
#[expect(dead_code, reason = "the load benchmark uses the rest")]
#[path = "../load/process.rs"]
mod process;
mod quiet;
mod tenant;

use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use crate::noise::NoiseArgs;
use crate::quiet::{Latencies, Quiet};
use crate::tenant::Host;

/// A run that takes longer is aborted.
const LONGEST_RUN: Duration = Duration::from_secs(1800);
/// The quiet tenant's p99 beside the loud one, in that of before, at most.
const FACTOR: u32 = 3;
/// A p99 below this is good in any case.
const GOOD: Duration = Duration::from_millis(10);

/// Measures how long the requests of a tenant take beside a tenant that does everything at once.
#[derive(Debug, Parser)]
struct Args {
    /// Users of each tenant.
    #[arg(long, default_value_t = 1000)]
    users: usize,
    /// Rounds, each first alone and then beside the loud tenant; the median is reported.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds for each half of a round.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    #[command(flatten)]
    noise: NoiseArgs,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` runs this program too, with other arguments; it must do nothing then.
    let given = |name: &str| std::env::args().any(|argument| argument == name);
    if given("--test") || !given("--bench") && !given("--noise") {
        return Ok(());
    }
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if args.noise.is_wanted() {
        return runtime.block_on(noise::make(&args.noise));
    }
    runtime.block_on(async {
        let done = tokio::time::timeout(LONGEST_RUN, run(&args)).await;
        done.context("the run takes too long")?
    })
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let host = Host::start().await?;
    let quiet = host.tenant("quiet").await?;
    let loud = host.tenant("loud").await?;
    quiet.fill(args.users).await?;
    loud.fill(args.users).await?;
    let quiet = Quiet::new(&quiet).await?;
    let slice = Duration::from_secs_f64(args.seconds.clamp(0.5, 600.0));
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds.max(1) {
        alone.push(quiet.measure(slice).await?);
        let noise = noise::Child::start(&loud)?;
        beside.push(quiet.measure(slice).await?);
        for line in noise.stop()? {
            eprintln(&format!("round {round}: {line}"));
        }
    }
    print(&alone, &beside);
    let memory = host.process.memory()?;
    anstream::println!("\nthe host's memory at its peak: {} MB", memory.peak >> 20);
    Ok(())
}

fn print(alone: &[Latencies], beside: &[Latencies]) {
    anstream::println!("| request | p50 alone | p99 alone | p50 beside | p99 beside | goal |");
    anstream::println!("|---|---|---|---|---|---|");
    for (name, of) in quiet::REQUESTS {
        let median = |rounds: &[Latencies], thousandth| {
            let mut all: Vec<_> = rounds.iter().map(|round| of(round).at(thousandth)).collect();
            all.sort_unstable();
            all[all.len() / 2]
        };
        let [p50, p99] = [500, 990].map(|it| median(alone, it));
        let [loud50, loud99] = [500, 990].map(|it| median(beside, it));
        let goal = (p99 * FACTOR).max(GOOD);
        let missed = if loud99 < goal { "" } else { " (missed)" };
        let [p50, p99, loud50, loud99, goal] = [p50, p99, loud50, loud99, goal].map(milliseconds);
        anstream::println!(
            "| {name} | {p50} | {p99} | {loud50} | {loud99}{missed} | below {goal} |"
        );
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Says on stderr how far the run is.
fn eprintln(text: &str) {
    anstream::eprintln!("{text}");
}
