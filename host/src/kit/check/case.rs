//! The cases: every event on every starting state.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::explore::Explorer;
use crate::connector::{Manifest, MembershipModel};
use crate::decision::{Account, Context, Event, EventKind, Member, Membership};
use crate::kit::person::{self, Happened, Registry};
use crate::scim::Resource;

/// Whom everything happens to.
pub(super) const ADDRESS: &str = "ann@example.com";
/// The group that she is in.
pub(super) const GROUP: &str = "Engineers";
/// How many people may join or leave a group with one event (wit/types.wit).
const MANY: usize = 100;

/// Where somebody starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// The app does not know them.
    None,
    /// They have an account, and are in.
    Active,
    /// They have an account, and cannot sign in.
    Suspended,
    /// They have an account, and are out.
    Absent,
}

impl Start {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::None, Self::Active, Self::Suspended, Self::Absent];

    /// What heads its column.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "no account",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Absent => "absent",
        }
    }

    /// The same in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::None => "without an account",
            Self::Active => "with an active account",
            Self::Suspended => "with a suspended account",
            Self::Absent => "with an account that is out",
        }
    }

    /// The state as the app has it.
    pub(super) fn membership(self) -> Membership {
        match self {
            Self::Active => Membership::Active,
            Self::Suspended => Membership::Suspended,
            Self::None | Self::Absent => Membership::Absent,
        }
    }
}

/// One event on one starting state.
pub(super) struct Case {
    pub(super) context: Arc<Context>,
    pub(super) event: Arc<Event>,
    /// What is special about it; mostly nothing.
    pub(super) variant: &'static str,
    pub(super) start: Start,
    /// Whether the user is active after the event.
    pub(super) active: bool,
    /// Whether every answer is tried, and everything twice. Otherwise the way to the end will do.
    pub(super) deep: bool,
}

/// What cases are made of.
pub(super) struct Cases<'a> {
    manifest: &'a Manifest,
    settings: String,
    registry: Registry,
    people: Vec<(Start, Option<Account>)>,
    groups: Vec<(Start, Option<Account>)>,
}

/// An event about to happen.
#[derive(Clone, Copy)]
struct About {
    kind: EventKind,
    variant: &'static str,
    active: bool,
    elsewhere: u32,
}

impl<'a> Cases<'a> {
    /// The connector makes the accounts that it starts from, as far as it can be brought to.
    pub(super) async fn new(
        explorer: &Explorer<'_>,
        manifest: &'a Manifest,
        settings: &Map<String, Value>,
    ) -> Self {
        let mut cases = Self {
            manifest,
            settings: Value::Object(settings.clone()).to_string(),
            registry: Registry::of(manifest),
            people: vec![(Start::None, None)],
            groups: vec![(Start::None, None)],
        };
        let known = cases.reached(explorer, EventKind::Create, &(Start::None, None)).await;
        let active = known.unwrap_or_else(|| account("account-1"));
        let active = being(active, Membership::Active);
        let start = (Start::Active, Some(active.clone()));
        let left = cases.reached(explorer, EventKind::Deactivate, &start).await;
        let gone = cases.reached(explorer, EventKind::Delete, &start).await;
        let out = |membership| {
            let like = |it: &&Account| it.membership == membership;
            let own = left.iter().chain(&gone).find(like).cloned();
            own.unwrap_or_else(|| being(active.clone(), membership))
        };
        cases.people.push((Start::Active, Some(active.clone())));
        if manifest.membership == MembershipModel::ThreeState {
            cases.people.push((Start::Suspended, Some(out(Membership::Suspended))));
        }
        cases.people.push((Start::Absent, Some(out(Membership::Absent))));
        let team = cases.reached(explorer, EventKind::GroupCreate, &(Start::None, None)).await;
        let team = being(team.unwrap_or_else(|| account("group-1")), Membership::Active);
        cases.groups.push((Start::Active, Some(team)));
        cases
    }

    /// The account that a connector leaves where everything goes well.
    async fn reached(
        &self,
        explorer: &Explorer<'_>,
        kind: EventKind,
        start: &(Start, Option<Account>),
    ) -> Option<Account> {
        let case = match person::of_group(kind) {
            true => self.group(kind, start, ""),
            false => self.person(About { kind, variant: "", active: true, elsewhere: 0 }, start),
        };
        explorer.reach(&case).await?.account
    }

    pub(super) fn all(&self) -> Vec<Case> {
        let about = |kind, variant, active, elsewhere| About { kind, variant, active, elsewhere };
        let people = [
            about(EventKind::Create, "", true, 0),
            about(EventKind::Create, "not active", false, 0),
            about(EventKind::Update, "", true, 0),
            about(EventKind::Update, "not active", false, 0),
            about(EventKind::Update, "elsewhere too", true, 1),
            about(EventKind::Activate, "", true, 0),
            about(EventKind::Deactivate, "", false, 0),
            about(EventKind::Deactivate, "elsewhere too", false, 1),
            about(EventKind::Delete, "", true, 0),
            about(EventKind::Delete, "not active", false, 0),
            about(EventKind::Delete, "elsewhere too", true, 1),
            about(EventKind::Release, "", true, 0),
            about(EventKind::Password, "", true, 0),
        ];
        let mut all = Vec::new();
        for about in people {
            let starts = self.people.iter().filter(|it| about.elsewhere == 0 || it.1.is_some());
            all.extend(starts.map(|start| self.person(about, start)));
        }
        for kind in [EventKind::GroupCreate, EventKind::GroupUpdate, EventKind::GroupDelete] {
            all.extend(self.groups.iter().map(|start| self.group(kind, start, "")));
        }
        let large = self.group(EventKind::GroupUpdate, &self.groups[1], "of 200 members");
        all.push(Case { deep: false, ..large });
        all
    }

