//! Apps.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Map, Value};

use super::super::authorization::AdminCaller;
use super::super::response;
use super::list::{List, versions_of};
use super::request::{EmptyBody, JsonBody, ListParameters, NoParameters, OptionalBody, Unfiltered};
use super::{Answered, created, ok};
use crate::admin_api::{AppPath, AppView, Page, PageQuery};
use crate::delivery::conceal;
use crate::lifecycle::{
    AppChange, ConnectorVersion, Error, Host, NewApp, Promoted, Promotion, Rollback,
};
use crate::limits::LimitsSpec;
use crate::scim;
use crate::store::AppRow;

const APPS: List = List("apps");

/// List the apps, by name.
#[utoipa::path(
    get,
    path = "/apps",
    operation_id = "list_apps",
    tag = "Apps",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of the apps.", body = Page<AppView>),
        (status = 422, description = "The cursor is not one of this list."),
    )
)]
pub(super) async fn list(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    parameters: ListParameters<Unfiltered>,
) -> Answered {
    let after = APPS.after(&parameters)?;
    let rows = host.store.app_page(after.as_deref(), parameters.limit + 1).await?;
    let versions = versions(&host, &rows).await?;
    ok(&APPS.page(rows, parameters.limit, |row| &row.name, |row| view(&host, &row, &versions))?)
}

/// Show one app.
#[utoipa::path(
    get,
    path = "/apps/{app}",
    operation_id = "show_app",
    tag = "Apps",
    params(AppPath),
    responses(
        (status = 200, description = "The app.", body = AppView),
        (status = 404, description = "There is no app of this name."),
    )
)]
pub(super) async fn show(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(AppPath { app }): Path<AppPath>,
    _: NoParameters,
) -> Answered {
    ok(&one(&host, &app).await?)
}

/// Create an app.
///
/// The connector that is named decides for it from now on. Settings are checked by the connector's
/// schema, together with a tenant's, when the first tenant is created.
#[utoipa::path(
    post,
    path = "/apps",
    operation_id = "create_app",
    tag = "Apps",
    request_body = NewApp,
    responses(
        (
            status = 201,
            description = "The app was created.",
            body = AppView,
            headers(("location" = String, description = "The path of the app."))
        ),
        (status = 404, description = "There is no such connector."),
        (
            status = 409,
            description = "There is an app of this name, or the connector is retired or cannot be \
                loaded."
        ),
        (
            status = 422,
            description = "The name, an endpoint or a limit is not acceptable, or an endpoint that \
                the connector needs is missing."
        ),
    )
)]
pub(super) async fn create(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    JsonBody(app): JsonBody<NewApp>,
) -> Answered {
    let name = app.name.clone();
    host.config.check_names_of_app(&app).await?;
    host.config.create_app(app).await?;
    tracing::info!(by = operator.token, app = name, "admin: app created");
    created(&format!("/admin/v1/apps/{name}"), &one(&host, &name).await?)
}

/// Change an app.
///
/// What the body states changes, the rest stays. The connector is changed by a promotion or a
/// rollback instead.
#[utoipa::path(
    patch,
    path = "/apps/{app}",
    operation_id = "set_app",
    tag = "Apps",
    params(AppPath),
    request_body = AppChange,
    responses(
        (status = 200, description = "The app after the change.", body = AppView),
        (status = 404, description = "There is no app of this name."),
        (
            status = 422,
            description = "A setting, an endpoint or a limit is not acceptable to the connector or \
                the host, or the request names a connector."
        ),
    )
)]
pub(super) async fn set(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(AppPath { app }): Path<AppPath>,
    JsonBody(change): JsonBody<AppChange>,
) -> Answered {
    host.config.check_names_of_app_change(&app, &change, None).await?;
    host.config.set_app(&app, change).await?;
    tracing::info!(by = operator.token, app, "admin: app changed");
    ok(&one(&host, &app).await?)
}

/// Remove an app that no tenant uses.
#[utoipa::path(
    delete,
    path = "/apps/{app}",
    operation_id = "remove_app",
    tag = "Apps",
    params(AppPath),
    responses(
        (status = 204, description = "The app was removed."),
        (status = 404, description = "There is no app of this name."),
        (status = 409, description = "A tenant uses the app."),
    )
)]
pub(super) async fn remove(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(AppPath { app }): Path<AppPath>,
    _: EmptyBody,
) -> Answered {
    host.config.remove_app(&app).await?;
    tracing::info!(by = operator.token, app, "admin: app removed");
    Ok(response::no_content())
}

