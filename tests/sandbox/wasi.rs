//! What a connector finds of a system that was built for one: nothing, the same each time.

use std::sync::Arc;
use std::time::Duration;

use muster::connector::{Budget, Decided, Failure, Level};

use super::{Sandbox, failure, note, question};
use crate::support::guests::guest;

/// What the connector that was built for a system answers, asked to do this; twice the same.
async fn asked_to(what: &str) -> Decided {
    let sandbox = Sandbox::new();
    let connector = sandbox.runtime.load(&guest("with-wasi")).await.unwrap();
    // Time enough on a busy machine: it is for other limits to end it.
    let budget = Budget { time: Duration::from_secs(5), ..Budget::default() };
    let decided = sandbox.runtime.decide(&connector, question(what), budget).await;
    let again = sandbox.runtime.decide(&connector, question(what), budget).await;
    assert_eq!((&decided.answer, &decided.log), (&again.answer, &again.log));
    decided
}

#[track_caller]
fn crash(decided: &Decided) -> &str {
    let Failure::Trap(text) = failure(decided) else { panic!("{decided:?}") };
    text
}

#[tokio::test]
async fn a_connector_finds_no_files() {
    assert_eq!(note(&asked_to("files").await), "0");
}

#[tokio::test]
async fn a_connector_is_denied_sockets() {
    assert_eq!(note(&asked_to("sockets").await), "access-denied");
}

#[tokio::test]
async fn a_connector_finds_no_environment_no_arguments_and_no_terminal() {
    assert_eq!(note(&asked_to("environment").await), "[] [] None false");
}

#[tokio::test]
async fn a_connector_has_nothing_to_read() {
    assert_eq!(note(&asked_to("stdin").await), "true");
}

#[tokio::test]
async fn a_connectors_clock_stands_where_its_operation_began() {
    let began = "1795338000.000000000 1795338000000000000";
    assert_eq!(note(&asked_to("clock").await), began);
    assert_eq!(note(&asked_to("sleep").await), "[0, 1] 0");
}

#[tokio::test]
async fn a_connectors_randomness_follows_its_operation() {
    let sandbox = Sandbox::new();
    let connector = sandbox.runtime.load(&guest("with-wasi")).await.unwrap();
    let mut other = question("random");
    Arc::make_mut(&mut other.context).seed += 1;
    let decided = sandbox.runtime.decide(&connector, other, Budget::default()).await;
    assert_ne!(note(&decided), note(&asked_to("random").await));
}

#[tokio::test]
async fn a_connector_that_describes_itself_has_no_time_and_no_randomness() {
    let sandbox = Sandbox::new();
    let connector = sandbox.runtime.load(&guest("with-wasi")).await.unwrap();
    let description = "Was built for a system: 0, 16294208416658607535.";
    assert_eq!(connector.manifest.description, description);
}

#[tokio::test]
async fn what_a_connector_prints_is_in_its_log() {
    let decided = asked_to("print").await;
    let lines = decided.log.iter().map(|line| format!("{}: {}", line.level, line.message));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines, ["info: one", "info: two", "warn: careful", "info: three and four"]);
}

#[tokio::test]
async fn a_connector_that_floods_its_output_is_cut_off() {
    let decided = asked_to("print-flood").await;
    assert_eq!(note(&decided), "flooded");
    assert_eq!((decided.log.len(), decided.log_dropped), (64, 10_000 + 1 - 64));
}

#[tokio::test]
async fn a_connector_that_hoards_handles_is_stopped() {
    assert_eq!(note(&asked_to("handles").await), "dropped");
    let decided = asked_to("handle-flood").await;
    assert!(crash(&decided).starts_with("it held 1024 handles of its system"), "{decided:?}");
}

#[tokio::test]
async fn a_connector_that_asks_for_endless_randomness_is_stopped() {
    let decided = asked_to("random-flood").await;
    let said = "it asked for 1099511627776 random bytes at once, in `";
    assert!(crash(&decided).starts_with(said), "{decided:?}");
}

#[tokio::test]
async fn a_connector_that_exits_fails_with_its_last_words() {
    let decided = asked_to("exit").await;
    let text = crash(&decided);
    assert!(text.starts_with("it called `exit`, in `"), "{text}");
    assert!(text.ends_with("; it last said: good-bye"), "{text}");
    assert_eq!(decided.log.last().unwrap().level, Level::Info);
}

#[tokio::test]
async fn a_connector_of_another_wasi_is_refused_and_it_is_named() {
    let mut wasm = guest("with-wasi");
    for at in 0..wasm.len() - 5 {
        if wasm[at..].starts_with(b"0.2.6") {
            wasm[at..at + 5].copy_from_slice(b"0.3.6");
        }
    }
    let error = Sandbox::new().load_error(&wasm).await;
    assert!(error.to_string().contains("`wasi:random/random@0.3.6`"), "{error}");
}
