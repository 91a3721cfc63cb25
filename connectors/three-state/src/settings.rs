//! The settings, by which an operator describes the app. `manifest.json` has the same defaults.

use muster_connector::{Profile, Teams, Template};
use serde::Deserialize;

/// The settings. Paths may contain `{organization}`, and `{account}` for the app's id of an
/// account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The organisation's name or id in the app. The default is the tenant's id.
    pub organization: Option<String>,
    /// `POST` creates an account here, `GET ?email=` looks one up.
    pub accounts: Template,
    /// `GET`, `PATCH` and `DELETE` of an account.
    pub account: Template,
    /// `POST` suspends an account here.
    pub suspend: Template,
    /// `POST` resumes an account here.
    pub resume: Template,
    /// The names of the app's fields and states.
    pub fields: Fields,
    /// The app's fields of an account, each with the attribute that it holds.
    pub profile: Profile,
    /// Whether an existing account of the same address is linked. If not, it is a conflict.
    pub link_existing: bool,
    /// Whether the account of a deleted user is deleted or suspended.
    pub on_delete: OnDelete,
    /// The app's teams.
    pub teams: Teams,
}

/// The names of fields and states in the app.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    /// An account's id.
    pub id: String,
    /// An account's e-mail address, which is also the look-up's parameter.
    pub email: String,
    /// An account's state.
    pub status: String,
    /// The state of an account that can sign in.
    pub active: String,
    /// The state of an account that cannot.
    pub suspended: String,
    /// The accounts that a look-up found; empty if the response is the array itself.
    pub accounts: String,
}

/// Whether the account of a deleted user is deleted or suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnDelete {
    /// It is deleted.
    Delete,
    /// It is kept, suspended.
    Suspend,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            organization: None,
            accounts: Template::new("/organizations/{organization}/accounts"),
            account: Template::new("/organizations/{organization}/accounts/{account}"),
            suspend: Template::new("/organizations/{organization}/accounts/{account}/suspend"),
            resume: Template::new("/organizations/{organization}/accounts/{account}/resume"),
            fields: Fields::default(),
            profile: Profile::default(),
            link_existing: true,
            on_delete: OnDelete::Delete,
            teams: Teams::default(),
        }
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            id: "id".to_owned(),
            email: "email".to_owned(),
            status: "status".to_owned(),
            active: "active".to_owned(),
            suspended: "suspended".to_owned(),
            accounts: "accounts".to_owned(),
        }
    }
}
