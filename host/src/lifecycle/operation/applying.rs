//! The parts of a commit that an operation changes: the resource, its members, and the account.
//!
//! The directory changes once for each operation: when its outcome is committed, or before that if
//! the change was accepted without it (recorded, held or dropped). In the second case the account
//! keeps the document that the app was last told, and the memberships that the app was not told of
//! are noted, so that a later comparison finds them.

use anyhow::Context as _;
use jiff::Timestamp;

use super::Operations;
use super::comparison;
use super::effects;
use super::journaled::{Operation, gone};
use super::ownership;
use super::typed_view;
use crate::clock::rfc3339;
use crate::connector::GroupsLost;
use crate::decision::{Account, EventKind, Member, Membership, Outcome, ResourceKind};
use crate::scim::Resource;
use crate::store::{
    AccountRow, Commit, DoubtedMember, MemberRow, Origin, PersonGroups, ResourceChange,
    ResourceRow, SettledMember,
};

impl Operation {
    /// Adds the change of the directory to a commit, unless the directory has changed already.
    pub(in crate::lifecycle) fn apply(&mut self, commit: &mut Commit, gone: bool, now: Timestamp) {
        if self.progress.applied {
            return;
        }
        self.progress.applied = true;
        commit.resource = match (self.event.kind, self.progress.expected) {
            (EventKind::Release, _) => None,
            (EventKind::Delete | EventKind::GroupDelete, Some(expected)) => {
                Some(self.deletion(expected))
            }
            (EventKind::Delete | EventKind::GroupDelete, None) => None,
            (_, Some(expected)) if gone => Some(self.deletion(expected)),
            (_, expected) => Some(self.change(expected, now)),
        };
        if matches!(commit.resource, Some(ResourceChange::Delete { .. }) | None) {
            return;
        }
        commit.unique_display_name = self.kind == ResourceKind::Group && self.gives_unique_name();
        let group = self.resource_id();
        let members = &self.members;
        let joined = members.joined.iter().chain(&members.joined_untold);
        commit.joined = joined.map(|member| self.member(&group, member)).collect();
        let left = members.left.iter().chain(&members.left_untold);
        commit.left = left.map(|member| (group.clone(), member.id.clone())).collect();
        if self.tells_members() {
            commit.unsettled = members.untold(&group);
        }
    }

    /// Adds the change of the directory to a commit, before or without the app: what the app was
    /// told is kept.
    pub(in crate::lifecycle) fn apply_untold(&mut self, commit: &mut Commit, now: Timestamp) {
        if self.progress.applied {
            return;
        }
        self.apply(commit, false, now);
        let group = self.resource_id();
        if self.tells_members() && !matches!(commit.resource, Some(ResourceChange::Delete { .. })) {
            commit.unsettled = self.members.all(&group);
        }
        let told = self.context.before.clone();
        if let (Some(account), Some(told)) = (&mut self.account, told)
            && account.resource == group
            && account.told.is_none()
        {
            account.told = Some(told);
            self.account_changed = true;
        }
        if self.kind == ResourceKind::User
            && matches!(commit.resource, Some(ResourceChange::Delete { .. }))
        {
            commit.person_groups = self.connector.is_some().then_some(PersonGroups::Kept);
        }
    }

    fn member(&self, group: &str, member: &Member) -> MemberRow {
        let is_group = self.members.nested.contains(&member.id);
        MemberRow {
            tenant: self.tenant.id.clone(),
            group: group.to_owned(),
            member: member.id.clone(),
            display: Some(self.progress.displays.get(&member.id).unwrap_or(&member.name).clone()),
            kind: if is_group { ResourceKind::Group } else { ResourceKind::User },
        }
    }

    pub(in crate::lifecycle) fn deletion(&self, expected: i64) -> ResourceChange {
        ResourceChange::Delete {
            tenant: self.tenant.id.clone(),
            kind: self.kind.name().to_owned(),
            id: self.resource_id(),
            expected,
        }
    }

    fn change(&mut self, expected: Option<i64>, now: Timestamp) -> ResourceChange {
        let resource = &self.after;
        self.progress.recorded = Some(expected.unwrap_or(0) + 1);
        let row = ResourceRow {
            tenant: self.tenant.id.clone(),
            kind: self.kind.name().to_owned(),
            id: self.resource_id(),
            user_name: resource.user_name().map(str::to_owned),
            external_id: resource.external_id().map(str::to_owned),
            display_name: resource.display_name().map(str::to_owned),
            active: resource.active(),
            emails: resource.emails().into_iter().map(str::to_owned).collect(),
            document: self.event.resource.clone(),
            version: expected.unwrap_or(0) + 1,
            departures: self.departures,
            created: self.progress.created.clone(),
            last_modified: if expected.is_some() {
                rfc3339(now)
            } else {
                self.progress.created.clone()
            },
        };
        self.resource = Some(row.clone());
        match expected {
            Some(expected) => ResourceChange::Update { row, expected },
            None => ResourceChange::Insert(row),
        }
    }

