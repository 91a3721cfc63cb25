//! The null WASI: a connector that imports WASI has no access to a system, and decides the same
//! each time.

use std::sync::Arc;
use std::time::Duration;

use muster::connector::{Budget, Decided, Failure, Level};

use super::{Sandbox, failure, note, question};
use crate::support::guests::guest;

/// The decision of the connector with WASI, asked to do this. It is made twice and must be the
/// same.
async fn asked_to(what: &str) -> Decided {
    let sandbox = Sandbox::new();
    let connector = sandbox.runtime.load(&guest("with-wasi")).await.unwrap();
    // Enough time on a busy machine, so that other limits apply.
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
async fn a_connector_has_no_files() {
    assert_eq!(note(&asked_to("files").await), "0");
}

#[tokio::test]
async fn a_connector_is_denied_sockets() {
    assert_eq!(note(&asked_to("sockets").await), "access-denied");
}

#[tokio::test]
async fn a_connector_has_no_environment_no_arguments_and_no_terminal() {
    assert_eq!(note(&asked_to("environment").await), "[] [] None false");
}

#[tokio::test]
async fn a_connectors_stdin_is_empty() {
    assert_eq!(note(&asked_to("stdin").await), "true");
}

#[tokio::test]
async fn a_connectors_clock_stands_still_at_the_start_of_the_operation() {
    let began = "1795338000.000000000 1795338000000000000";
    assert_eq!(note(&asked_to("clock").await), began);
    assert_eq!(note(&asked_to("sleep").await), "[0, 1] 0");
}

#[tokio::test]
async fn a_connectors_randomness_follows_the_operations_seed() {
    let sandbox = Sandbox::new();
    let connector = sandbox.runtime.load(&guest("with-wasi")).await.unwrap();
    let mut other = question("random");
    Arc::make_mut(&mut other.context).seed += 1;
    let decided = sandbox.runtime.decide(&connector, other, Budget::default()).await;
    assert_ne!(note(&decided), note(&asked_to("random").await));
}

#[tokio::test]
async fn describe_has_a_fixed_time_and_fixed_randomness() {
    let sandbox = Sandbox::new();
    let connector = sandbox.runtime.load(&guest("with-wasi")).await.unwrap();
    let description = "Was built for a system: 0, 16294208416658607535.";
    assert_eq!(connector.manifest.description, description);
}

#[tokio::test]
async fn the_output_of_a_connector_is_in_its_log() {
    let decided = asked_to("print").await;
    let lines = decided.log.iter().map(|line| format!("{}: {}", line.level, line.message));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines, ["info: one", "info: two", "warn: careful", "info: three and four"]);
}

#[tokio::test]
async fn a_connector_that_floods_its_output_keeps_the_first_lines() {
    let decided = asked_to("print-flood").await;
    assert_eq!(note(&decided), "flooded");
    assert_eq!((decided.log.len(), decided.log_dropped), (64, 10_000 + 1 - 64));
}

#[tokio::test]
async fn a_connector_with_too_many_handles_is_stopped() {
    assert_eq!(note(&asked_to("handles").await), "dropped");
    let decided = asked_to("handle-flood").await;
    assert!(
        crash(&decided).starts_with("it exceeded the limit of 1024 WASI handles"),
        "{decided:?}"
    );
}

#[tokio::test]
async fn a_connector_that_requests_too_many_random_bytes_is_stopped() {
    let decided = asked_to("random-flood").await;
    let said = "it asked for 1099511627776 random bytes at once, in `";
    assert!(crash(&decided).starts_with(said), "{decided:?}");
}

#[tokio::test]
async fn a_connector_that_exits_fails_with_its_last_message() {
    let decided = asked_to("exit").await;
    let text = crash(&decided);
    assert!(text.starts_with("it called `exit`, in `"), "{text}");
    assert!(text.ends_with("; last message: good-bye"), "{text}");
    assert_eq!(decided.log.last().unwrap().level, Level::Info);
}

#[tokio::test]
async fn a_connector_for_another_version_of_wasi_is_refused_and_the_import_is_named() {
    let mut wasm = guest("with-wasi");
    for at in 0..wasm.len() - 5 {
        if wasm[at..].starts_with(b"0.2.6") {
            wasm[at..at + 5].copy_from_slice(b"0.3.6");
        }
    }
    let error = Sandbox::new().load_error(&wasm).await;
    assert!(error.to_string().contains("`wasi:random/random@0.3.6`"), "{error}");
}
