//! What handlers take from a request. A request that cannot be read is answered with 400, one that
//! can be read but not carried out with another status.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::Uri;
use axum::http::request::Parts;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

use super::super::body::ScimBody;
use super::super::response::ApiError;
use crate::admin_api::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::lifecycle::Host;
use crate::scim::{self, ScimType};

/// A body in JSON.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Host>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Self, ApiError> {
        let ScimBody(value) = ScimBody::from_request(request, host).await?;
        match serde_json::from_value(value) {
            Ok(body) => Ok(Self(body)),
            Err(error) => Err(scim::Error::invalid_syntax(error.to_string()).into()),
        }
    }
}

/// A body in JSON that may be left out, or `null`.
pub(super) struct OptionalBody<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<Host>> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Self, ApiError> {
        if request.body().size_hint().exact() == Some(0) {
            return Ok(Self(T::default()));
        }
        let JsonBody(body) = JsonBody::<Option<T>>::from_request(request, host).await?;
        Ok(Self(body.unwrap_or_default()))
    }
}

/// The parameters of a list: which page, and which items.
pub(super) struct ListParameters<T> {
    /// How many items the page has at most: at least one.
    pub(super) limit: u32,
    /// The cursor, as it was sent.
    pub(super) cursor: Option<String>,
    /// Which items.
    pub(super) filter: T,
}

/// No parameters but those of every list.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unfiltered {}

impl<T: DeserializeOwned> FromRequestParts<Arc<Host>> for ListParameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Host>) -> Result<Self, ApiError> {
        let (mut limit, mut cursor) = (None, None);
        let mut rest = form_urlencoded::Serializer::new("/?".to_owned());
        for (name, value) in
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        {
            let known = match name.as_ref() {
                "limit" => limit.replace(read_limit(&value)?).is_some(),
                "cursor" => cursor.replace(value.into_owned()).is_some(),
                _ => {
                    rest.append_pair(&name, &value);
                    false
                }
            };
            if known {
                let why = format!("the parameter {name} is given twice");
                return Err(scim::Error::invalid_syntax(why).into());
            }
        }
        let unreadable =
            |why: String| scim::Error::invalid_syntax(format!("the parameters: {why}"));
        let rest: Uri = rest.finish().parse().map_err(|error| unreadable(format!("{error}")))?;
        let Query(filter) =
            Query::try_from_uri(&rest).map_err(|error| unreadable(error.body_text()))?;
        Ok(Self { limit: limit.unwrap_or(DEFAULT_LIMIT), cursor, filter })
    }
}

fn read_limit(text: &str) -> Result<u32, scim::Error> {
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| {
        let why = format!("the limit {text:?} is not a number from 1 to {MAX_LIMIT}");
        scim::Error::bad_request(ScimType::InvalidCount, why)
    })
}
