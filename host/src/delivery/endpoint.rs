//! Endpoints: an app's address and credentials, as an operator configures them.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::delivery::{
    OutboundRules, address, auth::Auth, configuration::CONCEALED, connector_headers, message,
    request_url,
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 1 << 20;
/// The most headers that an operator sets for each request.
const MOST_HEADERS: usize = 64;
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);

/// One address of an app. Connectors know only its name.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The URL that paths are appended to: http or https, without credentials, query or fragment.
    pub base_url: Url,
    /// The credentials.
    pub auth: Auth,
    /// Headers for every request; they replace those of the connector.
    pub headers: HeaderMap,
    /// The headers beyond the usual ones that connectors may set.
    pub connector_headers: HashSet<HeaderName>,
    /// How long one attempt may take, until the end of the response.
    pub timeout: Duration,
    /// Whether the address may be a private one, such as `localhost`.
    pub private_addresses: bool,
    /// The most bytes of a response's body. It is one of the app's limits, not a part of the endpoint's
    /// configuration.
    pub largest_answer: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointSpec {
    base_url: String,
    #[serde(default)]
    auth: Value,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    connector_headers: Value,
    timeout: Option<String>,
    #[serde(default)]
    private_addresses: bool,
}

impl Endpoint {
    /// Reads an app's endpoints, a JSON object of names and configurations, and resolves their
    /// secrets. The error names the endpoint and the key, and quotes no secret.
    pub fn load_all(configuration: &str, rules: &OutboundRules) -> Result<BTreeMap<String, Self>> {
        let endpoints: Value = serde_json::from_str(configuration)?;
        let Value::Object(endpoints) = endpoints else {
            bail!("endpoints must be a JSON object of names and configurations");
        };
        let load = |(name, configuration)| {
            let endpoint = Self::load(&configuration, rules);
            let endpoint = endpoint.with_context(|| format!("the endpoint \"{name}\""))?;
            Ok((name, endpoint))
        };
        endpoints.into_iter().map(load).collect()
    }

    /// Whether credentials leave the machine without TLS. Each header may be one.
    pub fn sends_credentials_in_plain_text(&self) -> bool {
        let has_credentials = !matches!(self.auth, Auth::None) || !self.headers.is_empty();
        self.base_url.scheme() == "http" && has_credentials && !is_loopback(&self.base_url)
    }

    /// Reads one endpoint's configuration and resolves its secrets.
    pub fn load(configuration: &Value, rules: &OutboundRules) -> Result<Self> {
        // Values that may hold a secret are read by hand, since serde's errors quote unexpected values.
        ensure!(configuration.is_object(), "a configuration must be a JSON object");
        let spec = EndpointSpec::deserialize(configuration)?;
        let EndpointSpec { base_url, auth, headers, connector_headers, timeout, private_addresses } =
            spec;
        let base_url = read_base_url(&base_url).context("\"base_url\"")?;
        if private_addresses {
            check_private_addresses(&base_url, rules).context("\"private_addresses\"")?;
        }
        Ok(Self {
            base_url,
            auth: Auth::load(&auth, rules).context("\"auth\"")?,
            headers: read_headers(&headers).context("\"headers\"")?,
            connector_headers: connector_headers::read(&connector_headers)
                .context("\"connector_headers\"")?,
            timeout: timeout
                .map_or(Ok(DEFAULT_TIMEOUT), |text| read_timeout(&text).context("\"timeout\""))?,
            private_addresses,
            largest_answer: LARGEST_ANSWER,
        })
    }
}

