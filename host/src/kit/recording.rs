//! Writing a scenario from recorded requests and responses.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::event_input::{PASSWORD_PLACEHOLDER, is_group_event};
use super::expectation::interface_word;
use super::scenario::{AppAnswer, ExpectedEnding, ExpectedOutcome};
use super::transcript::unreachable;
use crate::decision::{Account, Context, Event, EventKind, Exchange, Member, Request, Response};
use crate::lifecycle::event;
use crate::scim::Resource;

/// Headers of a response that are about its transfer.
const ON_THE_WAY: [&str; 7] =
    ["connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "vary"];

/// An operation, or an example of the check, to be written as a scenario.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The scenario's name.
    pub name: String,
    /// The comment at the top of the file.
    pub about: String,
    /// The context.
    pub context: Context,
    /// The event.
    pub event: Event,
    /// The requests and responses.
    pub exchanges: Vec<Exchange>,
    /// The response to every further request.
    pub otherwise: Option<AppAnswer>,
    /// The expected ending; without it, any ending except a failure passes.
    pub ending: Option<ExpectedEnding>,
    /// Whether requests name their endpoint, which is necessary if the connector has several.
    pub endpoints: bool,
}

impl Recording {
    /// The file: YAML, without secrets. A password is replaced by a placeholder.
    pub fn file(&self) -> String {
        let mut text = String::new();
        for line in self.about.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let yaml = serde_saphyr::to_string(&self.value()).unwrap_or_default();
        let concealed = match &self.event.password {
            Some(placeholder) if placeholder.len() > 8 => {
                yaml.replace(placeholder.as_str(), PASSWORD_PLACEHOLDER)
            }
            _ => yaml,
        };
        text + &concealed
    }

    fn value(&self) -> Value {
        let Self { context, event, .. } = self;
        let mut scenario = Map::new();
        let mut set = |name: &str, value: Value| drop(scenario.insert(name.to_owned(), value));
        set("name", self.name.as_str().into());
        set("operation", context.operation.as_str().into());
        set("tenant", context.tenant.as_str().into());
        set("now", context.now.as_str().into());
        set("seed", context.seed.into());
        match json(&context.settings) {
            Value::Object(settings) if settings.is_empty() => {}
            settings => set("settings", settings),
        }
        if let Some(known) = &context.account {
            set("account", account(known));
        }
        if context.elsewhere > 0 {
            set("elsewhere", context.elsewhere.into());
        }
        set("event", interface_word(&event.kind).into());
        let resource = resource(&event.resource);
        let subject = if is_group_event(event.kind) { "group" } else { "user" };
        if let Some(before) = &context.before {
            let (before, changes) = self.before(before, &resource);
            set(subject, resource.into());
            if !before.is_empty() {
                set("before", before.into());
            }
            if let Some(changes) = changes {
                set("changes", changes);
            }
        } else {
            set(subject, resource.into());
        }
        if event.password.is_some() && event.kind != EventKind::Password {
            set("password", true.into());
        }
        for (name, members) in [("joined", &event.joined), ("left", &event.left)] {
            if !members.is_empty() {
                set(name, members.iter().map(member).collect());
            }
        }
        if !self.exchanges.is_empty() {
            set("calls", self.exchanges.iter().map(|it| self.call(it)).collect());
        }
        if let Some(further) = &self.otherwise {
            set("otherwise", answer(further));
        }
        if let Some(wanted) = &self.ending {
            set("then", ending(wanted));
        }
        Value::Object(scenario)
    }

    /// The attributes that were different before; and the names of the changed attributes, if they
    /// differ from those that a comparison finds.
    fn before(
        &self,
        before: &str,
        after: &Map<String, Value>,
    ) -> (Map<String, Value>, Option<Value>) {
        let was = resource(before);
        let mut different = Map::new();
        for name in was.keys().chain(after.keys().filter(|name| !was.contains_key(*name))) {
            let value = was.get(name).cloned().unwrap_or_default();
            if after.get(name) != Some(&value) {
                different.insert(name.clone(), value);
            }
        }
        // Omitted, since the event implies it.
        let switched = matches!(self.event.kind, EventKind::Activate | EventKind::Deactivate);
        if switched {
            different.remove("active");
        }
        let Event { kind, joined, left, password, changes, .. } = &self.event;
        let read = |text: &str| Resource::from_json(text).unwrap_or_default();
        let (was, is) = (read(before), read(&self.event.resource));
        let found = match is_group_event(*kind) {
            true => event::of_group(&was, &is, !joined.is_empty() || !left.is_empty()).changes,
            false => event::of_user(&was, &is, password.is_some()).changes,
        };
        (different, (found != *changes).then(|| json!(changes)))
    }

