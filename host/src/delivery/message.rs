//! The message to send: a connector's request, checked and completed by the host.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT},
};
use url::Url;

use crate::delivery::{
    DeliveryError, Endpoint, OutboundCall, connector_headers, placeholder, request_url,
};

const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The most headers that a connector sets. With those of the host, they are far fewer than a
/// [`HeaderMap`] holds without a panic.
const MOST_HEADERS: usize = 256;

const PRODUCT: &str = concat!("muster/", env!("CARGO_PKG_VERSION"));

/// A message that is ready to be sent, once for each attempt.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

/// Whether a header is set by the host alone: it names the sender or the receiver, or frames the
/// message. Neither connectors nor operators set it.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    const RESERVED: [&str; 12] = [
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    RESERVED.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

impl Message {
    /// Checks a request, adds the endpoint's address, headers and credentials and the idempotency key,
    /// and replaces placeholders by their secrets.
    pub(super) fn compose(call: &OutboundCall<'_>) -> Result<Self, DeliveryError> {
        let OutboundCall { endpoint, request, idempotency_key, placeholders, .. } = *call;
        let method = METHODS.into_iter().find(|method| method.as_str() == request.method);
        let method = method.ok_or(DeliveryError::Method)?;
        placeholder::check(request, placeholders)?;
        let url = request_url::join(&endpoint.base_url, &request.path, &request.query)?;
        let (mut headers, without_leave) = checked_headers(endpoint, &request.headers)?;
        let body = match &request.body {
            None => None,
            Some(body) => {
                let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                let content_type = content_type.ok_or(DeliveryError::ContentType)?;
                Some(placeholder::fill(body, content_type, placeholders)?)
            }
        };
        if let Some(error) = without_leave {
            return Err(error);
        }
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(PRODUCT));
        // In a compressed response, a secret that the app repeats would not be recognised.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &endpoint.headers {
            headers.insert(name, value.clone());
        }
        headers.insert("idempotency-key", value("idempotency-key", idempotency_key)?);
        endpoint.auth.add_header(&mut headers).map_err(|_| DeliveryError::Header {
            name: "authorization".to_owned(),
            reason: "cannot carry the endpoint's secret",
        })?;
        Ok(Self { method, url, headers, body })
    }
}

/// The connector's headers, and the error about those that need the operator's leave.
fn checked_headers(
    endpoint: &Endpoint,
    requested: &[(String, String)],
) -> Result<(HeaderMap, Option<DeliveryError>), DeliveryError> {
    if requested.len() > MOST_HEADERS {
        return Err(DeliveryError::TooManyHeaders);
    }
    let (mut headers, mut without_leave) = (HeaderMap::with_capacity(requested.len() + 4), None);
    for (name, text) in requested {
        let refused = |reason| DeliveryError::Header { name: name.to_lowercase(), reason };
        let parsed: HeaderName = name.parse().map_err(|_| refused("is not a header name"))?;
        match connector_headers::check(endpoint, &parsed) {
            Err(error @ DeliveryError::HeaderWithoutLeave(_)) => without_leave = Some(error),
            checked => checked?,
        }
        headers.append(parsed, value(name, text)?);
    }
    Ok((headers, without_leave))
}

fn value(name: &str, text: &str) -> Result<HeaderValue, DeliveryError> {
    HeaderValue::from_str(text).map_err(|_| DeliveryError::Header {
        name: name.to_lowercase(),
        reason: "has a character outside printable ASCII",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::decision::Request;
    use crate::delivery::OutboundRules;

    fn endpoint() -> Endpoint {
        let configuration = json!({
            "base_url": "https://app.example/v1",
            "auth": {"header": {"name": "X-Api-Key", "value": {"value": "hunter2"}}},
            "headers": {"x-version": "7"},
            "connector_headers": ["x-version", "x-a"],
        });
        Endpoint::load(&configuration, &OutboundRules::default()).unwrap()
    }

    fn compose(
        method: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Message, DeliveryError> {
        let request = Request {
            endpoint: "api".into(),
            method: method.into(),
            path: "/users".into(),
            query: vec![],
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: body.map(|text| text.as_bytes().to_vec()),
        };
        let (endpoint, request) = (&endpoint(), &request);
        let (tenant, idempotency_key, placeholders) = ("acme", "op-1", &[]);
        Message::compose(&OutboundCall { tenant, endpoint, request, idempotency_key, placeholders })
    }

    #[track_caller]
    fn refused(name: &str, value: &str, reason: &'static str) {
        let refused = compose("GET", &[(name, value)], None).err();
        let name = name.to_lowercase();
        assert_eq!(refused, Some(DeliveryError::Header { name, reason }));
    }

    #[test]
    fn the_host_adds_credentials_user_agent_and_idempotency_key() {
        let message = compose("GET", &[("accept", "a"), ("Accept", "b")], None).unwrap();
        let sent = |name| {
            let values = message.headers.get_all(name).iter();
            values.map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(sent("accept"), ["a", "b"]);
        assert_eq!(sent("idempotency-key"), ["op-1"]);
        assert_eq!(sent("user-agent"), [PRODUCT]);
        assert_eq!(sent("x-api-key"), ["hunter2"]);
        assert_eq!(sent("x-version"), ["7"]);
        assert_eq!(message.url.as_str(), "https://app.example/v1/users");
    }

    #[test]
    fn the_operators_headers_replace_the_connectors() {
        let message = compose("GET", &[("x-version", "1"), ("User-Agent", "me/1")], None).unwrap();
        assert_eq!(message.headers["x-version"], "7");
        assert_eq!(message.headers["user-agent"], "me/1");
    }

    #[test]
    fn reserved_headers_are_refused() {
        for name in ["Host", "authorization", "COOKIE", "Idempotency-Key", "Content-Length"] {
            refused(name, "x", "is set by muster alone");
        }
        for name in ["transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer"] {
            refused(name, "x", "is set by muster alone");
        }
        for name in ["expect", "proxy-authorization", "Proxy-Connection", "x-api-key"] {
            refused(name, "x", "is set by muster alone");
        }
        refused("x y", "x", "is not a header name");
        refused("", "x", "is not a header name");
        refused("x-a", "x\r\nhost: evil", "has a character outside printable ASCII");
    }

    #[test]
    fn more_headers_than_a_message_holds_are_refused() {
        let many = vec![("accept", "a"); 24_573];
        assert_eq!(compose("GET", &many, None).err(), Some(DeliveryError::TooManyHeaders));
        assert!(compose("GET", &many[..MOST_HEADERS], None).is_ok());
    }

    #[test]
    fn methods_outside_the_list_are_refused() {
        for method in ["CONNECT", "TRACE", "OPTIONS", "get", "GET /evil HTTP/1.1", ""] {
            assert_eq!(compose(method, &[], None).err(), Some(DeliveryError::Method));
        }
        for method in METHODS {
            assert!(compose(method.as_str(), &[], None).is_ok());
        }
    }

    #[test]
    fn a_body_needs_a_content_type() {
        assert_eq!(compose("POST", &[], Some("{}")).err(), Some(DeliveryError::ContentType));
        let json = [("content-type", "application/json")];
        assert_eq!(compose("POST", &json, Some("{}")).unwrap().body.unwrap(), "{}");
    }
}
