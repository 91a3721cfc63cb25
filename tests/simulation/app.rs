//! The app: organisations with accounts and teams, and people who are members of several of them.
//!
//! It has the interface of the host's sample app, as far as the embedded connectors use it, and is
//! plain data: a copy of it is a backup.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// A call as the app receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The value of the one parameter that look-ups have.
    pub(crate) query: Option<String>,
    pub(crate) body: Value,
    pub(crate) key: String,
}

impl Call {
    pub(crate) fn is_safe(&self) -> bool {
        self.method == "GET"
    }

    /// The organisation that the call is about, if it names one.
    pub(crate) fn organization(&self) -> Option<&str> {
        self.path.strip_prefix("/organizations/")?.split('/').next()
    }

    /// Whether it takes access away from a person.
    pub(crate) fn takes_away(&self) -> bool {
        let of_people = self.path.contains("/accounts") || !self.path.contains("/teams");
        of_people && (self.method == "DELETE" || self.path.ends_with("/suspend"))
    }
}

/// An answer of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn json(status: u16, body: &Value) -> Self {
        Self { status, body: body.to_string() }
    }
}

/// A person, or an account of an organisation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) name: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) suspended: bool,
}

/// A named set of people or accounts, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Team {
    pub(crate) name: String,
    pub(crate) members: BTreeSet<String>,
}

/// An organisation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Organization {
    /// The ids of the people who are members.
    pub(crate) members: BTreeSet<String>,
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) teams: BTreeMap<String, Team>,
}

/// Everything that the app keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) people: BTreeMap<String, Account>,
    pub(crate) organizations: BTreeMap<String, Organization>,
    /// The calls that had an effect, by idempotency key, with their answers.
    effects: BTreeMap<String, (Call, Answer)>,
    issued: u32,
}

type Handled = Result<(u16, Value), u16>;

impl World {
    /// Whether a call suspends an account that is suspended.
    pub(crate) fn is_suspended_already(&self, call: &Call) -> bool {
        let mut segments = call.path.split('/').skip(2);
        let (Some(organization), Some("accounts"), Some(id), Some("suspend")) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return false;
        };
        let accounts = self.organizations.get(organization).map(|it| &it.accounts);
        accounts.and_then(|it| it.get(id)).is_some_and(|account| account.suspended)
    }

    /// Carries a call out. A call with the key of an earlier one gets the answer to that one, if the
    /// app honours keys.
    pub(crate) fn handle(&mut self, call: &Call, honours_keys: bool) -> Answer {
        if honours_keys && let Some((first, answer)) = self.effects.get(&call.key) {
            let same = first == call;
            if !call.is_safe() {
                let other = Answer { status: 422, body: "another request's key".to_owned() };
                return if same { answer.clone() } else { other };
            }
        }
        let answer = match self.carry_out(call) {
            Ok((204, _)) => Answer { status: 204, body: String::new() },
            Ok((status, body)) => Answer::json(status, &body),
            Err(status) => Answer::json(status, &json!({ "error": status })),
        };
        if !call.is_safe() && answer.is_success() {
            self.effects.insert(call.key.clone(), (call.clone(), answer.clone()));
        }
        answer
    }

    fn carry_out(&mut self, call: &Call) -> Handled {
        let path: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        match path.as_slice() {
            ["users"] => self.people(call),
            ["users", id] => self.person(call, id),
            ["organizations", organization, rest @ ..] => {
                let id = (*organization).to_owned();
                if let ["members", user] = rest {
                    return self.member(call, &id, user);
                }
                let new_id = format!("{:04}", self.issued + 1);
                let organization = self.organizations.entry(id).or_default();
                let handled = organization.handle(call, rest, &new_id);
                self.issued += u32::from(matches!(handled, Ok((201, _))));
                handled
            }
            _ => Err(404),
        }
    }

    fn people(&mut self, call: &Call) -> Handled {
        if call.is_safe() {
            let named = self.people.iter().filter(|(_, it)| call.asks_for(&it.email));
            let users: Vec<Value> = named.map(|(id, it)| self.view(id, it)).collect();
            return Ok((200, json!({ "users": users })));
        }
        let person = Account::default().changed(&call.body)?;
        if self.people.values().any(|it| it.email == person.email) {
            return Err(409);
        }
        self.issued += 1;
        let id = format!("usr{:04}", self.issued);
        let view = self.view(&id, &person);
        self.people.insert(id, person);
        Ok((201, view))
    }

    fn person(&mut self, call: &Call, id: &str) -> Handled {
        let known = self.people.get(id).ok_or(404_u16)?;
        match call.method.as_str() {
            "GET" => Ok((200, self.view(id, known))),
            "PATCH" => {
                let changed = known.changed(&call.body)?;
                if self.people.iter().any(|(other, it)| other != id && it.email == changed.email) {
                    return Err(409);
                }
                let view = self.view(id, &changed);
                self.people.insert(id.to_owned(), changed);
                Ok((200, view))
            }
            "DELETE" => {
                self.people.remove(id);
                self.organizations.values_mut().for_each(|it| it.forget(id));
                Ok((204, Value::Null))
            }
            _ => Err(405),
        }
    }

    fn member(&mut self, call: &Call, organization: &str, user: &str) -> Handled {
        if !self.people.contains_key(user) {
            return Err(404);
        }
        let organization = self.organizations.entry(organization.to_owned()).or_default();
        match call.method.as_str() {
            "PUT" => {
                organization.members.insert(user.to_owned());
                Ok((204, Value::Null))
            }
            "DELETE" if organization.members.contains(user) => {
                organization.forget(user);
                Ok((204, Value::Null))
            }
            "DELETE" => Err(404),
            _ => Err(405),
        }
    }

    fn view(&self, id: &str, person: &Account) -> Value {
        let organizations = self.organizations.iter().filter(|(_, it)| it.members.contains(id));
        let mut view = person.view(id);
        view["organizations"] = organizations.map(|(name, _)| json!(name)).collect();
        view
    }
}