    /// Until when a call may still arrive that was not answered, from before this attempt or of its own,
    /// so that the app may differ from the outcome after all. An app need not honour idempotency keys.
    pub(in crate::lifecycle) fn overtaken_until(&self) -> Option<String> {
        let known = self.account.as_ref().and_then(|account| account.late_until.clone());
        let late_until = known.max(self.progress.late_until.clone());
        late_until.filter(|late_until| *late_until > self.context.now)
    }

    /// The account row after the connector's outcome. Doubt ends here, unless a call from before this
    /// attempt may still arrive.
    pub(in crate::lifecycle) fn account_after(
        &self,
        account: Option<Account>,
    ) -> anyhow::Result<AccountRow> {
        let resource = &self.after;
        let late_until = self.overtaken_until();
        let known = self.account.as_ref();
        // A creation that was superseded may have let in a person who shall be out, and a connector
        // need not look for an account to create one who is out: a deactivation does.
        let may_be_in = self.event.kind == EventKind::Create
            && !resource.active()
            && known.is_some_and(|account| account.doubt);
        let may_be_late = late_until.is_some();
        let origin = account.as_ref().map(|account| self.origin(account)).transpose()?;
        Ok(AccountRow {
            origin,
            tenant: self.tenant.id.clone(),
            resource: self.resource_id(),
            kind: self.kind,
            user_name: typed_view::name(resource).to_owned(),
            external_id: resource.external_id().map(str::to_owned),
            account,
            // A person who is disconnected by a job is no longer managed, whatever the outcome is.
            connected: self.event.kind != EventKind::Release && self.job.is_none(),
            protected: known.is_some_and(|account| account.protected),
            doubt: may_be_late || may_be_in,
            late_until,
            stay: known.map_or(0, |account| account.stay),
            // A late call may still tell the app what it was told before.
            told: match known.and_then(|account| account.told.clone()) {
                Some(told) if may_be_late => Some(told),
                _ => self.told_after()?,
            },
        })
    }

    /// Where the account of the outcome comes from.
    fn origin(&self, account: &Account) -> anyhow::Result<Origin> {
        let before = self.context.before.as_deref().map(Resource::from_json).transpose()?;
        let documents = before.iter().chain([&*self.after]);
        // An account that another person has left, and that was found by an address, is not this person's.
        let (id, known) = (self.resource_id(), self.account.as_ref().filter(|_| !self.taken_over));
        Ok(ownership::origin_after(&id, known, account, &self.exchanges, documents))
    }

    /// What the app was last told after this event, if the directory is ahead of it. A deactivation
    /// takes a person out and tells no profile, which waits for the person's return; an account that is not the
    /// tenant's own keeps its profile then, too.
    fn told_after(&self) -> anyhow::Result<Option<String>> {
        let keeps_profile = match self.event.kind {
            EventKind::Deactivate => true,
            EventKind::Activate => !self.own,
            _ => false,
        };
        let Some(before) = self.context.before.as_ref().filter(|_| keeps_profile) else {
            return Ok(None);
        };
        let mut told = Resource::from_json(before).context("the document before")?;
        told.set_active(self.after.active());
        let differs = !Resource::changes(&told, &self.after).is_empty();
        Ok(differs.then(|| told.to_json()))
    }

    /// Adds to the commit of an outcome which memberships of groups the app has from now on.
    fn settle_members(&self, commit: &mut Commit, outcome: &Outcome) {
        match self.kind {
            ResourceKind::Group => self.settle_group(commit, outcome),
            ResourceKind::User => commit.person_groups = self.person_groups(outcome),
        }
    }

    fn settle_group(&self, commit: &mut Commit, outcome: &Outcome) {
        let known = self.account.as_ref().and_then(|account| account.account.as_ref());
        let is_new = known.map(|it| &it.id) != outcome.account.as_ref().map(|it| &it.id);
        // The app has a new team instead of the one that it was told about.
        if is_new && known.is_some() && outcome.account.is_some() {
            commit.person_groups = Some(PersonGroups::GroupLost);
        }
        // The creation of a group that the directory never had is undone.
        if self.event.kind == EventKind::GroupDelete && commit.resource.is_none() {
            commit.person_groups = Some(PersonGroups::GroupGone);
            return;
        }
        // Without a call there is no time in which a member's account could have changed.
        let guarded = self.journaled || self.members.unsettled || commit.person_groups.is_some();
        if !self.tells_members() || !guarded {
            return;
        }
        let group = self.resource_id();
        if let Some(late_until) = self.overtaken_until() {
            let members = self.event.joined.iter().chain(&self.event.left);
            commit.doubted.extend(members.map(|member| DoubtedMember {
                group: group.clone(),
                member: member.into(),
                late_until: Some(late_until.clone()),
            }));
        }
        let row = |member: &Member, carried| SettledMember {
            group: group.clone(),
            member: member.into(),
            stay: self.members.stays.get(&member.id).copied(),
            carried,
        };
        // Those that the app was told of, also if they have been deleted since.
        let joined = self.event.joined.iter().map(|member| row(member, true));
        let left = self.event.left.iter().map(|member| row(member, false));
        commit.settled = joined.chain(left).collect();
    }

