//! Tenants.

use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Path, State};

use super::super::authorization::AdminCaller;
use super::super::response;
use super::disconnect::newest;
use super::list::{List, versions_of};
use super::request::{EmptyBody, JsonBody, ListParameters, NoParameters, OptionalBody};
use super::{Answered, created, ok};
use crate::admin_api::{
    BacklogView, ConnectAnswer, DeviationView, JobView, Page, PageQuery, PersonPath, TenantPath,
    TenantQuery, TenantView,
};
use crate::lifecycle::snapshot::TenantState;
use crate::lifecycle::{
    ConnectChoices, ConnectorVersion, Deviation, Error, Host, NewTenant, TenantChange,
};
use crate::scim;
use crate::store::{Backlog, TenantFilter, TenantRow};

const TENANTS: List = List("tenants");

/// List the tenants, by name.
#[utoipa::path(
    get,
    path = "/tenants",
    operation_id = "list_tenants",
    tag = "Tenants",
    params(PageQuery, TenantQuery),
    responses(
        (status = 200, description = "A page of the tenants.", body = Page<TenantView>),
        (status = 422, description = "The cursor is not one of this list."),
    )
)]
pub(super) async fn list(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    parameters: ListParameters<TenantQuery>,
) -> Answered {
    let after = TENANTS.after(&parameters)?;
    let ListParameters { limit, filter, .. } = parameters;
    let filter = TenantFilter { app: filter.app, state: filter.state, prefix: filter.prefix };
    let rows = host.store.tenant_page(&filter, after.as_deref(), limit + 1).await?;
    let page = TENANTS.page(rows, limit, |row| &row.id, Ok::<_, Error>)?;
    let items = views(&host, &page.items).await?;
    ok(&Page { items, next: page.next })
}

/// Show one tenant, and how its requests deviate from the RFCs.
#[utoipa::path(
    get,
    path = "/tenants/{tenant}",
    operation_id = "show_tenant",
    tag = "Tenants",
    params(TenantPath),
    responses(
        (status = 200, description = "The tenant.", body = TenantView),
        (status = 404, description = "There is no tenant of this name."),
    )
)]
pub(super) async fn show(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TenantPath { tenant }): Path<TenantPath>,
    _: NoParameters,
) -> Answered {
    ok(&one(&host, &tenant).await?)
}

/// Create a tenant: one customer organisation's integration with an app.
#[utoipa::path(
    post,
    path = "/tenants",
    operation_id = "create_tenant",
    tag = "Tenants",
    request_body = NewTenant,
    responses(
        (
            status = 201,
            description = "The tenant was created.",
            body = TenantView,
            headers(("location" = String, description = "The path of the tenant."))
        ),
        (status = 404, description = "There is no app of this name."),
        (
            status = 409,
            description = "There is a tenant of this name, or one that was removed a moment ago."
        ),
        (status = 422, description = "The name or a setting is not acceptable."),
    )
)]
pub(super) async fn create(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    JsonBody(tenant): JsonBody<NewTenant>,
) -> Answered {
    let (id, app) = (tenant.id.clone(), tenant.app.clone());
    host.config.create_tenant(tenant).await?;
    tracing::info!(by = operator.token, tenant = id, app, "admin: tenant created");
    created(&format!("/admin/v1/tenants/{id}"), &one(&host, &id).await?)
}

/// Change a tenant.
///
/// What the body states changes, the rest stays. The app stays as well; the state is changed by
/// `pause`, `connect` and `disconnect`, and the connector by a promotion or a rollback.
#[utoipa::path(
    patch,
    path = "/tenants/{tenant}",
    operation_id = "set_tenant",
    tag = "Tenants",
    params(TenantPath),
    request_body = TenantChange,
    responses(
        (status = 200, description = "The tenant after the change.", body = TenantView),
        (status = 404, description = "There is no tenant of this name."),
        (status = 409, description = "The request names another app."),
        (status = 422, description = "A setting is not acceptable to the connector."),
    )
)]
pub(super) async fn set(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TenantPath { tenant }): Path<TenantPath>,
    JsonBody(change): JsonBody<TenantChange>,
) -> Answered {
    host.config.check_names_of_tenant_change(&tenant, &change).await?;
    host.config.set_tenant(&tenant, change).await?;
    tracing::info!(by = operator.token, tenant, "admin: tenant changed");
    ok(&one(&host, &tenant).await?)
}

