//! The results, and their output as tables or as JSON.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::generator::{Program, Throughput};
use crate::operation::Operation;
use crate::process::Memory;

/// All results of a run.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) connections: usize,
    pub(crate) populations: Vec<PopulationResult>,
    pub(crate) group_growth: Vec<GroupGrowth>,
    pub(crate) startup: Option<Startup>,
    pub(crate) elapsed: Duration,
}

/// Muster just after its start.
pub(crate) struct Startup {
    /// From the start of the process to the first response.
    pub(crate) elapsed: Duration,
    pub(crate) idle: Memory,
}

/// The results of all operations with one number of users.
pub(crate) struct PopulationResult {
    pub(crate) users: usize,
    pub(crate) operations: Vec<OperationResult>,
    /// Muster's memory after the users were created, before the measurements.
    pub(crate) filled: Memory,
    /// Muster's memory after the measurements.
    pub(crate) after: Memory,
    /// The bytes of muster's database then, without its log: after the users were created, and after the
    /// measurements.
    pub(crate) database: [u64; 2],
}

/// The throughput of one operation, in each round.
pub(crate) struct OperationResult {
    pub(crate) operation: Operation,
    muster: Vec<Throughput>,
    limit: Vec<Throughput>,
    /// Empty for reads.
    baseline: Vec<Throughput>,
}

/// Members added per second to a small and to a large group.
pub(crate) struct GroupGrowth {
    program: Program,
    connections: usize,
    /// Members of the large group.
    large: usize,
    pub(crate) small_rates: Vec<f64>,
    pub(crate) large_rates: Vec<f64>,
}

impl OperationResult {
    /// No rounds yet.
    pub(crate) fn new(operation: Operation) -> Self {
        Self { operation, muster: Vec::new(), limit: Vec::new(), baseline: Vec::new() }
    }

    pub(crate) fn rounds_of(&mut self, program: Program) -> &mut Vec<Throughput> {
        match program {
            Program::Muster => &mut self.muster,
            Program::Limit => &mut self.limit,
            Program::Baseline => &mut self.baseline,
        }
    }
}

impl GroupGrowth {
    /// No measurements yet.
    pub(crate) fn new(program: Program, connections: usize, large: usize) -> Self {
        Self { program, connections, large, small_rates: Vec::new(), large_rates: Vec::new() }
    }

    /// The cost of adding to the large group, divided by the cost of adding to the small one.
    fn cost_ratio(&self) -> f64 {
        median(self.small_rates.iter().zip(&self.large_rates).map(|(small, large)| small / large))
    }
}

impl Report {
    pub(crate) fn print_table(&self) {
        anstream::println!(
            "Requests per second over {} connections, and processor time of the server for each \
             request\n(medians; the run took {:.0} s).\n\
             muster: release build, MUSTER_LOG=warn; a sandboxed connector decides each write, and \
             it is durable.\n\
             limit: axum and SQLite, durable, with group commit; no SCIM, sandbox, journal or \
             tokens.\n\
             baseline: the limit with a decision by bare wasmtime and a journal row for each \
             write.\n",
            self.connections,
            self.elapsed.as_secs_f64()
        );
        let mut table = table(&[
            "users",
            "operation",
            "muster",
            "limit",
            "muster ÷ limit",
            "goal",
            "baseline with decision and journal",
            "baseline ÷ limit",
            "muster ÷ baseline",
            "muster µs",
            "limit µs",
            "baseline µs",
        ]);
        for population in &self.populations {
            for result in &population.operations {
                table.add_row([
                    grouped(population.users as f64),
                    result.operation.to_string(),
                    grouped(median_of(&result.muster, Throughput::rate)),
                    grouped(median_of(&result.limit, Throughput::rate)),
                    hundredths(ratio(&result.muster, &result.limit)),
                    format!("≥ {:.2}", result.operation.goal()),
                    grouped(median_of(&result.baseline, Throughput::rate)),
                    hundredths(ratio(&result.baseline, &result.limit)),
                    hundredths(ratio(&result.muster, &result.baseline)),
                    grouped(median_of(&result.muster, Throughput::micros)),
                    grouped(median_of(&result.limit, Throughput::micros)),
                    grouped(median_of(&result.baseline, Throughput::micros)),
                ]);
            }
        }
        anstream::println!("{table}\n");
        self.print_group_growth();
        self.print_memory();
    }