    fn call(&self, exchange: &Exchange) -> Value {
        let Exchange { request, response } = exchange;
        let mut call = Map::new();
        let (line, query) = line(request);
        call.insert("request".to_owned(), line.into());
        if self.endpoints {
            call.insert("endpoint".to_owned(), request.endpoint.as_str().into());
        }
        if !query.is_empty() {
            call.insert("query".to_owned(), query.into());
        }
        let headers = request.headers.iter().filter(|(name, value)| {
            !name.eq_ignore_ascii_case("content-type") || value != "application/json"
        });
        let headers: Map<_, _> = headers.map(|(n, v)| (n.to_lowercase(), json!(v))).collect();
        if !headers.is_empty() {
            call.insert("headers".to_owned(), headers.into());
        }
        if let Some(body) = &request.body {
            let text = String::from_utf8_lossy(body).into_owned();
            call.insert("body".to_owned(), document(body).unwrap_or_else(|| text.into()));
        }
        call.insert("answer".to_owned(), answer(response));
        Value::Object(call)
    }
}

/// Method, path and query in one line. A query that would be misread is returned separately.
fn line(request: &Request) -> (String, Map<String, Value>) {
    let Request { method, path, query, .. } = request;
    let plain =
        query.iter().all(|(name, value)| !name.contains(['&', '=']) && !value.contains('&'));
    if query.is_empty() || !plain {
        let mut apart: Map<String, Value> = Map::new();
        for (name, value) in query {
            let values = apart.entry(name.as_str()).or_insert_with(|| json!([]));
            values.as_array_mut().into_iter().for_each(|values| values.push(value.as_str().into()));
        }
        return (format!("{method} {path}"), apart);
    }
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (format!("{method} {path}?{}", pairs.join("&")), Map::new())
}

fn answer(answer: &AppAnswer) -> Value {
    let Response { status, headers, body } = match answer {
        Ok(response) => response,
        Err(why) => return unreachable(*why).into(),
    };
    let headers = headers.iter().filter(|(name, _)| !ON_THE_WAY.contains(&name.as_str()));
    let headers: Map<_, _> = headers.map(|(n, v)| (n.clone(), json!(v))).collect();
    if headers.is_empty() && body.is_empty() {
        return (*status).into();
    }
    let mut answer = Map::from_iter([("status".to_owned(), (*status).into())]);
    if !headers.is_empty() {
        answer.insert("headers".to_owned(), headers.into());
    }
    let (name, body) = match (document(body), std::str::from_utf8(body)) {
        (Some(document), _) => ("body", document),
        (None, Ok(text)) if text.len() > 4096 && text.bytes().all(|it| it == b'x') => {
            ("bytes", text.len().into())
        }
        (None, Ok(text)) => ("body", text.into()),
        (None, Err(_)) => ("base64", BASE64_STANDARD.encode(body).into()),
    };
    if body != "" {
        answer.insert(name.to_owned(), body);
    }
    Value::Object(answer)
}

fn ending(ending: &ExpectedEnding) -> Value {
    let mut then = Map::new();
    let mut set = |name: &str, value: Value| drop(then.insert(name.to_owned(), value));
    match ending {
        ExpectedEnding::Done(ExpectedOutcome { membership, account, data, visibility, note }) => {
            if let Some(membership) = membership {
                set("membership", interface_word(membership).into());
            }
            if let Some(account) = account {
                set("account", account.as_deref().unwrap_or("none").into());
            }
            if let Some(data) = data.as_ref().filter(|data| **data != json!({})) {
                set("data", data.clone());
            }
            let visible = interface_word(visibility);
            if visible != "present" {
                set("visibility", visible.into());
            }
            if let Some(note) = note {
                set("note", note.as_str().into());
            }
        }
        ExpectedEnding::Refused { kind, text, seconds } => {
            set("refused", kind.name().into());
            if let Some(text) = text {
                set("text", text.as_str().into());
            }
            if let Some(seconds) = seconds {
                set("seconds", (*seconds).into());
            }
        }
    }
    Value::Object(then)
}

fn account(account: &Account) -> Value {
    let mut value = json!({ "id": account.id, "membership": interface_word(&account.membership) });
    match json(&account.data) {
        Value::Object(data) if data.is_empty() => {}
        data => value["data"] = data,
    }
    value
}

fn member(member: &Member) -> Value {
    let mut value = json!({ "name": member.name });
    if member.id != format!("scim-{}", member.name) {
        value["id"] = member.id.as_str().into();
    }
    if let Some(known) = &member.account {
        value["account"] = account(known);
    }
    value
}

/// The attributes, without those that are added when a scenario is read.
fn resource(text: &str) -> Map<String, Value> {
    let mut resource = match json(text) {
        Value::Object(resource) => resource,
        _ => Map::new(),
    };
    resource.shift_remove("schemas");
    if matches!(resource.get("id").and_then(Value::as_str), Some("scim-1" | "scim-g")) {
        resource.shift_remove("id");
    }
    resource
}

/// A body as JSON, if it is an object or an array.
fn document(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok().filter(|it: &Value| it.is_object() || it.is_array())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
