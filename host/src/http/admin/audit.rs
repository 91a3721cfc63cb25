//! The audit log.

use std::sync::Arc;

use axum::extract::State;

use super::super::authorization::AdminCaller;
use super::list::List;
use super::request::ListParameters;
use super::{Answered, ok};
use crate::admin_api::{AuditQuery, AuditView, Page, PageQuery};
use crate::clock::first_id_of;
use crate::lifecycle::Host;
use crate::store::{AuditFilter, AuditRow};

const AUDIT: List = List("audit");

/// List what operators changed, the newest first.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "list_audit",
    tag = "Audit",
    params(PageQuery, AuditQuery),
    responses(
        (status = 200, description = "A page of the audit log.", body = Page<AuditView>),
        (status = 422, description = "The cursor is not one of this list."),
    )
)]
pub(super) async fn list(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    parameters: ListParameters<AuditQuery>,
) -> Answered {
    let after = AUDIT.after(&parameters)?;
    let ListParameters { limit, filter, .. } = parameters;
    let until = filter.until.map(first_id_of);
    let wanted = AuditFilter {
        tenant: filter.tenant,
        by: filter.by,
        since: filter.since.map(first_id_of),
        // Ids are in the order of time.
        before: after.into_iter().chain(until).min(),
    };
    let rows = host.store.audit_page(&wanted, limit + 1).await?;
    ok(&AUDIT.page(rows, limit, |row| &row.id, view)?)
}

fn view(row: AuditRow) -> anyhow::Result<AuditView> {
    let object = |text: Option<String>| text.map(|text| serde_json::from_str(&text)).transpose();
    Ok(AuditView {
        id: row.id,
        at: row.at,
        token: row.author.token,
        by: row.author.name,
        request: row.author.request,
        action: row.author.action,
        kind: row.kind,
        subject: row.subject,
        tenant: row.tenant,
        before: object(row.before)?,
        after: object(row.after)?,
    })
}
