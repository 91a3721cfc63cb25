//! Operations: the journal as operators read it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::authorization::Operator;
use super::{Answered, ok};
use crate::lifecycle::{ConnectorVersion, Host};
use crate::scim;
use crate::store::{ExchangeRow, OperationFilter, OperationRow, OperationState};

/// How many operations are listed where nobody says.
const PAGE: u32 = 50;
/// No list is longer.
const LONGEST_PAGE: u32 = 1000;

/// Which operations.
#[derive(Deserialize)]
pub(super) struct Wanted {
    tenant: Option<String>,
    resource: Option<String>,
    state: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn list(
    _: Operator,
    State(host): State<Arc<Host>>,
    Query(wanted): Query<Wanted>,
) -> Answered {
    let state = match wanted.state.as_deref() {
        None => None,
        Some(name) => Some(OperationState::named(name).ok_or_else(|| {
            scim::Error::new(
                422,
                format!("{name:?} is no state; use open, held, done, refused, failed or dropped"),
            )
        })?),
    };
    let operations = host
        .store
        .operations(&OperationFilter {
            tenant: wanted.tenant,
            resource: wanted.resource,
            state,
            before: wanted.before,
            limit: wanted.limit.unwrap_or(PAGE).min(LONGEST_PAGE),
            ..OperationFilter::default()
        })
        .await?;
    let versions = host.versions.by_digest().await?;
    let operations = operations.iter().map(|row| summary(row, &versions));
    ok(&json!({ "operations": operations.collect::<Vec<_>>() }))
}

pub(super) async fn show(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(id): Path<String>,
) -> Answered {
    let Some((operation, exchanges)) = host.store.operation(&id).await? else {
        return Err(scim::Error::new(404, format!("no operation {id}")).into());
    };
    let mut view = summary(&operation, &host.versions.by_digest().await?);
    view["context"] = serde_json::from_str(&operation.context)?;
    view["event"] = serde_json::from_str(&operation.event)?;
    view["answer"] =
        operation.answer.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    view["log"] =
        operation.log.as_deref().map(serde_json::from_str).transpose()?.unwrap_or_default();
    view["exchanges"] = exchanges.iter().map(exchange).collect::<anyhow::Result<Vec<_>>>()?.into();
    ok(&view)
}

pub(super) async fn retry(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(id): Path<String>,
) -> Answered {
    host.operations.retry(id.clone()).await?;
    show(Operator, State(host), Path(id)).await
}

pub(super) async fn drop(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(id): Path<String>,
) -> Answered {
    host.operations.drop_operation(id.clone()).await?;
    show(Operator, State(host), Path(id)).await
}

fn summary(row: &OperationRow, versions: &HashMap<String, ConnectorVersion>) -> Value {
    let version = row.connector.as_ref().and_then(|digest| versions.get(digest));
    json!({
        "id": row.id,
        "tenant": row.tenant,
        "app": row.app,
        "kind": row.kind,
        "resource": row.resource,
        "subject": row.subject,
        "state": row.state.name(),
        "note": row.note,
        "connector": row.connector,
        "version": version.map(ToString::to_string),
        "used": row.used.as_deref().and_then(|used| serde_json::from_str::<Value>(used).ok()),
        "attempts": row.attempts,
        "due": row.due,
        "batch": row.batch,
        "created": row.created,
        "finished": row.finished,
    })
}

fn exchange(row: &ExchangeRow) -> anyhow::Result<Value> {
    let response = row.response.as_deref().map(serde_json::from_str::<Value>).transpose()?;
    Ok(json!({
        "n": row.n,
        "at": row.at,
        "request": serde_json::from_str::<Value>(&row.request)?,
        "response": response,
    }))
}
