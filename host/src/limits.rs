//! What an app's connector may take of the host, as an operator sets it for each app.

use std::time::Duration;

use bytesize::ByteSize;
use jiff::{Span, SpanRelativeTo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::connector::Budget;

/// Limits as an operator writes them. What is left out is as [`AppLimits::default`] says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsSpec {
    /// How long a decision may compute, such as `250ms`: 10 ms to 5 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Memory of a decision, such as `48MiB`: 1 MiB to 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ByteSize>,
    /// Calls of an operation: 1 to 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<usize>,
    /// The body of a response, such as `256KiB`: 1 KiB to 8 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ByteSize>,
    /// How long the exchanges of an operation that is over are kept, such as `90d`: 1 day to 10
    /// years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchanges: Option<String>,
}

/// The limits of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppLimits {
    /// What a decision may take.
    pub decision: Budget,
    /// Calls of an operation.
    pub calls: usize,
    /// Bytes of a response's body.
    pub response: usize,
    /// How long the exchanges of an operation that is over are kept.
    pub exchanges: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for AppLimits {
    fn default() -> Self {
        Self {
            decision: Budget::default(),
            calls: 256,
            response: 1 << 20,
            // Whoever audits looks at a year.
            exchanges: 400 * DAY,
        }
    }
}

impl LimitsSpec {
    /// The limits that this means. An error says which is wrong, and what it may be.
    pub fn limits(&self) -> Result<AppLimits, String> {
        let default = AppLimits::default();
        let time = self.time.as_deref().map(|text| duration("time", text, "250ms")).transpose()?;
        let kept = self.exchanges.as_deref().map(|text| duration("exchanges", text, "90d"));
        let memory = self.memory.map_or(default.decision.memory, bytes);
        let limits = AppLimits {
            decision: Budget { time: time.unwrap_or(default.decision.time), memory },
            calls: self.calls.unwrap_or(default.calls),
            response: self.response.map_or(default.response, bytes),
            exchanges: kept.transpose()?.unwrap_or(default.exchanges),
        };
        limits.check()?;
        Ok(limits)
    }
}

impl AppLimits {
    fn check(&self) -> Result<(), String> {
        let Self { decision: Budget { time, memory }, calls, response, exchanges } = self;
        let within = |name: &str, fits: bool, range: &str| {
            if fits { Ok(()) } else { Err(format!("the limit `{name}` is {range}")) }
        };
        let times = Duration::from_millis(10)..=Duration::from_secs(5);
        within("time", times.contains(time), "10ms to 5s")?;
        within("memory", (1 << 20..=Budget::MOST_MEMORY).contains(memory), "1MiB to 64MiB")?;
        within("calls", (1..=1024).contains(calls), "1 to 1024")?;
        within("response", (1 << 10..=8 << 20).contains(response), "1KiB to 8MiB")?;
        within("exchanges", (DAY..=3653 * DAY).contains(exchanges), "1d to 3653d")
    }

    /// All of them, as people write them.
    pub fn shown(&self) -> Value {
        json!({
            "time": written(self.decision.time),
            "memory": size(self.decision.memory),
            "calls": self.calls,
            "response": size(self.response),
            "exchanges": written(self.exchanges),
        })
    }
}

fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

fn size(bytes: usize) -> String {
    ByteSize::b(bytes as u64).to_string()
}

fn duration(name: &str, text: &str, such: &str) -> Result<Duration, String> {
    let wrong = || format!("the limit `{name}` is a time such as {such}, and not {text:?}");
    let span: Span = text.parse().map_err(|_| wrong())?;
    // No limit is about the days on which clocks are changed.
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(length).map_err(|_| wrong())
}

fn written(time: Duration) -> String {
    let (days, rest) = (time.as_secs() / DAY.as_secs(), time.as_millis() % DAY.as_millis());
    if days > 0 && rest == 0 {
        return format!("{days}d");
    }
    jiff::SignedDuration::try_from(time)
        .map_or_else(|_| format!("{time:?}"), |it| format!("{it:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(written: Value) -> Result<AppLimits, String> {
        let spec: LimitsSpec =
            serde_json::from_value(written).map_err(|error| error.to_string())?;
        spec.limits()
    }

    #[track_caller]
    fn refused(written: Value, because: &str) {
        let error = limits(written).unwrap_err();
        assert!(error.contains(because), "{error}");
    }

    #[test]
    fn what_is_not_set_is_as_connectors_are_promised() {
        assert_eq!(limits(json!({})), Ok(AppLimits::default()));
        let promised = include_str!("../../wit/lifecycle.wit");
        let AppLimits { decision, calls, .. } = AppLimits::default();
        for limit in [
            format!("{calls} calls"),
            format!("{} ms", decision.time.as_millis()),
            format!("{} MiB of memory", decision.memory >> 20),
        ] {
            assert!(promised.contains(&limit), "{limit}");
        }
    }

    #[test]
    fn limits_are_read_as_people_write_them_and_shown_so() {
        let wanted = json!({
            "time": "1s 500ms", "memory": "48MiB", "calls": 3, "response": "4 KiB",
            "exchanges": "90d",
        });
        let read = limits(wanted).unwrap();
        assert_eq!(read.decision.time, Duration::from_millis(1500));
        assert_eq!(read.decision.memory, 48 << 20);
        assert_eq!(read.response, 4096);
        assert_eq!(read.exchanges, 90 * DAY);
        let shown = json!({
            "time": "1s 500ms", "memory": "48.0 MiB", "calls": 3, "response": "4.0 KiB",
            "exchanges": "90d",
        });
        assert_eq!(read.shown(), shown);
        assert_eq!(limits(shown), Ok(read));
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_refused_with_what_it_may_be() {
        refused(json!({"time": "soon"}), "`time` is a time such as 250ms, and not \"soon\"");
        refused(json!({"time": "1ms"}), "`time` is 10ms to 5s");
        refused(json!({"time": "-1s"}), "`time` is");
        refused(json!({"memory": "65MiB"}), "`memory` is 1MiB to 64MiB");
        refused(json!({"memory": "much"}), "much");
        refused(json!({"calls": 0}), "`calls` is 1 to 1024");
        refused(json!({"response": 1}), "`response` is 1KiB to 8MiB");
        refused(json!({"exchanges": "1h"}), "`exchanges` is 1d to");
        refused(json!({"exchange": "1d"}), "unknown field `exchange`");
    }
}
