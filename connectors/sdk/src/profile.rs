//! Which of the app's fields hold which of a person's attributes, as an operator can set it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::UserEvent;

/// The app's fields, each with the attribute of the person that it holds.
///
/// An attribute is a SCIM path as in [`UserEvent::attribute`], or `email`, the person's
/// [address](UserEvent::address). `displayName` is made from the name where the identity provider sent none. In settings
/// it is an object: `{"email": "email", "name": "displayName", "title": "title"}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Profile(BTreeMap<String, String>);

impl Profile {
    /// A profile of these fields and attributes.
    pub fn new<const N: usize>(fields: [(&str, &str); N]) -> Self {
        Self(fields.into_iter().map(|(field, path)| (field.into(), path.into())).collect())
    }

    /// The person in the app's fields; what the person has not is left out.
    pub fn all(&self, event: &UserEvent) -> Map<String, Value> {
        self.0
            .iter()
            .filter_map(|(field, path)| Some((field.clone(), value(event, path)?)))
            .collect()
    }

    /// The fields whose attribute changed with this event, or earlier and is still `unsent`; null
    /// where the person no longer has it.
    pub fn changed(&self, event: &UserEvent, unsent: &BTreeSet<String>) -> Map<String, Value> {
        self.0
            .iter()
            .filter(|(field, path)| unsent.contains(*field) || changed(event, path))
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
