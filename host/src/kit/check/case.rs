//! The cases: each event on each starting state.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::explore::Explorer;
use crate::connector::{Manifest, MembershipModel};
use crate::decision::{Account, Context, Event, EventKind, Member, Membership};
use crate::kit::event_input::{self, EventInput, ResourceReader};
use crate::scim::Resource;

/// The address of the user in every case.
pub(super) const ADDRESS: &str = "ann@example.com";
/// The SCIM id of the user in every case.
pub(super) const USER: &str = "scim-1";
/// The person's name and title after every event.
pub(super) const NAME: &str = "Ann Doe";
pub(super) const TITLE: &str = "Lead";
/// The variant in which the title changes too.
const PROMOTED: &str = "with another title";
/// The variant in which the account, known or found, may be another customer's.
const FOREIGN: &str = "to an account that is not the tenant's own";
/// The group in every case.
pub(super) const GROUP: &str = "Engineers";
/// The most people who may join or leave a group with one event (wit/types.wit).
const MANY: usize = 100;

/// The state of the person or group before the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StartState {
    /// There is no account.
    None,
    /// The account is an active member.
    Active,
    /// The account is suspended: it cannot sign in.
    Suspended,
    /// The account exists, and is not a member.
    Absent,
}

impl StartState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::None, Self::Active, Self::Suspended, Self::Absent];

    /// The state's column heading.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "no account",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Absent => "absent",
        }
    }

    /// The state as a part of a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::None => "without an account",
            Self::Active => "with an active account",
            Self::Suspended => "with a suspended account",
            Self::Absent => "with an account that is out",
        }
    }

    /// The membership in the app.
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
    /// What distinguishes the case from others of its event; mostly nothing.
    pub(super) variant: &'static str,
    pub(super) start: StartState,
    /// Whether the user is active after the event.
    pub(super) active: bool,
    /// Whether every response is tried, and everything twice. Otherwise only the way to an outcome
    /// is.
    pub(super) deep: bool,
}

/// What the cases are made of.
pub(super) struct Cases<'a> {
    manifest: &'a Manifest,
    settings: String,
    registry: ResourceReader,
    people: Vec<(StartState, Option<Account>)>,
    groups: Vec<(StartState, Option<Account>)>,
}

/// A case of a person's event.
#[derive(Clone, Copy)]
struct PersonCase {
    kind: EventKind,
    variant: &'static str,
    active: bool,
    elsewhere: u32,
}

impl<'a> Cases<'a> {
    /// Lets the connector make the accounts that the cases start from. If it cannot, they are made
    /// up.
    pub(super) async fn new(
        explorer: &Explorer<'_>,
        manifest: &'a Manifest,
        settings: &Map<String, Value>,
    ) -> Self {
        let mut cases = Self {
            manifest,
            settings: Value::Object(settings.clone()).to_string(),
            registry: ResourceReader::of(manifest),
            people: vec![(StartState::None, None)],
            groups: vec![(StartState::None, None)],
        };
        let known = cases.reached(explorer, EventKind::Create, &(StartState::None, None)).await;
        let active = known.unwrap_or_else(|| account("account-1"));
        let active = being(active, Membership::Active);
        let start = (StartState::Active, Some(active.clone()));
        let left = cases.reached(explorer, EventKind::Deactivate, &start).await;
        let gone = cases.reached(explorer, EventKind::Delete, &start).await;
        let out = |membership| {
            let like = |it: &&Account| it.membership == membership;
            let own = left.iter().chain(&gone).find(like).cloned();
            own.unwrap_or_else(|| being(active.clone(), membership))
        };
        cases.people.push((StartState::Active, Some(active.clone())));
        if manifest.membership == MembershipModel::ThreeState {
            cases.people.push((StartState::Suspended, Some(out(Membership::Suspended))));
        }
        cases.people.push((StartState::Absent, Some(out(Membership::Absent))));
        let team = cases.reached(explorer, EventKind::GroupCreate, &(StartState::None, None)).await;
        let team = being(team.unwrap_or_else(|| account("group-1")), Membership::Active);
        cases.groups.push((StartState::Active, Some(team)));
        cases
    }

    /// The account that the connector reaches if the app accepts every request.
    async fn reached(
        &self,
        explorer: &Explorer<'_>,
        kind: EventKind,
        start: &(StartState, Option<Account>),
    ) -> Option<Account> {
        let case = match event_input::is_group_event(kind) {
            true => self.group(kind, start, ""),
            false => {
                self.person(PersonCase { kind, variant: "", active: true, elsewhere: 0 }, start)
            }
        };
        explorer.reach(&case).await?.account
    }

