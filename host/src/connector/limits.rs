//! The limits of connectors.
//!
//! The limits that `wit/lifecycle.wit` promises always are constants. An operator sets a [`Budget`]
//! for each app, and a host has its [`Limits`].

use std::time::Duration;

/// Lines that a decision may log.
pub(super) const LOG_LINES: usize = 64;
/// Bytes that a decision may log.
pub(super) const LOG_BYTES: usize = 16 * 1024;
/// Bytes that a decision may return, counting text and bodies.
pub(super) const ANSWER_BYTES: usize = 1024 * 1024;
/// Bytes that the host copies out of a sandbox at once. Twice the answer, since a list costs the
/// host more than the text in it.
pub(super) const COPY_BYTES: usize = 2 * ANSWER_BYTES;
/// Headers of a request.
pub(super) const REQUEST_HEADERS: usize = 64;
/// Bytes of a request's headers, names and values.
pub(super) const HEADER_BYTES: usize = 16 * 1024;
/// Pairs in a request's query.
pub(super) const QUERY_PAIRS: usize = 256;
/// Bytes of a request's path and encoded query. Servers take 8,000 or a little more (RFC 9110 §4.1).
pub(super) const URL_BYTES: usize = 8 * 1024;
/// Bytes of WebAssembly stack.
pub(super) const STACK_BYTES: usize = 512 * 1024;
/// Address space reserved for each linear memory: the maximum of [`Budget::memory`].
pub(super) const RESERVED_BYTES: usize = 64 * 1024 * 1024;
/// Elements of each table.
pub(super) const TABLE_ELEMENTS: usize = 10_000;
/// Core instances and tables in one component. A connector in Rust or JavaScript has a few, one in
/// Python about forty.
pub(super) const INSTANCES: u32 = 48;
/// Memories in one component.
pub(super) const MEMORIES: u32 = 4;

/// The limits of compiling a file, by its size. A connector in Rust, C or JavaScript is small and
/// compiles in a second; one in Python contains the interpreter and takes half a minute.
pub(super) struct CompilationLimits {
    /// Seconds of processor time.
    pub(super) cpu_seconds: u64,
    /// Bytes of address space. A large connector uses 400 MiB and maps more.
    pub(super) memory: u64,
    /// Bytes of machine code: twelve times the largest file of this size class.
    pub(super) output: u64,
    /// The wall-clock limit, as a multiple of [`Limits::compilation`].
    pub(super) time_factor: u32,
}

impl CompilationLimits {
    /// The limits for a file of this many bytes.
    pub(super) fn of(file: u64) -> Self {
        let memory = 2 << 30;
        if file <= 4 << 20 {
            Self { cpu_seconds: 30, memory, output: 48 << 20, time_factor: 1 }
        } else {
            Self { cpu_seconds: 150, memory, output: 384 << 20, time_factor: 5 }
        }
    }
}

/// The time and memory of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Computing time.
    pub time: Duration,
    /// Bytes of linear memory, summed over all memories; at most [`Budget::MAX_MEMORY`].
    pub memory: usize,
}

impl Budget {
    /// The maximum of [`memory`](Self::memory), in bytes.
    pub const MAX_MEMORY: usize = RESERVED_BYTES;
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_millis(100), memory: 32 * 1024 * 1024 }
    }
}

/// The limits of loading a connector, and the threshold of deciding on the calling thread.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a connector's file.
    pub file: usize,
    /// Wall-clock time for compiling a file of up to 4 MiB; five times as much for a larger file.
    pub compilation: Duration,
    /// A connector whose recent decisions took no longer than this decides on the calling thread. A
    /// decision in Rust or C takes about 20 microseconds, one in JavaScript half a millisecond.
    pub quick: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Python's interpreter and library take 18 MiB.
            file: 32 * 1024 * 1024,
            compilation: Duration::from_secs(60),
            quick: Duration::from_micros(250),
        }
    }
}
