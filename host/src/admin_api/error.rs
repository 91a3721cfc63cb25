//! The body of every error of the admin API. It has the shape of SCIM's (RFC 7644 §3.12), so that one
//! client understands both APIs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request was not carried out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Error, example = json!({
    "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
    "status": "404",
    "detail": "no app crm"
}))]
pub struct ErrorBody {
    /// `urn:ietf:params:scim:api:messages:2.0:Error`.
    pub schemas: Vec<String>,
    /// The HTTP status, as a text.
    #[schema(pattern = "^[45][0-9]{2}$")]
    pub status: String,
    /// A keyword of RFC 7644 §3.12, such as `invalidSyntax`, if one fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scim_type: Option<String>,
    /// The reason, and the remedy if there is one, for the operator.
    pub detail: String,
}
