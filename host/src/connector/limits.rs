//! What a connector may cost.
//!
//! What `wit/lifecycle.wit` promises to connectors is a constant; what an operator may turn is in
//! [`Limits`].

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
/// Address space set aside for each linear memory: the most that [`Limits::memory`] can be.
pub(super) const RESERVED_BYTES: usize = 64 * 1024 * 1024;
/// Elements of each table.
pub(super) const TABLE_ELEMENTS: usize = 10_000;
/// Core instances, tables and memories in one component. A connector in Rust has three instances,
/// one made from JavaScript or Python some twenty.
pub(super) const INSTANCES: u32 = 32;
/// Memories in one component.
pub(super) const MEMORIES: u32 = 4;

/// The limits that an operator may turn.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a connector's file.
    pub file: usize,
    /// Bytes of linear memory in a decision, in all memories together; at most 64 MiB.
    pub memory: usize,
    /// How long a decision may compute.
    pub deadline: Duration,
    /// How long a compilation may take, whatever it waits for.
    pub compilation: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file: 4 * 1024 * 1024,
            memory: 32 * 1024 * 1024,
            deadline: Duration::from_millis(100),
            compilation: Duration::from_secs(60),
        }
    }
}