/// Remove a tenant that is disconnected, with its directory and tokens.
///
/// The journal and the jobs stay. If another tenant of its name is created, they are kept under the name
/// `NAME (before TIME)`.
#[utoipa::path(
    delete,
    path = "/tenants/{tenant}",
    operation_id = "remove_tenant",
    tag = "Tenants",
    params(TenantPath),
    responses(
        (status = 204, description = "The tenant was removed."),
        (status = 404, description = "There is no tenant of this name."),
        (status = 409, description = "The tenant is not disconnected."),
    )
)]
pub(super) async fn remove(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TenantPath { tenant }): Path<TenantPath>,
    _: EmptyBody,
) -> Answered {
    host.remove_tenant(&tenant).await?;
    tracing::info!(by = operator.token, tenant, "admin: tenant removed");
    Ok(response::no_content())
}

/// Pause a tenant: deprovisioning is held until the tenant is connected again.
///
/// A disconnect that has not ended is cancelled.
#[utoipa::path(
    post,
    path = "/tenants/{tenant}/pause",
    operation_id = "pause_tenant",
    tag = "Tenants",
    params(TenantPath),
    responses(
        (status = 200, description = "The paused tenant.", body = TenantView),
        (status = 404, description = "There is no tenant of this name."),
        (status = 409, description = "The tenant is disconnected."),
    )
)]
pub(super) async fn pause(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TenantPath { tenant }): Path<TenantPath>,
    _: EmptyBody,
) -> Answered {
    host.jobs.pause(&tenant).await?;
    tracing::info!(by = operator.token, tenant, "admin: tenant paused");
    ok(&one(&host, &tenant).await?)
}

/// Connect a tenant that was paused or disconnected.
///
/// With `preview`, the answer is what would happen, and nothing is changed. If people's leaving is
/// held, `held` must say what becomes of them. A disconnect that has not ended is cancelled.
#[utoipa::path(
    post,
    path = "/tenants/{tenant}/connect",
    operation_id = "connect_tenant",
    tag = "Tenants",
    params(TenantPath),
    request_body = Option<ConnectChoices>,
    responses(
        (status = 200, description = "The connected tenant, or what would happen.",
            body = ConnectAnswer),
        (status = 404, description = "There is no tenant of this name."),
        (status = 409, description = "People's leaving is held, and `held` is missing."),
    )
)]
pub(super) async fn connect(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TenantPath { tenant }): Path<TenantPath>,
    OptionalBody(choices): OptionalBody<ConnectChoices>,
) -> Answered {
    if choices.preview {
        return ok(&host.jobs.preview_connect(&tenant).await?);
    }
    host.jobs.connect(&tenant, choices).await?;
    tracing::info!(by = operator.token, tenant, "admin: tenant connected");
    ok(&one(&host, &tenant).await?)
}

/// Protect a person's account: it is never deactivated or deleted.
#[utoipa::path(
    post,
    path = "/tenants/{tenant}/people/{id}/protect",
    operation_id = "protect_person",
    tag = "Tenants",
    params(PersonPath),
    responses(
        (status = 204, description = "The account is protected."),
        (status = 404, description = "There is no such tenant or person."),
    )
)]
pub(super) async fn protect(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(PersonPath { tenant, id }): Path<PersonPath>,
    _: EmptyBody,
) -> Answered {
    host.operations.protect(&tenant, &id, true).await?;
    tracing::info!(by = operator.token, tenant, resource = id, "admin: person protected");
    Ok(response::no_content())
}

/// Lift the protection of a person's account.
#[utoipa::path(
    post,
    path = "/tenants/{tenant}/people/{id}/unprotect",
    operation_id = "unprotect_person",
    tag = "Tenants",
    params(PersonPath),
    responses(
        (status = 204, description = "The account is not protected any more."),
        (status = 404, description = "There is no such tenant or person."),
    )
)]
pub(super) async fn unprotect(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(PersonPath { tenant, id }): Path<PersonPath>,
    _: EmptyBody,
) -> Answered {
    host.operations.protect(&tenant, &id, false).await?;
    tracing::info!(by = operator.token, tenant, resource = id, "admin: person unprotected");
    Ok(response::no_content())
}

