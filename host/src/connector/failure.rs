//! How a decision fails when it is the connector's own fault.

use std::fmt;

use wasmtime::{Trap, WasmBacktrace};

use super::sandbox::Sandbox;
use super::wasi::Fatal;

/// Frames of a crash that are told.
const FRAMES: usize = 8;

/// Why a connector gave no answer that counts. It costs one operation, and harms no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It computed longer than it may.
    Deadline,
    /// It asked for more memory than it may have.
    Memory,
    /// It nested its calls deeper than its stack.
    Stack,
    /// It crashed: where, and its last words.
    Trap(String),
    /// It returned more than it may.
    TooMuch(String),
    /// It answered what breaks the interface's rules.
    Nonsense(String),
}

impl Failure {
    /// One word for the journal and for counting.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Trap(_) => "trap",
            Self::TooMuch(_) => "too-much",
            Self::Nonsense(_) => "nonsense",
        }
    }

    /// What an error of the engine says about the connector that ran.
    pub(super) fn of(error: &wasmtime::Error, sandbox: &Sandbox) -> Self {
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Deadline,
            Some(Trap::StackOverflow) => Self::Stack,
            // A connector that cannot have its memory mostly crashes, which is not the news.
            _ if sandbox.memory_denied() => Self::Memory,
            Some(trap) => Self::Trap(obituary(trap, error, sandbox)),
            None if copied_too_much(error) => {
                Self::TooMuch("it is more than the host copies out of a sandbox".to_owned())
            }
            None => match error.downcast_ref::<Fatal>() {
                Some(fatal) => Self::Trap(obituary(fatal, error, sandbox)),
                None => Self::Nonsense(format!("{error:#}")),
            },
        }
    }
}

/// The engine has a type of its own for this error, and keeps it private.
fn copied_too_much(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted")
}

/// Such as: "wasm `unreachable` instruction executed, in `app::decide`; it last said: …".
fn obituary(cause: &dyn fmt::Display, error: &wasmtime::Error, sandbox: &Sandbox) -> String {
    let mut text = cause.to_string();
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(ToString::to_string);
    let mut places: Vec<_> =
        backtrace.iter().flat_map(|text| text.lines().filter_map(place)).collect();
    places.dedup();
    for place in places.into_iter().take(FRAMES) {
        text.push_str(&format!(", in `{place}`"));
    }
    if let Some(words) = sandbox.last_words() {
        text.push_str("; it last said: ");
        text.push_str(words);
    }
    text
}

/// The function in a line such as `    0:   0x1f2 - app.wasm!app::decide::h71a4ec491763ac21`; the
/// engine writes demangled names nowhere else.
fn place(line: &str) -> Option<&str> {
    let (_, place) = line.split_once(" - ")?;
    let name = place.split_once('!').map_or(place, |(_, name)| name);
    let hashed = name.rsplit_once("::h").filter(|(_, hash)| hash.len() == 16);
    Some(hashed.map_or(name, |(name, _)| name))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("the connector computed longer than it may"),
            Self::Memory => f.write_str("the connector asked for more memory than it may have"),
            Self::Stack => f.write_str("the connector nested its calls deeper than its stack"),
            Self::Trap(text) => write!(f, "the connector crashed: {text}"),
            Self::TooMuch(text) => write!(f, "the connector returned too much: {text}"),
            Self::Nonsense(text) => write!(f, "the connector's answer makes no sense: {text}"),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, function: Option<&str>) {
        assert_eq!(place(line), function);
    }

    #[test]
    fn a_frame_is_told_by_its_function() {
        check("   0:   0x1f2 - app.wasm!app::decide::h71a4ec491763ac21", Some("app::decide"));
        check("   1:   0x1f2 - app.wasm!memcpy", Some("memcpy"));
        check("   2:   0x1f2 - <unknown>!<wasm function 7>", Some("<wasm function 7>"));
        check("error while executing at wasm backtrace:", None);
    }
}