    fn print_group_growth(&self) {
        if self.group_growth.is_empty() {
            return;
        }
        anstream::println!("Members added per second to a group of 10 and to a large group.\n");
        let columns =
            ["server", "connections", "large group", "at 10", "at large", "cost ratio", "goal"];
        let mut table = table(&columns);
        for growth in &self.group_growth {
            table.add_row([
                growth.program.to_string(),
                growth.connections.to_string(),
                grouped(growth.large as f64),
                grouped(median(growth.small_rates.iter().copied())),
                grouped(median(growth.large_rates.iter().copied())),
                hundredths(growth.cost_ratio()),
                "≤ 1.5".to_owned(),
            ]);
        }
        anstream::println!("{table}\n");
    }

    fn print_memory(&self) {
        if let Some(Startup { elapsed, idle }) = &self.startup {
            anstream::println!(
                "start to first response, with compiled connectors in the cache: {} ms (goal: < \
                 300)\nmemory, idle with three connectors: {:.1} MB (goal: < 45)",
                elapsed.as_millis(),
                megabytes(idle.resident)
            );
        }
        for population in &self.populations {
            anstream::println!(
                "memory with {} users: {:.1} MB; after the measurements: {:.1} MB; peak: {:.1} MB",
                grouped(population.users as f64),
                megabytes(population.filled.resident),
                megabytes(population.after.resident),
                megabytes(population.after.peak)
            );
            let [filled, after] = population.database.map(megabytes);
            anstream::println!(
                "database with {} users, each created by an operation: {filled:.0} MB; after the \
                 measurements: {after:.0} MB",
                grouped(population.users as f64),
            );
        }
    }

    pub(crate) fn print_json(&self) {
        let startup = self.startup.as_ref();
        let report = json!({
            "connections": self.connections,
            "log": "warn",
            "seconds": self.elapsed.as_secs_f64(),
            "populations": self.populations.iter().map(population_json).collect::<Vec<_>>(),
            "group_growth": self.group_growth.iter().map(growth_json).collect::<Vec<_>>(),
            "start_ms": startup.map(|startup| startup.elapsed.as_secs_f64() * 1e3),
            "idle_memory_bytes": startup.map(|startup| startup.idle.resident),
        });
        anstream::println!("{report}");
    }
}

fn population_json(population: &PopulationResult) -> Value {
    let operation = |result: &OperationResult| {
        json!({
            "operation": result.operation.to_string(),
            "muster": median_of(&result.muster, Throughput::rate),
            "limit": median_of(&result.limit, Throughput::rate),
            "baseline": median_of(&result.baseline, Throughput::rate),
            "muster_to_limit": ratio(&result.muster, &result.limit),
            "baseline_to_limit": ratio(&result.baseline, &result.limit),
            "muster_to_baseline": ratio(&result.muster, &result.baseline),
            "goal": result.operation.goal(),
            "processor_micros": {
                "muster": median_of(&result.muster, Throughput::micros),
                "limit": median_of(&result.limit, Throughput::micros),
                "baseline": median_of(&result.baseline, Throughput::micros),
            },
            "rounds": {
                "muster": rates(&result.muster),
                "limit": rates(&result.limit),
                "baseline": rates(&result.baseline),
            },
        })
    };
    json!({
        "users": population.users,
        "operations": population.operations.iter().map(operation).collect::<Vec<_>>(),
        "memory_bytes": {
            "filled": population.filled.resident,
            "after": population.after.resident,
            "peak": population.after.peak,
        },
        "database_bytes": population.database,
    })
}

fn growth_json(growth: &GroupGrowth) -> Value {
    json!({
        "server": growth.program.to_string(),
        "connections": growth.connections,
        "large": growth.large,
        "at_10": median(growth.small_rates.iter().copied()),
        "at_large": median(growth.large_rates.iter().copied()),
        "cost_ratio": growth.cost_ratio(),
    })
}

fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(columns);
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The median of the ratios of each round. The load of the machine changes from round to round, so
/// only figures of the same round are compared.
fn ratio(one: &[Throughput], other: &[Throughput]) -> f64 {
    median(one.iter().zip(other).map(|(one, other)| one.rate() / other.rate()))
}

fn rates(rounds: &[Throughput]) -> Vec<f64> {
    rounds.iter().map(|round| round.rate()).collect()
}

fn median_of(rounds: &[Throughput], figure: impl Fn(Throughput) -> f64) -> f64 {
    median(rounds.iter().map(|round| figure(*round)))
}

/// The median; NaN of no figures.
fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(figures[middle - 1], figures[middle]),
        _ => figures[middle],
    }
}

/// A ratio with two decimals; empty for NaN.
fn hundredths(ratio: f64) -> String {
    if ratio.is_nan() { String::new() } else { format!("{ratio:.2}") }
}

/// A whole number with thousands separators; empty for NaN.
fn grouped(number: f64) -> String {
    if number.is_nan() {
        return String::new();
    }
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
