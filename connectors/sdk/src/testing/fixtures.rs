//! Builders of a decision's arguments.

use serde_json::{Map, Value, json};

use crate::Account;
use crate::bindings::muster::connector::types::{
    Context, Event, EventKind, Group, Member, Subject, User,
};

/// A builder of a context; see [`context`].
#[derive(Clone, Debug)]
pub struct TestContext(Context);

/// A context of the tenant `acme`, without settings, account and other tenants.
pub fn context() -> TestContext {
    TestContext(Context {
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

impl TestContext {
    /// With these settings.
    #[expect(clippy::needless_pass_by_value, reason = "called with json!({…})")]
    pub fn settings(self, settings: Value) -> Self {
        Self(Context { settings: settings.to_string(), ..self.0 })
    }

    /// With this account.
    pub fn account(self, account: Account) -> Self {
        Self(Context { account: Some(account), ..self.0 })
    }

    /// With an account that is a member in this many other tenants of the app.
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

/// A builder of events about a user; see [`person`].
#[derive(Clone, Debug)]
pub struct TestPerson {
    user: User,
    attributes: Map<String, Value>,
    changes: Vec<String>,
}

/// An active user with this user name, which is also the e-mail address. The SCIM id is `scim-1`.
pub fn person(user_name: &str) -> TestPerson {
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
    TestPerson { user, attributes: Map::new(), changes: Vec::new() }
}

impl TestPerson {
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

    /// With an attribute of the SCIM resource. Attributes of an extension are an object under its
    /// URN.
    pub fn with(mut self, attribute: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(attribute.to_owned(), value.into());
        self
    }

    /// With this attribute changed by the event.
    pub fn changed(mut self, attribute: &str) -> Self {
        self.changes.push(attribute.to_owned());
        self
    }

    /// An event of this kind about the user.
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
            password: (kind == EventKind::Password).then(|| "placeholder".to_owned()),
            joined: Vec::new(),
            left: Vec::new(),
        }
    }
}

/// A builder of events about a group; see [`group`].
#[derive(Clone, Debug)]
pub struct TestGroup {
    group: Group,
    changes: Vec<String>,
    joined: Vec<Member>,
    left: Vec<Member>,
}

/// A group with this name. The SCIM id is `scim-g`.
pub fn group(name: &str) -> TestGroup {
    let group = Group { id: "scim-g".to_owned(), display_name: name.to_owned(), external_id: None };
    TestGroup { group, changes: Vec::new(), joined: Vec::new(), left: Vec::new() }
}

impl TestGroup {
    /// With this attribute changed by the event: `displayName` for a rename.
    pub fn changed(mut self, attribute: &str) -> Self {
        self.changes.push(attribute.to_owned());
        self
    }

    /// With a member that joined.
    pub fn joined(mut self, name: &str, account: impl Into<Option<Account>>) -> Self {
        self.joined.push(member(name, account.into()));
        self
    }

    /// With a member that left.
    pub fn left(mut self, name: &str, account: impl Into<Option<Account>>) -> Self {
        self.left.push(member(name, account.into()));
        self
    }

    /// An event of this kind about the group.
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
