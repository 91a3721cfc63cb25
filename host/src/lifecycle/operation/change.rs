//! Changes: what shall be true of one resource after a request, and the result of a write.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::comparison;
use super::typed_view;
use crate::decision::{EventKind, Member, Membership, ResourceKind};
use crate::delivery::Secret;
use crate::scim::Resource;
use crate::store::{AccountRow, Person, ResourceRow, StoredResource, ToldMember, UnsettledMember};

/// The result of a write for the identity provider.
#[derive(Debug)]
pub enum WriteResult {
    /// 201.
    Created(StoredResource),
    /// 200: the resource as it is now. `related` holds a user's groups; a group's members are left
    /// out.
    Kept(StoredResource),
    /// 204: the resource is not visible any more.
    Gone,
}

/// A resource as the directory has it, stored and parsed, with its account.
#[derive(Clone, Debug)]
pub(in crate::lifecycle) struct Current {
    pub(in crate::lifecycle) kind: ResourceKind,
    pub(in crate::lifecycle) stored: StoredResource,
    pub(in crate::lifecycle) resource: Resource,
    pub(in crate::lifecycle) account: Option<AccountRow>,
}

impl Current {
    pub(in crate::lifecycle) fn of(
        kind: ResourceKind,
        stored: StoredResource,
        account: Option<AccountRow>,
    ) -> anyhow::Result<Self> {
        let resource = Resource::from_json(&stored.document)
            .with_context(|| format!("the stored document of {}", stored.id))?;
        Ok(Self { kind, stored, resource, account })
    }

    /// Whether a person shall be out, and is known to be.
    pub(in crate::lifecycle) fn has_left(&self) -> bool {
        !self.resource.active() && self.account.as_ref().is_some_and(comparison::is_out)
    }

    /// The document that the app was last told, if it is not the directory's.
    pub(in crate::lifecycle) fn told_apart(&self) -> anyhow::Result<Option<Resource>> {
        let told = self.account.as_ref().and_then(|account| account.told.as_deref());
        told.map(Resource::from_json).transpose().context("the document that an app was told")
    }
}

/// What shall be true of one resource, and the event that makes it so.
#[derive(Debug)]
pub(in crate::lifecycle) struct Change {
    pub(in crate::lifecycle) kind: ResourceKind,
    pub(in crate::lifecycle) event: EventKind,
    /// The resource in the directory; none if it is created, or gone already.
    pub(in crate::lifecycle) before: Option<Current>,
    /// The resource as it shall be.
    pub(in crate::lifecycle) after: Resource,
    /// The document that the app was last told, for the connector; none if it was told none.
    pub(in crate::lifecycle) told: Option<String>,
    /// The account that the change is about, in doubt if an older operation left it so. For a
    /// create, the account of the same person from before.
    pub(in crate::lifecycle) account: Option<AccountRow>,
    pub(in crate::lifecycle) changes: Vec<String>,
    pub(in crate::lifecycle) password: Option<Password>,
    /// A password that was acknowledged before, and that the app was not told yet.
    pub(in crate::lifecycle) carried: SealedPassword,
    pub(in crate::lifecycle) members: MemberChanges,
    /// The job that asks for it.
    pub(in crate::lifecycle) job: Option<String>,
    /// Whether the directory has this state already, so that only the app is changed.
    pub(in crate::lifecycle) applied: bool,
    /// The note of the outcome if only the directory is changed, and no connector is asked.
    pub(in crate::lifecycle) directory_only: Option<&'static str>,
    /// The resources whose unfinished operations end with this change.
    pub(in crate::lifecycle) supersedes: Vec<String>,
    /// An operation whose place it takes, and what the app said about it.
    pub(in crate::lifecycle) in_place_of: Option<(String, String)>,
    /// The fingerprint of the request, if the change is one of several that it becomes.
    pub(in crate::lifecycle) request: Option<String>,
    /// Whether a superseded operation has left the account in doubt.
    pub(in crate::lifecycle) account_changed: bool,
    /// The members whose membership a superseded operation has left in doubt.
    pub(in crate::lifecycle) doubted: Vec<ToldMember>,
    /// Until when a call of a superseded operation may still arrive.
    pub(in crate::lifecycle) late_until: Option<String>,
}

