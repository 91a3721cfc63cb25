//! Authorization: extractors for the caller of a request, which is a tenant or an operator.
//!
//! The tenant is found by the URL and the token by its public part. An unknown tenant and a wrong token
//! get the same 401, whatever the request asks for: each handler takes its caller before all else, also the
//! ones for unknown paths and wrong methods.

use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, MatchedPath, OriginalUri, RawPathParams};
use axum::http::request::Parts;
use axum::http::{Method, header};

use super::admin::{self, role};
use super::response::ApiError;
use super::{Server, request_limit, source, v1};
use crate::clock::rfc3339;
use crate::lifecycle::snapshot::Tenant;
use crate::lifecycle::token::PresentedToken;
use crate::lifecycle::{BOOTSTRAP_TOKEN, Credential, Host};
use crate::request_id::RequestId;
use crate::scim::{self, Version};
use crate::store::{AdminRole, AuditAuthor, CredentialRow, audit};

/// The tenant in the URL, within the limit on its requests, with a valid token of it, and the version of SCIM in the URL.
pub(super) struct Caller(pub(super) Arc<Tenant>, pub(super) Version);

/// A caller, and the id of the user that its token belongs to, if the token has an owner.
pub(super) struct CallerAndOwner(pub(super) Caller, pub(super) Option<String>);

/// A caller of the admin API, with an admin token whose role allows the request.
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
        let presented = presented_token(parts)?;
        let tenant = match id {
            Some(id) => host.config.tenant(id).await.map_err(ApiError::of_stranger)?,
            None => None,
        };
        let Some((tenant, owner)) = signed_in(host, presented.as_ref(), tenant) else {
            return Err(denied(parts, presented.as_ref()).await);
        };
        check_readable(&path)?;
        let version = parts.extensions.get().copied().unwrap_or_default();
        if version == Version::V1 {
            v1::reject_xml(&parts.headers)?;
        }
        let agent = parts.headers.get(header::USER_AGENT);
        tenant.observations.note(agent.and_then(|it| it.to_str().ok()), parts.uri.query());
        request_limit::admit(parts, &tenant).await?;
        Ok(Self(Caller(tenant, version), owner))
    }
}

impl FromRequestParts<Arc<Host>> for AdminCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, ApiError> {
        let presented = presented_token(parts)?;
        let snapshot = host.config.snapshot();
        let id = presented.as_ref().and_then(PresentedToken::id);
        let token = id.and_then(|id| snapshot.operator_tokens.get(id)).map(Arc::as_ref);
        let Some(token) = use_token(host, presented.as_ref(), token) else {
            return Err(denied(parts, presented.as_ref()).await);
        };
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let route = route.strip_prefix(admin::PREFIX).unwrap_or_default();
        let needed = role::needed(&parts.method, route);
        check_role(token, needed)?;
        if needed > AdminRole::Read {
            audit::begin(author(token, &parts.method, route));
        }
        let id = token.id.clone();
        check_readable(&RawPathParams::from_request_parts(parts, host).await)?;
        Ok(Self { token: id })
    }
}

/// 403 if the token's role is less than the one that is needed.
fn check_role(token: &CredentialRow, needed: AdminRole) -> Result<(), scim::Error> {
    let role = token.role.unwrap_or(AdminRole::Configure);
    if role >= needed {
        return Ok(());
    }
    let (name, role, needed) = (admin_token_name(token), role.name(), needed.name());
    let why = format!("this needs an admin token with the role {needed}; {name} has {role}");
    Err(scim::Error::new(403, why))
}

fn admin_token_name(token: &CredentialRow) -> &str {
    token.name.as_deref().unwrap_or(BOOTSTRAP_TOKEN)
}

/// The author of what the request of an operator changes.
fn author(token: &CredentialRow, method: &Method, route: &str) -> AuditAuthor {
    AuditAuthor {
        token: Some(token.id.clone()),
        name: admin_token_name(token).to_owned(),
        request: RequestId::current().map(|id| id.to_string()),
        action: format!("{method} {route}"),
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

/// The token in the `Authorization` header. 400 if there are two: a proxy that looks at one of them and muster
/// might take different callers for the sender.
fn presented_token(parts: &Parts) -> Result<Option<PresentedToken>, ApiError> {
    let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
    let first = given.next();
    if given.next().is_some() {
        let error = scim::Error::invalid_syntax("send one Authorization header, not several");
        return Err(ApiError::of_stranger(error));
    }
    Ok(first.and_then(|header| PresentedToken::parse(header.to_str().ok()?)))
}

/// The tenant and the owner of the token, if the tenant exists and the token is one of its own. Otherwise the
/// tenant's operator will see that a sign-in failed.
fn signed_in(
    host: &Host,
    presented: Option<&PresentedToken>,
    tenant: Option<Arc<Tenant>>,
) -> Option<(Arc<Tenant>, Option<String>)> {
    let tenant = tenant?;
    let token = presented.and_then(PresentedToken::id).and_then(|id| tenant.credential(id));
    match use_token(host, presented, token) {
        Some(token) => {
            let owner = token.owner.clone();
            Some((tenant, owner))
        }
        None => {
            tenant.observations.failed_sign_ins.note(host.clock.now());
            None
        }
    }
}

/// The row of the token, if it is the presented one and has not expired. Records its use, or that its use
/// failed.
fn use_token<'t>(
    host: &Host,
    presented: Option<&PresentedToken>,
    token: Option<&'t Credential>,
) -> Option<&'t CredentialRow> {
    let (now, token) = (host.clock.now(), token?);
    if !presented?.matches(&token.row, &rfc3339(now)) {
        token.note_failure(now);
        return None;
    }
    token.note_use(now);
    Some(&token.row)
}

/// The answer to a caller without valid credentials. It is the same for each tenant and each path.
async fn denied(parts: &Parts, presented: Option<&PresentedToken>) -> ApiError {
    let Some(server) = parts.extensions.get::<Arc<Server>>().cloned() else {
        return ApiError::of_stranger(anyhow::anyhow!("a route without its server"));
    };
    let source = source::of_request(parts, &server.options.proxies);
    let id = presented.and_then(PresentedToken::id);
    ApiError::of_stranger(server.sign_in_guard.answer(source, id).await)
}
