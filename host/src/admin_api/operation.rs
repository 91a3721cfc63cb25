//! Operations: the journal as operators read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::decision::EventKind;
use crate::store::OperationState;

/// Which operation.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct OperationPath {
    /// The operation's id.
    pub id: String,
}

/// Which operations are listed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OperationQuery {
    /// Only the operations of this tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only the operations on the resource with this SCIM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Only the operations in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<OperationState>,
    /// Only the operations of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<EventKind>,
    /// Only the operations that began at this moment or later, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub since: Option<jiff::Timestamp>,
}

/// An operation, in short.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OperationSummary {
    /// The id; ids are in the order of time.
    pub id: String,
    /// The tenant.
    pub tenant: String,
    /// The app.
    pub app: String,
    /// The event.
    pub kind: EventKind,
    /// The SCIM id of the resource.
    pub resource: String,
    /// The `userName` or `displayName` of the resource, in lower case.
    pub subject: String,
    /// How far the operation is: `open`, pending; `held` until its tenant is connected; or at its
    /// end: `done`, `refused` by the app or the connector, `failed` and left to an operator,
    /// `dropped`.
    pub state: OperationState,
    /// A sentence on the outcome.
    pub note: Option<String>,
    /// The digest of the connector that decides.
    pub connector: Option<String>,
    /// The same as `name@version`.
    pub version: Option<String>,
    /// What its decisions took; `null` if no connector was asked.
    pub used: Option<OperationUsage>,
    /// How often it was attempted.
    pub attempts: u32,
    /// When the next attempt is due, RFC 3339.
    pub due: Option<String>,
    /// The job that it is part of.
    pub batch: Option<String>,
    /// When it began, RFC 3339.
    pub created: String,
    /// When it ended, RFC 3339.
    pub finished: Option<String>,
}

/// What the decisions of an operation took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct OperationUsage {
    /// How often the connector was asked.
    pub decisions: u32,
    /// How long it computed in all, in microseconds.
    pub micros: u64,
    /// The most memory that it held, in bytes.
    pub memory: u64,
    /// Calls that the app answered.
    #[serde(default)]
    pub calls: u64,
}

/// An operation with all that the journal holds of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OperationDetail {
    /// The operation, in short.
    #[serde(flatten)]
    pub summary: OperationSummary,
    /// The context as the connector was given it: `context` in `wit/types.wit`.
    #[schema(value_type = Object)]
    pub context: Value,
    /// The event as the connector was given it: `event` in `wit/types.wit`.
    #[schema(value_type = Object)]
    pub event: Value,
    /// The connector's outcome, or why there is none; `null` while the operation is pending.
    pub answer: Option<Value>,
    /// What the connector logged.
    pub log: Option<Vec<String>>,
    /// The requests to the app and their responses, in their order.
    pub exchanges: Vec<ExchangeView>,
}

/// One request to the app, and its response.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Exchange)]
pub struct ExchangeView {
    /// The number of the exchange in its operation, from 0.
    pub n: u32,
    /// When it was last written, RFC 3339.
    pub at: String,
    /// The request: `request` in `wit/types.wit`.
    #[schema(value_type = Object)]
    pub request: Value,
    /// The response: `{"Ok": …}`, or `{"Err": …}` with the reason why there is none; `null` while
    /// it is awaited.
    pub response: Option<Value>,
}
