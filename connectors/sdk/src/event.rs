//! Events about users and about groups.

use std::cell::OnceCell;

use serde_json::Value;

use crate::bindings::muster::connector::types;
use crate::{Context, Group, Member, Refusal, User};

pub use crate::bindings::muster::connector::types::EventKind;

/// The SCIM resource after an event, and the names of its changed attributes.
#[derive(Clone, Debug)]
struct Document {
    text: String,
    parsed: OnceCell<Value>,
    changes: Vec<String>,
}

impl Document {
    fn new(text: String, changes: Vec<String>) -> Self {
        Self { text, parsed: OnceCell::new(), changes }
    }

    fn value(&self) -> &Value {
        // The host always sends JSON. In a test, invalid JSON has no attributes.
        self.parsed.get_or_init(|| serde_json::from_str(&self.text).unwrap_or_default())
    }

    fn attribute(&self, path: &str) -> Option<&Value> {
        let (schema, attribute) = split(path);
        let object = schema.map_or_else(|| Some(self.value()), |urn| self.value().get(urn))?;
        attribute.split('.').try_fold(object, |value, name| value.get(name))
    }

    fn changed(&self, path: &str) -> bool {
        let (schema, attribute) = split(path);
        let attribute = attribute.split('.').next().unwrap_or_default();
        self.changes.iter().any(|change| split(change) == (schema, attribute))
    }
}

/// Splits `urn:…:User:department` into the schema and the attribute.
fn split(path: &str) -> (Option<&str>, &str) {
    match path.rsplit_once(':') {
        Some((schema, attribute)) => (Some(schema), attribute),
        None => (None, path),
    }
}

/// A change of a user.
#[derive(Clone, Debug)]
pub struct UserEvent {
    /// The kind of change; each kind has its own method.
    pub kind: EventKind,
    /// The user after the event.
    pub user: User,
    /// A placeholder for the password that was set; see
    /// [`password`](crate::Connector::password). In the fields that the manifest's `passwords` lists,
    /// muster replaces it by the password when it sends the request.
    pub password: Option<String>,
    document: Document,
}

impl UserEvent {
    /// The user's e-mail address; if there is none, the `userName` if it contains `@`.
    pub fn address(&self) -> Option<&str> {
        let user_name = Some(self.user.user_name.as_str()).filter(|name| name.contains('@'));
        self.user.email.as_deref().or(user_name)
    }

    /// The addresses by which the app may know the user: the [address](Self::address), and the one
    /// that they had before the event, if it differs.
    ///
    /// For an event that takes away access from an account that is not known.
    pub fn addresses<Settings>(&self, context: &Context<Settings>) -> Vec<String> {
        let mut addresses: Vec<String> = self.address().map(str::to_owned).into_iter().collect();
        let before = context.before();
        if let Some(before) = before.as_ref().and_then(address_in)
            && !addresses.iter().any(|address| address.eq_ignore_ascii_case(before))
        {
            addresses.push(before.to_owned());
        }
        addresses
    }

    /// The user's [address](Self::address), for an app that identifies people by it. Without one it
    /// is [`Refusal::Rejected`].
    pub fn required_address(&self) -> Result<&str, Refusal> {
        self.address().ok_or_else(|| {
            Refusal::Rejected("The app knows people by their e-mail address: there is none.".into())
        })
    }

    /// The whole SCIM resource in canonical form, with the names and types of the schema. The first
    /// call parses it.
    pub fn resource(&self) -> &Value {
        self.document.value()
    }

    /// An attribute, by its SCIM path: `title`, `name.givenName`, or
    /// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`.
    pub fn attribute(&self, path: &str) -> Option<&Value> {
        self.document.attribute(path)
    }

    /// The top-level attributes that changed; those of extensions as `urn:attribute`. Empty for a
    /// create.
    pub fn changes(&self) -> &[String] {
        &self.document.changes
    }

    /// Whether the attribute changed. For `name.givenName`, whether `name` changed.
    pub fn changed(&self, path: &str) -> bool {
        self.document.changed(path)
    }
}

