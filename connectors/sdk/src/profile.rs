//! The mapping from a user's attributes to the app's fields.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::UserEvent;

/// The app's fields of an account, each with the user's attribute that it holds.
///
/// An attribute is a SCIM path as in [`UserEvent::attribute`], or `email`, the user's
/// [address](UserEvent::address). `displayName` is derived from the name if the identity provider
/// sent none. In settings it is an object, so that an operator can change it:
/// `{"email": "email", "name": "displayName", "title": "title"}`. This object is also the default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Profile(BTreeMap<String, String>);

impl Default for Profile {
    fn default() -> Self {
        Self::new([("email", "email"), ("name", "displayName"), ("title", "title")])
    }
}

impl Profile {
    /// A profile of these fields and attributes.
    pub fn new<const N: usize>(fields: [(&str, &str); N]) -> Self {
        Self(fields.into_iter().map(|(field, path)| (field.into(), path.into())).collect())
    }

    /// All fields that the user has a value for, for a new account.
    pub fn all(&self, event: &UserEvent) -> Map<String, Value> {
        self.0
            .iter()
            .filter_map(|(field, path)| Some((field.clone(), value(event, path)?)))
            .collect()
    }

    /// All fields, for an account of a returning user. A field is null if the user has no value
    /// for it; but the address that a user who is not active lacks is left out, as in
    /// [`changed`](Self::changed).
    pub fn complete(&self, event: &UserEvent) -> Map<String, Value> {
        self.with_nulls(event, |_| true)
    }

    /// The fields that changed with this event. A field is null if the user no longer has the
    /// attribute. With `activate` these are all fields, since muster lists all attributes as
    /// changed.
    ///
    /// The address of a user who is not active is left out if there is none any more, so that the
    /// app keeps the one that it has. muster requires an address of active users only
    /// (`scim.required` in the manifest), and an app that needs one would refuse the change.
    pub fn changed(&self, event: &UserEvent) -> Map<String, Value> {
        self.with_nulls(event, |path| changed(event, path))
    }

    fn with_nulls(&self, event: &UserEvent, included: impl Fn(&str) -> bool) -> Map<String, Value> {
        let lacks_address = !event.user.active && event.address().is_none();
        let stays = |path: &str| path == "email" && lacks_address;
        let fields = self.0.iter().filter(|(_, path)| included(path) && !stays(path));
        fields
            .map(|(field, path)| (field.clone(), value(event, path).unwrap_or_default()))
            .collect()
    }
}

fn value(event: &UserEvent, path: &str) -> Option<Value> {
    match path {
        "email" => event.address().map(Value::from),
        "displayName" => event.user.display_name.clone().map(Value::String),
        _ => event.attribute(path).cloned(),
    }
}

fn changed(event: &UserEvent, path: &str) -> bool {
    match path {
        "email" => {
            event.changed("emails") || event.changed("userName") && event.user.email.is_none()
        }
        "displayName" => event.changed("displayName") || event.changed("name"),
        _ => event.changed(path),
    }
}
