//! SCIM 1.1 over HTTP: the routes of SCIM 2.0, with another media type and form of errors.
//!
//! A middleware marks the request as SCIM 1.1, so that the handlers translate it, and adapts the
//! response.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;

use crate::lifecycle::Host;
use crate::scim::{self, Version, v1};

/// The routes of SCIM 2.0, adapted to SCIM 1.1.
pub(super) fn routes(scim_routes: Router<Arc<Host>>) -> Router<Arc<Host>> {
    scim_routes.layer(middleware::from_fn(adapt))
}

async fn adapt(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Version::V1);
    adapt_response(next.run(request).await)
}

/// SCIM 1.1 also defines XML (draft-scim-api-01 §3.1), which is not offered: 415 or 406.
pub(super) fn reject_xml(headers: &HeaderMap) -> Result<(), scim::Error> {
    let xml = |name: HeaderName| {
        let given = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut types = given.split(',').filter_map(|part| part.split(';').next()).map(str::trim);
        !given.is_empty() && types.all(|it| it.to_ascii_lowercase().ends_with("xml"))
    };
    let error = |status| {
        scim::Error::new(status, "XML is not offered here: send and accept application/json")
    };
    if xml(header::CONTENT_TYPE) {
        return Err(error(415));
    }
    if xml(header::ACCEPT) {
        return Err(error(406));
    }
    Ok(())
}

/// Sets the media type of SCIM 1.1, and renders an error in its form.
fn adapt_response(mut response: Response) -> Response {
    if let Some(error) = response.extensions_mut().remove::<scim::Error>() {
        *response.body_mut() = Body::from(v1::error(&error));
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    if response.headers().contains_key(header::CONTENT_TYPE) {
        let media_type = HeaderValue::from_static(v1::MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    response
}
