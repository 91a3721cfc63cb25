//! Tenants, their tokens, and the end of their integration.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer;
use super::super::authorization::Operator;
use super::{Answered, Spec, ok};
use crate::lifecycle::snapshot::TenantState;
use crate::lifecycle::{ConnectorVersion, Host, PeopleAction, TenantSpec, TokenSpec};
use crate::scim;
use crate::store::TenantRow;

/// What becomes of the people, and whether it is only a question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disconnect {
    #[serde(default)]
    people: PeopleAction,
    #[serde(default)]
    preview: bool,
}

pub(super) async fn list(_: Operator, State(host): State<Arc<Host>>) -> Answered {
    let tenants = host.store.tenants().await?;
    let versions = host.versions.by_digest().await?;
    let mut views = Vec::with_capacity(tenants.len());
    for row in &tenants {
        views.push(view(&host, row, &versions).await?);
    }
    ok(&json!({ "tenants": views }))
}

pub(super) async fn show(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(tenant): Path<String>,
) -> Answered {
    ok(&view(&host, &row(&host, &tenant).await?, &host.versions.by_digest().await?).await?)
}

pub(super) async fn put(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(tenant): Path<String>,
    Spec(spec): Spec<TenantSpec>,
) -> Answered {
    host.config.put_tenant(&tenant, spec).await?;
    show(Operator, State(host), Path(tenant)).await
}

pub(super) async fn remove(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(tenant): Path<String>,
) -> Answered {
    host.remove_tenant(&tenant).await?;
    Ok(answer::empty())
}

pub(super) async fn tokens(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(tenant): Path<String>,
) -> Answered {
    row(&host, &tenant).await?;
    let tokens = host.config.tokens(&tenant).await?;
    let view = |token: crate::store::CredentialRow| {
        json!({
            "id": token.id,
            "kind": token.kind,
            "user": token.user,
            "owner": token.owner,
            "created": token.created,
            "expires": token.expires,
            "last_used": token.last_used,
        })
    };
    ok(&json!({ "tokens": tokens.into_iter().map(view).collect::<Vec<_>>() }))
}

pub(super) async fn add_token(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(tenant): Path<String>,
    Spec(spec): Spec<TokenSpec>,
) -> Answered {
    let token = host.config.add_token(Some(&tenant), spec).await?;
    Ok(answer::json(201, serde_json::to_string(&token)?))
}

pub(super) async fn revoke_token(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path((tenant, token)): Path<(String, String)>,
) -> Answered {
    host.config.revoke_token(&tenant, &token).await?;
    Ok(answer::empty())
}

pub(super) async fn pause(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(tenant): Path<String>,
) -> Answered {
    host.jobs.set_state(&tenant, TenantState::Paused).await?;
    show(Operator, State(host), Path(tenant)).await
}

pub(super) async fn connect(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(tenant): Path<String>,
) -> Answered {
    host.jobs.set_state(&tenant, TenantState::Connected).await?;
    show(Operator, State(host), Path(tenant)).await
}

pub(super) async fn disconnect(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(tenant): Path<String>,
    Spec(disconnect): Spec<Disconnect>,
) -> Answered {
    if disconnect.preview {
        return ok(&host.jobs.preview_disconnect(&tenant, disconnect.people).await?);
    }
    host.jobs.disconnect(&tenant, disconnect.people, None).await?;
    disconnect_progress(Operator, State(host), Path(tenant)).await
}

pub(super) async fn disconnect_progress(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path(tenant): Path<String>,
) -> Answered {
    let row = row(&host, &tenant).await?;
    let job = job(&host, &tenant).await?;
    let (connected, total) = host.jobs.connected(&tenant).await?;
    ok(&json!({
        "tenant": tenant,
        "state": row.state,
        "job": job,
        "connected": connected,
        "total": total,
    }))
}

pub(super) async fn protect(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path((tenant, id)): Path<(String, String)>,
) -> Answered {
    host.operations.protect(&tenant, &id, true).await?;
    Ok(answer::empty())
}

pub(super) async fn unprotect(
    _: Operator,
    State(host): State<Arc<Host>>,
    Path((tenant, id)): Path<(String, String)>,
) -> Answered {
    host.operations.protect(&tenant, &id, false).await?;
    Ok(answer::empty())
}

async fn row(host: &Host, tenant: &str) -> Result<TenantRow, super::Refused> {
    let tenants = host.store.tenants().await?;
    let row = tenants.into_iter().find(|row| row.id == tenant);
    row.ok_or_else(|| scim::Error::new(404, format!("no tenant {tenant}")).into())
}

/// The newest disconnect of a tenant.
async fn job(host: &Host, tenant: &str) -> anyhow::Result<Value> {
    let Some(job) = host.jobs.newest_disconnect(tenant).await? else { return Ok(Value::Null) };
    Ok(json!({
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "parameters": serde_json::from_str::<Value>(&job.parameters)?,
        "total": job.progress.total,
        "done": job.progress.done,
        "failed": job.progress.failed,
        "note": job.note,
        "created": job.created,
        "updated": job.updated,
        "finished": job.finished,
    }))
}

async fn view(
    host: &Host,
    row: &TenantRow,
    versions: &HashMap<String, ConnectorVersion>,
) -> anyhow::Result<Value> {
    let tenant = host.config.tenant(&row.id).await?;
    let tenant = tenant.as_ref();
    let base_url = tenant.map(|tenant| tenant.base_url.clone());
    let decides = tenant.and_then(|tenant| tenant.connector.as_ref().ok());
    let version = decides.and_then(|connector| versions.get(&connector.digest));
    Ok(json!({
        "id": row.id,
        "app": row.app,
        "version": version.map(ToString::to_string),
        "version_of_its_own": row.connector.is_some(),
        "dialect": row.dialect,
        "state": row.state,
        "disconnect": job(host, &row.id).await?,
        "settings": serde_json::from_str::<Value>(&row.settings)?,
        "base_url": base_url,
        "created": row.created,
        "recognised": tenant.and_then(|tenant| tenant.observations.recognised()),
        "deviations": tenant.map(|tenant| tenant.observations.deviations()),
        "advice": tenant.and_then(|tenant| tenant.observations.advice(tenant.dialect())),
    }))
}
