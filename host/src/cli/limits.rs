//! `--limit`.

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Map, Value};

use crate::limits::{AppLimits, LimitsSpec};

/// What a connector may take.
#[derive(Args, Clone, Debug)]
pub(super) struct LimitArgs {
    /// A limit of the app's, such as `time=250ms`; several are several options. `time` of a decision
    /// [default: 100ms], `memory` of a decision [32MiB], `calls` of an operation [256], `response`,
    /// the body of an answer [1MiB], `exchanges`, how long they are kept once an operation is over
    /// [400d].
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
}

impl LimitArgs {
    /// As they are sent to a host.
    pub(super) fn spec(&self) -> anyhow::Result<LimitsSpec> {
        let mut limits = Map::new();
        for limit in &self.limits {
            let Some((name, value)) = limit.split_once('=') else {
                bail!("--limit {limit}: it is a name and a value, such as time=250ms");
            };
            let value = value.parse::<u64>().map_or_else(|_| Value::from(value), Value::from);
            if limits.insert(name.to_owned(), value).is_some() {
                bail!("--limit {name} is given twice");
            }
        }
        let spec: LimitsSpec = serde_json::from_value(Value::Object(limits)).context("--limit")?;
        spec.limits().map_err(anyhow::Error::msg)?;
        Ok(spec)
    }

    /// What they mean, with what is not said.
    pub(super) fn limits(&self) -> anyhow::Result<AppLimits> {
        self.spec()?.limits().map_err(anyhow::Error::msg)
    }
}
