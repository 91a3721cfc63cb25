//! Groups as teams of an app, if the app's teams are a plain REST collection.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Account, App, Decision, EventKind, GroupEvent, Member, Membership, Outcome, Refusal, Request,
    Stop, Template, id_in, log,
};

/// The teams API of an app. In settings, it is an object of these fields, each with a default.
///
/// The paths may contain `{organization}`, and `{team}` and `{member}` for the app's ids.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Teams {
    /// `POST` creates a team here, `GET ?name=` looks one up.
    pub teams: Template,
    /// `PATCH` renames a team here, `DELETE` deletes it.
    pub team: Template,
    /// `PUT` adds a member here, `DELETE` removes it.
    pub member: Template,
    /// The field that holds the name, which is also the look-up's parameter.
    pub name: String,
    /// The field that holds the id.
    pub id: String,
    /// The field of the look-up's response that holds the teams; empty if the response is the
    /// array.
    pub list: String,
}

impl Default for Teams {
    fn default() -> Self {
        Self {
            teams: Template::new("/organizations/{organization}/teams"),
            team: Template::new("/organizations/{organization}/teams/{team}"),
            member: Template::new("/organizations/{organization}/teams/{team}/members/{member}"),
            name: "name".to_owned(),
            id: "id".to_owned(),
            list: "teams".to_owned(),
        }
    }
}

/// The beginning of a note about a team that the app still has.
const UPDATED: &str = "Updated";
/// The beginning of a note about a team that had to be created again.
const VANISHED: &str = "The team was gone from the app. ";

/// The notes of a group's account, which distinguish it from a user's account.
#[derive(Serialize, Deserialize)]
struct Notes {
    team: String,
}

impl Teams {
    /// Makes the app's team what the event says, and returns the team as the group's account: for
    /// `group-create` and `group-update`.
    ///
    /// `known` is the group's account. Without one, the team is created, or the one with the same
    /// name is taken over. If the app no longer has the team, so is another one, with the members
    /// of the event; its id tells the host to add the other members again. Every call can be made
    /// twice without harm.
    pub fn update(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        known: Option<&Account>,
        event: &GroupEvent,
    ) -> Decision {
        let name = &event.group.display_name;
        let mut team = match known {
            None => self.create(app, organization, event, "")?,
            Some(known) => {
                let renamed = event.kind == EventKind::GroupCreate || event.changed("displayName");
                let team = Team { id: known.id.clone(), how: UPDATED.to_owned(), exists: false };
                match renamed && !self.rename(app, organization, &team.id, event)? {
                    true => self.create(app, organization, event, VANISHED)?,
                    false => Team { exists: renamed, ..team },
                }
            }
        };
        let mut missing = self.add_members(app, organization, &mut team, event)?;
        if missing.is_none() {
            team = self.create(app, organization, event, VANISHED)?;
            missing = self.add_members(app, organization, &mut team, event)?;
        }
        self.remove_members(app, organization, &team.id, event)?;
        let missing = missing.unwrap_or_default();
        let mut note = format!("{} the team {name}", team.how);
        if team.how == UPDATED {
            let (joined, left) = (event.joined.len() - missing, event.left.len());
            let _ = write!(note, ": {joined} joined, {left} left");
        }
        note.push('.');
        if missing > 0 {
            let _ = write!(note, " Left out {missing} whose account the app no longer has.");
        }
        Ok(Outcome::new(account(&team.id, name), note))
    }

    /// Deletes the team, unless it has been deleted already.
    ///
    /// Without a known account, it looks for the team by the group's name: an earlier call may have
    /// created it, and its answer was lost.
    pub fn delete(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        known: Option<&Account>,
        event: &GroupEvent,
    ) -> Decision {
        let name = &event.group.display_name;
        let id = match known {
            Some(known) => Some(known.id.clone()),
            None => self.find(app, organization, name)?,
        };
        let Some(id) = id else {
            return Ok(Outcome::new(None, format!("The app has no team {name}.")));
        };
        let path = self.team.fill(&[organization.value(), ("team", &id)])?;
        app.ask(Request::delete(organization.endpoint, path))?.found()?;
        Ok(Outcome::new(None, format!("Deleted the team {name}.")))
    }

