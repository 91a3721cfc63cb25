//! Connector versions in the admin API: how a path names one, the body that uploads one, and the filter of
//! the list. A version itself is shown as `ConnectorSummary` or `ConnectorDetail` of `lifecycle`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which connector version.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ConnectorPath {
    /// A name (its newest version), `name@version`, or a digest or its first eight or more
    /// characters.
    #[param(example = "roster")]
    pub reference: String,
}

/// A WebAssembly component or core module of at most 32 MiB.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it only describes the body of a request")]
pub struct ConnectorFile(Vec<u8>);

/// Which connector versions are listed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConnectorQuery {
    /// Only the versions of the connector with this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Only the retired versions, or only the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<bool>,
}
