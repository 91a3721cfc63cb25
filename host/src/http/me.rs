//! `/Me`: the user whom the token belongs to (RFC 7644 §3.11), answered as `/Users/{id}` is.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::answer::Refused;
use super::authorization::{Caller, Owned};
use super::body::ScimBody;
use super::directory::{self, Answered};
use super::precondition::OnlyIf;
use crate::lifecycle::Host;
use crate::lifecycle::snapshot::Tenant;
use crate::scim::{self, Version, render};

/// Where the owner stands under the own name.
const ENDPOINT: &str = "Users";

pub(super) fn routes() -> Router<Arc<Host>> {
    let methods = get(read).put(replace).patch(patch).delete(delete).post(create);
    Router::new().route("/Me", methods)
}

/// The owner of the token that was presented.
struct Me {
    tenant: Arc<Tenant>,
    owner: String,
    /// The address that stays.
    location: String,
}

impl FromRequestParts<Arc<Host>> for Me {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, host: &Arc<Host>) -> Result<Self, Refused> {
        let Owned(Caller(tenant, version), owner) = Owned::from_request_parts(parts, host).await?;
        if version == Version::V1 {
            return Err(scim::Error::new(501, "/Me is not offered: it came with SCIM 2.0").into());
        }
        let owner = owner.ok_or_else(|| {
            let detail = format!(
                "/Me is not offered to this token, since it belongs to no user; an operator makes \
                 one that does by `muster token add {} --owner USER`",
                tenant.id
            );
            scim::Error::new(501, detail)
        })?;
        let users = directory::resource_type(&tenant, ENDPOINT)?;
        let location = render::location(tenant.base_url(version), &users, &owner);
        Ok(Self { tenant, owner, location })
    }
}

impl Me {
    fn caller(&self) -> Caller {
        Caller(Arc::clone(&self.tenant), Version::V2)
    }

    fn path(&self) -> Path<(String, String, String)> {
        Path((self.tenant.id.clone(), ENDPOINT.to_owned(), self.owner.clone()))
    }

    /// RFC 7644 §3.11: any answer names the address that stays.
    fn answer(self, answered: Answered) -> Response {
        let gone =
            || format!("User {}, whom this token belongs to, is no longer there", self.owner);
        let answered = answered.map_err(|refused| refused.renamed(404, gone));
        let mut response = answered.into_response();
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

async fn read(host: State<Arc<Host>>, me: Me, only_if: OnlyIf, query: RawQuery) -> Response {
    let answered = directory::read(host, me.caller(), me.path(), only_if, query).await;
    me.answer(answered)
}

async fn replace(
    host: State<Arc<Host>>,
    me: Me,
    only_if: OnlyIf,
    query: RawQuery,
    body: ScimBody,
) -> Response {
    let answered = directory::replace(host, me.caller(), me.path(), only_if, query, body).await;
    me.answer(answered)
}

async fn patch(
    host: State<Arc<Host>>,
    me: Me,
    only_if: OnlyIf,
    query: RawQuery,
    body: ScimBody,
) -> Response {
    let answered = directory::patch(host, me.caller(), me.path(), only_if, query, body).await;
    me.answer(answered)
}

async fn delete(host: State<Arc<Host>>, me: Me, only_if: OnlyIf) -> Response {
    let answered = directory::delete(host, me.caller(), me.path(), only_if).await;
    me.answer(answered)
}

/// What would be created by it is left to the provider; here the owner is there already.
async fn create(me: Me) -> Response {
    let detail = "/Me is there already and is not created; POST to /Users makes somebody new";
    me.answer(Err(scim::Error::new(501, detail).into()))
}
