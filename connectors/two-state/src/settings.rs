//! The settings, by which an operator describes the app. `manifest.json` has the same defaults.

use muster_connector::{Profile, Teams, Template};
use serde::Deserialize;

/// The settings. Paths may contain `{organization}`, and `{user}` for the app's id of a user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The organisation's name or id in the app. The default is the tenant's id.
    pub organization: Option<String>,
    /// `POST` creates a user here, `GET ?email=` looks one up.
    pub users: Template,
    /// `GET`, `PATCH` and `DELETE` of a user.
    pub user: Template,
    /// `PUT` adds a user to the organisation here, `DELETE` removes them.
    pub member: Template,
    /// The names of the app's fields.
    pub fields: Fields,
    /// The app's fields of a user, each with the attribute that it holds.
    pub profile: Profile,
    /// Whether later changes are pushed to the user's account.
    pub update_profile: UpdateProfile,
    /// Whether an account is deleted with its user.
    pub delete_account: DeleteAccount,
    /// The app's teams.
    pub teams: Teams,
}

/// The names of fields in the app's answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    /// A user's id.
    pub id: String,
    /// A user's e-mail address, which is also the look-up's parameter.
    pub email: String,
    /// The users that a look-up found; empty if the response is the array itself.
    pub users: String,
    /// A user's organisations: names or ids, or objects with an `id`. Empty if the app does not
    /// say, which muster alone decides then.
    pub organizations: String,
}

/// Whether changes of a user's attributes are pushed to their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateProfile {
    /// Unless the account is in another organisation as well, by muster or by the app, and so belongs to none
    /// of them.
    UnlessShared,
    /// Unless muster says that the account is not the tenant's own, or that other tenants have it; the app is
    /// not asked.
    Always,
    /// Users keep their own profile.
    Never,
}

/// Whether an account is deleted when its user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeleteAccount {
    /// The user only leaves the organisation.
    Never,
    /// If the account is in no other organisation.
    WhenUnused,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            organization: None,
            users: Template::new("/users"),
            user: Template::new("/users/{user}"),
            member: Template::new("/organizations/{organization}/members/{user}"),
            fields: Fields::default(),
            profile: Profile::default(),
            update_profile: UpdateProfile::UnlessShared,
            delete_account: DeleteAccount::Never,
            teams: Teams::default(),
        }
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            id: "id".to_owned(),
            email: "email".to_owned(),
            users: "users".to_owned(),
            organizations: "organizations".to_owned(),
        }
    }
}
