//! Agreement: what brings an account to what the directory says, whatever made them differ.
//!
//! Disagreement is data: an account in doubt, a document that the app was not told, a membership
//! that the app has unlike the directory, a held operation. So nothing has to be opened in the
//! transaction that leaves a disagreement, and a kill loses nothing: each commit that leaves one
//! puts its resource into a queue in memory, and a start puts all of them there. A comparison locks
//! the resource and runs an operation if directory and account differ.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::Operations;
use super::admission::{self, Admission};
use super::change::{Change, Current, MemberChanges};
use super::comparison;
use super::event;
use super::execute::AttemptResult;
use super::goal::Older;
use super::ownership;
use crate::clock::rfc3339;
use crate::decision::{EventKind, Member, ResourceKind};
use crate::lifecycle::config::snapshot::Tenant;
use crate::scim::Resource;
use crate::store::{AccountRow, OperationState, Related, UnsettledPerson};

/// The most people who join, and who leave, in one event (wit/types.wit).
pub(in crate::lifecycle) const MEMBERS_PER_EVENT: usize = 100;
/// When a resource is compared again whose app has no connector that can decide.
const WITHOUT_A_CONNECTOR: Duration = Duration::from_secs(60);
/// The note of a change that only the directory learns of.
pub(in crate::lifecycle) const NOTHING_TO_CARRY_OUT: &str =
    "nothing to carry out: the app has what the directory says";
const NOT_IN_THE_APP: &str =
    "recorded; the person is not in the app, and the change is told when they return";
const NOT_OWN: &str =
    "recorded; the profile in the app stays: the account is not this organisation's own";
const MEMBERS_NOT_IN_THE_APP: &str =
    "recorded; these members are not in the app now, as far as known, and are told when they are";

impl Operations {
    /// Brings the app to what the directory says of one resource, if they differ and no operation is
    /// open for it. With `forced`, an operator decided about it: a hold does not keep it back.
    pub(in crate::lifecycle) async fn agree(
        self: &Arc<Self>,
        tenant: &str,
        kind: ResourceKind,
        resource: &str,
        deadline: Instant,
        forced: bool,
    ) -> anyhow::Result<Option<AttemptResult>> {
        let _lock = self.acquire(tenant, resource).await;
        let Some(tenant) = self.config.tenant(tenant).await? else { return Ok(None) };
        if let Some(older) = self.older(&tenant.id, resource).await? {
            // A removal from a group does not wait for what the app has refused for good.
            if kind == ResourceKind::Group && older.row.state == OperationState::Failed {
                return self.remove_first(&tenant, older, deadline).await;
            }
            self.queue.add_after_operation(&tenant.id, kind, resource);
            return Ok(None);
        }
        let Some(mut change) = self.change_to_agree(&tenant, kind, resource).await? else {
            let why = "the app has what the directory says";
            self.end_held_without_a_change(&tenant, resource, why, forced).await?;
            return Ok(None);
        };
        let account = change.account.as_ref();
        let admission = admission::check(tenant.state, change.event, account, forced);
        match admission {
            Admission::Proceed => {}
            // What is held already is compared again when the hold ends.
            Admission::Hold(note) if !self.has_unfinished(&tenant.id, resource) => {
                let mut operation = self.new_operation(&tenant, change).await?;
                self.withhold(&mut operation, OperationState::Held, note).await?;
                return Ok(None);
            }
            Admission::Hold(_) | Admission::Drop(_) => return Ok(None),
            Admission::Refuse(error) => {
                self.end_held_without_a_change(&tenant, resource, &error.detail, forced).await?;
                return Ok(None);
            }
        }
        if tenant.connector.is_err() {
            let at = rfc3339(self.clock.now() + WITHOUT_A_CONNECTOR);
            self.queue.add_late(&tenant.id, kind, resource, &at);
            return Ok(None);
        }
        // What was held ends with this operation.
        if self.has_unfinished(&tenant.id, resource) {
            change.supersedes = vec![resource.to_owned()];
        }
        let mut operation = self.new_operation(&tenant, change).await?;
        operation.forced = forced;
        Ok(Some(self.drive(&mut operation, deadline, false).await?))
    }

