//! Placeholders: texts that a connector puts where a secret belongs, since it never sees the secret.
//!
//! A placeholder is replaced by its secret when a request is sent, and put back wherever the app's
//! response repeats the secret.

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::{
    decision::Request,
    delivery::{DeliveryError, Secret, request_url},
};

/// A placeholder and its secret.
#[derive(Clone, Debug)]
pub struct Placeholder {
    /// The placeholder: letters, digits, `-` and `_`, so that it is the same in every encoding.
    pub text: String,
    /// The secret.
    pub value: Secret,
}

/// Refuses placeholders in the path, the query and the headers, where the secret would be logged.
pub(super) fn check(request: &Request, placeholders: &[Placeholder]) -> Result<(), DeliveryError> {
    let named = |text: &str| placeholders.iter().any(|each| contains(text, &each.text));
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
    for Placeholder { text, value } in placeholders {
        if find(&filled, text.as_bytes()).is_some() {
            let value = Encoding::of(content_type, body)?.encode(value);
            filled = Zeroizing::new(replace(&filled, text, &value));
        }
    }
    Ok(Bytes::from_owner(filled))
}

/// Puts the placeholder back wherever a response's body repeats the secret, so that the secret gets
/// neither into the sandbox nor into the journal.
pub(super) fn conceal(body: &mut Vec<u8>, placeholder: &str, secret: &Secret) {
    for (echo, replacement) in echoes(placeholder, secret) {
        if find(body, echo.as_bytes()).is_some() {
            *body = replace(body, &echo, &replacement);
        }
    }
}

/// Puts the placeholder back in a single value, such as a header's.
pub(super) fn conceal_text(text: &mut String, placeholder: &str, secret: &Secret) {
    if *text == secret.expose() {
        placeholder.clone_into(text);
        return;
    }
    for (echo, replacement) in echoes(placeholder, secret) {
        if text.contains(&**echo) {
            *text = text.replace(&**echo, &replacement);
        }
    }
}

/// The forms in which a secret may be repeated, each with its replacement. A short secret is recognised
/// only as a whole JSON string, since it may be part of other words.
fn echoes(placeholder: &str, secret: &Secret) -> Vec<(Zeroizing<String>, String)> {
    let json = Encoding::Json.encode(secret);
    if secret.expose().len() < 8 {
        return vec![(Zeroizing::new(format!("\"{}\"", *json)), format!("\"{placeholder}\""))];
    }
    let plain = Zeroizing::new(secret.expose().to_owned());
    // Some JSON libraries escape the slash, which is frequent in tokens.
    let slashed = Zeroizing::new(json.replace('/', "\\/"));
    let forms = [json, slashed, Encoding::Form.encode(secret), plain];
    forms.into_iter().map(|form| (form, placeholder.to_owned())).collect()
}

#[derive(Clone, Copy)]
enum Encoding {
    Json,
    Form,
}

impl Encoding {
    fn of(content_type: &str, body: &[u8]) -> Result<Self, DeliveryError> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let media_type = media_type.to_ascii_lowercase();
        if media_type == "application/x-www-form-urlencoded" {
            return Ok(Self::Form);
        }
        if media_type != "application/json" && !media_type.ends_with("+json") {
            return Err(DeliveryError::Placeholder("a body that is neither JSON nor a form"));
        }
        // In valid JSON a placeholder can only be inside a string, and the encoded secret cannot end
        // that string.
        serde_json::from_slice::<IgnoredAny>(body)
            .map_err(|_| DeliveryError::Placeholder("a body that claims to be JSON and is not"))?;
        Ok(Self::Json)
    }

    fn encode(self, secret: &Secret) -> Zeroizing<String> {
        Zeroizing::new(match self {
            Self::Json => {
                let quoted = Zeroizing::new(
                    serde_json::to_string(secret.expose()).expect("a string always serialises"),
                );
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Form => utf8_percent_encode(secret.expose(), request_url::RESERVED).to_string(),
        })
    }
}

