//! Groups: who joins and who leaves, as set operations on rows, in slices that a connector can bear.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::change::{Before, Change, Written, before};
use super::fault::Fault;
use super::registry::Tenant;
use super::settle::Settled;
use super::write::Target;
use super::{Host, event, lane};
use crate::decision::{EventKind, Member};
use crate::scim::{self, Draft, MemberChange, MemberRef, Patched, Resource};
use crate::store::{MemberRow, OperationFilter, OperationState, Related, StoredResource};

/// No event carries more who join and leave (wit/types.wit).
const SLICE: usize = 100;

/// Who will have joined and left.
#[derive(Debug, Default, PartialEq, Eq)]
struct Movement {
    joined: BTreeSet<String>,
    left: BTreeSet<String>,
}

impl Host {
    pub(super) async fn create_group(
        self: &Arc<Self>,
        target: &Target,
        draft: Draft,
    ) -> Result<Written, Fault> {
        let deadline = self.deadline();
        let resource = draft.resource.with_id(&self.clock.new_id());
        let all: BTreeSet<String> =
            draft.members.unwrap_or_default().into_iter().map(|m| m.value).collect();
        let (mut joined, nested) = self.joining(target, all.clone()).await?;
        joined.truncate(SLICE);
        let mut change = Change::new("Group", EventKind::GroupCreate, None, resource);
        change.nested = among(&nested, &joined);
        change.joined = joined;
        let written = self.found(target, change, deadline).await?;
        let Written::Created(stored) = &written else { return Ok(written) };
        if all.len() <= SLICE {
            return Ok(written);
        }
        // The rest, or what a retry finds missing of it.
        let (id, add) = (stored.id.clone(), all.into_iter().map(reference).collect());
        let _lane = self.enter(&target.tenant, &id).await;
        let before = self.before(target, &id).await?;
        let patched = Patched {
            resource: before.resource.clone(),
            members: vec![MemberChange::Add(add)],
            password: None,
        };
        match self.modify_group(target, before, patched, deadline).await? {
            Written::Kept(stored) => Ok(Written::Created(stored)),
            other => Ok(other),
        }
    }

    /// Makes the group, or finds the one that the same request made before.
    async fn found(
        self: &Arc<Self>,
        target: &Target,
        change: Change,
        deadline: Instant,
    ) -> Result<Written, Fault> {
        let tenant = &target.tenant;
        let key = lane::of_subject(&tenant.id, "Group", &change.subject());
        let fingerprint = change.fingerprint();
        let _lane = self.lanes.enter(key.clone()).await;
        match self.settle(tenant, &key, Some(&fingerprint), deadline).await? {
            Settled::Clear => {}
            Settled::Joined(work, ended) => return self.joined(*work, ended, true).await,
            Settled::Blocked(error) => return Err(error.into()),
        }
        for stored in self.named_like(tenant, &change).await? {
            if self.owed(tenant, &stored.id, &fingerprint).await? {
                return Ok(Written::Created(stored));
            }
        }
        self.carry_out(tenant, change, deadline).await
    }

    /// Groups of the same name; names of groups are not unique.
    async fn named_like(
        &self,
        tenant: &Tenant,
        change: &Change,
    ) -> Result<Vec<StoredResource>, Fault> {
        let filter = OperationFilter {
            tenant: Some(tenant.id.clone()),
            kind: Some(EventKind::GroupCreate),
            state: Some(OperationState::Done),
            limit: 20,
            ..OperationFilter::default()
        };
        let subject = change.subject();
        let mut found = Vec::new();
        for row in self.store.operations(&filter).await? {
            if row.subject == subject {
                let id = &row.resource;
                found.extend(self.store.resource(&tenant.id, "Group", id, Related::None).await?);
            }
        }
        Ok(found)
    }

    /// The first of the events that a modification becomes; none where nothing changes.
    pub(super) async fn first_group_change(
        &self,
        target: &Target,
        was: Before,
        patched: Patched,
    ) -> Result<Option<Change>, Fault> {
        let movement = self.movement(target, &was.stored.id, &patched.members).await?;
        let (joined, nested) = self.joining(target, movement.joined).await?;
        let left = self.leaving(target, movement.left).await?;
        let (joined, left) = slices(&joined, &left).into_iter().next().unwrap_or_default();
        Ok(step(was, patched.resource, joined, &nested, left))
    }

    /// The caller holds the group's lane, and nothing is open on it.
    pub(super) async fn modify_group(
        self: &Arc<Self>,
        target: &Target,
        was: Before,
        patched: Patched,
        deadline: Instant,
    ) -> Result<Written, Fault> {
        let movement = self.movement(target, &was.stored.id, &patched.members).await?;
        let (joined, nested) = self.joining(target, movement.joined).await?;
        let left = self.leaving(target, movement.left).await?;
        let (mut was, mut after) = (was, patched.resource);
        let mut steps = slices(&joined, &left).into_iter().peekable();
        loop {
            let (joined, left) = steps.next().unwrap_or_default();
            let stored = was.stored.clone();
            let Some(change) = step(was, after, joined, &nested, left) else {
                return Ok(Written::Kept(stored));
            };
            let written = self.carry_out(&target.tenant, change, deadline).await?;
            let (Written::Kept(stored), Some(_)) = (&written, steps.peek()) else {
                return Ok(written);
            };
            was = before(stored.clone())?;
            after = was.resource.clone();
        }
    }

