//! What a connector logs while it decides: bounded, and attached to the operation.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::bindings::log;
use super::limits::{LOG_BYTES, LOG_LINES};
use super::sandbox::Sandbox;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each says it all")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// A line that a connector logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub message: String,
}

/// The log of one call.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) lines: Vec<LogLine>,
    pub(super) dropped: u32,
    bytes: usize,
    /// The last words among the lines that were dropped: the SDK logs a panic's text last, and the
    /// text shall not be lost to a connector that talked too much before.
    unkept: Option<LogLine>,
}

impl Log {
    pub(super) fn add(&mut self, level: Level, mut message: String) {
        let bytes = self.bytes.saturating_add(message.len());
        if self.lines.len() < LOG_LINES && bytes <= LOG_BYTES {
            self.bytes = bytes;
            self.lines.push(LogLine { level, message });
        } else {
            self.dropped = self.dropped.saturating_add(1);
            message.truncate(message.floor_char_boundary(1024));
            if self.unkept.as_ref().is_none_or(|line| line.level <= level) {
                self.unkept = Some(LogLine { level, message });
            }
        }
    }

    /// The gravest line, and the last of those: after an error of its own, an interpreter that
    /// dies of it has a lot to say about itself.
    pub(super) fn last_words(&self) -> Option<&str> {
        let lines = self.lines.iter().chain(&self.unkept);
        lines.max_by_key(|line| line.level).map(|line| line.message.as_str())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

impl log::Host for Sandbox {
    fn log(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.log.add(level, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(messages: &[&str], kept: usize, dropped: u32, last_words: &str) {
        let mut log = Log::default();
        for message in messages {
            log.add(Level::Info, (*message).to_owned());
        }
        let told = (log.lines.len(), log.dropped, log.last_words());
        assert_eq!(told, (kept, dropped, Some(last_words)));
    }

    #[test]
    fn the_last_words_are_the_gravest() {
        let mut log = Log::default();
        for (level, said, last_words) in [
            (Level::Info, "hello", "hello"),
            (Level::Error, "oh no", "oh no"),
            (Level::Warn, "in my stack", "oh no"),
            (Level::Error, "good-bye", "good-bye"),
        ] {
            log.add(level, said.to_owned());
            assert_eq!(log.last_words(), Some(last_words));
        }
    }

    #[test]
    fn a_log_keeps_64_lines_and_16_kib_and_the_last_words() {
        check(&["a", "b"], 2, 0, "b");
        check(&["line"; 64], 64, 0, "line");
        check(&[&["line"; 64][..], &["panicked"]].concat(), 64, 1, "panicked");
        check(&[&"x".repeat(16 * 1024), "y"], 1, 1, "y");
        check(&["x", &"é".repeat(16 * 1024), "y"], 2, 1, &"é".repeat(512));
    }
}
