//! The manifest: the JSON that `describe` returns, as `wit/lifecycle.wit` defines it.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::decision::{EventKind, Membership};
use crate::member_error::with_member;
use crate::scim::Additions;

mod changes;
mod passwords;
mod settings;

pub use changes::{LifecycleChange, ManifestChanges};
pub use passwords::PasswordFields;
pub use settings::settings_validator;

/// Bytes of a manifest.
const MANIFEST_BYTES: usize = 64 * 1024;
/// Characters of a name.
const NAME: usize = 64;
/// Bytes of a description or of a lifecycle text.
const TEXT_BYTES: usize = 1024;

/// A connector's manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Lower-case letters, digits and hyphens.
    pub name: String,
    /// The connector's own version.
    #[schema(value_type = String)]
    pub version: Version,
    /// One sentence.
    pub description: String,
    /// The states of an account in the app.
    pub membership: MembershipModel,
    /// The effect of each event on a membership. An event without an entry is unsupported.
    pub lifecycle: BTreeMap<EventKind, Transition>,
    /// The membership in which an account loses its groups in the app.
    #[serde(default)]
    pub groups_lost: GroupsLost,
    /// What the connector finds the account of a person by who joins.
    #[serde(default, skip_serializing_if = "MatchedBy::is_default")]
    pub accounts_matched_by: MatchedBy,
    /// A JSON Schema for the settings of an app and its tenants. The default allows no settings.
    #[serde(default = "no_settings")]
    #[schema(value_type = Object)]
    pub settings: Value,
    /// The endpoints that the connector calls.
    #[serde(default)]
    pub endpoints: Vec<EndpointName>,
    /// What the connector supports in addition to users.
    #[serde(default)]
    pub features: Features,
    /// The fields of requests that may hold a password. The default is `password` at the top of each
    /// JSON or form body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passwords: Option<Vec<PasswordFields>>,
    /// Additions to the standard schemas of SCIM.
    #[serde(default, skip_serializing_if = "Additions::is_empty")]
    #[schema(value_type = Object)]
    pub scim: Additions,
}

/// The states that an account can have in an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipModel {
    /// Active, suspended, absent.
    ThreeState,
    /// Active, absent.
    TwoState,
}

/// The membership in which an account loses its groups in the app. When such a person returns,
/// their groups are told to the app again.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum GroupsLost {
    /// An absent account has no groups. A suspended one keeps its groups.
    #[default]
    Absent,
    /// An account that is suspended or absent has no groups.
    Suspended,
    /// The app keeps the groups of an account in every membership.
    Never,
}

/// What a connector finds the account of a person by who joins an app that several tenants share. An
/// event that takes an account away excludes the events of other tenants that may find the same one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// The `userName`, or an e-mail address.
    #[default]
    Name,
    /// Something else: an event that takes an account away excludes all others of the app.
    Other,
}

impl MatchedBy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl GroupsLost {
    /// Whether an account in this membership has lost its groups in the app.
    pub fn at(self, membership: Membership) -> bool {
        match self {
            Self::Absent => membership == Membership::Absent,
            Self::Suspended => membership != Membership::Active,
            Self::Never => false,
        }
    }
}

/// The effect of an event on a membership, which customers read before they provision anyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LifecycleEntry)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// The state afterwards.
    pub membership: Reached,
    /// One sentence for the customer.
    pub text: String,
}

/// The state that an event leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LifecycleMembership)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// In the organisation, and able to sign in.
    Active,
    /// In the organisation, and not able to sign in.
    Suspended,
    /// Not in the organisation.
    Absent,
    /// The same state as before.
    Unchanged,
}

/// An endpoint that a connector calls by name. The operator configures its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeclaredEndpoint)]
#[serde(deny_unknown_fields)]
pub struct EndpointName {
    /// The name in the connector's requests.
    pub name: String,
    /// One sentence for the operator.
    pub description: String,
}

/// What a connector supports in addition to users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConnectorFeatures)]
#[serde(default, deny_unknown_fields)]
pub struct Features {
    /// The connector decides about group events.
    pub groups: bool,
    /// The connector receives passwords, as placeholders.
    pub password: bool,
}