/// The changes of a group's members: in the directory, and in the app.
#[derive(Clone, Debug, Default)]
pub(in crate::lifecycle) struct MemberChanges {
    /// Members that the app is told of.
    pub(in crate::lifecycle) joined: Vec<Member>,
    pub(in crate::lifecycle) left: Vec<Member>,
    /// Members that only the directory learns of: they are not in the app now.
    pub(in crate::lifecycle) joined_untold: Vec<Member>,
    pub(in crate::lifecycle) left_untold: Vec<Member>,
    /// The ids of joined members that are groups.
    pub(in crate::lifecycle) nested: Vec<String>,
    /// `stay` of the accounts of the members that the app is told of.
    pub(in crate::lifecycle) stays: BTreeMap<String, i64>,
    /// [`Operations::arrivals`](super::Operations::arrivals) before it was found who is in the app.
    pub(in crate::lifecycle) arrivals: u64,
    /// Whether a membership among them is known to differ from the directory, or in doubt.
    pub(in crate::lifecycle) unsettled: bool,
    /// `display` of joined members by id, where the client sent another one than the member's name.
    pub(in crate::lifecycle) displays: BTreeMap<String, String>,
    /// What the note says of members that were skipped.
    pub(in crate::lifecycle) notice: Option<String>,
}

impl MemberChanges {
    /// The changes for members who join and leave, by id. Members who join and do not exist are left
    /// out. `takes_groups` is whether the connector does.
    pub(in crate::lifecycle) fn of(
        people: &[Person],
        joined: &[String],
        left: &[String],
        takes_groups: bool,
    ) -> Self {
        let known: BTreeMap<&str, &Person> =
            people.iter().map(|person| (person.id.as_str(), person)).collect();
        let mut changes = Self::default();
        for id in joined {
            let Some(person) = known.get(id.as_str()) else { continue };
            if person.kind == Some(ResourceKind::Group) {
                changes.nested.push(id.clone());
            }
            changes.add(id, Some(person), takes_groups, true);
        }
        for id in left {
            changes.add(id, known.get(id.as_str()).copied(), takes_groups, false);
        }
        changes
    }

    /// The same changes, found after so many arrivals.
    pub(in crate::lifecycle) fn found_after(self, arrivals: u64) -> Self {
        Self { arrivals, ..self }
    }

    /// The same changes with `display` as the client sent it, by member.
    pub(in crate::lifecycle) fn displayed(mut self, displays: BTreeMap<String, String>) -> Self {
        let joined = self.joined.iter().chain(&self.joined_untold);
        let names: BTreeMap<&str, &str> =
            joined.map(|member| (member.id.as_str(), member.name.as_str())).collect();
        let differs = |(id, display): &(String, String)| {
            names.get(id.as_str()).is_some_and(|name| name != display)
        };
        self.displays = displays.into_iter().filter(differs).collect();
        self
    }

    fn add(&mut self, id: &str, person: Option<&Person>, takes_groups: bool, joins: bool) {
        let (name, account) =
            person.map(|it| (it.name.clone(), it.account.clone())).unwrap_or_default();
        let told = !takes_groups || person.is_some_and(|person| can_be_told(person, joins));
        let member = Member { id: id.to_owned(), name, account };
        if told {
            self.stays.insert(id.to_owned(), person.map_or(0, |person| person.stay));
            self.unsettled |= person.is_some_and(|person| person.unsettled.is_some());
        }
        match (joins, told) {
            (true, true) => self.joined.push(member),
            (true, false) => self.joined_untold.push(member),
            (false, true) => self.left.push(member),
            (false, false) => self.left_untold.push(member),
        }
    }

    /// Cuts the changes into slices of at most so many members told, and untold, of each kind; there
    /// is always one.
    pub(in crate::lifecycle) fn slices(self, size: usize) -> Vec<Self> {
        let lists = [&self.joined, &self.left, &self.joined_untold, &self.left_untold];
        let longest = lists.iter().map(|list| list.len().div_ceil(size)).max().unwrap_or(1).max(1);
        let cut = |list: &[Member], n: usize| -> Vec<Member> {
            list.iter().skip(n * size).take(size).cloned().collect()
        };
        let groups: BTreeSet<&str> = self.nested.iter().map(String::as_str).collect();
        let slice = |n: usize| {
            let mut slice = Self {
                joined: cut(&self.joined, n),
                left: cut(&self.left, n),
                joined_untold: cut(&self.joined_untold, n),
                left_untold: cut(&self.left_untold, n),
                unsettled: self.unsettled,
                arrivals: self.arrivals,
                ..Self::default()
            };
            let joined = slice.joined.iter().chain(&slice.joined_untold);
            let nested = joined.filter(|member| groups.contains(member.id.as_str()));
            slice.nested = nested.map(|member| member.id.clone()).collect();
            let told = slice.joined.iter().chain(&slice.left);
            let stays = told.filter_map(|member| self.stays.get_key_value(&member.id));
            slice.stays = stays.map(|(id, stay)| (id.clone(), *stay)).collect();
            let joined = slice.joined.iter().chain(&slice.joined_untold);
            let displays = joined.filter_map(|member| self.displays.get_key_value(&member.id));
            slice.displays = displays.map(|(id, text)| (id.clone(), text.clone())).collect();
            slice.notice = self.notice.clone().filter(|_| n == 0);
            slice
        };
        (0..longest).map(slice).collect()
    }

