//! Requests as written in scenarios, such as `GET /users?email=ann@example.com`.

use serde_json::{Map, Value};

/// Method, path and query.
pub(super) struct RequestLine {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
}

/// Reads a line. The query in it is not percent-encoded.
pub(super) fn line(text: &str) -> Result<RequestLine, String> {
    let wrong = || format!("{text:?} is not a request such as `GET /users?email=ann@example.com`");
    let (method, target) = text.split_once(' ').ok_or_else(wrong)?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let upper = !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase());
    if !upper || !path.starts_with('/') {
        return Err(wrong());
    }
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (pair.to_owned(), String::new()),
    };
    let query = query.into_iter().flat_map(|it| it.split('&')).map(pair).collect();
    Ok(RequestLine { method: method.to_owned(), path: path.to_owned(), query })
}

/// A query as an object, for names and values with `&` or `=`. A list is one name with several
/// values.
pub(super) fn query(written: &Map<String, Value>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in written {
        let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        pairs.extend(values.iter().map(|value| (name.clone(), plain(value))));
    }
    pairs
}

/// A body: a text is used as it is, any other value as JSON.
pub(super) fn body(written: &Value) -> Vec<u8> {
    plain(written).into_bytes()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
