//! The life run: what it costs to load a connector, to keep a thousand of them, to try one on the
//! past, and to swap one under load.
//!
//! `cargo bench --bench life` prints the figures; `-- --only cold,many,replay,swap` some of them.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod loading;
mod serving;

use std::time::Duration;

use clap::Parser;

#[path = "../support/guests.rs"]
mod guests;

/// Measures the life of a loaded connector.
#[derive(Debug, Parser)]
struct Args {
    /// Only these parts: cold, many, replay, swap.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How many distinct connectors are loaded at once.
    #[arg(long, default_value_t = 1000)]
    connectors: u32,
    /// How many decisions are recorded, and tried again.
    #[arg(long, default_value_t = 20_000)]
    decisions: usize,
    /// How long versions are swapped, and how long they are not, before that.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many requests are under way at once.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Says that cargo measures, and does not test.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    // `cargo test --benches` runs this too, with arguments of its own, and waits for nothing here.
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
            let house = serving::House::furnish().await;
            if wanted("many") {
                house.many(args.connectors).await;
            }
            if wanted("replay") {
                house.replay(args.decisions, args.connections).await;
            }
            if wanted("swap") {
                house.swap(Duration::from_secs(args.seconds), args.connections).await;
            }
            house.stage.stop().await.unwrap();
        }
    });
}

/// A line of the result.
fn told(what: &str, figure: &str) {
    anstream::println!("{what:<58} {figure}");
}

/// The value below which this share of others lies.
fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a list of measurements"
    )]
    let place = (times.len() as f64 * share) as usize;
    times[place.min(times.len() - 1)]
}
