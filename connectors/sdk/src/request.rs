//! Requests to the app, and their paths.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

pub use crate::bindings::muster::connector::types::Request;

impl Request {
    /// A request with this method. `path` begins with `/`; see [`path`].
    pub fn new(method: &str, endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            method: method.to_owned(),
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// A `GET` request.
    pub fn get(endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new("GET", endpoint, path)
    }

    /// A `POST` request.
    pub fn post(endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new("POST", endpoint, path)
    }

    /// A `PUT` request.
    pub fn put(endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new("PUT", endpoint, path)
    }

    /// A `PATCH` request.
    pub fn patch(endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new("PATCH", endpoint, path)
    }

    /// A `DELETE` request.
    pub fn delete(endpoint: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new("DELETE", endpoint, path)
    }

    /// Adds a query parameter; muster encodes it.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header: one about media types, conditions or preferences, `user-agent`, or one beginning
    /// with `x-` that the operator allows for the endpoint. muster refuses all others; see `headers` in
    /// `wit/types.wit`.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets a JSON body, and its content type.
    ///
    /// The same value must give the same text each time: use structs, `json!`, `Vec` and
    /// `BTreeMap`, not `HashMap`.
    ///
    /// # Panics
    ///
    /// If the value cannot be written as JSON, such as a map whose keys are not strings.
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("the body can be written as JSON"));
        self.header("content-type", "application/json")
    }

    /// Sets a form body (`application/x-www-form-urlencoded`).
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let field = |(name, value): &(&str, &str)| format!("{}={}", encode(name), encode(value));
        self.body = Some(fields.iter().map(field).collect::<Vec<_>>().join("&").into_bytes());
        self.header("content-type", "application/x-www-form-urlencoded")
    }
}

impl Display for Request {
    /// Method and path: `PUT /users/7`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// A path of these segments, each percent-encoded.
///
/// ```
/// use muster_connector::path;
///
/// assert_eq!(path(["users", "ann/lee@example.com", "roles"]), "/users/ann%2Flee%40example.com/roles");
/// ```
///
/// # Panics
///
/// If a segment is empty, since `DELETE /users/` could delete more than one user.
pub fn path<S: AsRef<str>>(segments: impl IntoIterator<Item = S>) -> String {
    let mut path = String::new();
    for segment in segments {
        let segment = segment.as_ref();
        assert!(!segment.is_empty(), "an empty segment after {path}/");
        path.push('/');
        path.push_str(&encode(segment));
    }
    path
}

/// Percent-encodes everything except the unreserved characters of RFC 3986 §2.3.
pub(crate) fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}
