//! SCIM 1.1 over HTTP: what differs from SCIM 2.0 before a request is read, and after its answer.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use super::answer::Refused;
use crate::lifecycle::Host;
use crate::scim::{self, Version, v1};

/// The same routes, spoken in SCIM 1.1.
pub(super) fn spoken(routes: Router<Arc<Host>>) -> Router<Arc<Host>> {
    routes.layer(middleware::from_fn(speak))
}

async fn speak(mut request: Request, next: Next) -> Response {
    let answer = match json_only(request.headers()) {
        Ok(()) => {
            request.extensions_mut().insert(Version::V1);
            next.run(request).await
        }
        Err(error) => Refused::from(error).into_response(),
    };
    translated(answer)
}

/// SCIM 1.1 knows XML as well (API §3.1). Who insists on it is told so at once.
fn json_only(headers: &HeaderMap) -> Result<(), scim::Error> {
    let xml = |name: HeaderName| {
        let given = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut types = given.split(',').filter_map(|part| part.split(';').next()).map(str::trim);
        !given.is_empty() && types.all(|it| it.to_ascii_lowercase().ends_with("xml"))
    };
    let refused = |status| {
        scim::Error::new(status, "XML is not offered here: send and accept application/json")
    };
    if xml(header::CONTENT_TYPE) {
        return Err(refused(415));
    }
    if xml(header::ACCEPT) {
        return Err(refused(406));
    }
    Ok(())
}

/// The media type of SCIM 1.1, and its form of an error.
fn translated(mut answer: Response) -> Response {
    if let Some(error) = answer.extensions_mut().remove::<scim::Error>() {
        *answer.body_mut() = Body::from(v1::error(&error));
        answer.headers_mut().remove(header::CONTENT_LENGTH);
    }
    if answer.headers().contains_key(header::CONTENT_TYPE) {
        let media_type = HeaderValue::from_static(v1::MEDIA_TYPE);
        answer.headers_mut().insert(header::CONTENT_TYPE, media_type);
    }
    answer
}
