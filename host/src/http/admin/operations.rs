//! Operations: the journal as operators read it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};

use super::super::authorization::AdminCaller;
use super::list::{List, versions_of};
use super::request::{EmptyBody, ListParameters, NoParameters};
use super::{Answered, ok};
use crate::admin_api::{
    AccountView, AttemptView, ExchangeView, OperationDetail, OperationPath, OperationQuery,
    OperationSummary, Page, PageQuery,
};
use crate::clock::first_id_of;
use crate::lifecycle::{ConnectorVersion, Error, Host};
use crate::scim;
use crate::store::{AccountRow, AttemptRow, ExchangeRow, OperationFilter, OperationRow};

const OPERATIONS: List = List("operations");

/// List operations, the newest first.
#[utoipa::path(
    get,
    path = "/operations",
    operation_id = "list_operations",
    tag = "Operations",
    params(PageQuery, OperationQuery),
    responses(
        (status = 200, description = "A page of the operations.", body = Page<OperationSummary>),
        (status = 422, description = "The cursor is not one of this list."),
    )
)]
pub(super) async fn list(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    parameters: ListParameters<OperationQuery>,
) -> Answered {
    let mut before = OPERATIONS.after(&parameters)?;
    let ListParameters { limit, filter, .. } = parameters;
    if let Some(until) = filter.until.map(first_id_of) {
        // Ids are in the order of time.
        before = Some(match before {
            Some(before) => before.min(until),
            None => until,
        });
    }
    let wanted = OperationFilter {
        tenant: filter.tenant,
        resource: filter.resource,
        state: filter.state,
        kind: filter.kind,
        name: filter.name,
        since: filter.since.map(first_id_of),
        before,
        limit: limit + 1,
        ..OperationFilter::default()
    };
    let rows = host.store.operations(&wanted).await?;
    let versions = versions(&host, &rows, &[]).await?;
    ok(&OPERATIONS.page(rows, limit, |row| &row.id, |row| summary(row, &versions))?)
}

/// Show one operation with all that the journal holds of it.
#[utoipa::path(
    get,
    path = "/operations/{id}",
    operation_id = "show_operation",
    tag = "Operations",
    params(OperationPath),
    responses(
        (status = 200, description = "The operation.", body = OperationDetail),
        (status = 404, description = "There is no such operation."),
    )
)]
pub(super) async fn show(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(OperationPath { id }): Path<OperationPath>,
    _: NoParameters,
) -> Answered {
    ok(&one(&host, &id).await?)
}

/// Try an operation again now: one that is open, held or failed.
///
/// What is carried out is what the resource shall be by now. A held operation ends as `superseded` by
/// the one that does so.
#[utoipa::path(
    post,
    path = "/operations/{id}/retry",
    operation_id = "retry_operation",
    tag = "Operations",
    params(OperationPath),
    responses(
        (status = 200, description = "The operation after the try.", body = OperationDetail),
        (status = 404, description = "There is no such operation."),
        (status = 409, description = "The operation is finished, or cannot be retried."),
    )
)]
pub(super) async fn retry(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(OperationPath { id }): Path<OperationPath>,
    _: EmptyBody,
) -> Answered {
    host.operations.retry(id.clone()).await?;
    tracing::info!(by = operator.token, operation = id, "admin: operation retried");
    ok(&one(&host, &id).await?)
}

/// Give an operation up: one that is open, held or failed. The directory stays as it is.
///
/// What an operation may have begun in the app is undone. The account of a held operation stays in the
/// app as it is, and is not managed any more.
#[utoipa::path(
    post,
    path = "/operations/{id}/drop",
    operation_id = "drop_operation",
    tag = "Operations",
    params(OperationPath),
    responses(
        (status = 200, description = "The dropped operation.", body = OperationDetail),
        (status = 404, description = "There is no such operation."),
        (status = 409, description = "The operation is finished."),
    )
)]
pub(super) async fn drop(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(OperationPath { id }): Path<OperationPath>,
    _: EmptyBody,
) -> Answered {
    host.operations.drop_operation(id.clone()).await?;
    tracing::info!(by = operator.token, operation = id, "admin: operation dropped");
    ok(&one(&host, &id).await?)
}

