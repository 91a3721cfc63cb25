//! Builders for what a decision is given.

use serde_json::{Map, Value, json};

use crate::Account;
use crate::bindings::muster::connector::types::{
    Context, Event, EventKind, Group, Member, Subject, User,
};

/// A context under construction; see [`context`].
#[derive(Clone, Debug)]
pub struct Given(Context);

/// A context of the tenant `acme`: no settings, no account, nothing elsewhere.
pub fn context() -> Given {
    Given(Context {
        operation: "operation-1".to_owned(),
        tenant: "acme".to_owned(),
        now: "2026-10-05T12:00:00Z".to_owned(),
        seed: 7,
        settings: "{}".to_owned(),
        before: None,
        account: None,
        elsewhere: 0,
    })
}

impl Given {
    /// With these settings.
    #[expect(clippy::needless_pass_by_value, reason = "called with json!({…})")]
    pub fn settings(self, settings: Value) -> Self {
        Self(Context { settings: settings.to_string(), ..self.0 })
    }

    /// With this account known.
    pub fn account(self, account: Account) -> Self {
        Self(Context { account: Some(account), ..self.0 })
    }

    /// With the account a member in so many other tenants of the app.
    pub fn elsewhere(self, elsewhere: u32) -> Self {
        Self(Context { elsewhere, ..self.0 })
    }

    /// With this resource before the event.
    #[expect(clippy::needless_pass_by_value, reason = "called with json!({…})")]
    pub fn before(self, before: Value) -> Self {
        Self(Context { before: Some(before.to_string()), ..self.0 })
    }

    pub(super) fn raw(&self) -> Context {
        self.0.clone()
    }
}

/// A person that an event is about; see [`person`].
#[derive(Clone, Debug)]
pub struct About {
    user: User,
    attributes: Map<String, Value>,
    changes: Vec<String>,
}

/// An active person of this user name, which is also the e-mail address; the SCIM id is `scim-1`.
pub fn person(user_name: &str) -> About {
    let user = User {
        id: "scim-1".to_owned(),
        user_name: user_name.to_owned(),
        external_id: None,
        display_name: None,
        given_name: None,
        family_name: None,
        email: Some(user_name.to_owned()),
        active: true,
    };
    About { user, attributes: Map::new(), changes: Vec::new() }
}

impl About {
    /// With this display name.
    pub fn named(mut self, name: &str) -> Self {
        self.user.display_name = Some(name.to_owned());
        self.with("displayName", name)
    }

    /// Without an e-mail address.
    pub fn without_email(mut self) -> Self {
        self.user.email = None;
        self
    }

    /// Not active.
    pub fn inactive(mut self) -> Self {
        self.user.active = false;
        self
    }

    /// With an attribute of the SCIM resource; an extension's is an object under its URN.
    pub fn with(mut self, attribute: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(attribute.to_owned(), value.into());
        self
    }

    /// This attribute differs from before.
    pub fn changed(mut self, attribute: &str) -> Self {
        self.changes.push(attribute.to_owned());
        self
    }

    /// What happened to the person.
    pub fn event(&self, kind: EventKind) -> Event {
        let user = &self.user;
        let mut resource = self.attributes.clone();
        resource.insert("id".to_owned(), user.id.clone().into());
        resource.insert("userName".to_owned(), user.user_name.clone().into());
        resource.insert("active".to_owned(), user.active.into());
        if let Some(email) = &user.email {
            resource.insert("emails".to_owned(), json!([{ "value": email, "primary": true }]));
        }
        Event {
            kind,
            subject: Subject::User(user.clone()),
            resource: Value::Object(resource).to_string(),
            changes: self.changes.clone(),
            password: (kind == EventKind::Password).then(|| "stand-in".to_owned()),
            joined: Vec::new(),
            left: Vec::new(),
        }
    }
}

/// A group that an event is about; see [`group`].
#[derive(Clone, Debug)]
pub struct AboutGroup {
    group: Group,
    changes: Vec<String>,
    joined: Vec<Member>,
    left: Vec<Member>,
}

/// A group of this name; the SCIM id is `scim-g`.
pub fn group(name: &str) -> AboutGroup {
    let group = Group { id: "scim-g".to_owned(), display_name: name.to_owned(), external_id: None };
    AboutGroup { group, changes: Vec::new(), joined: Vec::new(), left: Vec::new() }
}

impl AboutGroup {
    /// This attribute differs from before; `displayName` for a rename.
    pub fn changed(mut self, attribute: &str) -> Self {
        self.changes.push(attribute.to_owned());
        self
    }

    /// Somebody joined.
    pub fn joined(mut self, name: &str, account: impl Into<Option<Account>>) -> Self {
        self.joined.push(member(name, account.into()));
        self
    }

    /// Somebody left.
    pub fn left(mut self, name: &str, account: impl Into<Option<Account>>) -> Self {
        self.left.push(member(name, account.into()));
        self
    }

    /// What happened to the group.
    pub fn event(&self, kind: EventKind) -> Event {
        let group = &self.group;
        Event {
            kind,
            subject: Subject::Group(group.clone()),
            resource: json!({ "id": group.id, "displayName": group.display_name }).to_string(),
            changes: self.changes.clone(),
            password: None,
            joined: self.joined.clone(),
            left: self.left.clone(),
        }
    }
}

fn member(name: &str, account: Option<Account>) -> Member {
    Member { id: format!("scim-{name}"), name: name.to_owned(), account }
}
