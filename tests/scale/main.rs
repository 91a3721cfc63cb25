//! The scale benchmark: the cost of requests in a large directory, and the cost of configuration
//! with many tenants.
//!
//! `cargo bench --bench scale` measures both; `-- --only directory` and `-- --only configuration`
//! select one. Both compare a large size with a small one in the same run.

mod configuration;
#[path = "../load/connection.rs"]
mod connection;
mod directory;
mod filled_host;
#[expect(dead_code, reason = "the load benchmark uses the rest")]
#[path = "../load/process.rs"]
mod process;
mod question;

use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};

/// A run that takes longer is aborted.
const LONGEST_RUN: Duration = Duration::from_secs(3600);

/// Measures how costs grow with the number of users and with the number of tenants.
#[derive(Debug, Parser)]
struct Args {
    /// Measure only these parts.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    #[command(flatten)]
    directory: directory::DirectoryArgs,
    #[command(flatten)]
    configuration: configuration::ConfigurationArgs,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Requests in a large directory.
    Directory,
    /// Configuration with many tenants.
    Configuration,
}

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` runs this program too, with other arguments; it must do nothing then.
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
    let selected = |part| args.only.is_empty() || args.only.contains(&part);
    if selected(Part::Directory) {
        directory::measure(&args.directory).await?;
    }
    if selected(Part::Configuration) {
        configuration::measure(&args.configuration).await?;
    }
    Ok(())
}

/// A table for the results, all columns but the first aligned to the right.
fn table<const N: usize>(columns: [String; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(columns);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
