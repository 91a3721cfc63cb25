//! A tenant as the admin API shows it, with what is unfinished in it and how its requests deviate from the
//! RFCs; the filter of the list; and the bodies for the end of its integration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::job::JobView;
use crate::lifecycle::snapshot::TenantState;
use crate::lifecycle::{ConnectPreview, PeopleAction};
use crate::scim::{Dialect, GroupNames, Leniency, UnknownMembers};

/// Which tenant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct TenantPath {
    /// The tenant's name.
    #[param(example = "acme")]
    pub tenant: String,
}

/// Which person of a tenant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct PersonPath {
    /// The tenant's name.
    #[param(example = "acme")]
    pub tenant: String,
    /// The SCIM id of the user.
    pub id: String,
}

/// Which tenants are listed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TenantQuery {
    /// Only the tenants of this app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Only the tenants in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<TenantState>,
    /// Only the tenants whose name begins with this text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// A tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Tenant)]
pub struct TenantView {
    /// The name.
    pub id: String,
    /// The app that it belongs to.
    pub app: String,
    /// The connector that decides, as `name@version`; `null` if the app's cannot be loaded.
    pub version: Option<String>,
    /// Whether a version was promoted for this tenant alone; otherwise the app's decides.
    pub version_of_its_own: bool,
    /// How the identity provider deviates from the RFCs, as an operator set it.
    pub dialect: Dialect,
    /// Whether two groups may have the same `displayName`; `null`: as the dialect has it.
    pub group_names: Option<GroupNames>,
    /// What becomes of a request that names an unknown member of a group; `null`: as the dialect has
    /// it.
    pub unknown_members: Option<UnknownMembers>,
    /// How many requests in a second are answered; 0 is no limit; `null`: as the host's configuration has it.
    pub requests_per_second: Option<u32>,
    /// The e-mail domains that are the tenant's own.
    pub domains: Vec<String>,
    /// The state of the integration: `connected`; `paused` or `disconnecting`, in which
    /// deprovisioning is held; `disconnected`, in which it is acknowledged and changes nothing.
    pub state: TenantState,
    /// What is unfinished.
    pub backlog: BacklogView,
    /// The newest disconnect, if the tenant is not connected.
    pub disconnect: Option<JobView>,
    /// The tenant's own settings, which are laid over the app's.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// The address to which the identity provider sends its requests.
    pub base_url: String,
    /// When the tenant was created, RFC 3339.
    pub created: String,
    /// The identity provider that was recognised by its requests since the host started.
    pub recognised: Option<Dialect>,
    /// How many requests that named the tenant were denied since the host started, without a valid token of
    /// it.
    pub failed_sign_ins: u64,
    /// When the last of them came, RFC 3339.
    pub last_failed_sign_in: Option<String>,
    /// How its requests deviated from the RFCs since the host started.
    pub deviations: Vec<DeviationView>,
    /// What the operator can do to have fewer deviations.
    pub advice: Option<String>,
}

/// What is unfinished in a tenant.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Backlog)]
pub struct BacklogView {
    /// Operations that the host tries.
    pub open: u64,
    /// Operations that were acknowledged and are not carried out until the tenant is connected.
    pub held: u64,
    /// Operations that wait for an operator.
    pub failed: u64,
    /// Managed accounts in doubt: a call may have had an effect, and its outcome is not known. The host
    /// brings them to what the directory says. Those of people who were released do not count.
    pub in_doubt: u64,
}

/// One way in which a tenant's requests deviate from the RFCs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Deviation)]
pub struct DeviationView {
    /// The name of the rule that accepts it.
    pub rule: Leniency,
    /// In how many readings of a request.
    pub times: u64,
    /// The deviation in words.
    pub what: String,
}

/// How an integration ends.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({ "people": "deactivate", "preview": true }))]
pub struct DisconnectRequest {
    /// The action for each person: `release` leaves the account as it is, unmanaged; `deactivate`
    /// and `remove` take the person's access away.
    pub people: PeopleAction,
    /// Only answer what would happen; nothing is changed.
    pub preview: bool,
}

/// How a person is erased.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({ "preview": true }))]
pub struct ErasureRequest {
    /// Only answer what would be erased; nothing is changed.
    pub preview: bool,
}

/// A tenant that was connected, or what connecting it would do.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ConnectAnswer {
    /// With `preview`.
    Preview(ConnectPreview),
    /// Otherwise.
    Connected(Box<TenantView>),
}

/// How far a disconnect is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DisconnectProgress {
    /// The tenant.
    pub tenant: String,
    /// The state of its integration.
    pub state: TenantState,
    /// The newest disconnect.
    pub job: Option<JobView>,
    /// How many people are still connected.
    pub connected: u64,
    /// How many people there are.
    pub total: u64,
}
