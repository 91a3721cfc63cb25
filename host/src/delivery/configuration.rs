//! The JSON form of an endpoint, for the reference of the admin API.
//!
//! These types are never read into: `endpoint` reads configurations by hand, because serde's
//! messages quote the values that they reject, and here those may be secrets.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// How a secret that was given as a value is shown.
pub const CONCEALED: &str = "…";

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
    /// Headers of every request; they win over the connector's.
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