    /// Creates the team, or takes over the one with the same name.
    fn create(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        event: &GroupEvent,
        before: &str,
    ) -> Result<Team, Stop> {
        let name = event.group.display_name.as_str();
        let path = self.teams.fill(&[organization.value()])?;
        let body = Map::from_iter([(self.name.clone(), Value::from(name))]);
        let response = app.ask(Request::post(organization.endpoint, path).json(&body))?;
        let (id, how) = if response.status == 409 {
            let found = self.find(app, organization, name)?;
            let id = found.ok_or_else(|| response.success().expect_err("409 is not a success"))?;
            (id, "Took over")
        } else {
            (id_in(&response.success()?.json::<Value>()?, &self.id)?, "Created")
        };
        Ok(Team { id, how: format!("{before}{how}"), exists: true })
    }

    /// The id of the team with this name.
    fn find(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        name: &str,
    ) -> Result<Option<String>, Stop> {
        let path = self.teams.fill(&[organization.value()])?;
        let request = Request::get(organization.endpoint, path).query(&self.name, name);
        let Some(list) = app.ask(request)?.found()? else { return Ok(None) };
        let teams = list.entries(&self.list)?;
        let team = teams.iter().find(|team| team[&self.name] == name);
        Ok(team.map(|team| id_in(team, &self.id)).transpose()?)
    }

    /// Gives the team the group's name. False if the app no longer has the team.
    fn rename(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        team: &str,
        event: &GroupEvent,
    ) -> Result<bool, Stop> {
        let name = event.group.display_name.as_str();
        let body = Map::from_iter([(self.name.clone(), Value::from(name))]);
        let path = self.team.fill(&[organization.value(), ("team", team)])?;
        let response = app.ask(Request::patch(organization.endpoint, path).json(&body))?;
        Ok(response.found()?.is_some())
    }

    /// Adds the members that joined. Returns the number of those whose account the app no longer
    /// has, and none if it no longer has the team.
    fn add_members(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        team: &mut Team,
        event: &GroupEvent,
    ) -> Result<Option<usize>, Stop> {
        let mut missing = 0;
        for (account, member) in present(&event.joined) {
            let path = self.member_path(organization, &team.id, account)?;
            if app.ask(Request::put(organization.endpoint, path))?.found()?.is_some() {
                continue;
            }
            // Either the team or the account is gone. A rename to the present name tells which.
            team.exists = team.exists || self.rename(app, organization, &team.id, event)?;
            if !team.exists {
                return Ok(None);
            }
            missing += 1;
            log::warn(format!(
                "Left out {}: the app has no account {} any longer.",
                member.name, account.id
            ));
        }
        Ok(Some(missing))
    }

    /// Removes the members that left, including absent ones, who must not be in the team when they
    /// return.
    fn remove_members(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        team: &str,
        event: &GroupEvent,
    ) -> Result<(), Stop> {
        for account in event.left.iter().filter_map(|member| user_account(member)) {
            let path = self.member_path(organization, team, account)?;
            app.ask(Request::delete(organization.endpoint, path))?.found()?;
        }
        Ok(())
    }

    fn member_path(
        &self,
        organization: Organization<'_>,
        team: &str,
        member: &Account,
    ) -> Result<String, Refusal> {
        self.member.fill(&[organization.value(), ("team", team), ("member", &member.id)])
    }
}

/// A team of the app, while an event is carried out.
struct Team {
    id: String,
    /// What was done with it, for the note.
    how: String,
    /// Whether the app has confirmed that it has the team.
    exists: bool,
}

/// An organisation in the app, which teams belong to.
#[derive(Clone, Copy, Debug)]
pub struct Organization<'a> {
    /// The name of the endpoint to call.
    pub endpoint: &'a str,
    /// The organisation's name or id in the app.
    pub id: &'a str,
}

impl<'a> Organization<'a> {
    /// The value for a [`Template`].
    fn value(self) -> (&'static str, &'a str) {
        ("organization", self.id)
    }
}

/// The members that can join a team, with their accounts.
fn present(members: &[Member]) -> impl Iterator<Item = (&Account, &Member)> {
    members.iter().filter_map(|member| {
        let account = user_account(member)?;
        if account.membership == Membership::Absent {
            log::info(format!("Left out {}, who is not in the organisation.", member.name));
            return None;
        }
        Some((account, member))
    })
}

/// The account of a member that is a user in the app.
fn user_account(member: &Member) -> Option<&Account> {
    let Some(account) = &member.account else {
        log::info(format!("Left out {}, who has no account in the app.", member.name));
        return None;
    };
    if account.notes::<Notes>().is_some() {
        log::info(format!("Left out the group {}: teams have no teams in them.", member.name));
        return None;
    }
    Some(account)
}

fn account(id: &str, name: &str) -> Account {
    Account::new(id, Membership::Active).with_notes(&json!({ "team": name }))
}
