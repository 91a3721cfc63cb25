//! The limits of an app's connector, as an operator sets them.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Schema, Type};

use crate::connector::Budget;
use crate::partial::stated;

mod notation;
mod size;

pub use size::Size;

/// Limits as an operator writes them. A limit that is not given has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "time": "250ms", "memory": "48MiB", "calls": 20 }))]
pub struct LimitsSpec {
    /// How long a decision may compute: 10ms to 5s, by default 100ms.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "notation::time")]
    #[schema(example = "250ms")]
    pub time: Option<String>,
    /// Memory of a decision, bytes or a size: 1MiB to 64MiB, by default 32MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = memory_schema, required = false)]
    pub memory: Option<Size>,
    /// HTTP calls of one operation: 1 to 1024, by default 256.
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "notation::calls"
    )]
    #[schema(minimum = 1, maximum = 1024)]
    pub calls: Option<usize>,
    /// The body of a response of the app, bytes or a size: 1KiB to 8MiB, by default 1MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = response_schema, required = false)]
    pub response: Option<Size>,
    /// How long the exchanges of a finished operation are kept: 1d to 3653d, by default 400d.
    #[serde(
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "notation::retention"
    )]
    #[schema(example = "90d")]
    pub exchanges: Option<String>,
}

/// A change of limits: a limit that is given replaces the app's, `null` sets it back to its default,
/// and a limit that is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each is documented in `LimitsSpec`")]
pub struct LimitsChange {
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "notation::stated_time")]
    pub time: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    pub memory: Option<Option<Size>>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "notation::stated_calls")]
    pub calls: Option<Option<usize>>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    pub response: Option<Option<Size>>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "notation::stated_retention"
    )]
    pub exchanges: Option<Option<String>>,
}

impl LimitsChange {
    /// The limits after the change.
    pub fn apply(self, before: LimitsSpec) -> LimitsSpec {
        LimitsSpec {
            time: self.time.unwrap_or(before.time),
            memory: self.memory.unwrap_or(before.memory),
            calls: self.calls.unwrap_or(before.calls),
            response: self.response.unwrap_or(before.response),
            exchanges: self.exchanges.unwrap_or(before.exchanges),
        }
    }
}

fn memory_schema() -> Schema {
    size_schema("Memory of a decision, bytes or a size: 1MiB to 64MiB, by default 32MiB.")
}

fn response_schema() -> Schema {
    size_schema(
        "The body of a response of the app, bytes or a size: 1KiB to 8MiB, by default 1MiB.",
    )
}

/// What [`Size`] reads: a fraction needs a unit.
const SIZE_PATTERN: &str = r"^[0-9]{1,9}((\.[0-9]{1,3})? ?([kKmMgG][iI]?[bB]?|[bB]))?$";

/// A size, for the reference of the admin API.
fn size_schema(description: &str) -> Schema {
    let bytes = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(Budget::MAX_MEMORY));
    let written = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(SIZE_PATTERN))
        .examples(["48MiB"]);
    let none = ObjectBuilder::new().schema_type(Type::Null);
    let size = OneOfBuilder::new().item(bytes).item(written).item(none);
    size.description(Some(description)).into()
}

/// The limits of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppLimits {
    /// The time and memory of a decision.
    pub decision: Budget,
    /// The calls of an operation.
    pub calls: usize,
    /// The bytes of a response's body.
    pub response: usize,
    /// How long the exchanges of a finished operation are kept.
    pub exchanges: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for AppLimits {
    fn default() -> Self {
        Self {
            decision: Budget::default(),
            calls: 256,
            response: 1 << 20,
            // A year for audits, and some time to make them.
            exchanges: 400 * DAY,
        }
    }
}

impl LimitsSpec {
    /// The limits with defaults filled in. An error names the wrong limit and its range.
    pub fn limits(&self) -> Result<AppLimits, String> {
        let default = AppLimits::default();
        let time = self.time.as_deref().map(|text| duration("time", text, "250ms")).transpose()?;
        let exchanges = self.exchanges.as_deref().map(|text| duration("exchanges", text, "90d"));
        let memory = self.memory.map_or(default.decision.memory, bytes);
        let limits = AppLimits {
            decision: Budget { time: time.unwrap_or(default.decision.time), memory },
            calls: self.calls.unwrap_or(default.calls),
            response: self.response.map_or(default.response, bytes),
            exchanges: exchanges.transpose()?.unwrap_or(default.exchanges),
        };
        limits.check()?;
        Ok(limits)
    }
}

impl AppLimits {
    fn check(&self) -> Result<(), String> {
        let Self { decision: Budget { time, memory }, calls, response, exchanges } = self;
        let within = |name: &str, fits: bool, range: &str| {
            if fits { Ok(()) } else { Err(format!("the limit `{name}` must be {range}")) }
        };
        let times = Duration::from_millis(10)..=Duration::from_secs(5);
        within("time", times.contains(time), "10ms to 5s")?;
        within("memory", (1 << 20..=Budget::MAX_MEMORY).contains(memory), "1MiB to 64MiB")?;
        within("calls", (1..=1024).contains(calls), "1 to 1024")?;
        within("response", (1 << 10..=8 << 20).contains(response), "1KiB to 8MiB")?;
        within("exchanges", (DAY..=3653 * DAY).contains(exchanges), "1d to 3653d")
    }

