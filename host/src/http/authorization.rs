//! Who calls: a tenant by its token, or an operator by the admin token.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, OriginalUri, RawPathParams};
use axum::http::header;
use axum::http::request::Parts;

use super::answer::Refused;
use crate::clock::rfc3339;
use crate::lifecycle::presented::Presented;
use crate::lifecycle::snapshot::{ConfigSnapshot, Tenant};
use crate::lifecycle::{Credential, Host};
use crate::scim::{self, Version};

/// The tenant in the URL, whose token was presented, and the version of SCIM that is spoken.
pub(super) struct Caller(pub(super) Arc<Tenant>, pub(super) Version);

/// The same, and the id of the user whom the token belongs to.
pub(super) struct Owned(pub(super) Caller, pub(super) Option<String>);

/// Somebody with an admin token.
pub(super) struct Operator;

impl FromRequestParts<Arc<Host>> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, Refused> {
        let Owned(caller, _) = Owned::from_request_parts(parts, host).await?;
        Ok(caller)
    }
}

impl FromRequestParts<Arc<Host>> for Owned {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, Refused> {
        let path = RawPathParams::from_request_parts(parts, host).await;
        let id = match &path {
            Ok(path) => path.iter().find(|(name, _)| *name == "tenant").map(|(_, id)| id),
            Err(_) => tenant_as_sent(parts),
        };
        let snapshot = host.config.snapshot();
        // An unknown tenant and a wrong token look alike.
        let tenant = id.and_then(|id| snapshot.tenants.get(id)).ok_or_else(denied)?;
        let token = presented(parts, host, &snapshot, Some(&tenant.id)).ok_or_else(denied)?;
        readable(&path)?;
        let agent = parts.headers.get(header::USER_AGENT);
        tenant.observations.note(agent.and_then(|it| it.to_str().ok()), parts.uri.query());
        let version = parts.extensions.get().copied().unwrap_or_default();
        Ok(Self(Caller(Arc::clone(tenant), version), token.row.owner.clone()))
    }
}

impl FromRequestParts<Arc<Host>> for Operator {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, Refused> {
        presented(parts, host, &host.config.snapshot(), None).ok_or_else(denied)?;
        readable(&RawPathParams::from_request_parts(parts, host).await)?;
        Ok(Self)
    }
}

/// The tenant where no parameter of the path can be read, since one of them is no text. A
/// tenant's own name has nothing that needs an escape.
fn tenant_as_sent(parts: &Parts) -> Option<&str> {
    let OriginalUri(uri) = parts.extensions.get()?;
    uri.path().strip_prefix("/t/")?.split('/').next()
}

/// Only who may call learns what is wrong with the path.
fn readable(path: &Result<RawPathParams, RawPathParamsRejection>) -> Result<(), scim::Error> {
    match path {
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => {
            Err(scim::Error::invalid_path("an escape in the path is no UTF-8"))
        }
        // A path without parameters has nothing to read.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The token that was presented, if it is good for the tenant; for the admin API where there is
/// none.
fn presented<'r>(
    parts: &Parts,
    host: &Host,
    snapshot: &'r ConfigSnapshot,
    tenant: Option<&str>,
) -> Option<&'r Credential> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let presented = header.and_then(Presented::parse)?;
    let credential = snapshot.credentials.get(presented.id()?)?;
    let now = host.clock.now();
    let is_good = credential.row.tenant.as_deref() == tenant
        && presented.matches(&credential.row, &rfc3339(now));
    is_good.then(|| credential.note_use(now))?;
    Some(credential)
}

fn denied() -> Refused {
    scim::Error::new(401, "the credentials are missing, wrong, expired or revoked").into()
}
