//! Placeholders: texts that a connector puts where a secret belongs, since it never sees the secret.
//!
//! A placeholder is replaced by its secret when a request is sent, and only as the whole value of the
//! fields that the connector's manifest names. Anywhere else the app could show the secret to others, or
//! return it in a later response, where nothing recognises it: so the request is refused.

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use zeroize::Zeroizing;

use crate::{
    decision::Request,
    delivery::{DeliveryError, Secret, echo, request_url},
};

mod places;

use places::{BodyPlaces, Misplaced};

/// A placeholder and its secret.
#[derive(Clone, Debug)]
pub struct Placeholder {
    /// The placeholder: letters, digits, `-` and `_`, so that it is the same in every encoding.
    pub text: String,
    /// The secret.
    pub value: Secret,
    /// The fields of the request that may hold the placeholder: JSON Pointers (RFC 6901), which begin
    /// with `/`, for a JSON body, and names for a form.
    pub fields: Vec<String>,
}

/// Refuses placeholders in the path, the query and the headers, where the secret would be logged.
pub(super) fn check(request: &Request, placeholders: &[Placeholder]) -> Result<(), DeliveryError> {
    let named = |text: &str| placeholders.iter().any(|each| text.contains(&each.text));
    let either = |(name, value): &(String, String)| named(name) || named(value);
    if named(&request.path) {
        return Err(DeliveryError::Placeholder("the path"));
    }
    if request.query.iter().any(either) {
        return Err(DeliveryError::Placeholder("the query"));
    }
    if request.headers.iter().any(either) {
        return Err(DeliveryError::Placeholder("a header"));
    }
    Ok(())
}

/// The body with every placeholder replaced by its secret, encoded for the body's media type.
pub(super) fn fill(
    body: &[u8],
    content_type: &str,
    placeholders: &[Placeholder],
) -> Result<Bytes, DeliveryError> {
    let mut filled = Zeroizing::new(body.to_vec());
    for placeholder in placeholders {
        let Placeholder { text, value, fields } = placeholder;
        if !contains(&filled, text) {
            continue;
        }
        // Of a text that is in no other place, each occurrence is in one of the fields.
        let encoding = Encoding::of(content_type)?;
        encoding.check(body, &BodyPlaces { text, fields })?;
        filled = Zeroizing::new(replace(&filled, text, &encoding.encode(value)));
    }
    Ok(Bytes::from_owner(filled))
}

#[derive(Clone, Copy)]
enum Encoding {
    Json,
    Form,
}

impl Encoding {
    fn of(content_type: &str) -> Result<Self, DeliveryError> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let media_type = media_type.to_ascii_lowercase();
        match media_type.as_str() {
            "application/x-www-form-urlencoded" => Ok(Self::Form),
            "application/json" => Ok(Self::Json),
            other if other.ends_with("+json") => Ok(Self::Json),
            _ => Err(DeliveryError::Placeholder("a body that is neither JSON nor a form")),
        }
    }

    fn check(self, body: &[u8], places: &BodyPlaces<'_>) -> Result<(), DeliveryError> {
        let checked = match self {
            Self::Json => places.check_json(body),
            Self::Form => places.check_form(body),
        };
        checked.map_err(|misplaced| {
            DeliveryError::Placeholder(match misplaced {
                Misplaced::NotJson => "a body that claims to be JSON and is not",
                Misplaced::Name => "the name of a member of the body",
                Misplaced::Part => "a part of a longer text of the body",
                Misplaced::Field => "another field of the body",
            })
        })
    }

    fn encode(self, secret: &Secret) -> Zeroizing<String> {
        match self {
            Self::Json => echo::json_string(secret),
            Self::Form => Zeroizing::new(
                utf8_percent_encode(secret.expose(), request_url::RESERVED).to_string(),
            ),
        }
    }
}

fn contains(body: &[u8], text: &str) -> bool {
    !text.is_empty() && body.windows(text.len()).any(|each| each == text.as_bytes())
}

fn replace(body: &[u8], text: &str, with: &str) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(body.len() + with.len());
    let mut rest = body;
    while let Some(at) = rest.windows(text.len()).position(|each| each == text.as_bytes()) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(with.as_bytes());
        rest = &rest[at + text.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

#[cfg(test)]
mod tests;
