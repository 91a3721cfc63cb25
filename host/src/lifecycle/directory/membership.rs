//! Membership changes: the members who join and leave a group, computed as sets.
//!
//! Most changes are computed from the members that they name; only a replacement, or a removal by
//! filter, reads all members of the group. Connectors have bounded memory and calls, so a delta of
//! more than [`MEMBERS_PER_EVENT`] people becomes several operations. Each is atomic; a failure
//! names its operation, and a retry continues where the last attempt stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Directory;
use super::write::WriteTarget;
use crate::decision::{Member, ResourceKind};
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::standing::Standing;
use crate::scim::{self, MemberChange, MemberRef};
use crate::store::{MemberRow, Person};

/// The most people who join, and who leave, in one event (wit/types.wit).
pub(super) const MEMBERS_PER_EVENT: usize = 100;

/// The members who join and leave a group.
#[derive(Debug, Default)]
pub(super) struct MembershipDelta {
    pub(super) joined: Vec<Member>,
    pub(super) left: Vec<Member>,
    /// The ids of those in `joined` that are groups.
    pub(super) nested: Vec<String>,
}

impl MembershipDelta {
    /// Looks the members up. Those who join must exist in the tenant; else `invalidValue`.
    fn of(
        people: Vec<Person>,
        joined: Vec<String>,
        left: Vec<String>,
    ) -> Result<Self, scim::Error> {
        let mut known: BTreeMap<String, Person> =
            people.into_iter().map(|person| (person.id.clone(), person)).collect();
        let mut delta = Self::default();
        for id in joined {
            let Some(Person { name, kind, account, .. }) = known.remove(&id) else {
                let why = format!("members: {id} is not a user or group of this directory");
                return Err(scim::Error::invalid_value(why));
            };
            if kind == Some(ResourceKind::Group) {
                delta.nested.push(id.clone());
            }
            delta.joined.push(Member { id, name, account });
        }
        for id in left {
            let person = known.remove(&id);
            let (name, account) = person.map(|it| (it.name, it.account)).unwrap_or_default();
            delta.left.push(Member { id, name, account });
        }
        Ok(delta)
    }

    /// Cuts the delta into slices of at most [`MEMBERS_PER_EVENT`]; there is always one.
    pub(super) fn slices(self) -> Vec<Self> {
        let joins: Vec<&[Member]> = self.joined.chunks(MEMBERS_PER_EVENT).collect();
        let leaves: Vec<&[Member]> = self.left.chunks(MEMBERS_PER_EVENT).collect();
        let at = |slices: &[&[Member]], n: usize| slices.get(n).map_or(Vec::new(), |s| s.to_vec());
        let longest = joins.len().max(leaves.len()).max(1);
        let slice = |n| {
            let joined = at(&joins, n);
            let nested = nested_among(&self.nested, &joined);
            Self { joined, left: at(&leaves, n), nested }
        };
        (0..longest).map(slice).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty()
    }
}

impl Directory {
    /// The delta of the changes, applied in order to the current members and to the changes that
    /// are `uncommitted` yet.
    pub(super) async fn membership_delta(
        &self,
        target: &WriteTarget,
        group: &str,
        changes: &[MemberChange],
        uncommitted: &[Arc<Standing>],
    ) -> Result<MembershipDelta, Error> {
        if changes.is_empty() {
            return Ok(MembershipDelta::default());
        }
        let tenant = &target.tenant.id;
        if needs_all_members(changes) {
            let rows = self.store.members(tenant, group).await?;
            let before = rows.iter().map(|row| row.member.clone()).collect();
            let (joined, left) = apply_changes(changes, &rows, target, &before)?;
            let ids: Vec<String> = joined.iter().chain(&left).cloned().collect();
            let people = self.people(target, &ids).await?;
            return Ok(MembershipDelta::of(people, joined, left)?);
        }
        let people = self.store.people(tenant, Some(group), &named_members(changes)).await?;
        let members = people.iter().filter(|person| person.member);
        let mut before = members.map(|person| person.id.clone()).collect();
        uncommitted.iter().for_each(|standing| standing.overlay(&mut before));
        let (joined, left) = apply_changes(changes, &[], target, &before)?;
        Ok(MembershipDelta::of(people, joined, left)?)
    }

    /// The delta of a group that is being created.
    pub(super) async fn initial_members(
        &self,
        target: &WriteTarget,
        ids: Vec<String>,
    ) -> Result<MembershipDelta, Error> {
        let people = self.people(target, &ids).await?;
        Ok(MembershipDelta::of(people, ids, Vec::new())?)
    }

    async fn people(&self, target: &WriteTarget, ids: &[String]) -> anyhow::Result<Vec<Person>> {
        match ids {
            [] => Ok(Vec::new()),
            ids => self.store.people(&target.tenant.id, None, ids).await,
        }
    }
}

/// Whether the changes depend on all members of the group.
pub(super) fn needs_all_members(changes: &[MemberChange]) -> bool {
    let all = |change: &MemberChange| {
        matches!(
            change,
            MemberChange::Replace(_) | MemberChange::Clear | MemberChange::RemoveWhere(_)
        )
    };
    changes.iter().any(all)
}

/// The nested groups that are among these members.
fn nested_among(nested: &[String], members: &[Member]) -> Vec<String> {
    nested.iter().filter(|id| members.iter().any(|member| member.id == **id)).cloned().collect()
}

/// The ids of the members that the changes name.
fn named_members(changes: &[MemberChange]) -> Vec<String> {
    let ids = changes.iter().flat_map(|change| match change {
        MemberChange::Add(members) => members.iter().map(|m| m.value.clone()).collect(),
        MemberChange::Remove(ids) => ids.clone(),
        _ => Vec::new(),
    });
    ids.collect()
}

/// The ids that join and those that leave when the changes are applied to the members `before`.
fn apply_changes(
    changes: &[MemberChange],
    rows: &[MemberRow],
    target: &WriteTarget,
    before: &BTreeSet<String>,
) -> Result<(Vec<String>, Vec<String>), scim::Error> {
    let mut now = before.clone();
    for change in changes {
        apply_change(change, rows, target, &mut now)?;
    }
    Ok((now.difference(before).cloned().collect(), before.difference(&now).cloned().collect()))
}

fn apply_change(
    change: &MemberChange,
    rows: &[MemberRow],
    target: &WriteTarget,
    now: &mut BTreeSet<String>,
) -> Result<(), scim::Error> {
    let values =
        |members: &[MemberRef]| members.iter().map(|m| m.value.clone()).collect::<Vec<_>>();
    match change {
        MemberChange::Add(members) => now.extend(values(members)),
        // RFC 7644 §3.5.2.2, and as every client expects: to remove a non-member changes nothing.
        MemberChange::Remove(ids) => {
            for id in ids {
                now.remove(id);
            }
        }
        MemberChange::Replace(members) => *now = values(members).into_iter().collect(),
        MemberChange::Clear => now.clear(),
        MemberChange::RemoveWhere(filter) => {
            let members = target.resource_type.attribute(None, "members");
            let members = members
                .ok_or_else(|| scim::Error::invalid_path("there is no attribute members"))?;
            for row in rows {
                let element = Map::from_iter([
                    ("value".to_owned(), Value::String(row.member.clone())),
                    ("display".to_owned(), row.display.clone().map_or(Value::Null, Value::String)),
                    ("type".to_owned(), row.kind.name().into()),
                ]);
                if filter.matches_value(members, &Value::Object(element))? {
                    now.remove(&row.member);
                }
            }
        }
    }
    Ok(())
}
