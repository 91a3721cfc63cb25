//! The end of a tenant's integration.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::super::authorization::AdminCaller;
use super::request::{JsonBody, NoParameters};
use super::tenants::row;
use super::{Answered, at, jobs, json, ok};
use crate::admin_api::{DisconnectProgress, DisconnectRequest, JobView, TenantPath};
use crate::lifecycle::{Host, Preview};

/// Disconnect a tenant.
///
/// With `preview`, the answer is what would happen, and nothing is changed. Otherwise a job begins.
/// From that moment deprovisioning is held. A disconnect that is blocked begins again with the
/// people who are left, also with another `people`. The same request again is answered with the same job.
#[utoipa::path(
    post,
    path = "/tenants/{tenant}/disconnect",
    operation_id = "disconnect_tenant",
    tag = "Tenants",
    params(TenantPath),
    request_body = DisconnectRequest,
    responses(
        (status = 200, description = "What would happen.", body = Preview),
        (
            status = 202,
            description = "The job that disconnects the tenant.",
            body = JobView,
            headers(("location" = String, description = "The path of the job."))
        ),
        (status = 404, description = "There is no tenant of this name."),
        (status = 409, description = "A disconnect of the tenant with another action is running, or has \
            ended."),
    )
)]
pub(super) async fn begin(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TenantPath { tenant }): Path<TenantPath>,
    JsonBody(DisconnectRequest { people, preview }): JsonBody<DisconnectRequest>,
) -> Answered {
    if preview {
        return ok(&host.jobs.preview_disconnect(&tenant, people).await?);
    }
    let by = operator.token.clone();
    let job = host.jobs.disconnect(&tenant, people, Some(operator.token)).await?;
    tracing::info!(by, tenant, job = job.id, "admin: disconnect requested");
    let location = format!("/admin/v1/jobs/{}", job.id);
    Ok(at(&location, json(202, &jobs::view(job)?)?))
}

/// Show how far a disconnect is.
#[utoipa::path(
    get,
    path = "/tenants/{tenant}/disconnect",
    operation_id = "show_disconnect",
    tag = "Tenants",
    params(TenantPath),
    responses(
        (status = 200, description = "The progress.", body = DisconnectProgress),
        (status = 404, description = "There is no tenant of this name."),
    )
)]
pub(super) async fn progress(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TenantPath { tenant }): Path<TenantPath>,
    _: NoParameters,
) -> Answered {
    let row = row(&host, &tenant).await?;
    let (connected, total) = host.jobs.connected(&tenant).await?;
    ok(&DisconnectProgress {
        state: row.state,
        job: newest(&host, &tenant).await?,
        tenant,
        connected,
        total,
    })
}

/// The newest disconnect of a tenant.
pub(super) async fn newest(host: &Host, tenant: &str) -> anyhow::Result<Option<JobView>> {
    host.jobs.newest_disconnect(tenant).await?.map(jobs::view).transpose()
}