    /// The same changes of which the app is told of so many members of each kind at most; it is told
    /// of the rest later.
    pub(in crate::lifecycle) fn telling_at_most(mut self, size: usize) -> Self {
        if self.joined.len() > size {
            self.joined_untold.extend(self.joined.split_off(size));
        }
        if self.left.len() > size {
            self.left_untold.extend(self.left.split_off(size));
        }
        self
    }

    pub(in crate::lifecycle) fn is_empty(&self) -> bool {
        !self.tells() && self.joined_untold.is_empty() && self.left_untold.is_empty()
    }

    /// Whether the app is told of a member.
    pub(in crate::lifecycle) fn tells(&self) -> bool {
        !self.joined.is_empty() || !self.left.is_empty()
    }

    /// The memberships that the directory changes and the app is not told of.
    pub(in crate::lifecycle) fn untold(&self, group: &str) -> Vec<UnsettledMember> {
        let row = |member: &Member, carried| UnsettledMember {
            group: group.to_owned(),
            member: member.id.clone(),
            carried,
        };
        let joined = self.joined_untold.iter().map(|member| row(member, false));
        joined.chain(self.left_untold.iter().map(|member| row(member, true))).collect()
    }

    /// All memberships that the directory changes.
    pub(in crate::lifecycle) fn all(&self, group: &str) -> Vec<UnsettledMember> {
        let row = |member: &Member, carried| UnsettledMember {
            group: group.to_owned(),
            member: member.id.clone(),
            carried,
        };
        let joined = self.joined.iter().map(|member| row(member, false));
        let left = self.left.iter().map(|member| row(member, true));
        joined.chain(left).chain(self.untold(group)).collect()
    }
}

/// Whether the app can be told that a member joins or leaves: of a person while they are in the app.
/// If it is not known whether they are, the app is told that they leave, and again later; it is told so
/// of a person whose own leaving is held or was not carried out yet, too.
fn can_be_told(person: &Person, joins: bool) -> bool {
    let membership = person.account.as_ref().map(|account| account.membership);
    match person.kind {
        Some(ResourceKind::User) => {
            (person.active || !joins && membership == Some(Membership::Active))
                && person.has_account_row
                && (!person.in_doubt || !joins && person.account.is_some())
                && membership != Some(Membership::Absent)
        }
        _ => !person.in_doubt,
    }
}

/// A password for the journal, and its placeholder for the connector.
#[derive(Clone, Debug, Default)]
pub(in crate::lifecycle) struct SealedPassword {
    pub(in crate::lifecycle) sealed: Option<Vec<u8>>,
    pub(in crate::lifecycle) placeholder: Option<String>,
}

/// A password on its way to the app.
#[derive(Clone, Debug)]
pub(in crate::lifecycle) struct Password {
    pub(in crate::lifecycle) value: Secret,
    /// A keyed hash, which distinguishes passwords and does not reveal them.
    pub(in crate::lifecycle) mark: [u8; 32],
}

impl Change {
    pub(in crate::lifecycle) fn new(
        event: EventKind,
        before: Option<Current>,
        after: Resource,
    ) -> Self {
        let account = before.as_ref().and_then(|before| before.account.clone());
        let lagging = account.as_ref().and_then(|account| account.told.clone());
        let told = lagging.or_else(|| before.as_ref().map(|before| before.stored.document.clone()));
        Self {
            kind: event.resource_kind(),
            event,
            before,
            after,
            told,
            account,
            changes: Vec::new(),
            password: None,
            carried: SealedPassword::default(),
            members: MemberChanges::default(),
            job: None,
            applied: false,
            directory_only: None,
            supersedes: Vec::new(),
            request: None,
            in_place_of: None,
            account_changed: false,
            doubted: Vec::new(),
            late_until: None,
        }
    }

