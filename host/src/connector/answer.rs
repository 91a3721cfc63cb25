//! Validation of connectors' answers.
//!
//! The engine checks their types. This module checks the rules that `wit/types.wit` states in
//! words: names, sizes and forms. An answer that passes can be journalled and performed.

use http::{HeaderName, HeaderValue, Method};
use serde::de::IgnoredAny;

use super::failure::Failure;
use super::limits::{ANSWER_BYTES, HEADER_BYTES, QUERY_PAIRS, REQUEST_HEADERS, URL_BYTES};
use super::manifest::{Manifest, MembershipModel};
use crate::decision::{Account, Membership, Outcome, Refusal, Request, Step};

/// Bytes of an account's id.
const ID_BYTES: usize = 512;
/// Bytes of an account's data.
const DATA_BYTES: usize = 16 * 1024;
/// Bytes of a note, and of a refusal's text.
const NOTE_BYTES: usize = 1024;

/// The valid answer, with notes and refusal texts shortened to their limit.
pub(super) fn checked(
    mut answer: Result<Step, Refusal>,
    manifest: &Manifest,
) -> Result<Result<Step, Refusal>, Failure> {
    check_size(&answer).map_err(Failure::TooMuch)?;
    match &mut answer {
        Ok(Step::Call(request)) => check_request(request, manifest),
        Ok(Step::Done(outcome)) => check_outcome(outcome, manifest),
        Err(
            Refusal::Rejected(text)
            | Refusal::Conflict(text)
            | Refusal::Forbidden(text)
            | Refusal::Unsupported(text)
            | Refusal::Misconfigured(text),
        ) => {
            cut(text);
            Ok(())
        }
        Err(Refusal::RetryLater(_)) => Ok(()),
    }
    .map_err(Failure::InvalidAnswer)?;
    Ok(answer)
}

fn check_request(request: &Request, manifest: &Manifest) -> Result<(), String> {
    let Request { endpoint, method, path, .. } = request;
    if !manifest.calls(endpoint) {
        return Err(format!(
            "it calls the endpoint {endpoint:?}, which its manifest does not list"
        ));
    }
    let token = Method::from_bytes(method.as_bytes()).is_ok();
    if !token || method.chars().any(|c| c.is_ascii_lowercase()) {
        return Err(format!("{method:?} is not an HTTP method in upper case"));
    }
    if !path.starts_with('/') {
        return Err(format!("the path {path:?} does not begin with `/`"));
    }
    if path.contains(|c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#')) {
        return Err(format!("the path {path:?} contains a character that must be percent-encoded"));
    }
    request.headers.iter().try_for_each(|(name, value)| check_header(name, value))
}

fn check_header(name: &str, value: &str) -> Result<(), String> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(format!("{name:?} is not a valid header name"));
    }
    // The message leaves out the value, which may be personal data.
    match HeaderValue::from_str(value) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("the header {name:?} has an invalid value")),
    }
}

fn check_outcome(outcome: &mut Outcome, manifest: &Manifest) -> Result<(), String> {
    cut(&mut outcome.note);
    match &outcome.account {
        Some(account) => check_account(account, manifest.membership),
        None => Ok(()),
    }
}

fn check_account(account: &Account, model: MembershipModel) -> Result<(), String> {
    let Account { id, membership, data } = account;
    if id.is_empty() {
        return Err("the account's id is empty".to_owned());
    }
    if id.len() > ID_BYTES {
        return Err(format!("the account's id has {} bytes, more than {ID_BYTES}", id.len()));
    }
    if model == MembershipModel::TwoState && *membership == Membership::Suspended {
        return Err("the account is suspended, a state that a two-state app lacks".to_owned());
    }
    if data.len() > DATA_BYTES {
        return Err(format!("the account's data has {} bytes, more than {DATA_BYTES}", data.len()));
    }
    match serde_json::from_str::<IgnoredAny>(data) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("the account's data is not JSON: {error}")),
    }
}

fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(NOTE_BYTES));
}

/// Checks the numbers and lengths, before anything else looks at the parts.
fn check_size(answer: &Result<Step, Refusal>) -> Result<(), String> {
    let within = |what: &str, of: usize, limit: usize, unit: &str| match of > limit {
        true => Err(format!("{what} {of} {unit}; the limit is {limit}")),
        false => Ok(()),
    };
    within("it has", weight(answer), ANSWER_BYTES, "bytes")?;
    let Ok(Step::Call(Request { path, query, headers, .. })) = answer else { return Ok(()) };
    within("its request has", headers.len(), REQUEST_HEADERS, "headers")?;
    within("its request's headers have", bytes(headers), HEADER_BYTES, "bytes")?;
    within("its request's query has", query.len(), QUERY_PAIRS, "pairs")?;
    let pairs = query.iter().map(|(name, value)| encoded(name) + encoded(value) + 2);
    let url = path.len() + pairs.sum::<usize>();
    within("its request's path and query have", url, URL_BYTES, "bytes")
}

/// Bytes of a text in a query, where all but the unreserved characters of RFC 3986 §2.3 take three.
fn encoded(text: &str) -> usize {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if unreserved(byte) { 1 } else { 3 }).sum()
}

fn bytes(pairs: &[(String, String)]) -> usize {
    pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// Bytes of all texts and bodies.
fn weight(answer: &Result<Step, Refusal>) -> usize {
    match answer {
        Ok(Step::Call(request)) => {
            let pairs = bytes(&request.query) + bytes(&request.headers);
            let body = request.body.as_ref().map_or(0, Vec::len);
            request.endpoint.len() + request.method.len() + request.path.len() + pairs + body
        }
        Ok(Step::Done(outcome)) => {
            let account = outcome.account.as_ref().map_or(0, |a| a.id.len() + a.data.len());
            account + outcome.note.len()
        }
        // The limit on copied bytes bounds it, and `cut` shortens it.
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests;