/// Promote a connector version.
///
/// From now on it decides for the app and all its tenants, or only for the tenants that are named.
/// Operations in progress end with the version that they began with.
#[utoipa::path(
    post,
    path = "/apps/{app}/promote",
    operation_id = "promote",
    tag = "Apps",
    params(AppPath),
    request_body = Promotion,
    responses(
        (status = 200, description = "The promotion, or with `preview` its effect.", body = Promoted),
        (status = 404, description = "There is no such app, connector, or tenant of the app."),
        (
            status = 409,
            description = "The connector is retired or cannot be loaded, it asks for more than the \
                version before and `accept` is not set, or another version than `from` decides."
        ),
        (
            status = 422,
            description = "The app's endpoints or settings do not serve the connector."
        ),
    )
)]
pub(super) async fn promote(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(AppPath { app }): Path<AppPath>,
    JsonBody(promotion): JsonBody<Promotion>,
) -> Answered {
    if let Some(change) = &promotion.set {
        let candidate = Some(promotion.connector.as_str());
        host.config.check_names_of_app_change(&app, change, candidate).await?;
    }
    let promoted = host.versions.promote(&app, &promotion).await?;
    if !promotion.preview {
        log_version(&operator, &promoted, "admin: version promoted");
    }
    ok(&promoted)
}

/// Go back to the connector version before.
///
/// For the app and all its tenants, or only for the tenants that are named. The body may be left
/// out.
#[utoipa::path(
    post,
    path = "/apps/{app}/rollback",
    operation_id = "roll_back",
    tag = "Apps",
    params(AppPath),
    request_body = Option<Rollback>,
    responses(
        (status = 200, description = "The version that decides now.", body = Promoted),
        (status = 404, description = "There is no such app, or tenant of the app."),
        (
            status = 409,
            description = "There is no version before, a tenant has no version of its own, or the \
                version before cannot be loaded."
        ),
        (
            status = 422,
            description = "The app's endpoints or settings do not serve the connector."
        ),
    )
)]
pub(super) async fn rollback(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(AppPath { app }): Path<AppPath>,
    OptionalBody(rollback): OptionalBody<Rollback>,
) -> Answered {
    let promoted = host.versions.rollback(&app, &rollback).await?;
    log_version(&operator, &promoted, "admin: version rolled back");
    ok(&promoted)
}

fn log_version(operator: &AdminCaller, promoted: &Promoted, what: &'static str) {
    let Promoted { app, tenants, connector, .. } = promoted;
    let tenants = tenants.join(" ");
    tracing::info!(by = operator.token, app, tenants, %connector, "{what}");
}

async fn one(host: &Host, app: &str) -> Result<AppView, Error> {
    match host.store.app(app).await? {
        Some(row) => Ok(view(host, &row, &versions(host, std::slice::from_ref(&row)).await?)?),
        None => Err(scim::Error::new(404, format!("no app {app}")).into()),
    }
}

/// The connectors that these apps name, by digest.
async fn versions(
    host: &Host,
    rows: &[AppRow],
) -> anyhow::Result<HashMap<String, ConnectorVersion>> {
    let mut digests = Vec::new();
    for row in rows {
        digests.extend(row.connector.as_deref());
        digests.extend(row.previous.as_deref());
    }
    versions_of(host, digests).await
}

/// An app as operators see it: secrets given as values are never shown again.
fn view(
    host: &Host,
    row: &AppRow,
    versions: &HashMap<String, ConnectorVersion>,
) -> anyhow::Result<AppView> {
    let named = |digest: &Option<String>| {
        digest.as_ref().and_then(|digest| versions.get(digest)).map(ToString::to_string)
    };
    let limits: LimitsSpec = serde_json::from_str(&row.limits)?;
    let mut endpoints: Map<String, Value> = serde_json::from_str(&row.endpoints)?;
    conceal(&mut endpoints);
    Ok(AppView {
        name: row.name.clone(),
        version: named(&row.connector),
        connector: row.connector.clone(),
        previous_version: named(&row.previous),
        previous: row.previous.clone(),
        settings: serde_json::from_str(&row.settings)?,
        endpoints,
        reply: row.reply,
        limits: limits.limits().map_err(anyhow::Error::msg)?.shown(),
        shared: row.shared,
        created: row.created.clone(),
        warnings: warnings(host, &row.name),
    })
}

/// What is dangerous about an app as it is served now.
fn warnings(host: &Host, app: &str) -> Vec<String> {
    let snapshot = host.config.snapshot();
    let endpoints = snapshot.apps.get(app).map(|app| &app.endpoints);
    let plain =
        endpoints.into_iter().flatten().filter(|(_, it)| it.sends_credentials_in_plain_text());
    let warning =
        |name| format!("endpoint {name}: http:// sends its credentials readable to all on the way");
    plain.map(|(name, _)| warning(name)).collect()
}
