//! Loading connectors: from a new file, from the cache of compiled connectors, and many at once.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster::connector::{Budget, Connector, Limits, Question, Runtime, RuntimeConfig};
use muster::decision::{Context, Event, EventKind, Subject, User};

use crate::guests::guest;
use crate::{print_figure, quantile};

/// Connectors that are loaded; the median is reported.
const TIMES: u32 = 15;
/// Decisions that are measured.
const DECISIONS: usize = 20_000;

/// Measures the time from a push to the first decision, without and with a compiled connector in
/// the cache.
pub(crate) async fn cold() {
    let cache = tempfile::tempdir().unwrap();
    let first = runtime(cache.path());
    let mut times = Vec::new();
    for n in 0..TIMES {
        times.push(first_decision(&first, n).await);
    }
    let median = quantile(&mut times, 0.5);
    print_figure("new file to first decision (goal: 150 ms)", &format!("{median:.1?}"));
    // Another runtime has nothing in memory, only the cache on disk.
    let second = runtime(cache.path());
    let mut times = Vec::new();
    for n in 0..TIMES {
        times.push(first_decision(&second, n).await);
    }
    let median = quantile(&mut times, 0.5);
    print_figure(
        "compiled connector on disk to first decision (goal: 2 ms)",
        &format!("{median:.2?}"),
    );
}

/// Loads `count` distinct connectors, and compares decisions of all of them with decisions of one.
pub(crate) async fn many(count: u32) {
    let cache = tempfile::tempdir().unwrap();
    let runtime = runtime(cache.path());
    let mut connectors: Vec<Arc<Connector>> = Vec::new();
    for n in 0..count {
        connectors.push(runtime.load(&variant(n)).await.unwrap());
    }
    // In turns, so that other work on the machine affects both alike.
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for n in 0..DECISIONS {
        one.push(decision(&runtime, &connectors[0]).await);
        all.push(decision(&runtime, &connectors[n % connectors.len()]).await);
    }
    let name = format!("resident memory with {count} connectors loaded (goal for 1000: 2 GB)");
    print_figure(&name, &resident());
    let ratio = quantile(&mut all, 0.5).as_secs_f64() / quantile(&mut one, 0.5).as_secs_f64();
    let name = "median decision, all of them in turn ÷ one, nothing else running";
    print_figure(name, &format!("{ratio:.2} times"));
}

fn runtime(cache: &Path) -> Runtime {
    Runtime::new(RuntimeConfig {
        compiler: env!("CARGO_BIN_EXE_muster").into(),
        cache: cache.to_owned(),
        key: [7; 32],
        threads: 2,
        limits: Limits::default(),
    })
    .unwrap()
}

async fn first_decision(runtime: &Runtime, n: u32) -> Duration {
    let wasm = variant(n);
    let begun = Instant::now();
    let connector = runtime.load(&wasm).await.unwrap();
    assert!(runtime.decide(&connector, question(), Budget::default()).await.answer.is_ok());
    begun.elapsed()
}

async fn decision(runtime: &Runtime, connector: &Arc<Connector>) -> Duration {
    let decided = runtime.decide(connector, question(), Budget::default()).await;
    assert!(decided.answer.is_ok());
    decided.elapsed
}

/// The next version of the roster connector as a distinct file, by a custom section with a number.
pub(crate) fn variant(n: u32) -> Vec<u8> {
    let mut wasm = guest("roster-next");
    wasm.extend([0, 6, 1, b'n']);
    wasm.extend(n.to_le_bytes());
    wasm
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
    let event = Event {
        kind: EventKind::Create,
        subject: Subject::User(User {
            id: "u1".to_owned(),
            user_name: "ada@acme.example".to_owned(),
            external_id: None,
            display_name: None,
            given_name: None,
            family_name: None,
            email: None,
            active: true,
        }),
        resource: r#"{"id":"u1","userName":"ada@acme.example","active":true}"#.to_owned(),
        changes: Vec::new(),
        password: None,
        joined: Vec::new(),
        left: Vec::new(),
    };
    Question { context: Arc::new(context), event: Arc::new(event), exchanges: Arc::new([]) }
}

/// Resident memory of this process.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{} MB", kib / 1024))
}
