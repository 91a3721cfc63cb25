//! The sandbox: one test for each limit and each denial, and tests of what a connector can do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster::connector::{
    Budget, Connector, Decided, Failure, Level, Limits, LoadError, Question, Runtime, RuntimeConfig,
};
use muster::decision::{Context, Event, EventKind, Outcome, Step, Subject, User};
use tempfile::TempDir;

use crate::support::guests::guest;

mod cache;
mod conversion;
mod hostile;
mod hostile_components;
mod inline_decisions;
mod loading;
pub(crate) mod modified_modules;
mod proposals;
mod wasi;

const KEY: [u8; 32] = [7; 32];

/// A runtime with its cache.
struct Sandbox {
    runtime: Runtime,
    cache: TempDir,
}

impl Sandbox {
    fn new() -> Self {
        Self::within(Limits::default())
    }

    fn within(limits: Limits) -> Self {
        let cache = tempfile::tempdir().unwrap();
        Self { runtime: runtime(cache.path(), KEY, limits), cache }
    }

    async fn misbehaving(&self) -> Arc<Connector> {
        self.runtime.load(&guest("misbehaving")).await.unwrap()
    }

    async fn load_error(&self, wasm: &[u8]) -> LoadError {
        self.runtime.load(wasm).await.unwrap_err()
    }

    /// Asks the connector to do this, and checks that the next decision works.
    async fn asked_to(&self, what: &str) -> Decided {
        let connector = self.misbehaving().await;
        let decided = self.runtime.decide(&connector, question(what), Budget::default()).await;
        let next = self.runtime.decide(&connector, question("done"), Budget::default()).await;
        assert_eq!(note(&next), "done", "the next decision");
        decided
    }
}

fn runtime(cache: &Path, key: [u8; 32], limits: Limits) -> Runtime {
    let compiler = env!("CARGO_BIN_EXE_muster").into();
    let config = RuntimeConfig { compiler, cache: cache.to_owned(), key, threads: 2, limits };
    Runtime::new(config).unwrap()
}

fn context(settings: String) -> Context {
    Context {
        operation: "op-1".to_owned(),
        tenant: "acme".to_owned(),
        now: "2026-11-22T09:00:00.000Z".to_owned(),
        seed: 42,
        settings,
        before: None,
        account: None,
        elsewhere: 0,
    }
}

fn event() -> Event {
    Event {
        kind: EventKind::Create,
        subject: Subject::User(User {
            id: "u-1".to_owned(),
            user_name: "ada".to_owned(),
            external_id: None,
            display_name: Some("Ada L".to_owned()),
            given_name: Some("Ada".to_owned()),
            family_name: Some("L".to_owned()),
            email: Some("ada@example.com".to_owned()),
            active: true,
        }),
        resource: "{}".to_owned(),
        changes: Vec::new(),
        password: None,
        joined: Vec::new(),
        left: Vec::new(),
    }
}

fn question(what: &str) -> Question {
    let settings = serde_json::json!({ "do": what }).to_string();
    let (context, event) = (Arc::new(context(settings)), Arc::new(event()));
    Question { context, event, exchanges: Arc::new([]) }
}

