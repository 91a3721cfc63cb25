//! `/Bulk`: many operations in one request (RFC 7644 §3.7).

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use serde_json::Value;

use super::authorization::Caller;
use super::body::BulkBody;
use super::request_limit::{self, OverLimit};
use super::response::{self, ApiResult, with_request_id};
use crate::lifecycle::{BulkResult, Host, WriteResult};
use crate::scim::bulk::{BULK_RESPONSE_SCHEMA, BulkOperation, BulkRequest};
use crate::scim::{self, Version, render};

#[derive(Serialize)]
struct BulkResponse<'a> {
    schemas: [&'static str; 1],
    #[serde(rename = "Operations")]
    operations: Vec<BulkResponseOperation<'a>>,
}

/// The result of one operation (RFC 7644 §3.7.3).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BulkResponseOperation<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bulk_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Value>,
}

pub(super) async fn bulk(
    State(host): State<Arc<Host>>,
    Caller(tenant, version): Caller,
    over: Option<Extension<OverLimit>>,
    uri: Uri,
    BulkBody(body): BulkBody,
) -> ApiResult {
    if version == Version::V1 {
        return Err(scim::Error::new(501, format!("{} is not offered", uri.path())).into());
    }
    let request = BulkRequest::parse(&body, &mut tenant.reading())?;
    request_limit::admit_bulk(over.map(|Extension(over)| over), &tenant, &request)?;
    let operations = request.operations.clone();
    let base_url = tenant.base_url(version).to_owned();
    let performed = host.directory.bulk(tenant, request).await?;
    let results =
        performed.iter().map(|it| response_operation(&base_url, &operations[it.operation], it));
    let response = BulkResponse { schemas: [BULK_RESPONSE_SCHEMA], operations: results.collect() };
    Ok(response::json(200, serde_json::to_string(&response)?))
}

/// The result of one operation as the client reads it.
fn response_operation<'a>(
    base_url: &str,
    operation: &'a BulkOperation,
    performed: &BulkResult,
) -> BulkResponseOperation<'a> {
    let (status, version, response) = match &performed.outcome {
        Ok(WriteResult::Created(found)) => (201, Some(render::entity_tag(found.revision())), None),
        Ok(WriteResult::Kept(found)) => (200, Some(render::entity_tag(found.revision())), None),
        Ok(WriteResult::Gone) => (204, None, None),
        Err(error) => {
            let error = with_request_id(error.clone());
            (error.status, None, serde_json::from_str(&error.to_json()).ok())
        }
    };
    let resource = performed.resource.as_ref();
    BulkResponseOperation {
        location: resource.map(|(t, id)| render::location(base_url, t, id)),
        method: &operation.method,
        bulk_id: operation.bulk_id.as_deref(),
        version,
        status: status.to_string(),
        response,
    }
}
