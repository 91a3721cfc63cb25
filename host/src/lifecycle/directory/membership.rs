//! Membership changes: the members who join and leave a group, computed as sets.
//!
//! Most changes are computed from the members that they name; only a replacement, or a removal by
//! filter, reads all members of the group. Connectors have bounded memory and calls, so a change of
//! more than [`MEMBERS_PER_EVENT`] people becomes several operations. Each is atomic; the request is
//! acknowledged when all of them are done or recorded, and a repetition computes what is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Directory;
use super::target::WriteTarget;
use crate::lifecycle::error::Error;
use crate::lifecycle::operation::agree::takes_groups;
use crate::lifecycle::operation::change::MemberChanges;
use crate::lifecycle::operation::uncommitted_group::UncommittedGroup;
use crate::scim::{self, Leniency, MemberChange, MemberRef, UnknownMembers};
use crate::store::{MemberRow, Person};

pub(super) use crate::lifecycle::operation::agree::MEMBERS_PER_EVENT;

/// The most unknown members that a note names.
const MAX_NAMED: usize = 10;
/// The most bytes of a member's `display` that are kept.
const MAX_DISPLAY: usize = 1024;

/// The work that a condition on a member is, as `heavy` counts it.
const WORK_OF_A_ROW: usize = 100;

impl Directory {
    /// The members that join and leave when the changes are applied in order to the current members
    /// and to the changes that are `uncommitted` yet.
    pub(super) async fn member_changes(
        &self,
        target: &WriteTarget,
        group: &str,
        changes: &[MemberChange],
        uncommitted: &[Arc<UncommittedGroup>],
    ) -> Result<MemberChanges, Error> {
        if changes.is_empty() {
            return Ok(MemberChanges::default());
        }
        let tenant = &target.tenant.id;
        let (takes_groups, arrivals) = (takes_groups(&target.tenant), self.operations.arrivals());
        if needs_all_members(changes) {
            let rows = self.store.members(tenant, group).await?;
            let work = rows.len().saturating_mul(WORK_OF_A_ROW * passes(changes));
            let (all, of) = (changes.to_vec(), target.clone());
            let applied = self.heavy.computed(tenant, work, move || {
                let before: BTreeSet<_> = rows.iter().map(|row| row.member.clone()).collect();
                apply_changes(&all, &rows, &of, &before)
                    .map(|(joined, left)| (before, joined, left))
            });
            let (before, joined, left) = Box::pin(applied).await??;
            let ids: Vec<String> = joined.iter().chain(&left).cloned().collect();
            let people = self.people(target, group, &ids).await?;
            let notice = unknown_members(target, group, &people, &joined)?;
            let is_known =
                |id: &str| before.contains(id) || people.iter().any(|person| person.id == id);
            if notice.is_some() && !left.is_empty() && replaces_by_unknown(changes, is_known) {
                let why = "members: none of them is a user or group of this directory, and the present \
                           members would leave the group; an empty list says that";
                return Err(scim::Error::invalid_value(why).into());
            }
            let found =
                MemberChanges::of(&people, &joined, &left, takes_groups).found_after(arrivals);
            return Ok(MemberChanges { notice, ..found.displayed(displays(changes)) });
        }
        let people = self.people(target, group, &named_members(changes)).await?;
        let members = people.iter().filter(|person| person.member);
        let mut before = members.map(|person| person.id.clone()).collect();
        uncommitted.iter().for_each(|group| group.overlay(&mut before));
        let (joined, left) = apply_changes(changes, &[], target, &before)?;
        let notice = unknown_members(target, group, &people, &joined)?;
        let found = MemberChanges::of(&people, &joined, &left, takes_groups).found_after(arrivals);
        Ok(MemberChanges { notice, ..found.displayed(displays(changes)) })
    }

    /// The members of a group that is being created.
    pub(super) async fn initial_members(
        &self,
        target: &WriteTarget,
        group: &str,
        members: Vec<MemberRef>,
    ) -> Result<MemberChanges, Error> {
        let (takes_groups, arrivals) = (takes_groups(&target.tenant), self.operations.arrivals());
        let ids: BTreeSet<String> = members.iter().map(|member| member.value.clone()).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let people = self.people(target, group, &ids).await?;
        let notice = unknown_members(target, group, &people, &ids)?;
        let found = MemberChanges::of(&people, &ids, &[], takes_groups).found_after(arrivals);
        let displays = displays(&[MemberChange::Add(members)]);
        Ok(MemberChanges { notice, ..found.displayed(displays) })
    }

