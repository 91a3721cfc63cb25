//! The admin API: what `muster app`, `tenant`, `token`, `connector` and `operation` call.
//!
//! Errors have the shape of SCIM errors, so that one client understands both.

mod apps;
mod connectors;
mod operations;
mod replay;
mod tenants;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequest, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, post, put};
use hyper::body::Body as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{self, Refused};
use super::authorization::Operator;
use super::body::ScimBody;
use crate::lifecycle::Host;
use crate::scim;

type Answered = Result<Response, Refused>;

pub(super) fn routes(host: &Arc<Host>) -> Router<Arc<Host>> {
    let undisturbed = middleware::from_fn_with_state(Arc::clone(host), undisturbed);
    Router::new()
        .route("/apps", get(apps::list))
        .route("/apps/{app}", put(apps::put).get(apps::show).delete(apps::remove))
        .route("/apps/{app}/promote", post(apps::promote))
        .route("/apps/{app}/rollback", post(apps::rollback))
        .route("/apps/{app}/replay", post(replay::replay))
        .route("/tenants", get(tenants::list))
        .route("/tenants/{tenant_id}", put(tenants::put).get(tenants::show).delete(tenants::remove))
        .route("/tenants/{tenant_id}/tokens", get(tenants::tokens).post(tenants::add_token))
        .route("/tenants/{tenant_id}/tokens/{token}", delete(tenants::revoke_token))
        .route("/tenants/{tenant_id}/pause", post(tenants::pause))
        .route("/tenants/{tenant_id}/connect", post(tenants::connect))
        .route(
            "/tenants/{tenant_id}/disconnect",
            get(tenants::disconnect_progress).post(tenants::disconnect),
        )
        .route("/tenants/{tenant_id}/people/{id}/protect", post(tenants::protect))
        .route("/tenants/{tenant_id}/people/{id}/unprotect", post(tenants::unprotect))
        .route("/connectors", get(connectors::list).post(connectors::push))
        .route("/connectors/{reference}", get(connectors::show))
        .route("/connectors/{reference}/retire", post(connectors::retire))
        .route("/operations", get(operations::list))
        .route("/operations/{id}", get(operations::show))
        .route("/operations/{id}/retry", post(operations::retry))
        .route("/operations/{id}/drop", post(operations::drop))
        .fallback(unknown_route)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(undisturbed)
}

/// An operator who hangs up interrupts nothing: what was promoted is also put to work.
async fn undisturbed(State(host): State<Arc<Host>>, request: Request, next: Next) -> Answered {
    Ok(host.run_to_completion(next.run(request)).await?)
}

async fn unknown_route(_: Operator, uri: http::Uri) -> Refused {
    scim::Error::new(404, format!("there is nothing at {}", uri.path())).into()
}

/// A request body of the admin API.
struct Spec<T>(T);

impl<T: DeserializeOwned> FromRequest<Arc<Host>> for Spec<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Self, Refused> {
        let ScimBody(value) = ScimBody::from_request(request, host).await?;
        match serde_json::from_value(value) {
            Ok(spec) => Ok(Self(spec)),
            Err(error) => Err(scim::Error::new(422, error.to_string()).into()),
        }
    }
}

/// The same where all of it may be left out.
struct Perhaps<T>(T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<Host>> for Perhaps<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Self, Refused> {
        if request.body().size_hint().exact() == Some(0) {
            return Ok(Self(T::default()));
        }
        let Spec(spec) = Spec::<Option<T>>::from_request(request, host).await?;
        Ok(Self(spec.unwrap_or_default()))
    }
}

fn ok(value: &impl Serialize) -> Answered {
    Ok(answer::json(200, serde_json::to_string(value)?))
}