fn contains(text: &str, placeholder: &str) -> bool {
    find(text.as_bytes(), placeholder.as_bytes()).is_some()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    // An empty part is never found; `windows` panics for it.
    if part.is_empty() { None } else { text.windows(part.len()).position(|each| each == part) }
}

fn replace(text: &[u8], part: &str, with: &str) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len() + with.len());
    let mut rest = text;
    while let Some(at) = find(rest, part.as_bytes()) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(with.as_bytes());
        rest = &rest[at + part.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";

    fn password() -> Vec<Placeholder> {
        vec![Placeholder { text: "stand-in-1".into(), value: Secret::new("pa\"ss & wörd\\1") }]
    }

    #[track_caller]
    fn check(content_type: &str, body: &str, expected: Result<&str, DeliveryError>) {
        let filled = fill(body.as_bytes(), content_type, &password());
        let filled = filled.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        assert_eq!(filled, expected.map(str::to_owned));
    }

    #[test]
    fn a_secret_is_encoded_for_its_body() {
        let json = r#"{"password":"stand-in-1","again":"x stand-in-1"}"#;
        let filled = r#"{"password":"pa\"ss & wörd\\1","again":"x pa\"ss & wörd\\1"}"#;
        check(JSON, json, Ok(filled));
        check("Application/scim+JSON; charset=utf-8", json, Ok(filled));
        let filled = "p=pa%22ss%20%26%20w%C3%B6rd%5C1&q=1";
        check(FORM, "p=stand-in-1&q=1", Ok(filled));
        check("text/plain", "nothing to see", Ok("nothing to see"));
    }

    #[test]
    fn a_placeholder_is_refused_in_a_body_of_another_media_type() {
        let neither = Err(DeliveryError::Placeholder("a body that is neither JSON nor a form"));
        check("text/plain", "stand-in-1", neither.clone());
        check("multipart/form-data", "stand-in-1", neither);
        let broken = Err(DeliveryError::Placeholder("a body that claims to be JSON and is not"));
        check(JSON, r#"{"password":stand-in-1}"#, broken);
    }

    #[test]
    fn a_placeholder_is_refused_outside_the_body() {
        let request = |path: &str, query: &str, header: &str| Request {
            endpoint: "api".into(),
            method: "GET".into(),
            path: path.into(),
            query: vec![("q".into(), query.into())],
            headers: vec![("x-a".into(), header.into())],
            body: None,
        };
        let check = |request: &Request| match super::check(request, &password()) {
            Err(DeliveryError::Placeholder(place)) => Err(place),
            other => Ok(other),
        };
        assert_eq!(check(&request("/a", "b", "c")), Ok(Ok(())));
        assert_eq!(check(&request("/stand-in-1", "b", "c")), Err("the path"));
        assert_eq!(check(&request("/a", "(stand-in-1)", "c")), Err("the query"));
        assert_eq!(check(&request("/a", "b", "stand-in-1")), Err("a header"));
    }

    #[test]
    fn a_secret_that_an_app_repeats_is_concealed() {
        #[track_caller]
        fn check(secret: &str, answer: &str, expected: &str) {
            let mut body = answer.as_bytes().to_vec();
            conceal(&mut body, "stand-in", &Secret::new(secret));
            assert_eq!(String::from_utf8(body).unwrap(), expected);
        }
        check("correct horse", r#"{"p":"correct horse"}"#, r#"{"p":"stand-in"}"#);
        check("correct horse", "p=correct%20horse", "p=stand-in");
        check("correct\"horse", r#"["correct\"horse"]"#, r#"["stand-in"]"#);
        check("correct/horse", r#"["correct\/horse"]"#, r#"["stand-in"]"#);
        check("correct\"horse", r#"<p>correct"horse</p>"#, "<p>stand-in</p>");
        check(
            "use",
            r#"{"user":"user","password":"use"}"#,
            r#"{"user":"user","password":"stand-in"}"#,
        );
    }
}
