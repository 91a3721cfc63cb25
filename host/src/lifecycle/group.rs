//! Groups: who joins and who leaves, as set operations on rows, in slices that a connector can bear.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::change::{Before, Change, Written, before};
use super::fault::Fault;
use super::write::Target;
use super::{Host, event, lane};
use crate::decision::{EventKind, Member};
use crate::scim::{self, Draft, MemberChange, MemberRef, Patched, Resource};
use crate::store::MemberRow;

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
        let joined = draft.members.unwrap_or_default().into_iter().map(|m| m.value).collect();
        let (joined, nested) = self.joining(target, joined).await?;
        let mut change = Change::new("Group", EventKind::GroupCreate, None, resource);
        change.nested = nested;
        let mut slices = joined.chunks(SLICE).map(<[Member]>::to_vec);
        change.joined = slices.next().unwrap_or_default();
        let id = change.after.id().to_owned();
        let key = lane::of_subject(&target.tenant.id, "Group", &change.subject());
        let _lane = self.lanes.enter(key.clone()).await;
        match self.settle(&target.tenant, &key, &change.fingerprint(), deadline).await? {
            super::settle::Settled::Clear => {}
            super::settle::Settled::Joined(work, ended) => {
                return self.written(*work, ended, true, None);
            }
            super::settle::Settled::Blocked(error) => return Err(error.into()),
        }
        let mut written = self.carry_out(&target.tenant, change, deadline).await?;
        for slice in slices {
            let _lane = self.enter(&target.tenant, &id).await;
            let before = self.before(target, &id).await?;
            let after = before.resource.clone();
            let kept = self.step(target, before, after, slice, Vec::new(), deadline).await?;
            if let Written::Kept(stored) = kept {
                written = Written::Created(stored);
            }
        }
        Ok(written)
    }

    /// The caller holds the group's lane.
    pub(super) async fn modify_group(
        self: &Arc<Self>,
        target: &Target,
        was: Before,
        patched: Patched,
        deadline: Instant,
    ) -> Result<Written, Fault> {
        let movement = self.movement(target, was.stored.id.as_str(), &patched.members).await?;
        let (joined, nested) = self.joining(target, movement.joined).await?;
        let left = self.leaving(target, movement.left).await?;
        let moving = !joined.is_empty() || !left.is_empty();
        if event::of_group(&was.resource, &patched.resource, moving).kind.is_none() {
            return Ok(Written::Kept(was.stored));
        }
        let id = was.stored.id.clone();
        let (mut was, mut after) = (was, patched.resource);
        let mut steps = slices(&joined, &left).into_iter().peekable();
        loop {
            let (joined, left) = steps.next().unwrap_or_default();
            let nested = nested.iter().filter(|id| joined.iter().any(|m| m.id == **id)).cloned();
            let nested = nested.collect();
            let written =
                self.nested_step(target, was, after, (joined, nested), left, deadline).await?;
            let (Written::Kept(stored), Some(_)) = (&written, steps.peek()) else {
                return Ok(written);
            };
            debug_assert_eq!(stored.id, id);
            was = before(stored.clone())?;
            after = was.resource.clone();
        }
    }

    async fn step(
        self: &Arc<Self>,
        target: &Target,
        was: Before,
        after: Resource,
        joined: Vec<Member>,
        left: Vec<Member>,
        deadline: Instant,
    ) -> Result<Written, Fault> {
        self.nested_step(target, was, after, (joined, Vec::new()), left, deadline).await
    }

    async fn nested_step(
        self: &Arc<Self>,
        target: &Target,
        was: Before,
        after: Resource,
        (joined, nested): (Vec<Member>, Vec<String>),
        left: Vec<Member>,
        deadline: Instant,
    ) -> Result<Written, Fault> {
        let moving = !joined.is_empty() || !left.is_empty();
        let difference = event::of_group(&was.resource, &after, moving);
        let mut change = Change::new("Group", EventKind::GroupUpdate, Some(was), after);
        change.changes = difference.changes;
        change.joined = joined;
        change.nested = nested;
        change.left = left;
        self.settle_and_carry_out(&target.tenant, change, deadline).await
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
        let people = self.store.people(&target.tenant.id, &ids).await?;
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
        let people = self.store.people(&target.tenant.id, &ids).await?;
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
