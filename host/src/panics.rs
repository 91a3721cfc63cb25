//! Panics: contained where they happen, logged with their place, and counted.
//!
//! A panic is a defect of the host. It ends the attempt, the request or the read that it happened in, as an
//! internal error does, and nothing else: [`contained`] and [`contained_now`] turn it into [`Panicked`].
//! Background loops are begun again (`lifecycle/tasks.rs`). A thread that cannot go on, because the state of
//! what it owns is unknown, ends the process: see [`or_exit`].

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use futures_util::FutureExt as _;

use crate::request_id::RequestId;

/// The exit code of a process that a panic has ended: `EX_SOFTWARE` of sysexits.h.
const EXIT_CODE: i32 = 70;

/// The panics of this process.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// An internal error: the work panicked. Its line in the log has the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("internal error: a panic; see the lines with `panic:` in the server log")
    }
}

impl std::error::Error for Panicked {}

/// Runs the work. If it panics, the error is [`Panicked`].
pub(crate) fn contained<T>(
    work: impl Future<Output = T>,
) -> impl Future<Output = anyhow::Result<T>> {
    // In a box, so that the states of the callers, and their stacks, do not grow by it.
    let work = AssertUnwindSafe(Box::pin(work));
    work.catch_unwind().map(|worked| worked.map_err(|_| Panicked.into()))
}

/// The same for work that does not wait.
pub(crate) fn contained_now<T>(work: impl FnOnce() -> T) -> anyhow::Result<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked.into())
}

/// Runs the work of a thread that the host needs and that cannot be started again. A panic of it ends the
/// process, for the service manager to start another.
///
/// That is safe: everything that was answered with success is in the journal, and a start continues from the
/// journal alone, as after `kill -9`. To go on without knowing what was written would not be.
pub(crate) fn or_exit(work: impl FnOnce()) {
    if contained_now(work).is_err() {
        let thread = thread::current();
        let thread = thread.name().unwrap_or_default();
        tracing::error!(thread, code = EXIT_CODE, "panic: the process ends, to be started again");
        std::process::exit(EXIT_CODE);
    }
}

/// How many panics were logged since the process started.
pub(crate) fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// Has each panic of this process logged as one line, in place of the lines of the standard library.
pub(crate) fn log_each() {
    panic::set_hook(Box::new(log));
}

fn log(panic: &PanicHookInfo<'_>) {
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    let thread = thread::current();
    let thread = thread.name().unwrap_or_default();
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = message(panic.payload());
    let request = RequestId::logged();
    tracing::error!(thread, place, message, request, count, "panic: a defect, to be reported");
}

/// What a panic says, without the data that it may name: a password or a person's name must not be logged.
fn message(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<&'static str>(), payload.downcast_ref::<String>()) {
        (Some(literal), _) => literal,
        (None, Some(formatted)) => without_data(formatted),
        (None, None) => "",
    }
}

/// The beginning of a formatted message, up to where its values may begin.
fn without_data(message: &str) -> &str {
    let unwrap =
        ["called `Result::unwrap()` on an `Err` value", "assertion `left == right` failed"];
    if let Some(known) = unwrap.into_iter().find(|known| message.starts_with(known)) {
        return known;
    }
    let end = message.find([':', '"', '\'', '`', '(', '\n']).unwrap_or(message.len());
    message[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_of_the_work_that_it_happened_in() {
        let work = async |fails: bool| {
            tokio::task::yield_now().await;
            assert!(!fails, "as the test wants it");
            7
        };
        assert_eq!(contained(work(false)).await.unwrap(), 7);
        assert!(contained(work(true)).await.unwrap_err().is::<Panicked>());
        assert!(contained_now(|| panic!("as the test wants it")).unwrap_err().is::<Panicked>());
    }

    #[track_caller]
    fn check(message: &str, logged: &str) {
        assert_eq!(without_data(message), logged);
    }

    #[test]
    fn the_log_has_no_values_of_a_panic() {
        check("the index is 3: \"secret\"", "the index is 3");
        check(
            "called `Result::unwrap()` on an `Err` value: Ada",
            "called `Result::unwrap()` on an `Err` value",
        );
        check(
            "byte index 1 is not a char boundary; it is inside 'é' (bytes 0..2) of `éa`",
            "byte index 1 is not a char boundary; it is inside",
        );
        check("an event has a user: AccountRow { name: Ada }", "an event has a user");
        check("index out of bounds: the len is 3", "index out of bounds");
        assert_eq!(message(&"a literal: with `quotes`"), "a literal: with `quotes`");
    }
}