    /// The change supersedes what is unfinished for these resources, and takes over what is in doubt.
    pub(in crate::lifecycle) fn superseding(
        mut self,
        resources: Vec<String>,
        superseded: &Superseded,
    ) -> Self {
        self.supersedes = resources;
        self.account_changed = superseded.in_doubt;
        self.doubted.clone_from(&superseded.doubted);
        self.late_until.clone_from(&superseded.late_until);
        self.in_place_of.clone_from(&superseded.operation);
        self.carried.clone_from(&superseded.password);
        self
    }

    pub(in crate::lifecycle) fn fingerprint(&self) -> String {
        if let Some(fingerprint) = &self.request {
            return fingerprint.clone();
        }
        // Okta generates a random password for each attempt to create a user.
        let password = self.password.as_ref().filter(|_| self.event != EventKind::Create);
        let mark = password.map(|password| password.mark.as_slice()).unwrap_or_default();
        let members = &self.members;
        let joined = members.joined.iter().chain(&members.joined_untold);
        let left = members.left.iter().chain(&members.left_untold);
        fingerprint(self.event, &self.after, mark, joined, left)
    }

    /// The name of the user or group, as it was sent.
    pub(in crate::lifecycle) fn subject(&self) -> String {
        typed_view::name(&self.after).to_owned()
    }
}

/// The change that deletes a resource.
pub(in crate::lifecycle) fn deletion(current: Current) -> Change {
    let event = match current.kind {
        ResourceKind::User => EventKind::Delete,
        ResourceKind::Group => EventKind::GroupDelete,
    };
    let resource = current.resource.clone();
    Change::new(event, Some(current), resource)
}

/// The change of a person who leaves, by a deactivation or a deletion.
pub(in crate::lifecycle) fn leaving_change(event: EventKind, current: Current) -> Change {
    if event != EventKind::Deactivate {
        return deletion(current);
    }
    let mut after = current.resource.clone();
    after.set_active(false);
    let mut change = Change::new(event, Some(current), after);
    change.changes = vec!["active".to_owned()];
    change
}

/// What a superseded operation leaves.
#[derive(Clone, Debug, Default)]
pub(in crate::lifecycle) struct Superseded {
    /// The operation, and what the app said about it, if it did not accept it.
    pub(in crate::lifecycle) operation: Option<(String, String)>,
    /// The account, in doubt if the operation may have had an effect.
    pub(in crate::lifecycle) account: Option<AccountRow>,
    /// Whether the account is in doubt because of it.
    pub(in crate::lifecycle) in_doubt: bool,
    /// The members whose membership is in doubt because of it.
    pub(in crate::lifecycle) doubted: Vec<ToldMember>,
    /// Until when one of its calls may still arrive.
    pub(in crate::lifecycle) late_until: Option<String>,
    /// Its password, if it was acknowledged and the app was not told of it.
    pub(in crate::lifecycle) password: SealedPassword,
}

/// Identifies a request by its event, resource, password and members. The id is left out, so that a
/// repeated create has the same fingerprint.
fn fingerprint<'m>(
    kind: EventKind,
    resource: &Resource,
    password: &[u8],
    joined: impl Iterator<Item = &'m Member>,
    left: impl Iterator<Item = &'m Member>,
) -> String {
    let mut hash = Hashing(Sha256::new());
    hash.0.update(kind.name());
    hash.0.update(password);
    for (name, value) in resource.document().iter().filter(|(name, _)| *name != "id") {
        hash.0.update(name);
        serde_json::to_writer(&mut hash, value).expect("a hash takes every JSON value");
    }
    // In the order of their ids: whether the app is told of a member may change between two requests.
    let sorted = |members: &mut dyn Iterator<Item = &'m Member>| {
        let mut ids: Vec<&str> = members.map(|member| member.id.as_str()).collect();
        ids.sort_unstable();
        ids
    };
    let (joined, left) = (sorted(&mut { joined }), sorted(&mut { left }));
    for (mark, id) in joined.iter().map(|id| ("+", id)).chain(left.iter().map(|id| ("-", id))) {
        hash.0.update(mark);
        hash.0.update(id);
    }
    HEXLOWER.encode(&hash.0.finalize())
}

/// A writer into a hash.
struct Hashing(Sha256);

impl std::io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(in crate::lifecycle) fn stored(row: ResourceRow, related: Option<String>) -> StoredResource {
    StoredResource {
        id: row.id,
        document: row.document,
        version: row.version,
        departures: row.departures,
        created: row.created,
        last_modified: row.last_modified,
        related,
    }
}
