//! The connector lifecycle benchmark: loading a connector, keeping 1,000 of them loaded, replaying
//! recorded decisions, and changing the version under load.
//!
//! `cargo bench --bench life` prints all figures; `-- --only cold,many,replay,swap` selects some.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod loading;
mod serving;

use std::time::Duration;

use clap::Parser;

#[path = "../support/guests.rs"]
mod guests;

/// Measures the lifecycle of connectors: loading, replay and version changes.
#[derive(Debug, Parser)]
struct Args {
    /// Measure only these parts: cold, many, replay, swap.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Number of distinct connectors that are loaded at the same time.
    #[arg(long, default_value_t = 1000)]
    connectors: u32,
    /// Number of decisions that are recorded and replayed.
    #[arg(long, default_value_t = 20_000)]
    decisions: usize,
    /// Seconds of load while versions change, after as many seconds of load without changes.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Number of connections, each with one request at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    // `cargo test --benches` runs this program too, with other arguments; it must do nothing then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let args = Args::parse();
    let wanted = |part: &str| args.only.is_empty() || args.only.iter().any(|it| it == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if wanted("cold") {
            loading::cold().await;
        }
        if wanted("many") {
            loading::many(args.connectors).await;
        }
        if wanted("many") || wanted("replay") || wanted("swap") {
            let host = serving::ServingHost::start().await;
            if wanted("many") {
                host.many(args.connectors).await;
            }
            if wanted("replay") {
                host.replay(args.decisions, args.connections).await;
            }
            if wanted("swap") {
                host.swap(Duration::from_secs(args.seconds), args.connections).await;
            }
            host.stage.stop().await.unwrap();
        }
    });
}

/// Prints one line of the results.
fn print_figure(name: &str, figure: &str) {
    anstream::println!("{name:<64} {figure}");
}

/// The quantile of the times, for example the median for a share of 0.5.
fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a list of measurements"
    )]
    let index = (times.len() as f64 * share) as usize;
    times[index.min(times.len() - 1)]
}
