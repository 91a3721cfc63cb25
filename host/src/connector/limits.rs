//! What a connector may cost.
//!
//! What `wit/lifecycle.wit` promises to connectors is a constant; what an operator may turn is in
//! [`Budget`], and what a host may, in [`Limits`].

use std::time::Duration;

/// Lines that a decision may log.
pub(super) const LOG_LINES: usize = 64;
/// Bytes that a decision may log.
pub(super) const LOG_BYTES: usize = 16 * 1024;
/// Bytes that a decision may return, counting text and bodies.
pub(super) const ANSWER_BYTES: usize = 1024 * 1024;
/// Bytes that the host copies out of a sandbox at once. Twice the answer, since lists cost the
/// host more than the text in them.
pub(super) const COPY_BYTES: usize = 2 * ANSWER_BYTES;
/// Bytes of WebAssembly stack.
pub(super) const STACK_BYTES: usize = 512 * 1024;
/// Address space set aside for each linear memory: the most that [`Budget::memory`] can be.
pub(super) const RESERVED_BYTES: usize = 64 * 1024 * 1024;
/// Elements of each table.
pub(super) const TABLE_ELEMENTS: usize = 10_000;
/// Core instances, tables and memories in one component. A connector in Rust or JavaScript has a
/// few, one in Python some forty.
pub(super) const INSTANCES: u32 = 48;
/// Memories in one component.
pub(super) const MEMORIES: u32 = 4;

/// What compiling a file may take, by the file's size. What a compiler leaves of a connector is
/// small, and so is an engine for JavaScript; a file in which all of Python lies is not, and takes
/// half a minute where a small one takes a second.
pub(super) struct Effort {
    /// Seconds of processor time.
    pub(super) cpu_seconds: u64,
    /// Bytes of address space: a large connector takes 400 MiB, and more is mapped and not used.
    pub(super) memory: u64,
    /// Bytes of machine code: twelve times the largest file of its kind.
    pub(super) output: u64,
    /// How many times [`Limits::compilation`] it may take in all.
    pub(super) patience: u32,
}

impl Effort {
    /// For a file of so many bytes.
    pub(super) fn of(file: u64) -> Self {
        let memory = 2 << 30;
        if file <= 4 << 20 {
            Self { cpu_seconds: 30, memory, output: 48 << 20, patience: 1 }
        } else {
            Self { cpu_seconds: 150, memory, output: 384 << 20, patience: 5 }
        }
    }
}

/// What one decision may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How long it may compute.
    pub time: Duration,
    /// Bytes of linear memory, in all memories together; at most [`Budget::MOST_MEMORY`].
    pub memory: usize,
}

impl Budget {
    /// The most memory that any decision can have.
    pub const MOST_MEMORY: usize = RESERVED_BYTES;
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_millis(100), memory: 32 * 1024 * 1024 }
    }
}

/// What loading a connector may take, and how long it may take to be quick.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a connector's file.
    pub file: usize,
    /// How long compiling a file of up to 4 MiB may take, whatever it waits for; five times that for
    /// a larger one.
    pub compilation: Duration,
    /// A connector that has lately taken no longer to decide does so on the thread that asks. One in
    /// Rust or C takes some 20 microseconds, one in JavaScript half a millisecond.
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
