//! Failures of connectors: traps, exceeded limits and invalid answers.

use std::fmt;

use wasmtime::{Trap, WasmBacktrace};

use super::sandbox::Sandbox;
use super::wasi::Fatal;

/// Stack frames in a crash report.
const FRAMES: usize = 8;

/// Why a connector gave no valid answer. It fails this operation and affects no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It exceeded the time limit.
    Deadline,
    /// It exceeded the memory limit.
    Memory,
    /// It overflowed its stack.
    Stack,
    /// It crashed: the cause, the stack, and the last message that it logged.
    Trap(String),
    /// It returned more bytes than the limit.
    TooMuch(String),
    /// Its answer breaks the interface's rules.
    InvalidAnswer(String),
    /// It put the placeholder for a password into this place, which people read.
    Secret(&'static str),
}

impl Failure {
    /// The name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Trap(_) => "trap",
            Self::TooMuch(_) => "too-much",
            Self::InvalidAnswer(_) => "nonsense",
            Self::Secret(_) => "secret",
        }
    }

    /// The failure that an error of the engine stands for.
    pub(super) fn of(error: &wasmtime::Error, sandbox: &Sandbox) -> Self {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Deadline,
            Some(Trap::StackOverflow) => Self::Stack,
            // A connector that is denied memory usually traps next; the cause is the memory.
            _ if sandbox.memory_denied() => Self::Memory,
            Some(trap) => Self::Trap(crash_report(trap, error, sandbox)),
            None if copied_too_much(error) => {
                Self::TooMuch("it is more than the host copies out of a sandbox at once".to_owned())
            }
            None => match error.downcast_ref::<Fatal>() {
                Some(fatal) => Self::Trap(crash_report(fatal, error, sandbox)),
                None => Self::InvalidAnswer(format!("{error:#}")),
            },
        }
    }
}

/// The engine's type for this error is private.
fn copied_too_much(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted")
}

/// Such as: "wasm `unreachable` instruction executed, in `app::decide`; last message: …".
fn crash_report(cause: &dyn fmt::Display, error: &wasmtime::Error, sandbox: &Sandbox) -> String {
    let mut text = cause.to_string();
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string);
    let mut functions: Vec<_> =
        backtrace.iter().flat_map(|text| text.lines().filter_map(function)).collect();
    functions.dedup();
    for function in functions.into_iter().take(FRAMES) {
        text.push_str(&format!(", in `{function}`"));
    }
    if let Some(message) = sandbox.last_message() {
        text.push_str("; last message: ");
        text.push_str(message);
    }
    text
}

/// The function in a line such as `    0:   0x1f2 - app.wasm!app::decide::h71a4ec491763ac21`. The
/// engine gives demangled names only in this text.
fn function(line: &str) -> Option<&str> {
    let (_, frame) = line.split_once(" - ")?;
    let name = frame.split_once('!').map_or(frame, |(_, name)| name);
    let hashed = name.rsplit_once("::h").filter(|(_, hash)| hash.len() == 16);
    Some(hashed.map_or(name, |(name, _)| name))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("the connector exceeded its time limit"),
            Self::Memory => f.write_str("the connector exceeded its memory limit"),
            Self::Stack => f.write_str("the connector overflowed its stack"),
            Self::Trap(text) => write!(f, "the connector crashed: {text}"),
            Self::TooMuch(text) => write!(f, "the connector returned too much: {text}"),
            Self::InvalidAnswer(text) => write!(f, "the connector's answer is invalid: {text}"),
            Self::Secret(place) => {
                write!(f, "the connector put the placeholder for a password into {place}")
            }
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        assert_eq!(function(line), expected);
    }

    #[test]
    fn a_frame_is_named_by_its_function() {
        check("   0:   0x1f2 - app.wasm!app::decide::h71a4ec491763ac21", Some("app::decide"));
        check("   1:   0x1f2 - app.wasm!memcpy", Some("memcpy"));
        check("   2:   0x1f2 - <unknown>!<wasm function 7>", Some("<wasm function 7>"));
        check("error while executing at wasm backtrace:", None);
    }
}
