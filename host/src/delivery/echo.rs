//! Echoes: an app's response may repeat a secret of the request, as it was sent or encoded. Each is
//! replaced before the response reaches the sandbox or the journal.
//!
//! This is a second line. An app is trusted not to transform credentials and send them back: a secret
//! that it splits, reverses or encrypts is not recognised.

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::{AsciiSet, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::delivery::{Secret, request_url};

/// The length from which a secret is replaced anywhere in a text. A shorter one may be part of other
/// words, and is recognised only as a whole JSON string or a whole header.
const SHORTEST: usize = 8;

/// What a segment of a path may hold is left as it is (RFC 3986 §3.3).
const OUTSIDE_SEGMENT: &AsciiSet = &request_url::RESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Replaces a secret wherever a response's body repeats it, in any case of its ASCII letters.
pub(super) fn conceal(body: &mut Vec<u8>, replacement: &str, secret: &Secret) {
    for (echo, replacement, matches) in echoes(replacement, secret) {
        if find(body, echo.as_bytes(), matches).is_some() {
            *body = replace(body, &echo, &replacement, matches);
        }
    }
}

/// Replaces a secret in a single value, such as a header's.
pub(super) fn conceal_text(text: &mut String, replacement: &str, secret: &Secret) {
    if *text == secret.expose() {
        replacement.clone_into(text);
        return;
    }
    let mut bytes = std::mem::take(text).into_bytes();
    conceal(&mut bytes, replacement, secret);
    // Whole characters are replaced by whole characters, so nothing is lost.
    *text = String::from_utf8_lossy(&bytes).into_owned();
}

type Matches = fn(&[u8], &[u8]) -> bool;

/// The forms in which a secret may be repeated, the longest first, each with its replacement and how it
/// is compared.
fn echoes(replacement: &str, secret: &Secret) -> Vec<(Zeroizing<String>, String, Matches)> {
    let json = json_string(secret);
    if secret.expose().len() < SHORTEST {
        let whole = Zeroizing::new(format!("\"{}\"", *json));
        return vec![(whole, format!("\"{replacement}\""), |a, b| a == b)];
    }
    let text = secret.expose();
    let percent = |set| Zeroizing::new(utf8_percent_encode(text, set).to_string());
    let form = percent(request_url::RESERVED);
    let mut forms = vec![
        // Some JSON libraries escape the slash, which is frequent in tokens, or all beyond ASCII.
        Zeroizing::new(json.replace('/', "\\/")),
        ascii_only(&json),
        json,
        Zeroizing::new(form.replace("%20", "+")),
        form,
        percent(OUTSIDE_SEGMENT),
        Zeroizing::new(BASE64_STANDARD.encode(text)),
        Zeroizing::new(text.to_owned()),
    ];
    forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    forms.dedup();
    forms.into_iter().map(|form| (form, replacement.to_owned(), ignoring_case as Matches)).collect()
}

fn ignoring_case(a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// A secret as it stands in a JSON string.
pub(super) fn json_string(secret: &Secret) -> Zeroizing<String> {
    let quoted = serde_json::to_string(secret.expose()).expect("a string always serialises");
    let quoted = Zeroizing::new(quoted);
    Zeroizing::new(quoted[1..quoted.len() - 1].to_owned())
}

/// The JSON string with `\u` escapes for all characters beyond ASCII (RFC 8259 §7).
fn ascii_only(json: &str) -> Zeroizing<String> {
    let mut escaped = Zeroizing::new(String::with_capacity(json.len() * 3));
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("\\u{unit:04x}")),
        }
    }
    escaped
}

fn find(text: &[u8], part: &[u8], matches: Matches) -> Option<usize> {
    // An empty part is never found; `windows` panics for it.
    if part.is_empty() { None } else { text.windows(part.len()).position(|it| matches(it, part)) }
}

fn replace(text: &[u8], part: &str, with: &str, matches: Matches) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len() + with.len());
    let mut rest = text;
    while let Some(at) = find(rest, part.as_bytes(), matches) {
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

    #[track_caller]
    fn check(secret: &str, answer: &str, expected: &str) {
        let mut body = answer.as_bytes().to_vec();
        conceal(&mut body, "stand-in", &Secret::new(secret));
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn a_secret_that_an_app_repeats_is_concealed() {
        check("correct horse", r#"{"p":"correct horse"}"#, r#"{"p":"stand-in"}"#);
        check("correct horse", "p=correct%20horse", "p=stand-in");
        check("correct horse", "p=correct+horse&q=1", "p=stand-in&q=1");
        check("correct\"horse", r#"["correct\"horse"]"#, r#"["stand-in"]"#);
        check("correct/horse", r#"["correct\/horse"]"#, r#"["stand-in"]"#);
        check("correct\"horse", r#"<p>correct"horse</p>"#, "<p>stand-in</p>");
        check("a+b/c==d", "/users/a+b%2Fc==d", "/users/stand-in");
        check("corréct 🐎", r#"["corr\u00e9ct \ud83d\udc0e"]"#, r#"["stand-in"]"#);
        check("correct horse", "you sent Y29ycmVjdCBob3JzZQ==", "you sent stand-in");
    }

    #[test]
    fn a_secret_is_concealed_in_any_case_of_its_letters() {
        check("s3cret/Token", r#"{"was":"S3CRET/TOKEN"}"#, r#"{"was":"stand-in"}"#);
        check("s3cret/Token", "s3cret%2ftoken S3cret%2FTOKEN", "stand-in stand-in");
        check("corréct 🐎", r#"["CORR\u00E9CT \uD83D\uDC0E"]"#, r#"["stand-in"]"#);
    }

    #[test]
    fn a_short_secret_is_concealed_as_a_whole_string() {
        check(
            "use",
            r#"{"user":"user","password":"use"}"#,
            r#"{"user":"user","password":"stand-in"}"#,
        );
        check("use", r#"["USE"]"#, r#"["USE"]"#);
    }

    #[test]
    fn a_header_is_concealed_as_a_body_is() {
        let mut header = "Bearer S3CRET-TOKEN".to_owned();
        conceal_text(&mut header, "…", &Secret::new("s3cret-token"));
        assert_eq!(header, "Bearer …");
        let mut short = "use".to_owned();
        conceal_text(&mut short, "…", &Secret::new("use"));
        assert_eq!(short, "…");
    }
}
