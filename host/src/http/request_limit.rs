//! The limit on a tenant's requests: beyond its rate they get 429 with `Retry-After`, but for those that take
//! access away.
//!
//! DELETE, and a PATCH, PUT or bulk request that may do so, is passed on over the limit. It waits for its turn
//! in a larger bucket, so that a tenant cannot send any number of such requests instead; if its body then
//! turns out not to take access away, it is refused. A leaver is refused only if so many came that its turn
//! would be in more than ten seconds, and then it is asked to come again, as others are.

use std::time::Duration;

use axum::http::Method;
use axum::http::request::Parts;
use tokio::time::sleep;

use crate::lifecycle::snapshot::Tenant;
use crate::scim;
use crate::scim::bulk::{BulkOperation, BulkRequest};

/// Marks a request beyond the limit, which is carried out only if it takes access away. It has the time
/// after which it may be sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct OverLimit(Duration);

/// Counts a request. Waits if it may take access away and is beyond the limit.
pub(super) async fn admit(parts: &mut Parts, tenant: &Tenant) -> Result<(), scim::Error> {
    let requests = &tenant.observations.requests;
    let Err(again) = requests.take(tenant.request_rate) else { return Ok(()) };
    if !may_take_away(&parts.method, parts.uri.path()) {
        return Err(too_many(again));
    }
    sleep(requests.take_leaver(tenant.request_rate).map_err(too_many)?).await;
    if parts.method != Method::DELETE {
        parts.extensions.insert(OverLimit(again));
    }
    Ok(())
}

/// Refuses a request over the limit whose body does not take access away.
pub(super) fn check(over: Option<OverLimit>, takes_away: bool) -> Result<(), scim::Error> {
    match over {
        Some(OverLimit(again)) if !takes_away => Err(too_many(again)),
        _ => Ok(()),
    }
}

/// Counts the operations of a bulk request, which each cost as much as a request. Over the limit, all of them
/// must take access away.
pub(super) fn admit_bulk(
    over: Option<OverLimit>,
    tenant: &Tenant,
    request: &BulkRequest,
) -> Result<(), scim::Error> {
    let leavers = request.operations.iter().filter(|it| takes_away(it)).count();
    let others = request.operations.len() - leavers;
    check(over, others == 0)?;
    // One was counted before.
    let further = others.saturating_sub(1);
    tenant.observations.requests.charge(tenant.request_rate, leavers, further);
    Ok(())
}

fn takes_away(operation: &BulkOperation) -> bool {
    match operation.method.to_ascii_uppercase().as_str() {
        "DELETE" => true,
        "PATCH" | "PUT" => scim::takes_access_away(&operation.data),
        _ => false,
    }
}

fn may_take_away(method: &Method, path: &str) -> bool {
    [Method::DELETE, Method::PATCH, Method::PUT].contains(method)
        || (method == Method::POST && path.ends_with("/Bulk"))
}

/// RFC 6585 §4: 429 with `Retry-After`, which Okta and Entra repeat; Okta reads whole seconds only
/// (`tests/fixtures/conversations/SOURCES.md`, "Okta: retries only 429 with Retry-After").
fn too_many(again: Duration) -> scim::Error {
    let seconds = u32::try_from(again.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    scim::Error::new(429, "too many requests: this tenant's rate is used up; try again")
        .retry_after(seconds)
}
