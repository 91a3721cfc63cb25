//! How an operator describes the app; the defaults are in `manifest.json` too, in words.

use muster_connector::{Profile, Teams, Template};
use serde::Deserialize;

/// The settings. Paths may use `{organization}`, and `{user}` for the app's id of a person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The organisation's name or id in the app; the tenant's where none is given.
    pub organization: Option<String>,
    /// `POST` creates a person here, `GET ?email=` looks one up.
    pub users: Template,
    /// `GET`, `PATCH` and `DELETE` of a person.
    pub user: Template,
    /// `PUT` adds a person to the organisation here, `DELETE` removes them.
    pub member: Template,
    /// What the app calls things.
    pub fields: Fields,
    /// The app's fields of a person, each with the attribute that it holds.
    pub profile: Profile,
    /// Whether later changes are pushed to the person's account.
    pub update_profile: UpdateProfile,
    /// Whether an account goes with the person.
    pub delete_account: DeleteAccount,
    /// The app's teams.
    pub teams: Teams,
}

/// The names of fields in the app's answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fields {
    /// A person's id.
    pub id: String,
    /// A person's e-mail address; also the look-up's parameter.
    pub email: String,
    /// The people that a look-up found; empty where the answer is the array itself.
    pub users: String,
    /// A person's organisations: names or ids, or objects with an `id`.
    pub organizations: String,
}

/// Whether changes of a person's attributes are pushed to their account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateProfile {
    /// Unless the account is in another organisation as well: none of them owns it then.
    UnlessShared,
    /// Also if other organisations have the same account.
    Always,
    /// People keep their own profile.
    Never,
}

/// Whether an account is deleted when its person is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeleteAccount {
    /// The person only leaves the organisation.
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
            profile: Profile::new([
                ("email", "email"),
                ("name", "displayName"),
                ("title", "title"),
            ]),
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
