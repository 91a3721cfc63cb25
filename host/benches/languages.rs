//! The cost of a connector by its language.
//!
//! `.ci/languages` builds the newsletter in each language. `cargo bench --bench languages -- FILE…`
//! compares the files with the first one: size, time to compile in the child process, time to load
//! from the cache, resident memory, and time and memory of a decision in a fresh instance. The
//! connectors take turns in rounds, so that all of them meet the same conditions.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]
#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use muster::connector::{Budget, Connector, Limits, Question, Runtime, RuntimeConfig};
use muster::decision::{Context, Event, EventKind, Subject, User};
use tokio::runtime;

const ROUNDS: usize = 10;
/// Decisions of each connector in a round.
const DECISIONS: usize = 100;

/// A connector and its measurements.
struct Measured {
    name: String,
    bytes: usize,
    compiled: Duration,
    loaded: Duration,
    /// Bytes by which loading it increased the process's resident memory.
    resident: u64,
    memory: u64,
    decisions: Vec<Duration>,
    connector: Arc<Connector>,
}

impl Measured {
    async fn load(runtime: &Runtime, fresh: &Runtime, file: &PathBuf) -> Self {
        let wasm = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let begun = Instant::now();
        drop(fresh.load(&wasm).await.unwrap());
        let compiled = begun.elapsed();
        let (before, begun) = (resident(), Instant::now());
        let connector = runtime.load(&wasm).await.unwrap();
        let loaded = begun.elapsed();
        Self {
            name: file.display().to_string(),
            bytes: wasm.len(),
            compiled,
            loaded,
            resident: resident().saturating_sub(before),
            memory: 0,
            decisions: Vec::new(),
            connector,
        }
    }

    async fn decide(&mut self, runtime: &Runtime, question: &Question) {
        for _ in 0..DECISIONS {
            let decided =
                runtime.decide(&self.connector, question.clone(), Budget::default()).await;
            decided.answer.unwrap().unwrap();
            self.memory = self.memory.max(decided.memory_peak);
            self.decisions.push(decided.elapsed);
        }
    }

    /// The time that this percentage of the decisions did not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.decisions.clone();
        sorted.sort();
        sorted[(sorted.len() - 1) * percent / 100]
    }

    fn row(&self, first: &Self) -> Vec<String> {
        let ratio = self.percentile(50).as_secs_f64() / first.percentile(50).as_secs_f64();
        vec![
            self.name.clone(),
            mebibytes(self.bytes as u64),
            format!("{:.0?}", self.compiled),
            format!("{:.1?}", self.loaded),
            mebibytes(self.resident),
            mebibytes(self.memory),
            format!("{:.1?}", self.percentile(50)),
            format!("{:.1?}", self.percentile(99)),
            format!("{ratio:.1}"),
        ]
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The process's resident memory in bytes.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn question() -> Question {
    let context = Context {
        operation: "0193c2f0-8a4e-7b57-9c61-5d2f0a3e6b12".to_owned(),
        tenant: "acme".to_owned(),
        now: "2026-11-22T09:00:00.000Z".to_owned(),
        seed: 42,
        settings: "{}".to_owned(),
        before: None,
        account: None,
        elsewhere: 0,
    };
    let user = User {
        id: "0193c2f0-8a4e-7b57-9c61-5d2f0a3e6b11".to_owned(),
        user_name: "octavia.butler@example.com".to_owned(),
        external_id: Some("00u1dhhb1fkIGP7RL1d8".to_owned()),
        display_name: Some("Octavia Butler".to_owned()),
        given_name: Some("Octavia".to_owned()),
        family_name: Some("Butler".to_owned()),
        email: Some("octavia.butler@example.com".to_owned()),
        active: true,
    };
    let event = Event {
        kind: EventKind::Create,
        subject: Subject::User(user),
        resource: "{}".to_owned(),
        changes: Vec::new(),
        password: None,
        joined: Vec::new(),
        left: Vec::new(),
    };
    Question { context: Arc::new(context), event: Arc::new(event), exchanges: Arc::new([]) }
}

async fn compare(files: &[PathBuf]) {
    let cache = tempfile::tempdir().unwrap();
    let runtime = || {
        Runtime::new(RuntimeConfig {
            compiler: env!("CARGO_BIN_EXE_muster").into(),
            cache: cache.path().to_owned(),
            key: [7; 32],
            threads: 2,
            limits: Limits::default(),
        })
    };
    let (fresh, runtime) = (runtime().unwrap(), runtime().unwrap());
    let mut connectors = Vec::new();
    for file in files {
        connectors.push(Measured::load(&runtime, &fresh, file).await);
    }
    let question = question();
    for _ in 0..ROUNDS {
        for connector in &mut connectors {
            connector.decide(&runtime, &question).await;
        }
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header([
        "connector",
        "file",
        "compiled",
        "loaded",
        "resident",
        "memory",
        "decision",
        "p99",
        "decision ÷ first",
    ]);
    for connector in &connectors {
        table.add_row(connector.row(&connectors[0]));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
}

fn main() {
    let files = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let files: Vec<_> = files.map(PathBuf::from).collect();
    if files.is_empty() {
        println!("no files: build them with .ci/languages and list them after `--`");
        return;
    }
    runtime::Builder::new_current_thread().build().unwrap().block_on(compare(&files));
}
