//! The scale run: what a question costs among a million users, in what it costs among ten thousand.
//!
//! `cargo bench --bench scale` fills two directories and asks both by turns, one request after the
//! other, so that what else the machine does falls on both. The ratio is the result.

#[path = "../load/connection.rs"]
mod connection;
mod house;
mod question;

use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};

use house::House;
use question::Question;

/// No run takes longer.
const LONGEST_RUN: Duration = Duration::from_secs(1800);
/// What a question may cost in the large directory, in what it costs in the small one.
const GOAL: f64 = 1.2;

/// Measures what the size of a directory costs.
#[derive(Debug, Parser)]
struct Args {
    /// Users of the small directory.
    #[arg(long, default_value_t = 10_000)]
    small: usize,
    /// Users of the large directory.
    #[arg(long, default_value_t = 1_000_000)]
    large: usize,
    /// How often each question is measured; the median counts.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many requests each time.
    #[arg(long, default_value_t = 400)]
    requests: usize,
    /// Says that cargo measures, and does not test.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` runs this too, with arguments of its own, and waits for nothing here.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let done = tokio::time::timeout(LONGEST_RUN, run(&args)).await;
        done.context("the run takes too long")?
    })
}

async fn run(args: &Args) -> anyhow::Result<()> {
    let mut small = House::fill(args.small).await?;
    let mut large = House::fill(args.large).await?;
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "question".to_owned(),
        format!("of {}, µs", args.small),
        format!("of {}, µs", args.large),
        "cost ratio".to_owned(),
        "goal".to_owned(),
    ]);
    for question in Question::ALL {
        let mut costs = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..=args.rounds {
            let requests = if round == 0 { args.requests.min(100) } else { args.requests };
            let (at_small, at_large) = if round % 2 == 0 {
                let at_small = small.ask(question, requests).await?;
                (at_small, large.ask(question, requests).await?)
            } else {
                let at_large = large.ask(question, requests).await?;
                (small.ask(question, requests).await?, at_large)
            };
            // The first round only warms up.
            if round > 0 {
                costs[0].push(at_small);
                costs[1].push(at_large);
                costs[2].push(at_large / at_small);
            }
        }
        let [at_small, at_large, ratio] = costs.map(median);
        anstream::eprintln!("scale: {question}: {ratio:.2}");
        let row = [question.to_string(), format!("{at_small:.0}"), format!("{at_large:.0}")];
        table.add_row(row.into_iter().chain([format!("{ratio:.2}"), format!("≤ {GOAL}")]));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    anstream::println!("{table}\n");
    for house in [&mut small, &mut large] {
        let import = house.import().await?;
        anstream::println!(
            "import of {} users by startIndex, {} pages: {:.1} s, {:.0} µs for each page \
             (the first tenth of them {:.0}, the last {:.0})",
            house.users(),
            import.pages,
            import.took.as_secs_f64(),
            import.took.as_secs_f64() * 1e6 / import.pages as f64,
            import.first,
            import.last,
        );
    }
    small.close().await?;
    large.close().await
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