    /// All of them, as people write them.
    pub fn shown(&self) -> LimitsSpec {
        LimitsSpec {
            time: Some(format_time(self.decision.time)),
            memory: Some(Size(self.decision.memory as u64)),
            calls: Some(self.calls),
            response: Some(Size(self.response as u64)),
            exchanges: Some(format_time(self.exchanges)),
        }
    }
}

fn bytes(size: Size) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

fn duration(name: &str, text: &str, example: &str) -> Result<Duration, String> {
    let wrong = || format!("the limit `{name}` must be a time such as {example}, not {text:?}");
    let span: Span = text.parse().map_err(|_| wrong())?;
    // A limit has no date, and so no changes of the clock.
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(length).map_err(|_| wrong())
}

/// A time, exactly: in days if it is whole days.
fn format_time(time: Duration) -> String {
    let days = time.as_secs() / DAY.as_secs();
    if days > 0 && Duration::from_secs(days * DAY.as_secs()) == time {
        return format!("{days}d");
    }
    jiff::SignedDuration::try_from(time)
        .map_or_else(|_| format!("{time:?}"), |it| format!("{it:#}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
    fn the_defaults_are_those_in_the_interface() {
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
    fn every_size_that_the_reference_describes_is_read() {
        let described = jsonschema::validator_for(&json!({ "pattern": SIZE_PATTERN })).unwrap();
        let numbers = ["0", "084", "48", "123456789", "084.087", "1.5", "0.001", "1.", ".5", ""];
        let mut units = 0;
        let letters = ["", "k", "K", "m", "M", "g", "G", "x"];
        for (number, space) in numbers.iter().flat_map(|number| [(number, ""), (number, " ")]) {
            for (letter, i) in letters.iter().flat_map(|letter| ["", "i", "I"].map(|i| (letter, i)))
            {
                for b in ["", "b", "B"] {
                    let size = format!("{number}{space}{letter}{i}{b}");
                    let read = serde_json::from_value::<Size>(json!(size)).is_ok();
                    assert!(!described.is_valid(&json!(size)) || read, "{size:?}");
                    units += usize::from(read);
                }
            }
        }
        assert!(units > 100, "{units}");
    }

    #[test]
    fn limits_are_read_and_shown_in_the_same_notation() {
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
            "time": "1s 500ms", "memory": "48 MiB", "calls": 3, "response": "4 KiB",
            "exchanges": "90d",
        });
        assert_eq!(json!(read.shown()), shown);
        assert_eq!(limits(shown), Ok(read));
    }

    #[track_caller]
    fn kept(written: Value, shown: &Value) {
        let spec: LimitsSpec = serde_json::from_value(written).unwrap();
        let read = spec.limits().unwrap();
        // As it is stored, as it is shown, and as the shown one is given again.
        let stored: LimitsSpec = serde_json::from_value(json!(spec)).unwrap();
        assert_eq!(stored.limits(), Ok(read));
        let all = json!(read.shown());
        for (name, shown) in shown.as_object().unwrap() {
            assert_eq!(all[name], *shown);
        }
        assert_eq!(limits(all), Ok(read));
    }

    #[test]
    fn a_limit_is_kept_and_shown_exactly() {
        kept(json!({ "memory": 1_600_001 }), &json!({ "memory": "1600001 B" }));
        kept(json!({ "memory": 1_536_000 }), &json!({ "memory": "1500 KiB" }));
        kept(json!({ "response": 1025 }), &json!({ "response": "1025 B" }));
        kept(json!({ "memory": "1.5MiB" }), &json!({ "memory": "1536 KiB" }));
        kept(json!({ "memory": "2MB" }), &json!({ "memory": "2000000 B" }));
        kept(json!({ "memory": "64MiB" }), &json!({ "memory": "64 MiB" }));
        kept(json!({ "time": "10ms 500us" }), &json!({ "time": "10ms 500µs" }));
        kept(json!({ "exchanges": "36h" }), &json!({ "exchanges": "36h" }));
        kept(json!({ "exchanges": "1d 1us" }), &json!({ "exchanges": "24h 1µs" }));
    }

    #[test]
    fn an_invalid_limit_is_refused_with_its_range() {
        refused(json!({"time": "soon"}), "`time` must be a time such as 250ms, not \"soon\"");
        refused(json!({"time": "1ms"}), "`time` must be 10ms to 5s");
        refused(json!({"time": "-1s"}), "`time` must be");
        refused(json!({"time": 250}), "integer `250`, expected a duration such as 250ms");
        refused(json!({"exchanges": 90}), "integer `90`, expected a duration such as 90d");
        refused(json!({"calls": "many"}), "string \"many\", expected a number of calls such as 20");
        refused(json!({"calls": -1}), "expected a number of calls such as 20");
        refused(json!({"response": true}), "expected a number of bytes or a size such as 48MiB");
        refused(json!({"memory": "65MiB"}), "`memory` must be 1MiB to 64MiB");
        refused(json!({"memory": "much"}), "bytes or a size such as 48MiB");
        refused(json!({"calls": 0}), "`calls` must be 1 to 1024");
        refused(json!({"response": 1}), "`response` must be 1KiB to 8MiB");
        refused(json!({"exchanges": "1h"}), "`exchanges` must be 1d to");
        refused(json!({"exchange": "1d"}), "unknown field `exchange`");
    }
}
