//! Apps.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::super::answer;
use super::super::authorization::Operator;
use super::{Answered, Perhaps, Spec, ok};
use crate::lifecycle::{AppSpec, ConnectorVersion, Host, Promotion, Rollback};
use crate::limits::LimitsSpec;
use crate::scim;
use crate::store::AppRow;

pub(super) async fn list(_: Operator, State(host): State<Arc<Host>>) -> Answered {
    let apps = host.store.apps().await?;
    let versions = host.versions.by_digest().await?;
    let apps = apps.iter().map(|row| view(row, &versions)).collect::<anyhow::Result<Vec<_>>>()?;
    ok(&json!({ "apps": apps }))
}

pub(super) async fn show(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(app): Path<String>,
) -> Answered {
    let apps = host.store.apps().await?;
    match apps.iter().find(|row| row.name == app) {
        Some(row) => ok(&view(row, &host.versions.by_digest().await?)?),
        None => Err(scim::Error::new(404, format!("no app {app}")).into()),
    }
}

pub(super) async fn put(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(app): Path<String>,
    Spec(spec): Spec<AppSpec>,
) -> Answered {
    host.config.put_app(&app, spec).await?;
    show(Operator, State(host), Path(app)).await
}

pub(super) async fn remove(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(app): Path<String>,
) -> Answered {
    host.config.remove_app(&app).await?;
    Ok(answer::empty())
}

pub(super) async fn promote(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(app): Path<String>,
    Spec(promotion): Spec<Promotion>,
) -> Answered {
    ok(&host.versions.promote(&app, &promotion).await?)
}

pub(super) async fn rollback(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(app): Path<String>,
    Perhaps(rollback): Perhaps<Rollback>,
) -> Answered {
    ok(&host.versions.rollback(&app, &rollback).await?)
}

/// An app as operators see it: secrets given as values are never shown again.
fn view(row: &AppRow, versions: &HashMap<String, ConnectorVersion>) -> anyhow::Result<Value> {
    let named = |digest: &Option<String>| {
        digest.as_ref().and_then(|digest| versions.get(digest)).map(ToString::to_string)
    };
    let limits: LimitsSpec = serde_json::from_str(&row.limits)?;
    let limits = limits.limits().ok();
    let mut endpoints: Value = serde_json::from_str(&row.endpoints)?;
    conceal(&mut endpoints);
    Ok(json!({
        "name": row.name,
        "version": named(&row.connector),
        "connector": row.connector,
        "previous_version": named(&row.previous),
        "previous": row.previous,
        "settings": serde_json::from_str::<Value>(&row.settings)?,
        "endpoints": endpoints,
        "reply": row.reply,
        "limits": limits.map_or(Value::Null, |limits| limits.to_json()),
        "created": row.created,
    }))
}

/// Hides every secret that was given as `{"value": …}`.
fn conceal(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(secret) = object.get_mut("value").filter(|secret| secret.is_string()) {
                *secret = Value::String("…".to_owned());
            }
            object.values_mut().for_each(conceal);
        }
        Value::Array(values) => values.iter_mut().for_each(conceal),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_wherever_it_stands() {
        let mut endpoints = json!({"app": {
            "base_url": "https://app.example",
            "auth": {"header": {"name": "x-key", "value": {"value": "s3cret"}}},
        }});
        conceal(&mut endpoints);
        assert!(!endpoints.to_string().contains("s3cret"));
        assert!(endpoints.to_string().contains("https://app.example"));
    }
}
