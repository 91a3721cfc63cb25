//! Operations of the journal as the admin API shows them: in short in lists, and one with its attempts, its
//! calls to the app and its account; and the filter of the list.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::decision::{EventKind, Membership};
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
    /// Only the operations of this tenant, which may have been removed.
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
    /// Only the operations that began before this moment, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>, format = DateTime)]
    pub until: Option<jiff::Timestamp>,
    /// Only the operations on users that had this `userName` and on groups that had this `displayName` then.
    /// All operations of `tenant` since `since` are looked through, a million in some seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
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
    /// The `userName` or `displayName` of the resource, in the form in which names are compared (RFC 8265).
    pub subject: String,
    /// How far the operation is: `open`, which the host tries; `held`, acknowledged and not carried
    /// out until its tenant is connected; `failed`, which waits for an operator. Or at its end:
    /// `done`; `refused` by the app or the connector; `superseded` by a newer operation of the
    /// resource; `dropped`.
    pub state: OperationState,
    /// A sentence on the outcome.
    pub note: Option<String>,
    /// The digest of the connector that decides.
    pub connector: Option<String>,
    /// The same as `name@version`.
    pub version: Option<String>,
    /// What its decisions took; `null` if no connector was asked.
    pub used: Option<OperationUsage>,
    /// The number of its present or last attempt, from 1. An attempt ends and another begins if
    /// the facts that the connector was given have changed.
    pub attempt: u32,
    /// How often the host tried it by itself and had to stop.
    pub tries: u32,
    /// When the host tries it again, RFC 3339.
    pub due: Option<String>,
    /// The operation that superseded it.
    pub successor: Option<String>,
    /// The job that it is part of.
    pub job: Option<String>,
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
    /// How many calls were made to the app, in all attempts; a call that is made again counts again.
    #[serde(default)]
    pub calls: u64,
}

/// An operation with all that the journal holds of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OperationDetail {
    /// The operation, in short.
    #[serde(flatten)]
    pub summary: OperationSummary,
    /// The account of its resource, as it is now; `null` if there is none.
    pub account: Option<AccountView>,
    /// The context as the connector was given it in the last attempt: `context` in
    /// `wit/types.wit`.
    #[schema(value_type = Object)]
    pub context: Value,
    /// The event as the connector was given it in the last attempt: `event` in `wit/types.wit`.
    #[schema(value_type = Object)]
    pub event: Value,
    /// The connector's outcome, or why the last try ended without one; `null` before its end.
    pub answer: Option<Value>,
    /// What the connector logged.
    pub log: Option<Vec<String>>,
    /// The requests of the last attempt to the app and their responses, in their order.
    pub exchanges: Vec<ExchangeView>,
    /// The attempts before the last one, in their order.
    pub ended_attempts: Vec<AttemptView>,
}

/// The account of a user or group, as far as the host knows.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    /// The app's id; `null` if there is no account in the app.
    pub id: Option<String>,
    /// The membership in the tenant's organisation; `null` as above.
    pub membership: Option<Membership>,
    /// Whether the host manages it. One that was released stays in the app as it is.
    pub managed: bool,
    /// Whether it is protected from deactivation and deletion.
    pub protected: bool,
    /// Where it comes from: `made` by the tenant; `linked`, since the app had it, as far as known; or
    /// `adopted`, when an operator made a linked one the tenant's own. `null` if there is no account in the app.
    pub origin: Option<String>,
    /// Whether a call was made that may have had an effect, and no outcome was recorded since. The
    /// host brings such an account to what the directory says if it manages it.
    pub in_doubt: bool,
    /// Until then a call that was cut off may still arrive at the app, RFC 3339.
    pub late_until: Option<String>,
}

/// An attempt that ended because the facts changed that the connector was given.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptView {
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// Why it ended.
    pub note: Option<String>,
    /// The digest of the connector that decided.
    pub connector: Option<String>,
    /// The same as `name@version`.
    pub version: Option<String>,
    /// The context as the connector was given it.
    #[schema(value_type = Object)]
    pub context: Value,
    /// The event as the connector was given it.
    #[schema(value_type = Object)]
    pub event: Value,
    /// The requests of this attempt to the app and their responses, in their order.
    pub exchanges: Vec<ExchangeView>,
    /// When it ended, RFC 3339.
    pub ended: String,
}

/// One request to the app, and its response.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Exchange)]
pub struct ExchangeView {
    /// The number of the exchange in its attempt, from 0.
    pub n: u32,
    /// When it was last written, RFC 3339.
    pub at: String,
    /// The request: `request` in `wit/types.wit`.
    #[schema(value_type = Object)]
    pub request: Value,
    /// The response: `{"Ok": …}`, or `{"Err": …}` with the reason why there is none; `null` while
    /// it is awaited.
    pub response: Option<Value>,
    /// The response to an earlier try, after which the request is made again, or was: that of the last
    /// such try. `null` if there was none.
    pub earlier_response: Option<Value>,
}