impl Organization {
    fn handle(&mut self, call: &Call, path: &[&str], new_id: &str) -> Handled {
        match (call.method.as_str(), path) {
            ("GET", ["accounts"]) => {
                let named = self.accounts.iter().filter(|(_, it)| call.asks_for(&it.email));
                let accounts: Vec<Value> = named.map(|(id, it)| it.view(id)).collect();
                Ok((200, json!({ "accounts": accounts })))
            }
            ("POST", ["accounts"]) => {
                let account = Account::default().changed(&call.body)?;
                if self.accounts.values().any(|it| it.email == account.email) {
                    return Err(409);
                }
                let id = format!("acc{new_id}");
                let view = account.view(&id);
                self.accounts.insert(id, account);
                Ok((201, view))
            }
            ("DELETE", ["accounts", id]) => {
                self.accounts.remove(*id).ok_or(404_u16)?;
                self.forget(id);
                Ok((204, Value::Null))
            }
            (method, ["accounts", id, rest @ ..]) => {
                let account = self.accounts.get(*id).ok_or(404_u16)?;
                let changed = match (method, rest) {
                    ("GET", []) => account.clone(),
                    ("PATCH", []) => account.changed(&call.body)?,
                    ("POST", ["suspend"]) => Account { suspended: true, ..account.clone() },
                    ("POST", ["resume"]) => Account { suspended: false, ..account.clone() },
                    _ => return Err(404),
                };
                let view = changed.view(id);
                self.accounts.insert((*id).to_owned(), changed);
                Ok((200, view))
            }
            (_, ["teams", rest @ ..]) => self.team(call, rest, new_id),
            _ => Err(404),
        }
    }

    fn team(&mut self, call: &Call, path: &[&str], new_id: &str) -> Handled {
        let name = || call.body["name"].as_str().map(str::to_owned).ok_or(422_u16);
        let taken = |teams: &BTreeMap<String, Team>, name: &str, id: &str| {
            teams.iter().any(|(other, it)| other != id && it.name == name)
        };
        match (call.method.as_str(), path) {
            ("GET", []) => {
                let named = self.teams.iter().filter(|(_, it)| call.asks_for(&it.name));
                let teams: Vec<Value> = named.map(|(id, it)| it.view(id)).collect();
                Ok((200, json!({ "teams": teams })))
            }
            ("POST", []) => {
                let team = Team { name: name()?, members: BTreeSet::new() };
                if taken(&self.teams, &team.name, "") {
                    return Err(409);
                }
                let id = format!("team{new_id}");
                let view = team.view(&id);
                self.teams.insert(id, team);
                Ok((201, view))
            }
            ("PATCH", [id]) => {
                let name = name()?;
                if taken(&self.teams, &name, id) {
                    return Err(409);
                }
                let team = self.teams.get_mut(*id).ok_or(404_u16)?;
                team.name = name;
                Ok((200, team.view(id)))
            }
            ("DELETE", [id]) => {
                self.teams.remove(*id).ok_or(404_u16)?;
                Ok((204, Value::Null))
            }
            ("PUT", [id, "members", member]) => {
                let here = self.members.contains(*member) || self.accounts.contains_key(*member);
                let team = self.teams.get_mut(*id).filter(|_| here).ok_or(404_u16)?;
                team.members.insert((*member).to_owned());
                Ok((204, Value::Null))
            }
            ("DELETE", [id, "members", member]) => {
                let team = self.teams.get_mut(*id).ok_or(404_u16)?;
                team.members.remove(*member);
                Ok((204, Value::Null))
            }
            _ => Err(404),
        }
    }

    /// A person or account leaves the organisation and its teams.
    fn forget(&mut self, id: &str) {
        self.members.remove(id);
        self.teams.values_mut().for_each(|team| {
            team.members.remove(id);
        });
    }
}

impl Account {
    fn view(&self, id: &str) -> Value {
        let status = if self.suspended { "suspended" } else { "active" };
        json!({
            "id": id, "email": self.email, "name": self.name, "title": self.title, "status": status,
        })
    }

    /// The account with the fields of a body; null removes one.
    fn changed(&self, body: &Value) -> Result<Self, u16> {
        let empty = Map::new();
        let mut changed = self.clone();
        for (field, value) in body.as_object().unwrap_or(&empty) {
            let text = value.as_str().map(str::to_owned);
            match field.as_str() {
                "email" => changed.email = text.ok_or(422_u16)?,
                "name" => changed.name = text,
                "title" => changed.title = text,
                "status" => changed.suspended = value == "suspended",
                _ => {}
            }
        }
        if changed.email.is_empty() { Err(422) } else { Ok(changed) }
    }
}

impl Team {
    fn view(&self, id: &str) -> Value {
        json!({ "id": id, "name": self.name, "members": self.members })
    }
}

impl Call {
    fn asks_for(&self, name: &str) -> bool {
        self.query.as_deref().is_none_or(|asked| asked.eq_ignore_ascii_case(name))
    }
}