    /// Carries removals from a group out in place of a failed operation, which is tried again after
    /// them. Nothing, if there are none.
    async fn remove_first(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        failed: Older,
        deadline: Instant,
    ) -> anyhow::Result<Option<AttemptResult>> {
        let group = failed.row.resource.clone();
        let members = self.members_to_agree(&tenant.id, &group).await?;
        // Without people who join, the same would fail again.
        if failed.event.joined.is_empty() || members.left.is_empty() || tenant.connector.is_err() {
            return Ok(None);
        }
        let current = self.current(&tenant.id, ResourceKind::Group, &group, Related::None).await?;
        let Some(mut current) = current else { return Ok(None) };
        let superseded = self.supersede(Some(&failed), current.account.take(), &group)?;
        current.account.clone_from(&superseded.account);
        let after = current.resource.clone();
        let Some(change) = group_change(current, after, members, true)? else { return Ok(None) };
        let change = Change { applied: true, ..change }.superseding(vec![group], &superseded);
        let account = change.account.as_ref();
        let admission = admission::check(tenant.state, change.event, account, false);
        if change.directory_only.is_some() || !matches!(admission, Admission::Proceed) {
            return Ok(None);
        }
        let mut operation = self.new_operation(tenant, change).await?;
        Ok(Some(self.drive(&mut operation, deadline, false).await?))
    }

    /// The change that brings the app to what the directory says; none if they agree.
    pub(in crate::lifecycle) async fn change_to_agree(
        &self,
        tenant: &Tenant,
        kind: ResourceKind,
        resource: &str,
    ) -> anyhow::Result<Option<Change>> {
        let current = self.current(&tenant.id, kind, resource, Related::None).await?;
        let Some(current) = current else {
            let account = self.store.account(&tenant.id, resource).await?;
            return account.map_or(Ok(None), |account| gone_change(kind, account));
        };
        if current.account.as_ref().is_some_and(|account| !account.connected) {
            return Ok(None);
        }
        let after = current.resource.clone();
        let change = match kind {
            ResourceKind::User => user_change(tenant, current, after, false)?,
            ResourceKind::Group if !takes_groups(tenant) => None,
            ResourceKind::Group => {
                let members = self.members_to_agree(&tenant.id, resource).await?;
                group_change(current, after, members, true)?
            }
        };
        let change = change.filter(|change| change.directory_only.is_none());
        Ok(change.map(|change| Change { applied: true, ..change }))
    }

    /// The members that the app is to be told of, as many as one event has. Those who leave come first:
    /// what the app answers about those who join does not keep them in.
    async fn members_to_agree(&self, tenant: &str, group: &str) -> anyhow::Result<MemberChanges> {
        let now = rfc3339(self.clock.now());
        let limit = u32::try_from(2 * MEMBERS_PER_EVENT)?;
        let mut members = MemberChanges { unsettled: true, ..MemberChanges::default() };
        let mut later: Option<String> = None;
        for person in self.store.unsettled(tenant, group, limit).await? {
            if let Some(late) = person.late_until.clone().filter(|late| *late > now) {
                later = Some(match later {
                    Some(later) => later.min(late),
                    None => late,
                });
                continue;
            }
            let room = if person.listed { &mut members.joined } else { &mut members.left };
            if room.len() < MEMBERS_PER_EVENT {
                members.stays.insert(person.id.clone(), person.stay);
                room.push(member_of(person));
            }
        }
        if !members.left.is_empty() {
            members.joined.clear();
        }
        if let (Some(later), false) = (later, members.tells()) {
            self.queue.add_late(tenant, ResourceKind::Group, group, &later);
        }
        Ok(members)
    }
}

