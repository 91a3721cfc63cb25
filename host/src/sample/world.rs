//! Everything that the app holds.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Account, Person, Problem, Team, faults::Faults, lists::Readers, log::Log, register::Register,
};

/// The app's whole memory.
#[derive(Default)]
pub(super) struct World {
    pub(super) people: Register<Person>,
    pub(super) log: Log,
    pub(super) faults: Faults,
    /// By name.
    pub(super) lists: BTreeMap<String, Readers>,
    organizations: BTreeMap<String, Organization>,
    issued: u32,
}

/// An organisation. It exists as soon as somebody puts something into it.
#[derive(Default)]
pub(super) struct Organization {
    /// The ids of people who are in it.
    pub(super) members: BTreeSet<String>,
    pub(super) accounts: Register<Account>,
    pub(super) teams: Register<Team>,
}

impl World {
    /// An id that no thing of any organisation has, greater than all before.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.issued += 1;
        format!("{prefix}_{:05}", self.issued)
    }

    pub(super) fn organization(&mut self, name: &str) -> &mut Organization {
        // Looked up first: an organisation that is there costs no copy of its name.
        if !self.organizations.contains_key(name) {
            self.organizations.insert(name.to_owned(), Organization::default());
        }
        self.organizations.get_mut(name).expect("it has just been put there")
    }

    pub(super) fn organizations(&mut self) -> impl Iterator<Item = &mut Organization> {
        self.organizations.values_mut()
    }

    pub(super) fn members(&self, organization: &str) -> Vec<Person> {
        let members = self.existing(organization).into_iter().flat_map(|it| &it.members);
        members.filter_map(|id| self.people.entry(id).ok()).cloned().collect()
    }

    pub(super) fn accounts(&self, organization: &str) -> Vec<Account> {
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
    /// Whether the id is a member's or an account's here.
    pub(super) fn has(&self, id: &str) -> bool {
        self.members.contains(id) || self.accounts.entry(id).is_ok()
    }

    /// A team as it is shown. Whoever left the organisation is in none of its teams, and back in
    /// all of them when they return.
    pub(super) fn view(&self, team: &Team) -> Team {
        let mut shown = team.clone();
        shown.members.retain(|id| self.has(id));
        shown
    }

    pub(super) fn team(&self, id: &str) -> Result<Team, Problem> {
        self.teams.entry(id).map(|team| self.view(team))
    }

    /// Removes somebody for good.
    pub(super) fn forget(&mut self, id: &str) {
        self.members.remove(id);
        self.teams.each(|team| {
            team.members.remove(id);
        });
    }
}
