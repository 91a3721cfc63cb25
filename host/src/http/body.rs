//! Request bodies: bounded, JSON, and understood before anything else happens.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tokio::time::timeout;

use super::answer::Refused;
use super::connections::Timeouts;
use super::content_digest;
use crate::lifecycle::Host;
use crate::scim;

/// No request of an identity provider is larger.
pub(super) const LARGEST_BODY: usize = 1 << 20;
/// A connector may be this large.
const LARGEST_CONNECTOR: usize = 32 << 20;

/// A SCIM message.
pub(super) struct ScimBody(pub(super) Value);

/// A bulk request.
pub(super) struct BulkBody(pub(super) Value);

/// Bytes, for a connector.
pub(super) struct WasmBody(pub(super) Vec<u8>);

impl FromRequest<Arc<Host>> for ScimBody {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &Arc<Host>) -> Result<Self, Refused> {
        media_type(request.headers())?;
        let bytes = bytes(request, LARGEST_BODY).await?;
        Ok(Self(scim::parse_json(&bytes)?))
    }
}

impl FromRequest<Arc<Host>> for BulkBody {
    type Rejection = Refused;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Self, Refused> {
        let ScimBody(body) = ScimBody::from_request(request, host).await.map_err(|refused| {
            // RFC 7644 §3.7.4: the limit is named.
            refused.renamed(413, || {
                format!("the size of the bulk request exceeds maxPayloadSize ({LARGEST_BODY})")
            })
        })?;
        Ok(Self(body))
    }
}

impl FromRequest<Arc<Host>> for WasmBody {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &Arc<Host>) -> Result<Self, Refused> {
        let headers = request.headers().clone();
        let wasm = bytes(request, LARGEST_CONNECTOR).await?;
        content_digest::check(&headers, &wasm)?;
        Ok(Self(wasm.to_vec()))
    }
}

async fn bytes(request: Request, limit: usize) -> Result<bytes::Bytes, Refused> {
    let timeouts: Timeouts = request.extensions().get().copied().unwrap_or_default();
    let body = Limited::new(request.into_body(), limit).collect();
    let Ok(read) = timeout(timeouts.body, body).await else {
        let detail = format!("the body did not arrive within {:?}", timeouts.body);
        return Err(scim::Error::new(408, detail).into());
    };
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(scim::Error::new(413, format!("the body is larger than {limit} bytes")).into())
        }
        Err(_) => Err(scim::Error::invalid_syntax("the body broke off").into()),
    }
}

/// `application/scim+json` and `application/json`, with any parameter. Okta's own test suite
/// posts the latter (clients.md §3.1).
fn media_type(headers: &HeaderMap) -> Result<(), scim::Error> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let given = given.to_str().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let json = ["application/scim+json", "application/json"];
    if json.iter().any(|known| essence.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    Err(scim::Error::new(415, format!("{essence:?} is not understood; send application/scim+json")))
}
