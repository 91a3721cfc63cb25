//! A guessed app, for connectors whose app is not known: it returns the values that it was sent, an
//! id under every usual name, and a list under every name that could be meant.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::answers::NamedAnswer;
use super::case::{ADDRESS, GROUP};
use crate::connector::Manifest;
use crate::decision::{Exchange, Request, Response};

/// The id of an object that was there before.
pub(super) const FOUND: &str = "found-1";
/// Names that apps use for ids.
const IDS: [&str; 11] = [
    "_id",
    "accountId",
    "account_id",
    "id",
    "key",
    "memberId",
    "member_id",
    "uid",
    "userId",
    "user_id",
    "uuid",
];
/// Names that apps use for lists.
const LISTS: [&str; 15] = [
    "Resources",
    "accounts",
    "data",
    "elements",
    "entries",
    "groups",
    "items",
    "list",
    "members",
    "people",
    "records",
    "results",
    "teams",
    "users",
    "values",
];

/// What the app remembers when the same event is sent again.
pub(super) struct RememberedEvent {
    /// The paths of the objects that were created.
    pub(super) made: Vec<String>,
    /// The id of the account; none if the first event left none.
    pub(super) id: Option<String>,
}

/// The names that the app is guessed to use.
pub(super) struct GuessedApp {
    ids: BTreeSet<String>,
    lists: BTreeSet<String>,
}

impl GuessedApp {
    /// Adds the defaults in the connector's settings, which are often names in the app.
    pub(super) fn of(manifest: &Manifest) -> Self {
        let mut words = BTreeSet::new();
        harvest(&manifest.settings, &mut words);
        let (ids, others): (BTreeSet<_>, BTreeSet<_>) =
            words.into_iter().partition(|word| word.to_lowercase().ends_with("id"));
        let several = others
            .into_iter()
            .filter(|word| word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us"));
        Self {
            ids: IDS.map(str::to_owned).into_iter().chain(ids).collect(),
            lists: LISTS.map(str::to_owned).into_iter().chain(several).collect(),
        }
    }

    /// The responses that a healthy app may give, the likeliest first.
    pub(super) fn plausible(
        &self,
        request: &Request,
        before: &[Exchange],
        remembered: Option<&RememberedEvent>,
    ) -> Vec<NamedAnswer> {
        let reply = |name: &'static str, status, body: Option<Value>| NamedAnswer {
            name,
            answer: Ok(Response {
                status,
                headers: match body {
                    Some(_) => vec![("content-type".to_owned(), "application/json".to_owned())],
                    None => Vec::new(),
                },
                body: body.map(|it| it.to_string().into_bytes()).unwrap_or_default(),
            }),
            plausible: true,
        };
        let made = before.iter().filter(|it| it.request.method == "POST").count();
        match request.method.as_str() {
            "GET" | "HEAD" => {
                let known = remembered.and_then(|remembered| remembered.id.as_deref());
                let found = self.thing(request, known.unwrap_or(FOUND));
                let id = last_segment(request);
                let mut answers = vec![
                    reply("200", 200, Some(self.answer(request, &id, &[]))),
                    reply(
                        "200",
                        200,
                        Some(self.answer(request, &id, std::slice::from_ref(&found))),
                    ),
                    reply("200", 200, Some(json!([]))),
                    reply("200", 200, Some(json!([found]))),
                ];
                if known.is_some() {
                    answers.swap(0, 1);
                }
                answers
            }
            "POST" => {
                let id = format!("new-{}-{}", if remembered.is_some() { 2 } else { 1 }, made + 1);
                let whole = self.answer(request, &id, &[]);
                let twice =
                    remembered.is_some_and(|remembered| remembered.made.contains(&request.path));
                let conflict = twice.then(|| reply("409", 409, None));
                let answers = [
                    reply("201", 201, Some(whole.clone())),
                    reply("200", 200, Some(whole)),
                    reply("204", 204, None),
                ];
                conflict.into_iter().chain(answers).collect()
            }
            "DELETE" => vec![
                reply("204", 204, None),
                reply("200", 200, Some(self.answer(request, &last_segment(request), &[]))),
            ],
            _ => vec![
                reply("200", 200, Some(self.answer(request, &last_segment(request), &[]))),
                reply("204", 204, None),
                reply("201", 201, Some(self.answer(request, &last_segment(request), &[]))),
            ],
        }
    }

    /// A complete body: the object itself, and lists of the found objects.
    fn answer(&self, request: &Request, id: &str, found: &[Value]) -> Value {
        let mut answer = Map::new();
        for name in self.lists.iter().map(String::as_str).chain(request.path.split('/')) {
            if !name.is_empty() {
                answer.insert(name.to_owned(), found.into());
            }
        }
        if let Value::Object(thing) = self.thing(request, id) {
            answer.extend(thing);
        }
        Value::Object(answer)
    }

    /// One object: the values in the request, and the usual attributes.
    fn thing(&self, request: &Request, id: &str) -> Value {
        let mut thing = Map::new();
        for name in ["email", "mail", "login", "userName", "username"] {
            thing.insert(name.to_owned(), ADDRESS.into());
        }
        for name in ["displayName", "name"] {
            thing.insert(name.to_owned(), GROUP.into());
        }
        for name in ["state", "status"] {
            thing.insert(name.to_owned(), "active".into());
        }
        thing.insert("active".to_owned(), true.into());
        let sent = request.body.as_deref().and_then(|body| serde_json::from_slice(body).ok());
        if let Some(Value::Object(sent)) = sent {
            thing.extend(sent);
        }
        thing.extend(request.query.iter().map(|(name, value)| (name.clone(), json!(value))));
        thing.extend(self.ids.iter().map(|name| (name.clone(), json!(id))));
        Value::Object(thing)
    }
}

fn last_segment(request: &Request) -> String {
    let last = request.path.rsplit('/').find(|it| !it.is_empty()).unwrap_or("1");
    percent_decode_str(last).decode_utf8_lossy().into_owned()
}

/// The defaults in a schema that could be names.
fn harvest(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(word)) = object.get("default") {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                if !word.is_empty() && word.chars().all(plain) {
                    words.insert(word.clone());
                }
            }
            object.values().for_each(|value| harvest(value, words));
        }
        Value::Array(values) => values.iter().for_each(|value| harvest(value, words)),
        _ => {}
    }
}
