//! What handlers take from a request. A request that cannot be read is answered with 400, one that
//! can be read but not carried out with another status.
//!
//! Each handler takes its parameters with one of these: what a request states where it is not read is
//! refused, since a `preview` in the wrong place would be carried out.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::Uri;
use axum::http::request::Parts;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};
use url::form_urlencoded;
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

use super::super::body::{LARGEST_BODY, PLAIN_JSON, PlainBody, read_body, read_json};
use super::super::response::ApiError;
use crate::admin_api::{DEFAULT_LIMIT, MAX_LIMIT, PageQuery};
use crate::lifecycle::Host;
use crate::member_error::with_member;
use crate::scim::{self, ScimType};

/// A body in JSON, and no parameters in the address.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Host>> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, host: &Arc<Host>) -> Result<Self, ApiError> {
        refuse_parameters(request.uri(), IN_THE_BODY)?;
        let PlainBody(value) = PlainBody::from_request(request, host).await?;
        Ok(Self(read_object(value)?))
    }
}

/// A body in JSON that may be left out, blank or `null`, and no parameters in the address.
pub(super) struct OptionalBody<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<Host>> for OptionalBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Host>) -> Result<Self, ApiError> {
        refuse_parameters(request.uri(), IN_THE_BODY)?;
        if request.body().size_hint().exact() == Some(0) {
            return Ok(Self(T::default()));
        }
        let text = read_json(request, PLAIN_JSON).await?;
        if text.trim_ascii().is_empty() {
            return Ok(Self(T::default()));
        }
        let value = scim::parse_plain_json(&text)?;
        Ok(Self(if value.is_null() { T::default() } else { read_object(value)? }))
    }
}

/// Neither a body nor parameters in the address. A body without members states nothing, and is
/// accepted.
pub(super) struct EmptyBody;

impl FromRequest<Arc<Host>> for EmptyBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Arc<Host>) -> Result<Self, ApiError> {
        refuse_parameters(request.uri(), NOWHERE)?;
        if request.body().size_hint().exact() == Some(0) {
            return Ok(Self);
        }
        let text = read_body(request, LARGEST_BODY).await?;
        if text.trim_ascii().is_empty() || [b"{}", b"null".as_slice()].contains(&text.trim_ascii())
        {
            return Ok(Self);
        }
        let why = "this request takes no body; its path says all";
        Err(scim::Error::invalid_syntax(why).into())
    }
}

/// No parameters in the address.
pub(super) struct NoParameters;

impl FromRequestParts<Arc<Host>> for NoParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Host>) -> Result<Self, ApiError> {
        refuse_parameters(&parts.uri, NOWHERE)?;
        Ok(Self)
    }
}

const IN_THE_BODY: &str = "state it in the body";
const NOWHERE: &str = "its path says all";

/// 400 if an address has a parameter, with a word on where it belongs.
fn refuse_parameters(uri: &Uri, instead: &str) -> Result<(), scim::Error> {
    let query = uri.query().unwrap_or_default();
    match form_urlencoded::parse(query.as_bytes()).next() {
        None => Ok(()),
        Some((name, _)) => Err(scim::Error::invalid_syntax(format!(
            "the address has the parameter `{name}`, and this request takes none there; {instead}"
        ))),
    }
}

/// serde would read a list as a structure as well, member by member.
fn read_object<T: DeserializeOwned>(value: Value) -> Result<T, scim::Error> {
    if !value.is_object() {
        return Err(scim::Error::invalid_syntax("the body must be a JSON object"));
    }
    serde_path_to_error::deserialize(whole_numbers(value))
        .map_err(|error| scim::Error::invalid_syntax(with_member(&error)))
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
#[derive(serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Unfiltered {}

impl<T: DeserializeOwned + IntoParams> FromRequestParts<Arc<Host>> for ListParameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Host>) -> Result<Self, ApiError> {
        let (mut limit, mut cursor) = (None, None);
        let known = [parameters_of::<PageQuery>(), parameters_of::<T>()].concat();
        let mut given = Vec::new();
        let mut rest = form_urlencoded::Serializer::new("/?".to_owned());
        for (name, value) in
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        {
            check_parameter(&name, &known, &given)?;
            match name.as_ref() {
                "limit" => limit = Some(read_limit(&value)?),
                "cursor" => cursor = Some(value.into_owned()),
                _ => drop(rest.append_pair(&name, &value)),
            }
            given.push(name.into_owned());
        }
        let unreadable = |why: &str| scim::Error::invalid_syntax(format!("the parameter {why}"));
        let rest: Uri = rest.finish().parse().map_err(|error| unreadable(&format!("{error}")))?;
        let Query(filter) = Query::try_from_uri(&rest).map_err(|error| {
            // The reason begins with the name of the parameter.
            let why = error.body_text();
            unreadable(why.trim_start_matches("Failed to deserialize query string: "))
        })?;
        Ok(Self { limit: limit.unwrap_or(DEFAULT_LIMIT), cursor, filter })
    }
}

/// The names of the parameters that the reference describes for these.
fn parameters_of<T: IntoParams>() -> Vec<String> {
    let parameters = T::into_params(|| Some(ParameterIn::Query)).into_iter();
    parameters.map(|parameter| parameter.name).collect()
}

fn check_parameter(name: &str, known: &[String], given: &[String]) -> Result<(), scim::Error> {
    if !known.iter().any(|it| it == name) {
        return Err(scim::Error::invalid_syntax(format!(
            "unknown parameter `{name}`; the parameters of this list are {}",
            known.join(", ")
        )));
    }
    if given.iter().any(|it| it == name) {
        let why = format!("the parameter {name} is given twice");
        return Err(scim::Error::invalid_syntax(why));
    }
    Ok(())
}

fn read_limit(text: &str) -> Result<u32, scim::Error> {
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| {
        let why = format!("the limit {text:?} is not a number from 1 to {MAX_LIMIT}");
        scim::Error::bad_request(ScimType::InvalidCount, why)
    })
}