    pub(super) fn all(&self) -> Vec<Case> {
        let about =
            |kind, variant, active, elsewhere| PersonCase { kind, variant, active, elsewhere };
        let people = [
            about(EventKind::Create, "", true, 0),
            about(EventKind::Create, "not active", false, 0),
            about(EventKind::Update, "", true, 0),
            about(EventKind::Update, "not active", false, 0),
            about(EventKind::Update, "elsewhere too", true, 1),
            about(EventKind::Activate, "", true, 0),
            about(EventKind::Create, FOREIGN, true, 1),
            about(EventKind::Activate, FOREIGN, true, 1),
            about(EventKind::Deactivate, "", false, 0),
            about(EventKind::Deactivate, PROMOTED, false, 0),
            about(EventKind::Deactivate, "elsewhere too", false, 1),
            about(EventKind::Delete, "", true, 0),
            about(EventKind::Delete, "not active", false, 0),
            about(EventKind::Delete, "elsewhere too", true, 1),
            about(EventKind::Release, "", true, 0),
            about(EventKind::Password, "", true, 0),
        ];
        let mut all = Vec::new();
        for about in people {
            let may_find = about.elsewhere == 0 || about.variant == FOREIGN;
            let starts = self.people.iter().filter(|it| may_find || it.1.is_some());
            all.extend(starts.map(|start| self.person(about, start)));
        }
        for kind in [EventKind::GroupCreate, EventKind::GroupUpdate, EventKind::GroupDelete] {
            all.extend(self.groups.iter().map(|start| self.group(kind, start, "")));
        }
        let large = self.group(EventKind::GroupUpdate, &self.groups[1], "of 200 members");
        all.push(Case { deep: false, ..large });
        all
    }

    fn person(&self, about: PersonCase, start: &(StartState, Option<Account>)) -> Case {
        let PersonCase { kind, variant, elsewhere, .. } = about;
        let active = match kind {
            EventKind::Activate => true,
            EventKind::Deactivate => false,
            _ => about.active,
        };
        let after = self.user(active, TITLE);
        let title = match kind {
            EventKind::Update => "Engineer",
            _ if variant == PROMOTED => "Engineer",
            _ => TITLE,
        };
        let before = match kind {
            EventKind::Create => None,
            EventKind::Activate | EventKind::Deactivate => Some(self.user(!active, title)),
            _ => Some(self.user(active, title)),
        };
        let sets = matches!(kind, EventKind::Create | EventKind::Password);
        let event = event_input::event(EventInput {
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
        start: &(StartState, Option<Account>),
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
        let event = event_input::event(EventInput {
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
        start: &(StartState, Option<Account>),
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
            "displayName": NAME,
            "title": title,
            "emails": [{ "value": ADDRESS, "type": "work", "primary": true }],
            "active": active,
        });
        self.resource(false, &user)
    }

    fn resource(&self, group: bool, attributes: &Value) -> Resource {
        let attributes = attributes.as_object().cloned().unwrap_or_default();
        let id = if group { "scim-g" } else { USER };
        // A connector's schema may require attributes that the kit does not know.
        self.registry.resource(group, &attributes).unwrap_or_else(|_| {
            let text = Value::Object(attributes).to_string();
            Resource::from_json(&text).unwrap_or_default().with_id(id)
        })
    }

    /// A member of the app, a person without an account, and one whose account is not a member.
    fn members(&self) -> Vec<Member> {
        let known = |start| self.people.iter().find(|it| it.0 == start).and_then(|it| it.1.clone());
        let named = |name: &str, account| Member {
            id: format!("scim-{name}"),
            name: format!("{name}@example.com"),
            account,
        };
        vec![
            named("ann", known(StartState::Active)),
            named("bob", None),
            named("cid", known(StartState::Absent)),
        ]
    }
}

/// The most members that one event can have.
fn many(prefix: &str) -> Vec<Member> {
    (0..MANY)
        .map(|n| Member {
            id: format!("scim-{prefix}-{n}"),
            name: format!("{prefix}-{n}@example.com"),
            account: Some(account(&format!("{prefix}-{n}"))),
        })
        .collect()
}

fn account(id: &str) -> Account {
    Account { id: id.to_owned(), membership: Membership::Active, data: "{}".to_owned() }
}

/// The account with this membership.
fn being(account: Account, membership: Membership) -> Account {
    Account { membership, ..account }
}
