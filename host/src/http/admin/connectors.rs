//! Connectors.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::super::authorization::AdminCaller;
use super::super::body::WasmBody;
use super::list::List;
use super::request::{EmptyBody, ListParameters, NoParameters};
use super::{Answered, json, ok};
use crate::admin_api::{ConnectorFile, ConnectorPath, ConnectorQuery, Page, PageQuery};
use crate::lifecycle::{ConnectorDetail, ConnectorSummary, ConnectorVersion, Host, Pushed};
use crate::store::ConnectorRow;

const CONNECTORS: List = List("connectors");

/// List the connector versions, the oldest first.
///
/// Development builds that were replaced are left out.
#[utoipa::path(
    get,
    path = "/connectors",
    operation_id = "list_connectors",
    tag = "Connectors",
    params(PageQuery, ConnectorQuery),
    responses(
        (status = 200, description = "A page of the versions.", body = Page<ConnectorSummary>),
        (status = 422, description = "The cursor is not one of this list."),
    )
)]
pub(super) async fn list(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    parameters: ListParameters<ConnectorQuery>,
) -> Answered {
    let after = CONNECTORS.after(&parameters)?;
    let ListParameters { limit, filter, .. } = parameters;
    let wanted = |row: &ConnectorRow| {
        filter.name.as_ref().is_none_or(|name| row.name == *name)
            && filter.retired.is_none_or(|retired| row.retired.is_some() == retired)
    };
    let found = host.versions.summaries(wanted, after, limit as usize + 1).await?;
    ok(&CONNECTORS.page(found, limit, |it| &it.digest, Ok::<_, anyhow::Error>)?)
}

/// Push a connector.
///
/// It is verified, compiled and kept, and decides nothing until it is promoted. A `Content-Digest`
/// (RFC 9530) is checked.
#[utoipa::path(
    post,
    path = "/connectors",
    operation_id = "push_connector",
    tag = "Connectors",
    request_body(content = ConnectorFile, content_type = "application/wasm"),
    responses(
        (status = 200, description = "This very file was there already.", body = Pushed),
        (status = 201, description = "The version was added.", body = Pushed),
        (
            status = 409,
            description = "This version was pushed before with other content: versions are \
                immutable."
        ),
        (
            status = 422,
            description = "The file is not a valid connector, is not signed by a trusted key, or \
                does not match its digest."
        ),
    )
)]
pub(super) async fn push(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    _: NoParameters,
    WasmBody(wasm): WasmBody,
) -> Answered {
    let pushed = host.versions.push(wasm).await?;
    let connector = ConnectorVersion::from(&pushed);
    tracing::info!(by = operator.token, %connector, "admin: version pushed");
    json(if pushed.known { 200 } else { 201 }, &pushed)
}

/// Show one connector version, with its manifest and where it is used.
#[utoipa::path(
    get,
    path = "/connectors/{reference}",
    operation_id = "show_connector",
    tag = "Connectors",
    params(ConnectorPath),
    responses(
        (status = 200, description = "The version.", body = ConnectorDetail),
        (status = 404, description = "There is no such connector."),
    )
)]
pub(super) async fn show(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(ConnectorPath { reference }): Path<ConnectorPath>,
    _: NoParameters,
) -> Answered {
    ok(&host.versions.connector_detail(&reference).await?)
}

/// Retire a version that is not used any more.
///
/// Its component is removed; its name, version and manifest stay, because the journal names them.
#[utoipa::path(
    post,
    path = "/connectors/{reference}/retire",
    operation_id = "retire_connector",
    tag = "Connectors",
    params(ConnectorPath),
    responses(
        (status = 200, description = "The retired version.", body = ConnectorDetail),
        (status = 404, description = "There is no such connector."),
        (status = 409, description = "The version is in use."),
        (status = 422, description = "The connector has several versions; name one."),
    )
)]
pub(super) async fn retire(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(ConnectorPath { reference }): Path<ConnectorPath>,
    _: EmptyBody,
) -> Answered {
    if let Some(connector) = host.versions.retire(&reference).await? {
        tracing::info!(by = operator.token, %connector, "admin: version retired");
    }
    ok(&host.versions.connector_detail(&reference).await?)
}

/// Take a retired version back that comes with muster.
///
/// It decides nothing until it is promoted. Any other version is taken back by pushing its file again.
#[utoipa::path(
    post,
    path = "/connectors/{reference}/restore",
    operation_id = "restore_connector",
    tag = "Connectors",
    params(ConnectorPath),
    responses(
        (status = 200, description = "The version, which is not retired any more.",
            body = ConnectorDetail),
        (status = 404, description = "There is no such connector."),
        (status = 409, description = "The version does not come with muster."),
        (status = 422, description = "The connector has several versions; name one."),
    )
)]
pub(super) async fn restore(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(ConnectorPath { reference }): Path<ConnectorPath>,
    _: EmptyBody,
) -> Answered {
    if let Some(connector) = host.versions.restore(&reference).await? {
        tracing::info!(by = operator.token, %connector, "admin: version restored");
    }
    ok(&host.versions.connector_detail(&reference).await?)
}