async fn one(host: &Host, id: &str) -> Result<OperationDetail, Error> {
    let Some((row, exchanges)) = host.store.operation(id).await? else {
        return Err(scim::Error::new(404, format!("no operation {id}")).into());
    };
    let attempts = host.store.attempts(id).await?;
    let versions = versions(host, std::slice::from_ref(&row), &attempts).await?;
    let account = host.store.account(&row.tenant, &row.resource).await?;
    let of = |attempt: u32| {
        let its = exchanges.iter().filter(move |exchange| exchange.attempt == attempt);
        its.map(exchange).collect::<anyhow::Result<Vec<_>>>()
    };
    let ended = |attempt: AttemptRow| {
        let exchanges = of(attempt.attempt)?;
        ended_attempt(attempt, exchanges, &versions)
    };
    Ok(OperationDetail {
        account: account.map(account_view),
        context: serde_json::from_str(&row.context)?,
        event: serde_json::from_str(&row.event)?,
        answer: row.answer.as_deref().map(serde_json::from_str).transpose()?,
        log: row.log.as_deref().map(serde_json::from_str).transpose()?,
        exchanges: of(row.attempt)?,
        ended_attempts: attempts.into_iter().map(ended).collect::<anyhow::Result<_>>()?,
        summary: summary(row, &versions)?,
    })
}

/// The connectors that decided these operations and attempts, by digest.
async fn versions(
    host: &Host,
    rows: &[OperationRow],
    attempts: &[AttemptRow],
) -> anyhow::Result<HashMap<String, ConnectorVersion>> {
    let digests = rows.iter().map(|row| &row.connector);
    let digests = digests.chain(attempts.iter().map(|attempt| &attempt.connector));
    versions_of(host, digests.filter_map(Option::as_deref).collect()).await
}

fn account_view(row: AccountRow) -> AccountView {
    AccountView {
        origin: row.origin().map(|origin| origin.name().to_owned()),
        membership: row.account.as_ref().map(|account| account.membership),
        id: row.account.map(|account| account.id),
        managed: row.connected,
        protected: row.protected,
        in_doubt: row.doubt,
        late_until: row.late_until,
    }
}

fn ended_attempt(
    row: AttemptRow,
    exchanges: Vec<ExchangeView>,
    versions: &HashMap<String, ConnectorVersion>,
) -> anyhow::Result<AttemptView> {
    let version = row.connector.as_ref().and_then(|digest| versions.get(digest));
    Ok(AttemptView {
        attempt: row.attempt,
        note: row.note,
        version: version.map(ToString::to_string),
        connector: row.connector,
        context: serde_json::from_str(&row.context)?,
        event: serde_json::from_str(&row.event)?,
        exchanges,
        ended: row.ended,
    })
}

fn summary(
    row: OperationRow,
    versions: &HashMap<String, ConnectorVersion>,
) -> anyhow::Result<OperationSummary> {
    let version = row.connector.as_ref().and_then(|digest| versions.get(digest));
    Ok(OperationSummary {
        version: version.map(ToString::to_string),
        id: row.id,
        tenant: row.tenant,
        app: row.app,
        kind: row.kind,
        resource: row.resource,
        subject: row.subject,
        state: row.state,
        note: row.note,
        connector: row.connector,
        used: row.used.as_deref().and_then(|used| serde_json::from_str(used).ok()),
        attempt: row.attempt,
        tries: row.tries,
        due: row.due,
        successor: row.successor,
        job: row.job,
        created: row.created,
        finished: row.finished,
    })
}

fn exchange(row: &ExchangeRow) -> anyhow::Result<ExchangeView> {
    Ok(ExchangeView {
        n: row.n,
        at: row.at.clone(),
        request: serde_json::from_str(&row.request)?,
        response: row.response.as_deref().map(serde_json::from_str).transpose()?,
        earlier_response: row.earlier_response.as_deref().map(serde_json::from_str).transpose()?,
    })
}
