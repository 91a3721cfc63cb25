//! People: the erasure of one who is gone from the directory.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::super::authorization::AdminCaller;
use super::request::OptionalBody;
use super::{Answered, ok};
use crate::admin_api::{ErasureRequest, PersonPath};
use crate::lifecycle::{Erasure, Host};

/// Erase a person who is gone from the directory: the journal keeps decisions without personal data.
///
/// The id is a SCIM id, or the `userName` that the person had. Operations keep kind, state, times and the
/// connector's version; names, addresses, documents and calls are erased, also from operations on groups that
/// name the person, and so is the account by which the host would recognise them. Backups are not changed. A
/// repetition erases nothing more.
#[utoipa::path(
    post,
    path = "/tenants/{tenant}/people/{id}/erase",
    operation_id = "erase_person",
    tag = "Tenants",
    params(PersonPath),
    request_body = Option<ErasureRequest>,
    responses(
        (status = 200, description = "What was erased, or would be.", body = Erasure),
        (status = 404, description = "Nothing is known of such a person."),
        (
            status = 409,
            description = "The person is in the directory, or an operation that has not ended names them."
        ),
    )
)]
pub(super) async fn erase(
    operator: AdminCaller,
    State(host): State<Arc<Host>>,
    Path(PersonPath { tenant, id }): Path<PersonPath>,
    OptionalBody(request): OptionalBody<ErasureRequest>,
) -> Answered {
    let erasure = host.operations.erase(&tenant, &id, request.preview).await?;
    if erasure.done {
        tracing::info!(by = operator.token, tenant, resource = erasure.id, "admin: person erased");
    }
    ok(&erasure)
}
