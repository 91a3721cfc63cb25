//! The JSON form of an endpoint: for the reference of the admin API, and how it is shown without its secrets.
//!
//! The types are never read into: `endpoint` reads configurations by hand, because serde's
//! messages quote the values that they reject, and here those may be secrets.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// How a secret that was given as a value, and the value of a header, is shown.
pub(super) const CONCEALED: &str = "…";

/// Hides every secret that was given as `{"value": …}`, and is stored as `{"sealed": …}`, and the values of headers, which may be keys.
pub fn conceal(endpoints: &mut Map<String, Value>) {
    for endpoint in endpoints.values_mut() {
        conceal_values(endpoint);
        if let Some(Value::Object(headers)) = endpoint.get_mut("headers") {
            headers.values_mut().for_each(|value| *value = Value::from(CONCEALED));
        }
    }
}

fn conceal_values(value: &mut Value) {
    match value {
        sealed if is_sealed(sealed) => *sealed = json!({ "value": CONCEALED }),
        Value::Object(object) => {
            if let Some(secret) = object.get_mut("value").filter(|secret| secret.is_string()) {
                *secret = Value::from(CONCEALED);
            }
            object.values_mut().for_each(conceal_values);
        }
        Value::Array(values) => values.iter_mut().for_each(conceal_values),
        _ => {}
    }
}

fn is_sealed(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.len() == 1 && object.contains_key("sealed"))
}

/// Puts the values back that endpoints were shown without, so that what was shown can be sent again with a
/// change. Only for the same address: naming another one for a secret would disclose it.
pub fn keep_concealed(endpoints: &mut Map<String, Value>, before: &Map<String, Value>) {
    for (name, endpoint) in endpoints {
        if let Some(before) = before.get(name)
            && before.get("base_url") == endpoint.get("base_url")
        {
            keep_values(endpoint, before);
        }
    }
}

fn keep_values(value: &mut Value, before: &Value) {
    match (value, before) {
        (value, before) if is_sealed(before) && *value == json!({ "value": CONCEALED }) => {
            *value = before.clone();
        }
        (Value::Object(object), Value::Object(before)) => {
            for (name, value) in object {
                before.get(name).into_iter().for_each(|before| keep_values(value, before));
            }
        }
        (value, Value::String(_)) if *value == CONCEALED => *value = before.clone(),
        _ => {}
    }
}

/// Where an app is, and how muster signs in there.
#[derive(ToSchema)]
#[schema(as = Endpoint)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it only describes how endpoints are written")]
pub struct EndpointConfiguration {
    /// The address that every path of the connector is appended to: http or https, without
    /// credentials, query or fragment.
    #[schema(format = "uri", example = "https://api.example.com/v1")]
    base_url: String,
    /// How muster signs in; without it, no credentials are sent.
    auth: Option<AuthConfiguration>,
    /// Headers of every request; they win over the connector's. Their values are shown as `…`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Headers beginning with `x-` that the connector may set, beside those about media types,
    /// conditions and preferences.
    #[serde(default)]
    connector_headers: Vec<String>,
    /// How long one attempt may take, the whole response included: up to 300s, by default 10s.
    #[schema(example = "30s")]
    timeout: Option<String>,
    /// Whether the address may be a private one, of those that the host's `muster.toml` allows.
    #[serde(default)]
    private_addresses: bool,
}

/// Credentials of an endpoint.
#[derive(ToSchema)]
#[schema(as = EndpointAuth)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes how endpoints are written")]
enum AuthConfiguration {
    /// `Authorization: Bearer …`.
    Bearer(SecretSource),
    /// `Authorization: Basic …`.
    Basic {
        /// The user, without a colon.
        user: String,
        /// The password.
        password: SecretSource,
    },
    /// A header of the app.
    Header {
        /// The header's name.
        name: String,
        /// Its whole value.
        value: SecretSource,
    },
}

/// Where a secret comes from. A secret that is given as a value is stored, and shown as `…`.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "it only describes how endpoints are written")]
enum SecretSource {
    /// The name of an environment variable of the host, of those that its `muster.toml` allows: by default
    /// `MUSTER_SECRET_*`.
    Env(String),
    /// The path of a file in a folder that the host's `muster.toml` allows: by default `secrets` in the data
    /// directory, at which a relative path begins.
    File(String),
    /// The secret itself.
    Value(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoints() -> Map<String, Value> {
        let endpoints = json!({ "app": {
            "base_url": "https://app.example",
            "auth": { "header": { "name": "x-key", "value": { "value": "s3cret" } } },
            "headers": { "x-other": "s3cret", "x-none": null },
        }});
        endpoints.as_object().unwrap().clone()
    }

    #[test]
    fn a_secret_is_not_shown_wherever_it_stands() {
        let mut shown = endpoints();
        conceal(&mut shown);
        let text = Value::Object(shown).to_string();
        assert!(!text.contains("s3cret") && text.contains("https://app.example"), "{text}");
    }

    #[test]
    fn what_was_shown_keeps_its_secrets_for_the_same_address() {
        let mut sent = endpoints();
        conceal(&mut sent);
        let mut elsewhere = sent.clone();
        keep_concealed(&mut sent, &endpoints());
        assert_eq!(sent["app"]["auth"], endpoints()["app"]["auth"]);
        assert_eq!(sent["app"]["headers"]["x-other"], "s3cret");
        elsewhere["app"]["base_url"] = json!("https://other.example");
        keep_concealed(&mut elsewhere, &endpoints());
        assert!(!Value::Object(elsewhere).to_string().contains("s3cret"));
    }
}