    /// Plays the changes on the members that are there, in order.
    async fn movement(
        &self,
        target: &Target,
        group: &str,
        changes: &[MemberChange],
    ) -> Result<Movement, Fault> {
        if changes.is_empty() {
            return Ok(Movement::default());
        }
        let tenant = &target.tenant.id;
        let whole = changes.iter().any(|change| {
            matches!(
                change,
                MemberChange::Replace(_) | MemberChange::Clear | MemberChange::RemoveWhere(_)
            )
        });
        let rows: Vec<MemberRow> = match whole {
            true => self.store.members(tenant, group).await?,
            false => Vec::new(),
        };
        let was: BTreeSet<String> = match whole {
            true => rows.iter().map(|row| row.member.clone()).collect(),
            false => self
                .store
                .members_present(tenant, group, &named(changes))
                .await?
                .into_iter()
                .collect(),
        };
        let mut now = was.clone();
        for change in changes {
            apply(change, &rows, target, &mut now)?;
        }
        Ok(Movement {
            joined: now.difference(&was).cloned().collect(),
            left: was.difference(&now).cloned().collect(),
        })
    }

    /// Those who join must exist in this tenant.
    async fn joining(
        &self,
        target: &Target,
        ids: BTreeSet<String>,
    ) -> Result<(Vec<Member>, Vec<String>), Fault> {
        if ids.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let ids: Vec<String> = ids.into_iter().collect();
        let people = self.store.people(&target.tenant.id, None, &ids).await?;
        let known: BTreeMap<&str, _> = people.iter().map(|p| (p.id.as_str(), p)).collect();
        if let Some(unknown) = ids.iter().find(|id| !known.contains_key(id.as_str())) {
            return Err(scim::Error::invalid_value(format!(
                "members: {unknown} is no user or group of this directory"
            ))
            .into());
        }
        let nested = people.iter().filter(|p| p.kind == "Group").map(|p| p.id.clone()).collect();
        let members = people
            .into_iter()
            .map(|p| Member { id: p.id, name: p.name, account: p.account })
            .collect();
        Ok((members, nested))
    }

    async fn leaving(&self, target: &Target, ids: BTreeSet<String>) -> Result<Vec<Member>, Fault> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = ids.into_iter().collect();
        let people = self.store.people(&target.tenant.id, None, &ids).await?;
        let mut known: BTreeMap<String, _> =
            people.into_iter().map(|p| (p.id.clone(), p)).collect();
        Ok(ids
            .into_iter()
            .map(|id| match known.remove(&id) {
                Some(p) => Member { id, name: p.name, account: p.account },
                None => Member { name: String::new(), id, account: None },
            })
            .collect())
    }
}

/// One event of a group; none where nothing changes.
fn step(
    was: Before,
    after: Resource,
    joined: Vec<Member>,
    nested: &[String],
    left: Vec<Member>,
) -> Option<Change> {
    let moving = !joined.is_empty() || !left.is_empty();
    let difference = event::of_group(&was.resource, &after, moving);
    let mut change = Change::new("Group", difference.kind?, Some(was), after);
    change.changes = difference.changes;
    change.nested = among(nested, &joined);
    change.joined = joined;
    change.left = left;
    Some(change)
}

/// Those of the nested groups that are among these.
fn among(nested: &[String], members: &[Member]) -> Vec<String> {
    nested.iter().filter(|id| members.iter().any(|member| member.id == **id)).cloned().collect()
}

fn reference(id: String) -> MemberRef {
    MemberRef { value: id, display: None, kind: None }
}

/// Everybody whom the changes name.
fn named(changes: &[MemberChange]) -> Vec<String> {
    let ids = changes.iter().flat_map(|change| match change {
        MemberChange::Add(members) => members.iter().map(|m| m.value.clone()).collect(),
        MemberChange::Remove(ids) => ids.clone(),
        _ => Vec::new(),
    });
    ids.collect()
}

fn apply(
    change: &MemberChange,
    rows: &[MemberRow],
    target: &Target,
    now: &mut BTreeSet<String>,
) -> Result<(), scim::Error> {
    let values =
        |members: &[MemberRef]| members.iter().map(|m| m.value.clone()).collect::<Vec<_>>();
    match change {
        MemberChange::Add(members) => now.extend(values(members)),
        // RFC 7644 §3.5.2.2, and every client: whoever is no member stays no member.
        MemberChange::Remove(ids) => {
            for id in ids {
                now.remove(id);
            }
        }
        MemberChange::Replace(members) => *now = values(members).into_iter().collect(),
        MemberChange::Clear => now.clear(),
        MemberChange::RemoveWhere(filter) => {
            let members = target.resource_type.attribute(None, "members");
            let members = members.ok_or_else(|| scim::Error::invalid_path("no members here"))?;
            for row in rows {
                let element = Map::from_iter([
                    ("value".to_owned(), Value::String(row.member.clone())),
                    ("display".to_owned(), row.display.clone().map_or(Value::Null, Value::String)),
                    ("type".to_owned(), Value::String(row.kind.clone())),
                ]);
                if filter.matches_value(members, &Value::Object(element))? {
                    now.remove(&row.member);
                }
            }
        }
    }
    Ok(())
}

/// Cuts a large movement into events of at most a hundred.
fn slices(joined: &[Member], left: &[Member]) -> Vec<(Vec<Member>, Vec<Member>)> {
    let joins = joined.chunks(SLICE).map(<[Member]>::to_vec).collect::<Vec<_>>();
    let leaves = left.chunks(SLICE).map(<[Member]>::to_vec).collect::<Vec<_>>();
    let longest = joins.len().max(leaves.len());
    let at = |slices: &[Vec<Member>], n: usize| slices.get(n).cloned().unwrap_or_default();
    (0..longest).map(|n| (at(&joins, n), at(&leaves, n))).collect()
}