#[track_caller]
fn outcome(decided: &Decided) -> &Outcome {
    match &decided.answer {
        Ok(Ok(Step::Done(outcome))) => outcome,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn note(decided: &Decided) -> &str {
    &outcome(decided).note
}

#[track_caller]
fn failure(decided: &Decided) -> &Failure {
    decided.answer.as_ref().unwrap_err()
}

/// The misbehaving connector with another behaviour of `describe`.
pub(crate) fn describing(what: &str) -> Vec<u8> {
    let mut wasm = guest("misbehaving");
    let word = b"describe:manifest";
    let at = wasm.windows(word.len()).position(|found| found == word).unwrap();
    wasm[at..at + word.len()].copy_from_slice(what.as_bytes());
    wasm
}

#[tokio::test]
async fn a_connector_that_loops_is_stopped() {
    let decided = Sandbox::new().asked_to("loop").await;
    assert_eq!(failure(&decided), &Failure::Deadline);
    assert!(decided.elapsed >= Duration::from_millis(100), "{:?}", decided.elapsed);
}

#[tokio::test]
async fn a_connector_that_allocates_without_end_is_stopped() {
    let decided = Sandbox::new().asked_to("allocate").await;
    assert_eq!(failure(&decided), &Failure::Memory);
    let limit = Budget::default().memory as u64;
    assert!(decided.memory_peak > limit / 2 && decided.memory_peak <= limit);
}

#[tokio::test]
async fn a_connector_that_handles_denied_memory_continues() {
    let decided = Sandbox::new().asked_to("allocate-politely").await;
    let mebibytes: u32 = note(&decided).parse().unwrap();
    assert!((16..32).contains(&mebibytes), "{mebibytes}");
}

#[tokio::test]
async fn a_decision_has_the_memory_of_its_budget() {
    let sandbox = Sandbox::new();
    let connector = sandbox.misbehaving().await;
    let ask = async |memory: usize| {
        let budget = Budget { memory: memory << 20, ..Budget::default() };
        let decided = sandbox.runtime.decide(&connector, question("allocate-politely"), budget);
        note(&decided.await).parse::<usize>().unwrap()
    };
    assert!((4..8).contains(&ask(8).await));
    assert!((32..64).contains(&ask(64).await));
}

#[tokio::test]
async fn a_decision_has_the_time_of_its_budget() {
    let sandbox = Sandbox::new();
    let connector = sandbox.misbehaving().await;
    let budget = Budget { time: Duration::from_millis(300), ..Budget::default() };
    let decided = sandbox.runtime.decide(&connector, question("loop"), budget).await;
    assert_eq!(failure(&decided), &Failure::Deadline);
    assert!(decided.elapsed >= Duration::from_millis(300), "{:?}", decided.elapsed);
}

#[tokio::test]
async fn a_connector_that_recurses_without_end_is_stopped() {
    let decided = Sandbox::new().asked_to("recurse").await;
    assert_eq!(failure(&decided), &Failure::Stack);
}

#[tokio::test]
async fn a_connector_that_traps_fails_with_its_last_message() {
    let decided = Sandbox::new().asked_to("panic").await;
    let Failure::Trap(text) = failure(&decided) else { panic!("{decided:?}") };
    assert!(text.contains("last message: panicked at"), "{text}");
    assert!(text.contains("as I was told"), "{text}");
    assert_eq!(decided.log.last().unwrap().level, Level::Error);
}

#[tokio::test]
async fn a_connector_that_reaches_out_of_its_memory_traps() {
    let decided = Sandbox::new().asked_to("out-of-bounds").await;
    let Failure::Trap(text) = failure(&decided) else { panic!("{decided:?}") };
    assert!(text.contains("out of bounds memory access"), "{text}");
    assert!(text.contains("in `muster:connector/lifecycle@0.1.0#decide`"), "{text}");
}

#[tokio::test]
async fn a_connector_cannot_reach_a_host_it_was_not_granted() {
    let decided = Sandbox::new().asked_to("ungranted-endpoint").await;
    let Failure::InvalidAnswer(text) = failure(&decided) else { panic!("{decided:?}") };
    assert!(text.contains("\"internet\""), "{text}");
}

#[tokio::test]
async fn a_connector_remembers_nothing_between_calls() {
    let sandbox = Sandbox::new();
    let connector = sandbox.misbehaving().await;
    for _ in 0..20 {
        let decided =
            sandbox.runtime.decide(&connector, question("remember"), Budget::default()).await;
        assert_eq!(note(&decided), "1");
    }
}

#[tokio::test]
async fn a_connector_that_floods_the_log_keeps_its_first_lines() {
    let decided = Sandbox::new().asked_to("log-flood").await;
    assert_eq!(note(&decided), "flooded");
    assert_eq!(decided.log.len(), 64);
    assert_eq!(decided.log_dropped, 10_000 - 64);
}

#[tokio::test]
async fn a_connector_that_floods_the_log_and_traps_fails_with_its_last_message() {
    let decided = Sandbox::new().asked_to("log-and-panic").await;
    assert!(failure(&decided).to_string().contains("after all that"), "{decided:?}");
}

#[tokio::test]
async fn a_connector_that_returns_too_much_fails() {
    for what in ["huge-result", "large-result", "huge-log"] {
        let decided = Sandbox::new().asked_to(what).await;
        assert!(matches!(failure(&decided), Failure::TooMuch(_)), "{what}: {decided:?}");
    }
}

#[tokio::test]
async fn a_connector_with_an_invalid_answer_fails() {
    for (what, said) in [("nonsense-account", "id is empty"), ("nonsense-data", "not JSON")] {
        let decided = Sandbox::new().asked_to(what).await;
        let Failure::InvalidAnswer(text) = failure(&decided) else { panic!("{decided:?}") };
        assert!(text.contains(said), "{text}");
    }
}

#[tokio::test]
async fn a_connector_that_loops_does_not_delay_another_thread() {
    let sandbox = Sandbox::new();
    let connector = sandbox.misbehaving().await;
    let looping = sandbox.runtime.decide(&connector, question("loop"), Budget::default());
    let others = async {
        for _ in 0..20 {
            let decided =
                sandbox.runtime.decide(&connector, question("done"), Budget::default()).await;
            assert_eq!(note(&decided), "done");
        }
    };
    let (looped, ()) = tokio::join!(looping, others);
    assert_eq!(failure(&looped), &Failure::Deadline);
}

#[tokio::test]
async fn decisions_beyond_the_queues_length_wait() {
    let sandbox = Sandbox::new();
    let connector = sandbox.misbehaving().await;
    let ask = |_| sandbox.runtime.decide(&connector, question("done"), Budget::default());
    let decisions: Vec<_> = (0..500).map(ask).map(Box::pin).collect();
    for decided in futures_util::future::join_all(decisions).await {
        assert_eq!(note(&decided), "done");
    }
}
