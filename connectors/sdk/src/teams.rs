//! Group push onto the teams of an app, where teams are a plain REST collection.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Account, App, Decision, GroupEvent, Member, Membership, Outcome, Refusal, Request, Stop,
    Template, id_in, log,
};

/// How an app keeps teams; in settings, an object of these fields, each with its default.
///
/// The paths may use `{organization}`, and `{team}` and `{member}` for the app's ids.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Teams {
    /// `POST` creates a team here, `GET ?name=` looks one up.
    pub teams: Template,
    /// `PATCH` renames a team here, `DELETE` deletes it.
    pub team: Template,
    /// `PUT` adds a member here, `DELETE` removes it.
    pub member: Template,
    /// The field, and the look-up's parameter, that holds the name.
    pub name: String,
    /// The field that holds the id.
    pub id: String,
    /// The field of the look-up's answer that holds the teams; empty where the answer is the array.
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

/// What is noted with the account of a group, which tells it from a person's.
#[derive(Serialize, Deserialize)]
struct Notes {
    team: String,
}

impl Teams {
    /// Creates the team, or takes over the one of the same name, and adds who joined.
    pub fn create(&self, app: &mut App, place: Place<'_>, event: &GroupEvent) -> Decision {
        let (id, how) = self.find_or_create(app, place, event)?;
        self.carry(app, place, &id, event)?;
        let name = &event.group.display_name;
        Ok(Outcome::new(account(&id, name), format!("{how} the team {name}.")))
    }

    /// Renames the team where its name changed, and adds and removes members.
    ///
    /// `known` is the group's account; without one the team is created.
    pub fn update(
        &self,
        app: &mut App,
        place: Place<'_>,
        known: Option<&Account>,
        event: &GroupEvent,
    ) -> Decision {
        let Some(known) = known else { return self.create(app, place, event) };
        let name = &event.group.display_name;
        if event.changed("displayName") {
            let body = Map::from_iter([(self.name.clone(), Value::from(name.as_str()))]);
            let path = self.team.fill(&[place.organization(), ("team", &known.id)])?;
            let answer = app.ask(Request::patch(place.endpoint, path).json(&body))?;
            answer.found()?.ok_or_else(|| vanished(name, &known.id))?;
        }
        self.carry(app, place, &known.id, event)?;
        let (joined, left) = (event.joined.len(), event.left.len());
        let note = format!("Updated the team {name}: {joined} joined, {left} left.");
        Ok(Outcome::new(account(&known.id, name), note))
    }

    /// Deletes the team; one that is gone already is fine.
    pub fn delete(
        &self,
        app: &mut App,
        place: Place<'_>,
        known: Option<&Account>,
        event: &GroupEvent,
    ) -> Decision {
        let name = &event.group.display_name;
        let Some(known) = known else {
            return Ok(Outcome::new(None, format!("The app never had a team for {name}.")));
        };
        let path = self.team.fill(&[place.organization(), ("team", &known.id)])?;
        app.ask(Request::delete(place.endpoint, path))?.found()?;
        Ok(Outcome::new(None, format!("Deleted the team {name}.")))
    }

    fn find_or_create(
        &self,
        app: &mut App,
        place: Place<'_>,
        event: &GroupEvent,
    ) -> Result<(String, &str), Stop> {
        let name = event.group.display_name.as_str();
        let path = self.teams.fill(&[place.organization()])?;
        let body = Map::from_iter([(self.name.clone(), Value::from(name))]);
        let answer = app.ask(Request::post(place.endpoint, path.as_str()).json(&body))?;
        if answer.status != 409 {
            let created = answer.success()?.json::<Value>()?;
            return Ok((id_in(&created, &self.id)?, "Created"));
        }
        let list = app.send(Request::get(place.endpoint, path).query(&self.name, name))?;
        match list.entries(&self.list)?.iter().find(|team| team[&self.name] == name) {
            Some(team) => Ok((id_in(team, &self.id)?, "Took over")),
            None => Err(answer.success().expect_err("409 is no success").into()),
        }
    }

    fn carry(
        &self,
        app: &mut App,
        place: Place<'_>,
        team: &str,
        event: &GroupEvent,
    ) -> Result<(), Stop> {
        for (account, member) in present(&event.joined) {
            let path = self.path_of(place, team, account)?;
            let answer = app.ask(Request::put(place.endpoint, path))?;
            answer.found()?.ok_or_else(|| {
                let (group, person) = (&event.group.display_name, &member.name);
                Refusal::Rejected(format!(
                    "The app has no team {team} ({group}) any more, or no account {} ({person}).",
                    account.id
                ))
            })?;
        }
        // Also somebody who is out of the organisation: they must not come back into the team.
        for account in event.left.iter().filter_map(|member| person(member)) {
            let path = self.path_of(place, team, account)?;
            app.ask(Request::delete(place.endpoint, path))?.found()?;
        }
        Ok(())
    }

    fn path_of(&self, place: Place<'_>, team: &str, member: &Account) -> Result<String, Refusal> {
        self.member.fill(&[place.organization(), ("team", team), ("member", &member.id)])
    }
}

/// Where in the app an organisation's teams are.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The endpoint's name.
    pub endpoint: &'a str,
    /// The organisation's name or id in the app.
    pub organization: &'a str,
}

impl<'a> Place<'a> {
    fn organization(self) -> (&'static str, &'a str) {
        ("organization", self.organization)
    }
}

/// The members that can join a team, with their accounts.
fn present(members: &[Member]) -> impl Iterator<Item = (&Account, &Member)> {
    members.iter().filter_map(|member| {
        let account = person(member)?;
        if account.membership == Membership::Absent {
            log::info(format!("Left out {}, who is not in the organisation.", member.name));
            return None;
        }
        Some((account, member))
    })
}

/// The account of a member whom the app knows as a person.
fn person(member: &Member) -> Option<&Account> {
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
    Account::new(id, Membership::Active).noting(&json!({ "team": name }))
}

// The journal hands over who joined and left, not who is in: a team made anew would stay empty.
fn vanished(name: &str, id: &str) -> Refusal {
    Refusal::Rejected(format!(
        "The app has no team {id} ({name}) any more. Unlink the pushed group and push it again."
    ))
}
