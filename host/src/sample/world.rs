//! The app's data.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    OrganizationAccount, Problem, SamplePerson, Team, faults::Faults, lists::Readers, log::CallLog,
    register::Register,
};

/// All data of the app.
#[derive(Default)]
pub(super) struct World {
    pub(super) people: Register<SamplePerson>,
    pub(super) log: CallLog,
    pub(super) faults: Faults,
    /// The mailing lists by name.
    pub(super) lists: BTreeMap<String, Readers>,
    /// Whether people who leave an organisation leave its teams for good.
    pub(super) forgetful: bool,
    organizations: BTreeMap<String, Organization>,
    issued: u32,
}

/// An organisation. It is made when it is first used.
#[derive(Default)]
pub(super) struct Organization {
    /// The ids of the people who are members.
    pub(super) members: BTreeSet<String>,
    pub(super) accounts: Register<OrganizationAccount>,
    pub(super) teams: Register<Team>,
}

impl World {
    /// A new id, greater than all before.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.issued += 1;
        format!("{prefix}_{:05}", self.issued)
    }

    pub(super) fn organization(&mut self, name: &str) -> &mut Organization {
        // Looked up first, so that the name of an existing organisation is not copied.
        if !self.organizations.contains_key(name) {
            self.organizations.insert(name.to_owned(), Organization::default());
        }
        self.organizations.get_mut(name).expect("it has just been put there")
    }

    pub(super) fn organizations(&mut self) -> impl Iterator<Item = &mut Organization> {
        self.organizations.values_mut()
    }

    pub(super) fn members(&self, organization: &str) -> Vec<SamplePerson> {
        let members = self.existing(organization).into_iter().flat_map(|it| &it.members);
        members.filter_map(|id| self.people.entry(id).ok()).cloned().collect()
    }

    pub(super) fn accounts(&self, organization: &str) -> Vec<OrganizationAccount> {
        self.existing(organization).into_iter().flat_map(|it| it.accounts.iter()).cloned().collect()
    }

    pub(super) fn teams(&self, organization: &str) -> Vec<Team> {
        let Some(organization) = self.existing(organization) else { return Vec::new() };
        organization.teams.iter().map(|team| organization.view(team)).collect()
    }

    fn existing(&self, organization: &str) -> Option<&Organization> {
        self.organizations.get(organization)
    }
}

impl Organization {
    /// Whether the id is that of a member or an account.
    pub(super) fn has(&self, id: &str) -> bool {
        self.members.contains(id) || self.accounts.entry(id).is_ok()
    }

    /// A team as shown. People who left the organisation are hidden in its teams, and appear again
    /// when they return.
    pub(super) fn view(&self, team: &Team) -> Team {
        let mut shown = team.clone();
        shown.members.retain(|id| self.has(id));
        shown
    }

    pub(super) fn team(&self, id: &str) -> Result<Team, Problem> {
        self.teams.entry(id).map(|team| self.view(team))
    }

    /// Removes a person or account from the organisation and its teams.
    pub(super) fn forget(&mut self, id: &str) {
        self.members.remove(id);
        self.teams.each(|team| {
            team.members.remove(id);
        });
    }
}
