//! Authorization: extractors for the caller of a request, which is a tenant or an operator.
//!
//! The tenant is found by the URL and the token by its public part. An unknown tenant and a wrong token
//! get the same 401.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, OriginalUri, RawPathParams};
use axum::http::header;
use axum::http::request::Parts;

use super::response::ApiError;
use crate::clock::rfc3339;
use crate::lifecycle::snapshot::Tenant;
use crate::lifecycle::token::PresentedToken;
use crate::lifecycle::{Credential, Host};
use crate::scim::{self, Version};
use crate::store::CredentialRow;

/// The tenant in the URL, with a valid token of it, and the version of SCIM in the URL.
pub(super) struct Caller(pub(super) Arc<Tenant>, pub(super) Version);

/// A caller, and the id of the user that its token belongs to, if the token has an owner.
pub(super) struct CallerAndOwner(pub(super) Caller, pub(super) Option<String>);

/// A caller of the admin API, with an admin token.
pub(super) struct AdminCaller {
    /// The id of the admin token.
    pub(super) token: String,
}

impl FromRequestParts<Arc<Host>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, ApiError> {
        let CallerAndOwner(caller, _) = CallerAndOwner::from_request_parts(parts, host).await?;
        Ok(caller)
    }
}

impl FromRequestParts<Arc<Host>> for CallerAndOwner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, ApiError> {
        let path = RawPathParams::from_request_parts(parts, host).await;
        let id = match &path {
            Ok(path) => path.iter().find(|(name, _)| *name == "tenant").map(|(_, id)| id),
            Err(_) => tenant_in_raw_path(parts),
        };
        let presented = presented_token(parts).ok_or_else(denied)?;
        let tenant = host.config.tenant(id.ok_or_else(denied)?).await?.ok_or_else(denied)?;
        let token = presented.id().and_then(|id| tenant.credential(id));
        let owner = use_token(host, &presented, token).ok_or_else(denied)?.owner.clone();
        check_readable(&path)?;
        let agent = parts.headers.get(header::USER_AGENT);
        tenant.observations.note(agent.and_then(|it| it.to_str().ok()), parts.uri.query());
        let version = parts.extensions.get().copied().unwrap_or_default();
        Ok(Self(Caller(tenant, version), owner))
    }
}

impl FromRequestParts<Arc<Host>> for AdminCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, ApiError> {
        let presented = presented_token(parts).ok_or_else(denied)?;
        let snapshot = host.config.snapshot();
        let token = presented.id().and_then(|id| snapshot.operator_tokens.get(id));
        let token = use_token(host, &presented, token.map(Arc::as_ref)).ok_or_else(denied)?;
        check_readable(&RawPathParams::from_request_parts(parts, host).await)?;
        Ok(Self { token: token.id.clone() })
    }
}

/// The tenant in the path as it was sent, for a path with a parameter that is not UTF-8. A tenant's
/// name needs no escapes.
fn tenant_in_raw_path(parts: &Parts) -> Option<&str> {
    let OriginalUri(uri) = parts.extensions.get()?;
    uri.path().strip_prefix("/t/")?.split('/').next()
}

/// Rejects a path with an invalid escape. It comes after authentication, so that an unauthorized
/// caller reads only 401.
fn check_readable(path: &Result<RawPathParams, RawPathParamsRejection>) -> Result<(), scim::Error> {
    match path {
        Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) => {
            Err(scim::Error::invalid_path("an escape in the path is not UTF-8"))
        }
        // The other error is a path without parameters.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The token in the `Authorization` header.
fn presented_token(parts: &Parts) -> Option<PresentedToken> {
    let header = parts.headers.get(header::AUTHORIZATION)?;
    PresentedToken::parse(header.to_str().ok()?)
}

/// The row of the token, if it is the presented one and has not expired. Records its use.
fn use_token<'t>(
    host: &Host,
    presented: &PresentedToken,
    token: Option<&'t Credential>,
) -> Option<&'t CredentialRow> {
    let now = host.clock.now();
    let token = token.filter(|token| presented.matches(&token.row, &rfc3339(now)))?;
    token.note_use(now);
    Some(&token.row)
}

fn denied() -> ApiError {
    scim::Error::new(401, "the credentials are missing, wrong, expired or revoked").into()
}
