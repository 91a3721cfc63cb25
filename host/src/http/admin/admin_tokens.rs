//! Admin tokens.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::super::authorization::AdminCaller;
use super::super::response;
use super::list::List;
use super::request::{EmptyBody, JsonBody, ListParameters, Unfiltered};
use super::{Answered, json, ok};
use crate::admin_api::{AdminTokenPath, AdminTokenView, Page, PageQuery};
use crate::lifecycle::{AdminTokenSpec, BOOTSTRAP_TOKEN, Host, NewAdminToken};
use crate::store::{AdminRole, CredentialRow};

const TOKENS: List = List("admin-tokens");

/// List the admin tokens, the oldest first.
#[utoipa::path(
    get,
    path = "/tokens",
    operation_id = "list_admin_tokens",
    tag = "Tokens",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of the tokens.", body = Page<AdminTokenView>),
        (status = 422, description = "The cursor is not one of this list."),
    )
)]
pub(super) async fn list(
    _: AdminCaller,
    State(host): State<Arc<Host>>,
    parameters: ListParameters<Unfiltered>,
) -> Answered {
    let after = TOKENS.after(&parameters)?;
    let tokens = host.config.tokens(None).await?.into_iter();
    let keyed = tokens.map(|it| (format!("{} {}", it.row.created, it.row.id), it.row));
    let keyed = keyed.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).collect();
    let view = |(_, row)| Ok::<_, anyhow::Error>(view(row));
    ok(&TOKENS.page(keyed, parameters.limit, |(key, _)| key, view)?)
}

/// Create an admin token.
///
/// The token is shown in this answer only.
#[utoipa::path(
    post,
    path = "/tokens",
    operation_id = "create_admin_token",
    tag = "Tokens",
    request_body = AdminTokenSpec,
    responses(
        (status = 201, description = "The token.", body = NewAdminToken),
        (status = 422, description = "The name or the expiry is not acceptable."),
    )
)]
pub(super) async fn create(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    JsonBody(spec): JsonBody<AdminTokenSpec>,
) -> Answered {
    let new = host.config.add_admin_token(spec).await?;
    tracing::info!(by = operator.token, token = new.id, "admin: admin token created");
    json(201, &new)
}

/// Revoke an admin token at once.
#[utoipa::path(
    delete,
    path = "/tokens/{token}",
    operation_id = "revoke_admin_token",
    tag = "Tokens",
    params(AdminTokenPath),
    responses(
        (status = 204, description = "The token was revoked."),
        (status = 404, description = "There is no such admin token."),
        (status = 409, description = "It is the last one that may configure and has no end."),
    )
)]
pub(super) async fn revoke(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(AdminTokenPath { token }): Path<AdminTokenPath>,
    _: EmptyBody,
) -> Answered {
    host.config.revoke_admin_token(&token).await?;
    tracing::info!(by = operator.token, token, "admin: admin token revoked");
    Ok(response::no_content())
}

fn view(row: CredentialRow) -> AdminTokenView {
    AdminTokenView {
        id: row.id,
        name: row.name.unwrap_or_else(|| BOOTSTRAP_TOKEN.to_owned()),
        role: row.role.unwrap_or(AdminRole::Configure),
        created: row.created,
        expires: row.expires,
        last_used: row.last_used,
    }
}