    fn person(&self, about: About, start: &(Start, Option<Account>)) -> Case {
        let About { kind, variant, elsewhere, .. } = about;
        let active = match kind {
            EventKind::Activate => true,
            EventKind::Deactivate => false,
            _ => about.active,
        };
        let after = self.user(active, "Lead");
        let before = match kind {
            EventKind::Create => None,
            EventKind::Update => Some(self.user(active, "Engineer")),
            EventKind::Activate | EventKind::Deactivate => Some(self.user(!active, "Lead")),
            _ => Some(self.user(active, "Lead")),
        };
        let sets = matches!(kind, EventKind::Create | EventKind::Password);
        let event = person::event(Happened {
            kind,
            before: before.as_ref(),
            after: &after,
            changes: None,
            password: sets && self.manifest.features.password,
            joined: Vec::new(),
            left: Vec::new(),
        });
        self.case(event, before, start, variant, active, elsewhere)
    }

    fn group(
        &self,
        kind: EventKind,
        start: &(Start, Option<Account>),
        variant: &'static str,
    ) -> Case {
        let large = !variant.is_empty();
        let after = self.resource(true, &json!({ "displayName": GROUP }));
        let before = match kind {
            EventKind::GroupCreate => None,
            EventKind::GroupUpdate if !large => {
                Some(self.resource(true, &json!({ "displayName": "Engineering" })))
            }
            _ => Some(after.clone()),
        };
        let (joined, left) = match kind {
            _ if large => (many("joins"), many("leaves")),
            EventKind::GroupCreate => (self.members(), Vec::new()),
            EventKind::GroupUpdate => {
                let mut joined = self.members();
                let left = joined.split_off(1);
                (joined, left)
            }
            _ => Default::default(),
        };
        let (before_ref, after_ref) = (before.as_ref(), &after);
        let event = person::event(Happened {
            kind,
            before: before_ref,
            after: after_ref,
            changes: None,
            password: false,
            joined,
            left,
        });
        self.case(event, before, start, variant, true, 0)
    }

    fn case(
        &self,
        event: Event,
        before: Option<Resource>,
        start: &(Start, Option<Account>),
        variant: &'static str,
        active: bool,
        elsewhere: u32,
    ) -> Case {
        let context = Context {
            operation: "operation-1".to_owned(),
            tenant: "acme".to_owned(),
            now: "2026-10-05T12:00:00Z".to_owned(),
            seed: 7,
            settings: self.settings.clone(),
            before: before.map(|it| it.to_json()),
            account: start.1.clone(),
            elsewhere,
        };
        let (context, event) = (Arc::new(context), Arc::new(event));
        Case { context, event, variant, start: start.0, active, deep: true }
    }

    fn user(&self, active: bool, title: &str) -> Resource {
        let user = json!({
            "userName": ADDRESS,
            "externalId": "00u1",
            "name": { "givenName": "Ann", "familyName": "Doe" },
            "displayName": "Ann Doe",
            "title": title,
            "emails": [{ "value": ADDRESS, "type": "work", "primary": true }],
            "active": active,
        });
        self.resource(false, &user)
    }

    fn resource(&self, group: bool, attributes: &Value) -> Resource {
        let attributes = attributes.as_object().cloned().unwrap_or_default();
        let id = if group { "scim-g" } else { "scim-1" };
        // What a schema of the connector's own requires is not guessed.
        self.registry.resource(group, &attributes).unwrap_or_else(|_| {
            let text = Value::Object(attributes).to_string();
            Resource::from_json(&text).unwrap_or_default().with_id(id)
        })
    }

    /// Somebody who is in, somebody whom the app does not know, and somebody who is out.
    fn members(&self) -> Vec<Member> {
        let known = |start| self.people.iter().find(|it| it.0 == start).and_then(|it| it.1.clone());
        let named = |name: &str, account| Member {
            id: format!("scim-{name}"),
            name: format!("{name}@example.com"),
            account,
        };
        vec![
            named("ann", known(Start::Active)),
            named("bob", None),
            named("cid", known(Start::Absent)),
        ]
    }
}

/// As many members as one event can have.
fn many(what: &str) -> Vec<Member> {
    (0..MANY)
        .map(|n| Member {
            id: format!("scim-{what}-{n}"),
            name: format!("{what}-{n}@example.com"),
            account: Some(account(&format!("{what}-{n}"))),
        })
        .collect()
}

fn account(id: &str) -> Account {
    Account { id: id.to_owned(), membership: Membership::Active, data: "{}".to_owned() }
}

/// The same account in this state.
fn being(account: Account, membership: Membership) -> Account {
    Account { membership, ..account }
}
