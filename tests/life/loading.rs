//! Connectors that come: from a file never seen, from the cache on disk, and a thousand of them.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster::connector::{Budget, Connector, Limits, Question, Runtime, RuntimeConfig};
use muster::decision::{Context, Event, EventKind, Subject, User};

use crate::guests::guest;
use crate::{quantile, told};

/// How often a connector comes.
const TIMES: u32 = 15;
/// Decisions that are timed.
const DECISIONS: usize = 20_000;

/// From a push to the first decision, and the same from the cache.
pub(crate) async fn cold() {
    let cache = tempfile::tempdir().unwrap();
    let first = runtime(cache.path());
    let mut times = Vec::new();
    for n in 0..TIMES {
        times.push(first_decision(&first, n).await);
    }
    let median = quantile(&mut times, 0.5);
    told("a file never seen, to its first decision (goal: 150 ms)", &format!("{median:.1?}"));
    // Another runtime knows nothing but what is on disk.
    let again = runtime(cache.path());
    let mut times = Vec::new();
    for n in 0..TIMES {
        times.push(first_decision(&again, n).await);
    }
    let median = quantile(&mut times, 0.5);
    told("from the cache on disk, to its first decision (goal: 2 ms)", &format!("{median:.2?}"));
}

/// Many distinct connectors, and a decision in any of them beside one alone.
pub(crate) async fn many(count: u32) {
    let cache = tempfile::tempdir().unwrap();
    let runtime = runtime(cache.path());
    let mut connectors: Vec<Arc<Connector>> = Vec::new();
    for n in 0..count {
        connectors.push(runtime.load(&variant(n)).await.unwrap());
    }
    // In turns, so that what else the machine does falls on both.
    let (mut one, mut any) = (Vec::new(), Vec::new());
    for n in 0..DECISIONS {
        one.push(decision(&runtime, &connectors[0]).await);
        any.push(decision(&runtime, &connectors[n % connectors.len()]).await);
    }
    told(&format!("resident with {count} connectors (goal for 1000: 2 GB)"), &resident());
    let ratio = quantile(&mut any, 0.5).as_secs_f64() / quantile(&mut one, 0.5).as_secs_f64();
    told("any of them, in one, where nothing but decisions happens", &format!("{ratio:.2} times"));
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

/// The roster connector's successor as a file of its own: a custom section says which.
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

/// What the process holds, as the kernel says.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{} MB", kib / 1024))
}
