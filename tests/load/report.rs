//! What was found, as a table or as JSON.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use crate::generator::Pace;
use crate::operation::Operation;
use crate::process::Memory;

/// Everything that was found.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) connections: usize,
    pub(crate) loads: Vec<Load>,
    pub(crate) grown: Vec<Grown>,
    pub(crate) starting: Option<Starting>,
    pub(crate) took: Duration,
}

/// Muster just after its start.
pub(crate) struct Starting {
    pub(crate) took: Duration,
    pub(crate) idle: Memory,
}

/// All operations on one population.
pub(crate) struct Load {
    pub(crate) users: usize,
    pub(crate) operations: Vec<Figures>,
    /// Muster's memory when the users were there, and after everything.
    pub(crate) filled: Memory,
    pub(crate) after: Memory,
}

/// One operation, a figure for each round.
pub(crate) struct Figures {
    pub(crate) operation: Operation,
    muster: Vec<Pace>,
    limit: Vec<Pace>,
    /// None of what is only read.
    working: Vec<Pace>,
}

/// Members added to a small and to a large group, per second.
#[derive(Default)]
pub(crate) struct Grown {
    pub(crate) server: &'static str,
    pub(crate) connections: usize,
    pub(crate) large: usize,
    pub(crate) small: Vec<f64>,
    pub(crate) large_rates: Vec<f64>,
}

impl Figures {
    /// Before the first round.
    pub(crate) fn of(operation: Operation) -> Self {
        Self { operation, muster: Vec::new(), limit: Vec::new(), working: Vec::new() }
    }

    /// The figures of the server of this name.
    pub(crate) fn rounds_of(&mut self, name: &str) -> &mut Vec<Pace> {
        match name {
            "muster" => &mut self.muster,
            "limit" => &mut self.limit,
            _ => &mut self.working,
        }
    }
}

impl Grown {
    /// What an addition to the large group costs, in additions to the small one.
    fn ratio(&self) -> f64 {
        median(self.small.iter().zip(&self.large_rates).map(|(small, large)| small / large))
    }
}

impl Report {
    pub(crate) fn print_table(&self) {
        anstream::println!(
            "muster (release, MUSTER_LOG=warn, each write decided in a sandbox and durable) beside \
             the limit\n(axum and SQLite, group commit, durable; no SCIM, sandbox, journal or \
             tokens), and beside the limit\nworking (with a decision of bare wasmtime and a row of \
             a journal for each write): requests per\nsecond over {} connections, and what each \
             takes of a processor; medians; the run took {:.0} s\n",
            self.connections,
            self.took.as_secs_f64()
        );
        let mut table = table(&[
            "users",
            "operation",
            "muster",
            "limit",
            "ratio",
            "goal",
            "working",
            "its ratio",
            "µs",
            "limit µs",
            "working µs",
        ]);
        for load in &self.loads {
            for figures in &load.operations {
                table.add_row([
                    grouped(load.users as f64),
                    figures.operation.to_string(),
                    grouped(middle(&figures.muster, Pace::rate)),
                    grouped(middle(&figures.limit, Pace::rate)),
                    hundredths(ratio(&figures.muster, &figures.limit)),
                    format!("≥ {:.1}", figures.operation.goal()),
                    grouped(middle(&figures.working, Pace::rate)),
                    hundredths(ratio(&figures.working, &figures.limit)),
                    grouped(middle(&figures.muster, Pace::micros)),
                    grouped(middle(&figures.limit, Pace::micros)),
                    grouped(middle(&figures.working, Pace::micros)),
                ]);
            }
        }
        anstream::println!("{table}\n");
        self.print_grown();
        self.print_memory();
    }

