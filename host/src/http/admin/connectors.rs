//! Connectors.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::json;

use super::super::answer;
use super::super::authorization::Operator;
use super::super::body::WasmBody;
use super::{Answered, ok};
use crate::lifecycle::Host;

pub(super) async fn list(_: Operator, State(host): State<Arc<Host>>) -> Answered {
    ok(&json!({ "connectors": host.versions.connector_summaries().await? }))
}

pub(super) async fn push(
    _: Operator,
    State(host): State<Arc<Host>>,
    WasmBody(wasm): WasmBody,
) -> Answered {
    let pushed = host.versions.push(wasm).await?;
    Ok(answer::json(if pushed.known { 200 } else { 201 }, serde_json::to_string(&pushed)?))
}

pub(super) async fn show(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(reference): Path<String>,
) -> Answered {
    ok(&host.versions.connector_detail(&reference).await?)
}

pub(super) async fn retire(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(reference): Path<String>,
) -> Answered {
    host.versions.retire(&reference).await?;
    ok(&host.versions.connector_detail(&reference).await?)
}
