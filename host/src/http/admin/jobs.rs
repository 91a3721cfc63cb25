//! Jobs.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::super::authorization::AdminCaller;
use super::list::List;
use super::request::{EmptyBody, ListParameters, NoParameters};
use super::{Answered, ok};
use crate::admin_api::{JobPath, JobQuery, JobView, Page, PageQuery};
use crate::lifecycle::Host;
use crate::store::{JobFilter, JobRow};

const JOBS: List = List("jobs");

/// List the jobs, the newest first.
#[utoipa::path(
    get,
    path = "/jobs",
    operation_id = "list_jobs",
    tag = "Jobs",
    params(PageQuery, JobQuery),
    responses(
        (status = 200, description = "A page of the jobs.", body = Page<JobView>),
        (status = 422, description = "The cursor is not one of this list."),
    )
)]
pub(super) async fn list(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    parameters: ListParameters<JobQuery>,
) -> Answered {
    let before = JOBS.after(&parameters)?;
    let ListParameters { limit, filter, .. } = parameters;
    let filter = JobFilter { tenant: filter.tenant, kind: filter.kind, state: filter.state };
    let rows = host.jobs.page(&filter, before.as_deref(), limit + 1).await?;
    ok(&JOBS.page(rows, limit, |row| &row.id, view)?)
}

/// Show one job.
#[utoipa::path(
    get,
    path = "/jobs/{id}",
    operation_id = "show_job",
    tag = "Jobs",
    params(JobPath),
    responses(
        (status = 200, description = "The job.", body = JobView),
        (status = 404, description = "There is no such job."),
    )
)]
pub(super) async fn show(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(JobPath { id }): Path<JobPath>,
    _: NoParameters,
) -> Answered {
    ok(&view(host.jobs.job(&id).await?)?)
}

/// Cancel a job.
///
/// What it has done stays done.
#[utoipa::path(
    post,
    path = "/jobs/{id}/cancel",
    operation_id = "cancel_job",
    tag = "Jobs",
    params(JobPath),
    responses(
        (status = 200, description = "The cancelled job.", body = JobView),
        (status = 404, description = "There is no such job."),
        (status = 409, description = "The job has ended."),
    )
)]
pub(super) async fn cancel(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(JobPath { id }): Path<JobPath>,
    _: EmptyBody,
) -> Answered {
    let job = host.jobs.cancel(&id).await?;
    tracing::info!(by = operator.token, job = id, "admin: job cancelled");
    ok(&view(job)?)
}

/// A job as operators see it.
pub(super) fn view(row: JobRow) -> anyhow::Result<JobView> {
    Ok(JobView {
        id: row.id,
        kind: row.kind,
        tenant: row.tenant,
        app: row.app,
        state: row.state,
        parameters: serde_json::from_str(&row.parameters)?,
        preview: row.preview.as_deref().map(serde_json::from_str).transpose()?,
        total: row.progress.total,
        done: row.progress.done,
        waiting: row.progress.waiting,
        failed: row.progress.failed,
        note: row.note,
        last_error: row.last_error,
        result: row.result.as_deref().map(serde_json::from_str).transpose()?,
        requested_by: row.requested_by,
        created: row.created,
        updated: row.updated,
        finished: row.finished,
    })
}
