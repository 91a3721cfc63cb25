//! Request bodies: extractors that read a body within a size and a time, and parse it.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tokio::time::timeout;

use coding::Coding;

use super::Server;
use super::response::ApiError;
use super::{content_digest, request_limit};
use crate::lifecycle::Host;
use crate::scim;

mod coding;

/// Bytes of a SCIM request; also advertised as `maxPayloadSize`.
pub(super) const LARGEST_BODY: usize = 1 << 20;
/// Bytes of a connector.
const LARGEST_CONNECTOR: usize = 32 << 20;

/// The media type of a SCIM message (RFC 7644 §8.1).
const SCIM_JSON: &str = "application/scim+json";
/// The media type of the admin API.
pub(super) const PLAIN_JSON: &str = "application/json";

/// A SCIM message.
pub(super) struct ScimBody(pub(super) Value);

/// Any other JSON.
pub(super) struct PlainBody(pub(super) Value);

/// The body of a bulk request.
pub(super) struct BulkBody(pub(super) Value);

/// A connector's bytes, checked against `Content-Digest`.
pub(super) struct WasmBody(pub(super) Vec<u8>);

impl FromRequest<Arc<Host>> for ScimBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Host>) -> Result<Self, ApiError> {
        // The handler of a bulk request looks at its operations by itself.
        let over = request.extensions().get().copied().filter(|_| request.method() != Method::POST);
        let body = scim::parse_json(&read_json(request, SCIM_JSON).await?)?;
        if over.is_some() {
            request_limit::check(over, scim::takes_access_away(&body))?;
        }
        Ok(Self(body))
    }
}

impl FromRequest<Arc<Host>> for PlainBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Host>) -> Result<Self, ApiError> {
        Ok(Self(scim::parse_plain_json(&read_json(request, PLAIN_JSON).await?)?))
    }
}

impl FromRequest<Arc<Host>> for BulkBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Self, ApiError> {
        let ScimBody(body) = ScimBody::from_request(request, host).await.map_err(|error| {
            // RFC 7644 §3.7.4: the error names the limit.
            error.with_detail(413, || {
                format!("the size of the bulk request exceeds maxPayloadSize ({LARGEST_BODY})")
            })
        })?;
        Ok(Self(body))
    }
}

impl FromRequest<Arc<Host>> for WasmBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Host>) -> Result<Self, ApiError> {
        let headers = request.headers().clone();
        if Coding::of(&headers)? != Coding::Identity {
            return Err(coding::unsupported("send the connector as it is").into());
        }
        let wasm = read_body(request, LARGEST_CONNECTOR).await?;
        content_digest::check(&headers, &wasm)?;
        Ok(Self(wasm.to_vec()))
    }
}

/// The text of a JSON body, for which a refusal recommends this media type.
pub(super) async fn read_json(
    request: Request,
    recommended: &str,
) -> Result<bytes::Bytes, ApiError> {
    check_media_type(request.headers(), recommended)?;
    let coding = Coding::of(request.headers())?;
    Ok(coding.decode(read_body(request, LARGEST_BODY).await?, LARGEST_BODY)?)
}

/// A body of at most so many bytes.
pub(super) async fn read_body(request: Request, limit: usize) -> Result<bytes::Bytes, ApiError> {
    let server = request.extensions().get::<Arc<Server>>();
    let timeouts = server.map(|server| server.options.timeouts).unwrap_or_default();
    let body = Limited::new(request.into_body(), limit).collect();
    let Ok(read) = timeout(timeouts.body, body).await else {
        let detail = format!("the body did not arrive within {:?}", timeouts.body);
        return Err(scim::Error::new(408, detail).into());
    };
    match read {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit).into()),
        Err(_) => Err(scim::Error::invalid_syntax("the connection ended within the body").into()),
    }
}

fn too_large(limit: usize) -> scim::Error {
    scim::Error::new(413, format!("the body is larger than {limit} bytes"))
}

/// Accepts `application/scim+json` and `application/json`, with any parameter. Okta's test suite posts
/// the latter (`tests/fixtures/conversations/okta-suite/transport.json`).
fn check_media_type(headers: &HeaderMap, recommended: &str) -> Result<(), scim::Error> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let given = given.to_str().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let json = [SCIM_JSON, PLAIN_JSON];
    if json.iter().any(|known| essence.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    Err(scim::Error::new(415, format!("{essence:?} is not supported; send {recommended}")))
}
