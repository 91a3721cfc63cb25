//! What handlers take from a request. A request that cannot be read is answered with 400, one that
//! can be read but not carried out with another status.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::Uri;
use axum::http::request::Parts;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};
use url::form_urlencoded;

use super::super::body::PlainBody;
use super::super::response::ApiError;
use crate::admin_api::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::lifecycle::Host;
use crate::scim::{self, ScimType};

/// A body in JSON.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Host>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Self, ApiError> {
        let PlainBody(value) = PlainBody::from_request(request, host).await?;
        Ok(Self(read_object(value)?))
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
        let PlainBody(value) = PlainBody::from_request(request, host).await?;
        Ok(Self(if value.is_null() { T::default() } else { read_object(value)? }))
    }
}

/// serde would read a list as a structure as well, member by member.
fn read_object<T: DeserializeOwned>(value: Value) -> Result<T, scim::Error> {
    if !value.is_object() {
        return Err(scim::Error::invalid_syntax("the body must be a JSON object"));
    }
    serde_json::from_value(whole_numbers(value))
        .map_err(|error| scim::Error::invalid_syntax(error.to_string()))
}

/// A number such as `5.0` as the integer that it is in JSON Schema.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole(&number).unwrap_or(number)),
        Value::Array(values) => values.into_iter().map(whole_numbers).collect(),
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| (name, whole_numbers(value)));
            Value::Object(members.collect())
        }
        other => other,
    }
}

fn whole(number: &Number) -> Option<Number> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    // Up to 2^53, every integer is a float, and the other way round.
    let is_whole = float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0;
    is_whole.then(|| Number::from(float as i64))
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