fn check_private_addresses(base_url: &Url, rules: &OutboundRules) -> Result<()> {
    ensure!(
        !rules.private_addresses.is_empty(),
        "the host allows none: name them in private_addresses in its muster.toml, such as \
         [\"127.0.0.0/8\"], and restart it"
    );
    ensure!(
        !address::is_literally_refused(base_url, &rules.private_addresses),
        "{} is not among private_addresses in muster.toml, or is one that is never allowed",
        base_url.host_str().unwrap_or_default()
    );
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

fn read_base_url(text: &str) -> Result<Url> {
    let url = Url::parse(text).context("it must be a URL such as https://api.example.com/v1")?;
    ensure!(matches!(url.scheme(), "http" | "https"), "its scheme must be https, or http");
    ensure!(request_url::is_of_http(&url), "its host is not one of HTTP");
    let bare = url.username().is_empty() && url.password().is_none();
    ensure!(bare, "it must hold no credentials; they belong in \"auth\"");
    ensure!(
        url.query().is_none() && url.fragment().is_none(),
        "it must have no query and no fragment"
    );
    Ok(url)
}

fn read_headers(configured: &Value) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let none = Map::new();
    let configured = if configured.is_null() { Some(&none) } else { configured.as_object() };
    let configured = configured.context("they must be a JSON object of names and values")?;
    ensure!(configured.len() <= MOST_HEADERS, "they must be at most {MOST_HEADERS}");
    for (name, value) in configured {
        let parsed: HeaderName =
            name.parse().with_context(|| format!("\"{name}\" is not a header name"))?;
        ensure!(!message::is_reserved(&parsed), "\"{name}\" is set by muster alone");
        ensure!(
            value != CONCEALED,
            "{CONCEALED} stands for a value of \"{name}\" at another address: give the value itself"
        );
        let Some(mut value) = value.as_str().and_then(|text| HeaderValue::from_str(text).ok())
        else {
            bail!("the value of \"{name}\" must be a text of printable ASCII characters");
        };
        // Operators put keys here.
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    Ok(headers)
}

fn read_timeout(text: &str) -> Result<Duration> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|it| Duration::try_from(it).ok());
    let timeout =
        parsed.with_context(|| format!("\"{text}\" is not a duration such as \"10s\""))?;
    ensure!(
        !timeout.is_zero() && timeout <= LONGEST_TIMEOUT,
        "it must be more than 0s and at most 5m"
    );
    Ok(timeout)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(configuration: &Value, because: &str) {
        let text = json!({ "api": configuration }).to_string();
        let error =
            format!("{:#}", Endpoint::load_all(&text, &OutboundRules::default()).unwrap_err());
        assert!(error.starts_with("the endpoint \"api\": "), "{error}");
        assert!(error.contains(because), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn an_endpoint_needs_only_an_address() {
        let text = r#"{"api": {"base_url": "https://a.example/v1"}}"#;
        let endpoints = Endpoint::load_all(text, &OutboundRules::default());
        let endpoint = &endpoints.unwrap()["api"];
        assert_eq!(endpoint.base_url.as_str(), "https://a.example/v1");
        assert_eq!(endpoint.timeout, DEFAULT_TIMEOUT);
        assert!(matches!(endpoint.auth, Auth::None));
        assert!(endpoint.headers.is_empty() && endpoint.connector_headers.is_empty());
        assert!(!endpoint.private_addresses);
    }

    #[test]
    fn an_endpoint_may_have_credentials_headers_and_a_timeout() {
        let configuration = json!({
            "base_url": "http://localhost:8080",
            "auth": {"bearer": {"value": "hunter2"}},
            "headers": {"X-Api-Version": "7", "x-key": "hunter2"},
            "timeout": "1m 30s",
            "private_addresses": true,
        });
        let rules = OutboundRules::default().with_loopback();
        let endpoint = Endpoint::load(&configuration, &rules).unwrap();
        assert_eq!(endpoint.timeout, Duration::from_secs(90));
        assert_eq!(endpoint.headers["x-api-version"], "7");
        assert!(endpoint.private_addresses);
        assert!(!format!("{endpoint:?}").contains("hunter2"));
    }

    #[test]
    fn credentials_in_plain_text_are_noticed_unless_they_stay_on_the_machine() {
        let check = |base_url: &str, credentials: Value, expected: bool| {
            let mut configuration = json!({ "base_url": base_url });
            configuration.as_object_mut().unwrap().extend(credentials.as_object().unwrap().clone());
            let endpoint = Endpoint::load(&configuration, &OutboundRules::default()).unwrap();
            assert_eq!(endpoint.sends_credentials_in_plain_text(), expected, "{configuration}");
        };
        let bearer = json!({ "auth": { "bearer": { "value": "hunter2" } } });
        check("http://a.example", bearer.clone(), true);
        check("http://10.0.0.7:8080", json!({ "headers": { "x-key": "hunter2" } }), true);
        check("http://a.example", json!({}), false);
        check("https://a.example", bearer.clone(), false);
        for local in
            ["http://127.0.0.1:1", "http://[::1]", "http://localhost", "http://a.localhost"]
        {
            check(local, bearer.clone(), false);
        }
    }

    #[test]
    fn private_addresses_are_refused_unless_the_owner_of_the_host_allows_them() {
        let private = |base_url: &str| json!({"base_url": base_url, "private_addresses": true});
        refused(
            &private("http://localhost:1"),
            "name them in private_addresses in its muster.toml",
        );
        let rules = OutboundRules::default().with_loopback();
        let load = |base_url: &str| Endpoint::load(&private(base_url), &rules);
        assert!(load("http://127.0.0.1:1").is_ok() && load("http://app.example").is_ok());
        for base_url in ["http://10.0.0.1", "http://169.254.169.254"] {
            let error = format!("{:#}", load(base_url).unwrap_err());
            assert!(error.contains("is not among private_addresses in muster.toml"), "{error}");
        }
    }

    #[test]
    fn an_invalid_configuration_is_refused_with_its_key_and_the_reason() {
        let with = |key: &str, value: Value| {
            let mut configuration = json!({"base_url": "https://a.example"});
            configuration[key] = value;
            configuration
        };
        refused(&json!({}), "missing field `base_url`");
        refused(&json!("hunter2"), "a configuration must be a JSON object");
        refused(&with("headers", json!("hunter2")), "a JSON object of names");
        refused(&with("base_url", json!("a.example")), "\"base_url\": it must be a URL such as");
        refused(&with("base_url", json!("ftp://a.example")), "its scheme must be https");
        refused(&with("base_url", json!("https://u:hunter2@a.example")), "no credentials");
        refused(&with("base_url", json!("https://a.example?key=hunter2")), "no query");
        refused(&with("timeout", json!("soon")), "\"timeout\": \"soon\" is not a duration");
        refused(&with("timeout", json!("0s")), "more than 0s");
        refused(&with("timeout", json!("-3s")), "is not a duration");
        refused(&with("timeout", json!("1h")), "at most 5m");
        refused(&with("time_out", json!("1s")), "unknown field `time_out`");
        refused(&with("base_url", json!("https://a\"b.example")), "not one of HTTP");
        let many = (0..65).map(|n| (format!("x-{n}"), json!("a"))).collect();
        refused(&with("headers", Value::Object(many)), "at most 64");
        refused(&with("headers", json!({"a b": "c"})), "\"a b\" is not a header name");
        refused(&with("headers", json!({"Authorization": "hunter2"})), "set by muster alone");
        refused(&with("headers", json!({"x-key": ["hunter2"]})), "printable ASCII");
        refused(&with("connector_headers", json!(["range"])), "be allowed to set \"range\"");
        refused(&with("connector_headers", json!("hunter2")), "a list of names");
        refused(&with("auth", json!({"bearer": "hunter2"})), "\"auth\": a secret is one of");
    }
}
