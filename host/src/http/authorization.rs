//! Who calls: a tenant by its token, or an operator by the admin token.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, OriginalUri, RawPathParams};
use axum::http::header;
use axum::http::request::Parts;

use super::answer::Refused;
use crate::clock::rfc3339;
use crate::lifecycle::snapshot::Tenant;
use crate::lifecycle::token::PresentedToken;
use crate::lifecycle::{Credential, Host};
use crate::scim::{self, Version};
use crate::store::CredentialRow;

/// The tenant in the URL, whose token was presented, and the version of SCIM that is spoken.
pub(super) struct Caller(pub(super) Arc<Tenant>, pub(super) Version);

/// The same, and the id of the user whom the token belongs to.
pub(super) struct Owned(pub(super) Caller, pub(super) Option<String>);

/// The caller of the admin API.
pub(super) struct Operator {
    /// The id of the admin token that was presented.
    pub(super) token: String,
}

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
        // An unknown tenant and a wrong token look alike.
        let presented = presented(parts).ok_or_else(denied)?;
        let tenant = host.config.tenant(id.ok_or_else(denied)?).await?.ok_or_else(denied)?;
        let token = presented.id().and_then(|id| tenant.credential(id));
        let owner = use_token(host, &presented, token).ok_or_else(denied)?.owner.clone();
        readable(&path)?;
        let agent = parts.headers.get(header::USER_AGENT);
        tenant.observations.note(agent.and_then(|it| it.to_str().ok()), parts.uri.query());
        let version = parts.extensions.get().copied().unwrap_or_default();
        Ok(Self(Caller(tenant, version), owner))
    }
}

impl FromRequestParts<Arc<Host>> for Operator {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, Refused> {
        let presented = presented(parts).ok_or_else(denied)?;
        let snapshot = host.config.snapshot();
        let token = presented.id().and_then(|id| snapshot.operator_tokens.get(id));
        let token = use_token(host, &presented, token.map(Arc::as_ref)).ok_or_else(denied)?;
        readable(&RawPathParams::from_request_parts(parts, host).await)?;
        Ok(Self { token: token.id.clone() })
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

/// What the `Authorization` header presents.
fn presented(parts: &Parts) -> Option<PresentedToken> {
    let header = parts.headers.get(header::AUTHORIZATION)?;
    PresentedToken::parse(header.to_str().ok()?)
}

/// The token, if it is the one that was presented and has not expired. Its use is noted.
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

fn denied() -> Refused {
    scim::Error::new(401, "the credentials are missing, wrong, expired or revoked").into()
}