/// The change of a user to a document, by what the app was told; none if nothing differs.
pub(in crate::lifecycle) fn user_change(
    tenant: &Tenant,
    current: Current,
    after: Resource,
    password: bool,
) -> anyhow::Result<Option<Change>> {
    let told = current.told_apart()?;
    let known = told.as_ref().unwrap_or(&current.resource);
    let account = current.account.as_ref();
    let own = ownership::is_own(tenant, ResourceKind::User, account, [known, &after]);
    let comparison = comparison::of_user(account, known, &after, password, own);
    let differs = match told {
        None => comparison.differs,
        Some(_) => !Resource::changes(&current.resource, &after).is_empty(),
    };
    Ok(match comparison.event {
        Some(event) => {
            let mut change = Change::new(event, Some(current), after);
            if event == EventKind::Create {
                change.told = None;
            }
            change.changes = comparison.changes;
            change.applied = !differs && !password;
            Some(change)
        }
        None if !differs && !password => None,
        None => {
            let mut changes = Resource::changes(&current.resource, &after);
            changes.extend(password.then(|| "password".to_owned()));
            // The app was told the same, or is not asked about this account.
            let note = match account.is_some_and(comparison::is_absent) {
                _ if comparison.changes.is_empty() => NOTHING_TO_CARRY_OUT,
                true => NOT_IN_THE_APP,
                false => NOT_OWN,
            };
            let mut change = Change::new(EventKind::Update, Some(current), after);
            (change.changes, change.directory_only) = (changes, Some(note));
            Some(change)
        }
    })
}

/// The change of a group to a document and members; none if nothing differs. `takes_groups` is whether
/// the connector does.
pub(in crate::lifecycle) fn group_change(
    current: Current,
    after: Resource,
    members: MemberChanges,
    takes_groups: bool,
) -> anyhow::Result<Option<Change>> {
    if !takes_groups {
        let difference = event::of_group(&current.resource, &after, !members.is_empty());
        let Some(kind) = difference.kind else { return Ok(None) };
        let mut change = Change::new(kind, Some(current), after);
        (change.changes, change.members) = (difference.changes, members);
        return Ok(Some(change));
    }
    let told = current.told_apart()?;
    let known = told.as_ref().unwrap_or(&current.resource);
    let comparison = comparison::of_group(current.account.as_ref(), known, &after, members.tells());
    let differs = !members.is_empty()
        || match told {
            None => comparison.differs,
            Some(_) => !Resource::changes(&current.resource, &after).is_empty(),
        };
    Ok(match comparison.event {
        Some(event) => {
            let mut change = Change::new(event, Some(current), after);
            if event == EventKind::GroupCreate {
                change.told = None;
            }
            change.changes = comparison.changes;
            change.applied = !differs;
            change.members = members;
            Some(change)
        }
        None if !differs => None,
        None => {
            let mut changes = Resource::changes(&current.resource, &after);
            changes.extend((!members.is_empty()).then(|| "members".to_owned()));
            let mut change = Change::new(EventKind::GroupUpdate, Some(current), after);
            change.changes = changes;
            change.directory_only = Some(if members.is_empty() {
                NOTHING_TO_CARRY_OUT
            } else {
                MEMBERS_NOT_IN_THE_APP
            });
            change.members = members;
            Some(change)
        }
    })
}

/// The deletion of a resource that the directory does not have any more, or never had.
fn gone_change(kind: ResourceKind, account: AccountRow) -> anyhow::Result<Option<Change>> {
    if !comparison::of_gone(&account) || !account.connected {
        return Ok(None);
    }
    let document = account.told.clone().unwrap_or_else(|| {
        let name = if kind == ResourceKind::User { "userName" } else { "displayName" };
        json!({ "id": account.resource, name: account.user_name }).to_string()
    });
    let event = match kind {
        ResourceKind::User => EventKind::Delete,
        ResourceKind::Group => EventKind::GroupDelete,
    };
    let after = Resource::from_json(&document)?.with_id(&account.resource);
    let mut change = Change::new(event, None, after);
    change.told = Some(document);
    change.account = Some(account);
    change.applied = true;
    Ok(Some(change))
}

/// Whether the tenant's connector is told of groups.
pub(in crate::lifecycle) fn takes_groups(tenant: &Tenant) -> bool {
    tenant.connector.as_ref().is_ok_and(|connector| connector.manifest.features.groups)
}

fn member_of(person: UnsettledPerson) -> Member {
    Member { id: person.id, name: person.name, account: person.account }
}