    async fn people(
        &self,
        target: &WriteTarget,
        group: &str,
        ids: &[String],
    ) -> anyhow::Result<Vec<Person>> {
        match ids {
            [] => Ok(Vec::new()),
            ids => self.store.people(&target.tenant.id, Some(group), ids).await,
        }
    }
}

/// Those who join must exist in the tenant; else the tenant's rule decides: `invalidValue`, or they
/// are skipped, and the note of the operation says so.
fn unknown_members(
    target: &WriteTarget,
    group: &str,
    people: &[Person],
    joined: &[String],
) -> Result<Option<String>, scim::Error> {
    let known: BTreeSet<&str> = people.iter().map(|person| person.id.as_str()).collect();
    let unknown: Vec<&str> =
        joined.iter().map(String::as_str).filter(|id| !known.contains(id)).collect();
    let (Some(first), tenant) = (unknown.first(), &target.tenant) else { return Ok(None) };
    if tenant.unknown_members() == UnknownMembers::Refuse {
        let why = format!("members: {first} is not a user or group of this directory");
        return Err(scim::Error::invalid_value(why));
    }
    tenant.reading().note(Leniency::UnknownMember);
    let (tenant, skipped) = (&tenant.id, unknown.len());
    tracing::info!(tenant, group, skipped, "directory: unknown members of a group skipped");
    let mut named = unknown;
    named.truncate(MAX_NAMED);
    let more = if skipped > MAX_NAMED { ", …" } else { "" };
    let members = if skipped == 1 {
        "1 member that is no user or group".to_owned()
    } else {
        format!("{skipped} members that are no users or groups")
    };
    Ok(Some(format!("skipped {members} of this directory: {}{more}", named.join(", "))))
}

/// Whether one of the changes is a new list of members of whom none is known: a replacement, or the
/// additions after a removal of all. The group would lose its members for what was not understood.
fn replaces_by_unknown(changes: &[MemberChange], is_known: impl Fn(&str) -> bool) -> bool {
    let none_is_known = |members: &[&MemberRef]| {
        !members.is_empty() && !members.iter().any(|member| is_known(&member.value))
    };
    changes.iter().enumerate().any(|(at, change)| match change {
        MemberChange::Replace(members) => none_is_known(&members.iter().collect::<Vec<_>>()),
        MemberChange::Clear => {
            let later = changes[at + 1..].iter().take_while(|change| {
                !matches!(change, MemberChange::Replace(_) | MemberChange::Clear)
            });
            let added = later.flat_map(|change| match change {
                MemberChange::Add(members) => members.as_slice(),
                _ => &[],
            });
            none_is_known(&added.collect::<Vec<_>>())
        }
        _ => false,
    })
}

/// The ids of a removal, and their lower case, since the id of a member is compared in any case (RFC 7643
/// §8.7.1, `members.value`) and those that the host gives are in lower case.
fn removed_ids(ids: &[String]) -> impl Iterator<Item = String> {
    let lower = |id: &String| Some(id.to_lowercase()).filter(|lower| lower != id);
    ids.iter().flat_map(move |id| std::iter::once(id.clone()).chain(lower(id)))
}

/// `display` of the members that the changes add, by id, as the client sent it.
fn displays(changes: &[MemberChange]) -> BTreeMap<String, String> {
    let added = changes.iter().flat_map(|change| match change {
        MemberChange::Add(members) | MemberChange::Replace(members) => members.as_slice(),
        _ => &[],
    });
    let display = |member: &MemberRef| Some((member.value.clone(), member.display.clone()?));
    added.filter_map(display).filter(|(_, text)| text.len() <= MAX_DISPLAY).collect()
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

/// How often the changes go through all members.
fn passes(changes: &[MemberChange]) -> usize {
    let of_change = |change: &MemberChange| match change {
        MemberChange::RemoveWhere(filter) => 1 + filter.conditions(),
        _ => 0,
    };
    1 + changes.iter().map(of_change).sum::<usize>()
}

/// The ids of the members that the changes name.
fn named_members(changes: &[MemberChange]) -> Vec<String> {
    let ids = changes.iter().flat_map(|change| match change {
        MemberChange::Add(members) => members.iter().map(|m| m.value.clone()).collect(),
        MemberChange::Remove(ids) => removed_ids(ids).collect(),
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
            for id in removed_ids(ids) {
                now.remove(&id);
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
                    ("$ref".to_owned(), target.reference(row).into()),
                ]);
                if filter.matches_value(members, &Value::Object(element))? {
                    now.remove(&row.member);
                }
            }
        }
    }
    Ok(())
}
