//! Tokens of tenants.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::super::authorization::AdminCaller;
use super::super::response;
use super::list::List;
use super::request::{EmptyBody, JsonBody, ListParameters, Unfiltered};
use super::tenants::row;
use super::{Answered, json, ok};
use crate::admin_api::{Page, PageQuery, TenantPath, TokenPath, TokenView};
use crate::lifecycle::{Credential, Host, NewTenantToken, TokenSpec};

const TOKENS: List = List("tokens");

/// List a tenant's tokens, the oldest first.
#[utoipa::path(
    get,
    path = "/tenants/{tenant}/tokens",
    operation_id = "list_tokens",
    tag = "Tokens",
    params(TenantPath, PageQuery),
    responses(
        (status = 200, description = "A page of the tokens.", body = Page<TokenView>),
        (status = 404, description = "There is no tenant of this name."),
        (status = 422, description = "The cursor is not one of this list."),
    )
)]
pub(super) async fn list(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TenantPath { tenant }): Path<TenantPath>,
    parameters: ListParameters<Unfiltered>,
) -> Answered {
    let after = TOKENS.after(&parameters)?;
    row(&host, &tenant).await?;
    let tokens = host.config.tokens(Some(&tenant)).await?.into_iter();
    let keyed = tokens.map(|it| (format!("{} {}", it.row.created, it.row.id), it));
    let keyed = keyed.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).collect();
    let view = |(_, token)| Ok::<_, anyhow::Error>(view(token));
    ok(&TOKENS.page(keyed, parameters.limit, |(key, _)| key, view)?)
}

/// Create a token for a tenant's identity provider.
///
/// The token is shown in this answer only. A tenant has at most two tokens that are valid, so that
/// they can be rotated.
#[utoipa::path(
    post,
    path = "/tenants/{tenant}/tokens",
    operation_id = "create_token",
    tag = "Tokens",
    params(TenantPath),
    request_body = TokenSpec,
    responses(
        (status = 201, description = "The token.", body = NewTenantToken),
        (status = 404, description = "There is no tenant of this name."),
        (status = 409, description = "The tenant has two valid tokens already."),
        (status = 422, description = "The user, the owner or the expiry is not acceptable."),
    )
)]
pub(super) async fn create(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TenantPath { tenant }): Path<TenantPath>,
    JsonBody(spec): JsonBody<TokenSpec>,
) -> Answered {
    let new = host.config.add_token(&tenant, spec).await?;
    tracing::info!(by = operator.token, tenant, token = new.id, "admin: token created");
    json(201, &new)
}

/// Revoke a token at once.
#[utoipa::path(
    delete,
    path = "/tenants/{tenant}/tokens/{token}",
    operation_id = "revoke_token",
    tag = "Tokens",
    params(TokenPath),
    responses(
        (status = 204, description = "The token was revoked."),
        (status = 404, description = "There is no such tenant or token."),
    )
)]
pub(super) async fn revoke(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(TokenPath { tenant, token }): Path<TokenPath>,
    _: EmptyBody,
) -> Answered {
    host.config.revoke_token(&tenant, &token).await?;
    tracing::info!(by = operator.token, tenant, token, "admin: token revoked");
    Ok(response::no_content())
}

fn view(token: Credential) -> TokenView {
    let failed = token.failed_sign_ins();
    let (failed_sign_ins, last_failed_sign_in) = (failed.count(), failed.last());
    let row = token.row;
    TokenView {
        id: row.id,
        kind: row.kind.name().to_owned(),
        user: row.user,
        owner: row.owner,
        created: row.created,
        expires: row.expires,
        last_used: row.last_used,
        failed_sign_ins,
        last_failed_sign_in,
    }
}