    fn print_grown(&self) {
        if self.grown.is_empty() {
            return;
        }
        anstream::println!("members added per second to a group of 10 and to a large one\n");
        let columns = ["server", "connections", "large", "at 10", "at large", "cost ratio", "goal"];
        let mut table = table(&columns);
        for grown in &self.grown {
            table.add_row([
                grown.server.to_owned(),
                grown.connections.to_string(),
                grouped(grown.large as f64),
                grouped(median(grown.small.iter().copied())),
                grouped(median(grown.large_rates.iter().copied())),
                hundredths(grown.ratio()),
                "≤ 1.5".to_owned(),
            ]);
        }
        anstream::println!("{table}\n");
    }

    fn print_memory(&self) {
        if let Some(Starting { took, idle }) = &self.starting {
            anstream::println!(
                "start to first answer, connectors compiled: {} ms (goal: < 300)\n\
                 memory, idle with three connectors: {:.1} MB (goal: < 60)",
                took.as_millis(),
                megabytes(idle.resident)
            );
        }
        for load in &self.loads {
            anstream::println!(
                "memory with {} users: {:.1} MB; after all of the above: {:.1} MB, at most {:.1} MB",
                grouped(load.users as f64),
                megabytes(load.filled.resident),
                megabytes(load.after.resident),
                megabytes(load.after.peak)
            );
        }
    }

    pub(crate) fn print_json(&self) {
        let starting = self.starting.as_ref();
        let report = json!({
            "connections": self.connections,
            "log": "warn",
            "seconds": self.took.as_secs_f64(),
            "loads": self.loads.iter().map(load).collect::<Vec<_>>(),
            "group_growth": self.grown.iter().map(growth).collect::<Vec<_>>(),
            "start_ms": starting.map(|starting| starting.took.as_secs_f64() * 1e3),
            "idle_memory_bytes": starting.map(|starting| starting.idle.resident),
        });
        anstream::println!("{report}");
    }
}

fn load(load: &Load) -> Value {
    let operation = |figures: &Figures| {
        json!({
            "operation": figures.operation.to_string(),
            "muster": middle(&figures.muster, Pace::rate),
            "limit": middle(&figures.limit, Pace::rate),
            "working": middle(&figures.working, Pace::rate),
            "ratio": ratio(&figures.muster, &figures.limit),
            "working_ratio": ratio(&figures.working, &figures.limit),
            "goal": figures.operation.goal(),
            "processor_micros": {
                "muster": middle(&figures.muster, Pace::micros),
                "limit": middle(&figures.limit, Pace::micros),
                "working": middle(&figures.working, Pace::micros),
            },
            "rounds": {
                "muster": rates(&figures.muster),
                "limit": rates(&figures.limit),
                "working": rates(&figures.working),
            },
        })
    };
    json!({
        "users": load.users,
        "operations": load.operations.iter().map(operation).collect::<Vec<_>>(),
        "memory_bytes": {
            "filled": load.filled.resident,
            "after": load.after.resident,
            "peak": load.after.peak,
        },
    })
}

fn growth(grown: &Grown) -> Value {
    json!({
        "server": grown.server,
        "connections": grown.connections,
        "large": grown.large,
        "at_10": median(grown.small.iter().copied()),
        "at_large": median(grown.large_rates.iter().copied()),
        "cost_ratio": grown.ratio(),
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

/// Of one round each, since what else the machine does changes from round to round.
fn ratio(one: &[Pace], other: &[Pace]) -> f64 {
    median(one.iter().zip(other).map(|(one, other)| one.rate() / other.rate()))
}

fn rates(rounds: &[Pace]) -> Vec<f64> {
    rounds.iter().map(|pace| pace.rate()).collect()
}

fn middle(rounds: &[Pace], of: impl Fn(Pace) -> f64) -> f64 {
    median(rounds.iter().map(|pace| of(*pace)))
}

/// The one in the middle; between the two in the middle where there is none.
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

/// A ratio; nothing where there is none.
fn hundredths(ratio: f64) -> String {
    if ratio.is_nan() { String::new() } else { format!("{ratio:.2}") }
}

/// A whole number with commas between its thousands; nothing where there is none.
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