/// The address in a SCIM user: the primary one, else the one of type `work`, else the first, else
/// the `userName` if it contains `@`.
fn address_in(user: &Value) -> Option<&str> {
    let emails = user["emails"].as_array().map(Vec::as_slice).unwrap_or_default();
    let primary = emails.iter().find(|email| email["primary"] == true);
    let work = || emails.iter().find(|email| email["type"] == "work");
    let email = primary.or_else(work).or_else(|| emails.first());
    let user_name = || user["userName"].as_str().filter(|name| name.contains('@'));
    email.and_then(|email| email["value"].as_str()).or_else(user_name)
}

/// A change of a group.
#[derive(Clone, Debug)]
pub struct GroupEvent {
    /// The kind of change; each kind has its own method.
    pub kind: EventKind,
    /// The group after the event.
    pub group: Group,
    /// The members that joined, at most 100. A larger change arrives as several events.
    pub joined: Vec<Member>,
    /// The members that left, at most 100, as above.
    pub left: Vec<Member>,
    document: Document,
}

impl GroupEvent {
    /// The whole SCIM resource in canonical form, without the members.
    pub fn resource(&self) -> &Value {
        self.document.value()
    }

    /// An attribute, by its SCIM path.
    pub fn attribute(&self, path: &str) -> Option<&Value> {
        self.document.attribute(path)
    }

    /// The top-level attributes that changed.
    pub fn changes(&self) -> &[String] {
        &self.document.changes
    }

    /// Whether the attribute changed.
    pub fn changed(&self, path: &str) -> bool {
        self.document.changed(path)
    }
}

/// An event about a user or a group.
pub(crate) enum Event {
    User(UserEvent),
    Group(GroupEvent),
}

impl From<types::Event> for Event {
    fn from(raw: types::Event) -> Self {
        let types::Event { kind, subject, resource, changes, password, joined, left } = raw;
        let document = Document::new(resource, changes);
        match subject {
            types::Subject::User(user) => Self::User(UserEvent { kind, user, password, document }),
            types::Subject::Group(group) => {
                Self::Group(GroupEvent { kind, group, joined, left, document })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn document() -> Document {
        let text = format!(
            r#"{{"title":"Lead","name":{{"givenName":"Ann"}},"{ENTERPRISE}":{{"department":"R&D","manager":{{"value":"7"}}}}}}"#
        );
        Document::new(text, vec!["name".into(), format!("{ENTERPRISE}:department")])
    }

    #[track_caller]
    fn check(path: &str, value: Option<&str>, changed: bool) {
        let document = document();
        assert_eq!(document.attribute(path).and_then(Value::as_str), value, "{path}");
        assert_eq!(document.changed(path), changed, "{path}");
    }

    #[test]
    fn the_address_of_a_user_is_found_in_the_resource() {
        let check = |user: Value, address| assert_eq!(address_in(&user), address, "{user}");
        let email = |value: &str| json!({ "value": value });
        let work = json!({ "value": "w@x.example", "type": "work" });
        let primary = json!({ "value": "p@x.example", "primary": true });
        check(json!({ "emails": [email("a@x.example"), work, primary] }), Some("p@x.example"));
        check(json!({ "emails": [email("a@x.example"), work] }), Some("w@x.example"));
        check(json!({ "emails": [email("a@x.example")], "userName": "ann" }), Some("a@x.example"));
        check(json!({ "userName": "ann@x.example" }), Some("ann@x.example"));
        check(json!({ "userName": "ann" }), None);
    }

    #[test]
    fn attributes_are_found_by_their_scim_path() {
        check("title", Some("Lead"), false);
        check("name.givenName", Some("Ann"), true);
        check("name.familyName", None, true);
        check(&format!("{ENTERPRISE}:department"), Some("R&D"), true);
        check(&format!("{ENTERPRISE}:manager.value"), Some("7"), false);
        check("department", None, false);
        check("urn:other:department", None, false);
        check("nickName", None, false);
    }
}
