//! The log of a decision: bounded, and attached to the operation.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::bindings::log;
use super::limits::{LOG_BYTES, LOG_LINES};
use super::sandbox::Sandbox;

/// The level of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// A line that a connector logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Its level.
    pub level: Level,
    /// Its text.
    pub message: String,
}

/// The log of one decision.
#[derive(Debug, Default)]
pub(super) struct DecisionLog {
    pub(super) lines: Vec<LogLine>,
    pub(super) dropped: u32,
    bytes: usize,
    /// The last of the most severe dropped lines. The SDK logs a panic's message last, and the
    /// message must survive even if the connector filled its log before.
    last_dropped: Option<LogLine>,
}

impl DecisionLog {
    pub(super) fn add(&mut self, level: Level, mut message: String) {
        let bytes = self.bytes.saturating_add(message.len());
        if self.lines.len() < LOG_LINES && bytes <= LOG_BYTES {
            self.bytes = bytes;
            self.lines.push(LogLine { level, message });
        } else {
            self.dropped = self.dropped.saturating_add(1);
            message.truncate(message.floor_char_boundary(1024));
            if self.last_dropped.as_ref().is_none_or(|line| line.level <= level) {
                self.last_dropped = Some(LogLine { level, message });
            }
        }
    }

    /// The last of the most severe lines. The level decides first, because an interpreter that
    /// crashes prints many lines about itself after the connector's error.
    pub(super) fn last_message(&self) -> Option<&str> {
        let lines = self.lines.iter().chain(&self.last_dropped);
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
    fn check(messages: &[&str], kept: usize, dropped: u32, last_message: &str) {
        let mut log = DecisionLog::default();
        for message in messages {
            log.add(Level::Info, (*message).to_owned());
        }
        let actual = (log.lines.len(), log.dropped, log.last_message());
        assert_eq!(actual, (kept, dropped, Some(last_message)));
    }

    #[test]
    fn the_last_message_is_the_last_of_the_most_severe() {
        let mut log = DecisionLog::default();
        for (level, message, last_message) in [
            (Level::Info, "hello", "hello"),
            (Level::Error, "oh no", "oh no"),
            (Level::Warn, "in my stack", "oh no"),
            (Level::Error, "good-bye", "good-bye"),
        ] {
            log.add(level, message.to_owned());
            assert_eq!(log.last_message(), Some(last_message));
        }
    }

    #[test]
    fn a_log_keeps_64_lines_and_16_kib_and_the_last_message() {
        check(&["a", "b"], 2, 0, "b");
        check(&["line"; 64], 64, 0, "line");
        check(&[&["line"; 64][..], &["panicked"]].concat(), 64, 1, "panicked");
        check(&[&"x".repeat(16 * 1024), "y"], 1, 1, "y");
        check(&["x", &"é".repeat(16 * 1024), "y"], 2, 1, &"é".repeat(512));
    }
}
