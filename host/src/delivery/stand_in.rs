//! Secrets that a connector handles without seeing: put in as a request leaves, taken out where
//! an app echoes them.

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::{
    decision::Request,
    delivery::{DeliveryError, Secret, target},
};

/// A text that a connector puts where a secret belongs.
#[derive(Clone, Debug)]
pub struct StandIn {
    /// The text: letters, digits, `-` and `_`, so that it reads the same in every encoding.
    pub stand_in: String,
    /// What it stands for.
    pub value: Secret,
}

/// Refuses stand-ins where the secret would be seen: in the path, in the query, in a header.
pub(super) fn check(request: &Request, stand_ins: &[StandIn]) -> Result<(), DeliveryError> {
    let named = |text: &str| stand_ins.iter().any(|each| contains(text, &each.stand_in));
    let either = |(name, value): &(String, String)| named(name) || named(value);
    if named(&request.path) {
        return Err(DeliveryError::StandIn("the path"));
    }
    if request.query.iter().any(either) {
        return Err(DeliveryError::StandIn("the query"));
    }
    if request.headers.iter().any(either) {
        return Err(DeliveryError::StandIn("a header"));
    }
    Ok(())
}

/// The body as it leaves: every stand-in replaced, encoded for where it stands.
pub(super) fn fill(
    body: &[u8],
    content_type: &str,
    stand_ins: &[StandIn],
) -> Result<Bytes, DeliveryError> {
    let mut filled = Zeroizing::new(body.to_vec());
    for StandIn { stand_in, value } in stand_ins {
        if find(&filled, stand_in.as_bytes()).is_some() {
            let value = Encoding::of(content_type, body)?.encode(value);
            filled = Zeroizing::new(replace(&filled, stand_in, &value));
        }
    }
    Ok(Bytes::from_owner(filled))
}

/// Puts the stand-in back where the app's answer repeats what it stands for, so that no secret
/// gets into the sandbox or the journal that way.
pub(super) fn conceal(answer: &mut Vec<u8>, stand_in: &str, secret: &Secret) {
    for (echo, instead) in echoes(stand_in, secret) {
        if find(answer, echo.as_bytes()).is_some() {
            *answer = replace(answer, &echo, &instead);
        }
    }
}

/// The same for a text of its own, such as a header's value.
pub(super) fn conceal_text(text: &mut String, stand_in: &str, secret: &Secret) {
    if *text == secret.expose() {
        stand_in.clone_into(text);
        return;
    }
    for (echo, instead) in echoes(stand_in, secret) {
        if text.contains(&**echo) {
            *text = text.replace(&**echo, &instead);
        }
    }
}

// A short secret is recognised as a whole JSON string only: it may well be part of other words.
fn echoes(stand_in: &str, secret: &Secret) -> Vec<(Zeroizing<String>, String)> {
    let json = Encoding::Json.encode(secret);
    if secret.expose().len() < 8 {
        return vec![(Zeroizing::new(format!("\"{}\"", *json)), format!("\"{stand_in}\""))];
    }
    let plain = Zeroizing::new(secret.expose().to_owned());
    // Some JSON libraries escape the slash, which many a token has.
    let slashed = Zeroizing::new(json.replace('/', "\\/"));
    let forms = [json, slashed, Encoding::Form.encode(secret), plain];
    forms.into_iter().map(|form| (form, stand_in.to_owned())).collect()
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
            return Err(DeliveryError::StandIn("a body that is neither JSON nor a form"));
        }
        // Valid JSON has the stand-in, which is no literal, inside a string; nothing that a
        // password contains can end that string.
        serde_json::from_slice::<IgnoredAny>(body)
            .map_err(|_| DeliveryError::StandIn("a body that claims to be JSON and is not"))?;
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
            Self::Form => utf8_percent_encode(secret.expose(), target::RESERVED).to_string(),
        })
    }
}

fn contains(text: &str, stand_in: &str) -> bool {
    find(text.as_bytes(), stand_in.as_bytes()).is_some()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    // No text contains the empty one; `windows` does not take it either.
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

    fn password() -> Vec<StandIn> {
        vec![StandIn { stand_in: "stand-in-1".into(), value: Secret::new("pa\"ss & wörd\\1") }]
    }

    #[track_caller]
    fn check(content_type: &str, body: &str, expected: Result<&str, DeliveryError>) {
        let filled = fill(body.as_bytes(), content_type, &password());
        let filled = filled.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        assert_eq!(filled, expected.map(str::to_owned));
    }

    #[test]
    fn a_stand_in_is_encoded_for_where_it_stands() {
        let json = r#"{"password":"stand-in-1","again":"x stand-in-1"}"#;
        let filled = r#"{"password":"pa\"ss & wörd\\1","again":"x pa\"ss & wörd\\1"}"#;
        check(JSON, json, Ok(filled));
        check("Application/scim+JSON; charset=utf-8", json, Ok(filled));
        let filled = "p=pa%22ss%20%26%20w%C3%B6rd%5C1&q=1";
        check(FORM, "p=stand-in-1&q=1", Ok(filled));
        check("text/plain", "nothing to see", Ok("nothing to see"));
    }

    #[test]
    fn a_stand_in_is_refused_where_it_cannot_be_encoded() {
        let neither = Err(DeliveryError::StandIn("a body that is neither JSON nor a form"));
        check("text/plain", "stand-in-1", neither.clone());
        check("multipart/form-data", "stand-in-1", neither);
        let broken = Err(DeliveryError::StandIn("a body that claims to be JSON and is not"));
        check(JSON, r#"{"password":stand-in-1}"#, broken);
    }

    #[test]
    fn a_stand_in_is_refused_outside_the_body() {
        let request = |path: &str, query: &str, header: &str| Request {
            endpoint: "api".into(),
            method: "GET".into(),
            path: path.into(),
            query: vec![("q".into(), query.into())],
            headers: vec![("x-a".into(), header.into())],
            body: None,
        };
        let check = |request: &Request| match super::check(request, &password()) {
            Err(DeliveryError::StandIn(place)) => Err(place),
            other => Ok(other),
        };
        assert_eq!(check(&request("/a", "b", "c")), Ok(Ok(())));
        assert_eq!(check(&request("/stand-in-1", "b", "c")), Err("the path"));
        assert_eq!(check(&request("/a", "(stand-in-1)", "c")), Err("the query"));
        assert_eq!(check(&request("/a", "b", "stand-in-1")), Err("a header"));
    }

    #[test]
    fn what_an_app_echoes_is_concealed() {
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
