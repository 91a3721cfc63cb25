//! The settings that a connector is tested with, validated like a host's.

use std::fmt;

use serde_json::{Map, Value};

use crate::connector::Manifest;
use crate::lifecycle::check_settings;

/// Why a connector has no valid settings.
#[derive(Debug)]
pub enum SettingsError {
    /// Required settings that have no default.
    Missing(Vec<String>),
    /// The error in the given settings.
    Wrong(String),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(names) => {
                let names = names.join("`, `");
                write!(f, "the connector needs settings that have no default: `{names}`")
            }
            Self::Wrong(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for SettingsError {}

/// The given settings, completed with the defaults of required ones, and validated.
pub fn settings_for(
    manifest: &Manifest,
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, SettingsError> {
    let mut settings = given.clone();
    let required = manifest.settings.get("required").and_then(Value::as_array);
    let mut missing = Vec::new();
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if settings.contains_key(name) {
            continue;
        }
        match manifest.settings.pointer(&format!("/properties/{name}/default")) {
            Some(default) => {
                settings.insert(name.to_owned(), default.clone());
            }
            None => missing.push(name.to_owned()),
        }
    }
    if !missing.is_empty() {
        return Err(SettingsError::Missing(missing));
    }
    check_settings(manifest, &settings).map_err(|error| SettingsError::Wrong(error.detail))?;
    Ok(settings)
}
