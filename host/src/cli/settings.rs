//! The options for a connector's settings, of an app or of a tenant: `--settings FILE` for all of them,
//! `--set` and `--unset` for single ones.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::lifecycle::AppChange;

/// The settings of something new.
#[derive(Args, Clone, Debug)]
pub(super) struct SettingArgs {
    /// A file with all settings, a JSON object. `muster connector show` tells which settings a
    /// connector has.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Set one setting, such as `--set organization=acme`; may be given more than once. `5` and
    /// `true` are sent as a number and a boolean; for text, write `'"5"'`.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, Value)>,
}

/// Changes of settings.
#[derive(Args, Clone, Debug)]
pub(super) struct SettingChangeArgs {
    #[command(flatten)]
    new: SettingArgs,
    /// Remove one setting; may be given more than once.
    #[arg(long = "unset", value_name = "NAME")]
    unset: Vec<String>,
}

/// Changes of settings as the admin API takes them.
pub(super) struct SettingChanges {
    pub(super) settings: Option<Option<Map<String, Value>>>,
    pub(super) set_settings: Map<String, Value>,
    pub(super) unset_settings: Vec<String>,
}

impl SettingChanges {
    /// The change of the app that goes with a promotion, if one is given.
    pub(super) fn of_app(self) -> Option<AppChange> {
        let Self { settings, set_settings, unset_settings } = self;
        let nothing = settings.is_none() && set_settings.is_empty() && unset_settings.is_empty();
        let change = AppChange { settings, set_settings, unset_settings, ..AppChange::default() };
        (!nothing).then_some(change)
    }
}

impl SettingArgs {
    /// The file's settings, and over them the single ones.
    pub(super) fn read(&self) -> anyhow::Result<Map<String, Value>> {
        let mut settings = self.file()?.unwrap_or_default();
        settings.extend(self.set.iter().cloned());
        Ok(settings)
    }

    fn file(&self) -> anyhow::Result<Option<Map<String, Value>>> {
        self.settings.as_deref().map(read_json).transpose()
    }
}

impl SettingChangeArgs {
    /// The changes that the options state.
    pub(super) fn changes(self) -> anyhow::Result<SettingChanges> {
        Ok(SettingChanges {
            settings: self.new.file()?.map(Some),
            set_settings: self.new.set.into_iter().collect(),
            unset_settings: self.unset,
        })
    }
}

/// Reads a JSON file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON object", path.display()))
}

fn assignment(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            Ok((name.to_owned(), value))
        }
        _ => Err("it is a name and a value, such as organization=acme".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_json_if_it_can_be_read_as_json() {
        let value = |text: &str| assignment(text).map(|(_, value)| value);
        assert_eq!(value("a=acme"), Ok(json!("acme")));
        assert_eq!(value("a=5"), Ok(json!(5)));
        assert_eq!(value("a=\"5\""), Ok(json!("5")));
        assert_eq!(value("a=[1,2]"), Ok(json!([1, 2])));
        assert_eq!(value("a=x=y"), Ok(json!("x=y")));
        assert_eq!(value("a="), Ok(json!("")));
        assert!(value("a").is_err() && value("=a").is_err());
    }
}
