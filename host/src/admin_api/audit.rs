//! A row of the audit log as the admin API shows it, and the filter of the list.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// Which rows of the audit log are listed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only changes of this tenant and of what belongs to it; the tenant may have been removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only changes by the admin token with this id or name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Only changes since this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Only changes before this time, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// What an operator changed of one thing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Audit)]
pub struct AuditView {
    /// The id; ids are in the order of time.
    pub id: String,
    /// When it was changed, RFC 3339.
    pub at: String,
    /// The id of the admin token; `null` if the host itself changed it, or a command on its files.
    pub token: Option<String>,
    /// The name of the admin token, or of the command.
    pub by: String,
    /// The id of the request, which is in the log and in `X-Request-Id`.
    pub request: Option<String>,
    /// Method and route of the request, such as `POST /tenants/{tenant}/pause`.
    pub action: String,
    /// What was changed: `admin-token`, `app`, `connector`, `host-key`, `job`, `operation`, `person`,
    /// `tenant` or `token`.
    pub kind: String,
    /// Which one: a name or an id.
    pub subject: String,
    /// The tenant that it belongs to.
    pub tenant: Option<String>,
    /// The members that differ, as they were before; `null` if it did not exist. A secret is shown as `…`.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Map<String, Value>>,
    /// The same of afterwards; `null` if it does not exist any more. Of an order that is carried out in
    /// several steps: the order.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Map<String, Value>>,
}
