//! The option `--limit NAME=VALUE`: what a connector may use for a decision and an operation. Shared by
//! `app create` and `app set`, and by the commands that run a connector without a host.

use anyhow::bail;
use clap::Args;
use serde_json::{Map, Value};

use crate::limits::{AppLimits, LimitsChange, LimitsSpec};
use crate::member_error::with_member;

/// Limits of a connector.
#[derive(Args, Clone, Debug)]
pub(super) struct LimitArgs {
    /// A limit of the connector, such as `time=250ms`; may be given more than once. `time` of a
    /// decision (10ms to 5s, by default 100ms), `memory` of a decision (1MiB to 64MiB, 32MiB),
    /// HTTP `calls` of an operation (1 to 1024, 256), `response`, the body of one (1KiB to 8MiB,
    /// 1MiB), `exchanges`, how long they are kept after the operation (1d to 3653d, 400d). The value
    /// `default` is the default.
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
}

impl LimitArgs {
    /// The limits of something new: the default for every limit that is not given.
    pub(super) fn spec(&self) -> anyhow::Result<LimitsSpec> {
        let change = self.change()?.unwrap_or_default();
        Ok(change.apply(LimitsSpec::default()))
    }

    /// A change of limits, if one is given.
    pub(super) fn change(&self) -> anyhow::Result<Option<LimitsChange>> {
        let mut limits = Map::new();
        for limit in &self.limits {
            let Some((name, value)) = limit.split_once('=') else {
                bail!("--limit {limit}: give a name and a value, such as time=250ms");
            };
            let value = match value {
                "default" => Value::Null,
                _ => value.parse::<u64>().map_or_else(|_| Value::from(value), Value::from),
            };
            if limits.insert(name.to_owned(), value).is_some() {
                bail!("--limit {name} is given twice");
            }
        }
        if limits.is_empty() {
            return Ok(None);
        }
        let change: LimitsChange = serde_path_to_error::deserialize(Value::Object(limits))
            .map_err(|error| anyhow::anyhow!("--limit {}", with_member(&error)))?;
        let alone = change.clone().apply(LimitsSpec::default());
        alone.limits().map_err(anyhow::Error::msg)?;
        Ok(Some(change))
    }

    /// The limits that are in force with these, defaults included.
    pub(super) fn limits(&self) -> anyhow::Result<AppLimits> {
        self.spec()?.limits().map_err(anyhow::Error::msg)
    }
}