/// Make the account of a person the tenant's own.
///
/// An account that the tenant did not make is only joined and left. Once it is adopted, its profile is brought
/// to what the directory says, and it can be deleted.
#[utoipa::path(
    post,
    path = "/tenants/{tenant}/people/{id}/adopt",
    operation_id = "adopt_person",
    tag = "Tenants",
    params(PersonPath),
    responses(
        (status = 204, description = "The account is the tenant's own."),
        (status = 404, description = "There is no such tenant or person."),
        (status = 409, description = "The person has no account in the app."),
    )
)]
pub(super) async fn adopt(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(PersonPath { tenant, id }): Path<PersonPath>,
    _: EmptyBody,
) -> Answered {
    host.operations.adopt(&tenant, &id).await?;
    tracing::info!(by = operator.token, tenant, resource = id, "admin: person adopted");
    Ok(response::no_content())
}

/// The row of a tenant; 404 if there is none.
pub(super) async fn row(host: &Host, tenant: &str) -> Result<TenantRow, Error> {
    let row = host.store.tenant(tenant).await?;
    row.ok_or_else(|| scim::Error::new(404, format!("no tenant {tenant}")).into())
}

async fn one(host: &Host, tenant: &str) -> Result<TenantView, Error> {
    let row = row(host, tenant).await?;
    let view = views(host, &[row]).await?.pop();
    Ok(view.context("a view of each row")?)
}

/// Tenants as operators see them. Nothing is loaded that requests of their identity providers would
/// load: a list is as long as an operator wants.
async fn views(host: &Host, rows: &[TenantRow]) -> Result<Vec<TenantView>, Error> {
    let snapshot = host.config.snapshot();
    let digest = |row: &TenantRow| {
        let of_app = || snapshot.apps.get(&row.app)?.connector.as_ref().ok();
        row.connector.clone().or_else(|| of_app().map(|connector| connector.digest.clone()))
    };
    let digests: Vec<Option<String>> = rows.iter().map(digest).collect();
    let versions =
        versions_of(host, digests.iter().flatten().map(String::as_str).collect()).await?;
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let backlogs = host.store.backlogs(&ids).await?;
    let mut views = Vec::with_capacity(rows.len());
    for (row, digest) in rows.iter().zip(digests) {
        let version = digest.and_then(|digest| versions.get(&digest));
        let disconnect = match row.state == TenantState::Connected {
            true => None,
            false => newest(host, &row.id).await?,
        };
        let backlog = backlogs.get(&row.id).copied().unwrap_or_default();
        views.push(view(host, row, version, backlog, disconnect)?);
    }
    Ok(views)
}

fn view(
    host: &Host,
    row: &TenantRow,
    version: Option<&ConnectorVersion>,
    backlog: Backlog,
    disconnect: Option<JobView>,
) -> anyhow::Result<TenantView> {
    let observations = host.config.observations(&row.id).unwrap_or_default();
    let recognised = observations.recognised();
    let dialect = row.dialect;
    let spoken = dialect.or_recognised(recognised);
    let deviation =
        |it: Deviation| DeviationView { rule: it.rule, times: it.times, what: it.what.to_owned() };
    let Backlog { open, held, failed, in_doubt } = backlog;
    Ok(TenantView {
        id: row.id.clone(),
        app: row.app.clone(),
        version: version.map(ToString::to_string),
        version_of_its_own: row.connector.is_some(),
        dialect,
        group_names: row.group_names,
        unknown_members: row.unknown_members,
        requests_per_second: row.requests_per_second,
        domains: row.domains.clone(),
        state: row.state,
        backlog: BacklogView { open, held, failed, in_doubt },
        disconnect,
        settings: serde_json::from_str(&row.settings)?,
        base_url: format!("{}/t/{}/scim/v2", host.options.public_url, row.id),
        created: row.created.clone(),
        recognised,
        failed_sign_ins: observations.failed_sign_ins.count(),
        last_failed_sign_in: observations.failed_sign_ins.last(),
        deviations: observations.deviations().into_iter().map(deviation).collect(),
        advice: observations.advice(spoken).map(str::to_owned),
    })
}