impl Manifest {
    /// Parses the text that `describe` returned. An error says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MANIFEST_BYTES {
            return Err(format!("it has {} bytes; the limit is {MANIFEST_BYTES}", text.len()));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| match error {
            // The place is a line of the manifest, and a message begins with the component's path.
            error if error.inner().line() > 0 => format!("{} of the manifest", with_member(&error)),
            error => with_member(&error),
        });
        let manifest: Self = read?;
        json.end().map_err(|error| format!("{error} of the manifest"))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether the connector calls an endpoint of this name.
    pub fn calls(&self, endpoint: &str) -> bool {
        self.endpoints.iter().any(|known| known.name == endpoint)
    }

    fn check(&self) -> Result<(), String> {
        check_name("`name`", &self.name)?;
        check_text("`description`", &self.description)?;
        if self.lifecycle.is_empty() {
            return Err("`lifecycle` lists no event".to_owned());
        }
        for (&event, transition) in &self.lifecycle {
            self.check_transition(event, transition)?;
        }
        let mut names = BTreeSet::new();
        for endpoint in &self.endpoints {
            check_name("an endpoint's `name`", &endpoint.name)?;
            check_text(&format!("endpoint `{}`", endpoint.name), &endpoint.description)?;
            if !names.insert(&endpoint.name) {
                return Err(format!("endpoint `{}` is listed twice", endpoint.name));
            }
        }
        if self.membership == MembershipModel::TwoState && self.groups_lost == GroupsLost::Suspended
        {
            return Err("`groups_lost` is `suspended`, which a two-state app lacks".to_owned());
        }
        self.check_passwords()?;
        settings_validator(&self.settings).map_err(|why| format!("`settings` {why}"))?;
        self.check_scim().map_err(|error| format!("`scim`: {error}"))
    }

    fn check_scim(&self) -> Result<(), String> {
        for added in &self.scim.resource_types {
            check_text(&format!("the resource type {}", added.name), &added.description)?;
            let Some(setting) = &added.setting else { continue };
            let known = self.settings.get("properties").and_then(|it| it.get(setting));
            if known.is_none() {
                let name = &added.name;
                return Err(format!(
                    "{name} needs the setting `{setting}`, which `settings` lacks"
                ));
            }
        }
        self.scim.check()
    }

    fn check_transition(&self, event: EventKind, transition: &Transition) -> Result<(), String> {
        let name = event.name();
        check_text(&format!("`lifecycle.{name}`"), &transition.text)?;
        let reached = transition.membership;
        if self.membership == MembershipModel::TwoState && reached == Reached::Suspended {
            return Err(format!("`{name}` leads to `suspended`, which a two-state app lacks"));
        }
        if contradicts(event, reached) {
            let reached = json!(reached);
            return Err(format!("`{name}` leads to {reached}, which contradicts the event"));
        }
        if event == EventKind::Password && !self.features.password {
            return Err("`password` is handled, but `features.password` is not true".to_owned());
        }
        if is_of_group(event) && !self.features.groups {
            return Err(format!("`{name}` is handled, but `features.groups` is not true"));
        }
        Ok(())
    }
}

/// Whether the state contradicts the event's meaning in every app.
fn contradicts(event: EventKind, reached: Reached) -> bool {
    match event {
        EventKind::Activate => matches!(reached, Reached::Suspended | Reached::Absent),
        EventKind::Deactivate | EventKind::Delete => reached == Reached::Active,
        EventKind::Release => reached != Reached::Unchanged,
        _ => false,
    }
}

fn is_of_group(event: EventKind) -> bool {
    matches!(event, EventKind::GroupCreate | EventKind::GroupUpdate | EventKind::GroupDelete)
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > NAME || !name.chars().all(allowed) {
        return Err(format!(
            "{what} is {name:?}; it must consist of 1 to {NAME} lower-case letters, digits and \
             hyphens"
        ));
    }
    Ok(())
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("{what} has no text"));
    }
    if text.len() > TEXT_BYTES {
        return Err(format!("{what} has {} bytes; the limit is {TEXT_BYTES}", text.len()));
    }
    Ok(())
}

fn no_settings() -> Value {
    json!({ "type": "object", "additionalProperties": false })
}

#[cfg(test)]
mod tests;