    /// The row of an account of which nothing is known.
    pub(in crate::lifecycle) fn no_account(&self) -> AccountRow {
        let name = typed_view::name(&self.after);
        AccountRow {
            external_id: self.after.external_id().map(str::to_owned),
            // If the resource does not exist, this is what the app may have been told of it.
            told: self.creates().then(|| self.event.resource.clone()),
            ..AccountRow::unknown(&self.tenant.id, self.resource_id(), self.kind, name)
        }
    }

    /// Which memberships of groups a person's account has lost in the app, by its new membership.
    fn person_groups(&self, outcome: &Outcome) -> Option<PersonGroups> {
        let connector = self.connector.as_ref().filter(|it| it.manifest.features.groups)?;
        let membership =
            outcome.account.as_ref().map_or(Membership::Absent, |account| account.membership);
        let lost = match (connector.manifest.groups_lost, membership) {
            (_, Membership::Active) | (GroupsLost::Never, _) => false,
            (GroupsLost::Suspended, _) => true,
            (GroupsLost::Absent, membership) => membership == Membership::Absent,
        };
        if gone(self.event.kind, outcome) {
            // An account that is left may come back, with the groups that the app has for it.
            return outcome.account.is_some().then_some(PersonGroups::Kept);
        }
        let known = self.account.as_ref().and_then(|account| account.account.as_ref());
        let replaced =
            known.zip(outcome.account.as_ref()).is_some_and(|(old, new)| old.id != new.id);
        // A leave that was not carried through may have had its effect.
        let doubted = self.account.as_ref().is_some_and(|account| account.doubt)
            && connector.manifest.groups_lost != GroupsLost::Never;
        (lost || replaced || doubted).then_some(PersonGroups::Lost)
    }
}

impl Operations {
    /// Adds to the commit of an outcome which memberships of groups the app has from now on. If a
    /// group's calls have shown that the app has no account of a member, that account is in doubt.
    pub(in crate::lifecycle) async fn settle_members(
        &self,
        operation: &Operation,
        commit: &mut Commit,
        outcome: &Outcome,
    ) -> anyhow::Result<()> {
        self.doubt_missing_members(operation).await?;
        operation.settle_members(commit, outcome);
        Ok(())
    }

    /// Puts in doubt the accounts of members who were to join and of whom the app says that it does not
    /// have them. Only after a request: an app that says so of accounts that it has is not asked in a
    /// circle.
    async fn doubt_missing_members(&self, operation: &Operation) -> anyhow::Result<()> {
        if operation.kind != ResourceKind::Group || operation.members.unsettled {
            return Ok(());
        }
        let tenant = &operation.tenant.id;
        for member in &operation.event.joined {
            let Some(account) = &member.account else { continue };
            if effects::is_missing(&account.id, &operation.exchanges)
                && self.store.doubt_account(tenant, &member.id, &account.id).await?
            {
                self.wake(tenant, ResourceKind::User, &member.id);
            }
        }
        Ok(())
    }

    /// The account in doubt after an attempt that may have had an effect; a new row if there was no
    /// account before. None if the account is not in doubt.
    pub(in crate::lifecycle) fn account_in_doubt(
        &self,
        operation: &Operation,
        late_until: Option<String>,
    ) -> anyhow::Result<Option<AccountRow>> {
        if operation.connector.is_none() || tells_members_only(operation) {
            return Ok(None);
        }
        let mut account = operation.account.clone().unwrap_or_else(|| operation.no_account());
        let (goal, told) = (&operation.event.resource, account.told.as_deref());
        account.told = Some(comparison::may_have_been_told(goal, told)?);
        account.doubt = true;
        account.stay += 1;
        account.late_until = account.late_until.max(late_until);
        Ok(Some(account))
    }
}

/// Whether the event changes a group's members and nothing else of it.
fn tells_members_only(operation: &Operation) -> bool {
    operation.event.kind == EventKind::GroupUpdate
        && operation.event.changes.iter().all(|change| change == "members")
}
