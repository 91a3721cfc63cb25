//! An app as the admin API shows it: the connector that decides, settings, endpoints and limits. Requests
//! that create or change one are `NewApp` and `AppChange` of `lifecycle`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::delivery::EndpointConfiguration;
use crate::lifecycle::snapshot::ReplyMode;
use crate::limits::LimitsSpec;

/// Which app.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AppPath {
    /// The app's name.
    #[param(example = "roster")]
    pub app: String,
}

/// An app.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = App)]
pub struct AppView {
    /// The name.
    pub name: String,
    /// The connector that decides, as `name@version`.
    pub version: Option<String>,
    /// Its digest, SHA-256 in hexadecimal.
    pub connector: Option<String>,
    /// The connector that a rollback leads to, as `name@version`.
    pub previous_version: Option<String>,
    /// Its digest.
    pub previous: Option<String>,
    /// The app's settings, which the settings of its tenants are laid over.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// The endpoints by name. Secrets that were given as values, and the values of
    /// headers, are shown as `…`. What was shown may be sent again: for the same `base_url`, `…` keeps the value.
    #[schema(value_type = std::collections::BTreeMap<String, EndpointConfiguration>)]
    pub endpoints: Map<String, Value>,
    /// When identity providers are answered: `when-done`, when the app has the change or the deadline
    /// has passed; `when-recorded`, as soon as the change is durable.
    pub reply: ReplyMode,
    /// Every limit as it is in force, defaults included.
    pub limits: LimitsSpec,
    /// Whether one account can be several customers'.
    pub shared: bool,
    /// When the app was created, RFC 3339.
    pub created: String,
    /// What is dangerous about the app.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
