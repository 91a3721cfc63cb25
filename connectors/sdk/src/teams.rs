//! Groups as teams of an app, if the app's teams are a plain REST collection.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Account, App, Decision, GroupEvent, Member, Membership, Outcome, Refusal, Request, Stop,
    Template, id_in, log,
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

/// The notes of a group's account, which distinguish it from a user's account.
#[derive(Serialize, Deserialize)]
struct Notes {
    team: String,
}

impl Teams {
    /// Creates the team, or takes over the one with the same name, and adds the members.
    pub fn create(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        event: &GroupEvent,
    ) -> Decision {
        let (id, how) = self.find_or_create(app, organization, event)?;
        self.update_members(app, organization, &id, event)?;
        let name = &event.group.display_name;
        Ok(Outcome::new(account(&id, name), format!("{how} the team {name}.")))
    }

    /// Renames the team if its name changed, and adds and removes members.
    ///
    /// `known` is the group's account. Without one, the team is created.
    pub fn update(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        known: Option<&Account>,
        event: &GroupEvent,
    ) -> Decision {
        let Some(known) = known else { return self.create(app, organization, event) };
        let name = &event.group.display_name;
        if event.changed("displayName") {
            let body = Map::from_iter([(self.name.clone(), Value::from(name.as_str()))]);
            let path = self.team.fill(&[organization.value(), ("team", &known.id)])?;
            let response = app.ask(Request::patch(organization.endpoint, path).json(&body))?;
            response.found()?.ok_or_else(|| vanished(name, &known.id))?;
        }
        self.update_members(app, organization, &known.id, event)?;
        let (joined, left) = (event.joined.len(), event.left.len());
        let note = format!("Updated the team {name}: {joined} joined, {left} left.");
        Ok(Outcome::new(account(&known.id, name), note))
    }

    /// Deletes the team, unless it has been deleted already.
    pub fn delete(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        known: Option<&Account>,
        event: &GroupEvent,
    ) -> Decision {
        let name = &event.group.display_name;
        let Some(known) = known else {
            return Ok(Outcome::new(None, format!("The app never had a team for {name}.")));
        };
        let path = self.team.fill(&[organization.value(), ("team", &known.id)])?;
        app.ask(Request::delete(organization.endpoint, path))?.found()?;
        Ok(Outcome::new(None, format!("Deleted the team {name}.")))
    }

    fn find_or_create(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        event: &GroupEvent,
    ) -> Result<(String, &str), Stop> {
        let name = event.group.display_name.as_str();
        let path = self.teams.fill(&[organization.value()])?;
        let body = Map::from_iter([(self.name.clone(), Value::from(name))]);
        let response = app.ask(Request::post(organization.endpoint, path.as_str()).json(&body))?;
        if response.status != 409 {
            let created = response.success()?.json::<Value>()?;
            return Ok((id_in(&created, &self.id)?, "Created"));
        }
        let list = app.send(Request::get(organization.endpoint, path).query(&self.name, name))?;
        match list.entries(&self.list)?.iter().find(|team| team[&self.name] == name) {
            Some(team) => Ok((id_in(team, &self.id)?, "Took over")),
            None => Err(response.success().expect_err("409 is not a success").into()),
        }
    }

    fn update_members(
        &self,
        app: &mut App,
        organization: Organization<'_>,
        team: &str,
        event: &GroupEvent,
    ) -> Result<(), Stop> {
        for (account, member) in present(&event.joined) {
            let path = self.member_path(organization, team, account)?;
            let response = app.ask(Request::put(organization.endpoint, path))?;
            response.found()?.ok_or_else(|| {
                let (group, person) = (&event.group.display_name, &member.name);
                Refusal::Rejected(format!(
                    "The app has no team {team} ({group}) any more, or no account {} ({person}).",
                    account.id
                ))
            })?;
        }
        // Including absent users, who must not be in the team when they return.
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

// An event has the members that joined and left, not all members. A new team would lack the others.
fn vanished(name: &str, id: &str) -> Refusal {
    Refusal::Rejected(format!(
        "The app has no team {id} ({name}) any more. Unlink the pushed group and push it again."
    ))
}
