//! Replay of a conversation over a real socket. Both sides are compared: the answers to the
//! identity provider, and the calls to the app.
//!
//! The format is described in `tests/fixtures/conversations/README.md`.

mod conversation;
mod matching;
mod rules;
mod socket;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use muster::sample::SampleApp;
use serde_json::Value;

pub(crate) use conversation::{Client, Conversation, Step, folders, load};
use conversation::{ExpectedAnswer, ExpectedCall};
use matching::Bindings;
use socket::{Answer, Sent, Socket};

/// A call that the app received.
#[derive(Clone, Debug)]
pub(crate) struct AppRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) status: u16,
}

/// The tenant and app of a replay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplayTarget<'a> {
    /// The tenant's SCIM base URL, without a slash at the end.
    pub(crate) base_url: &'a str,
    pub(crate) token: &'a str,
    /// The connector whose expected calls are compared.
    pub(crate) connector: &'a str,
    /// The app, if there is one.
    pub(crate) app: Option<&'a SampleApp>,
}

/// Replays a conversation; `calls` returns every call that the app has received for this tenant.
///
/// The replay ends at the first difference, because later steps build on earlier ones. The error
/// names the file, the connector and the step, and shows the expected and the actual values.
pub(crate) async fn replay(
    conversation: &Conversation,
    client: &Client,
    place: ReplayTarget<'_>,
    calls: impl AsyncFn() -> Vec<AppRequest>,
) -> Result<(), String> {
    let mut replay = Replay {
        socket: Socket::new(place, client),
        connector: place.connector,
        app: place.app,
        media_type: client.media_type.clone(),
        bindings: BTreeMap::from([("base_url".to_owned(), place.base_url.into())]),
        last: Value::Null,
        seen: BTreeMap::new(),
        asked: calls().await.len(),
    };
    for (n, step) in conversation.steps.iter().enumerate() {
        replay.step(step, &calls).await.map_err(|wrong| {
            let Conversation { file, title, source, .. } = conversation;
            let (connector, n, step) = (place.connector, n + 1, &step.name);
            format!("{file} ({connector}), step {n}, {step}\n    {title} [{source}]\n{wrong}")
        })?;
    }
    replay
        .totals(&conversation.distinct)
        .map_err(|wrong| format!("{} ({}): {wrong}", conversation.file, place.connector))
}

struct Replay<'a> {
    socket: Socket,
    connector: &'a str,
    app: Option<&'a SampleApp>,
    media_type: Option<String>,
    bindings: Bindings,
    /// The body of the last answer, on which Okta bases its updates.
    last: Value,
    /// The collected values, by name.
    seen: BTreeMap<String, Vec<String>>,
    /// The number of calls of the app that are compared already.
    asked: usize,
}

impl Replay<'_> {
    async fn step(
        &mut self,
        step: &Step,
        calls: impl AsyncFn() -> Vec<AppRequest>,
    ) -> Result<(), String> {
        for n in step.turns() {
            self.bindings.insert("n".to_owned(), n.to_string().into());
            let sent = step.request.filled(&self.bindings, &self.last)?;
            let answer = self.answer(step, &sent).await?;
            let all = calls().await;
            let asked = &all[self.asked..];
            self.asked = all.len();
            let mut wrong = self.wrong_answer(&step.answer, &answer);
            wrong.extend(self.wrong_calls(step.calls(self.connector), asked));
            if !wrong.is_empty() {
                return Err(explained(&sent, &answer, asked, &wrong));
            }
            self.collect(step, &answer);
            self.last = answer.json.unwrap_or_default();
        }
        Ok(())
    }

    /// The answer to the step, while its faults are injected into the app.
    async fn answer(&self, step: &Step, sent: &Sent) -> Result<Answer, String> {
        if step.faults.is_empty() {
            return self.socket.send(sent).await;
        }
        let app = self.app.ok_or("a step with faults needs an app")?;
        step.faults.iter().cloned().for_each(|fault| app.fail(fault));
        let answer = self.socket.send(sent).await;
        app.heal();
        answer
    }

    fn wrong_answer(&mut self, expected: &ExpectedAnswer, answer: &Answer) -> Vec<String> {
        // A step may expect a media type of its own.
        let said = expected.headers.get("content-type").and_then(Value::as_str);
        let media_type = said.and_then(|it| it.split(';').next()).or(self.media_type.as_deref());
        let mut wrong = rules::broken(answer, self.socket.version(), media_type);
        if !expected.status.contains(answer.status) {
            wrong.push(format!("expected status {}, got {}", expected.status, answer.status));
        }
        // A 204 has no body to compare, if the step allows it.
        if let Some(body) = expected.body.as_ref().filter(|_| answer.status != 204) {
            let came = answer.json.as_ref().unwrap_or(&Value::Null);
            wrong.extend(matching::compare(body, came, "body", &mut self.bindings));
        }
        for (name, value) in &expected.headers {
            let came = answer.headers.get(name).map_or(Value::Null, |value| value.as_str().into());
            wrong.extend(matching::compare(value, &came, name, &mut self.bindings));
        }
        wrong
    }

    fn wrong_calls(&mut self, expected: &[ExpectedCall], asked: &[AppRequest]) -> Vec<String> {
        if expected.len() != asked.len() {
            let (expected, asked) = (expected.len(), asked.len());
            return vec![format!("the app should receive {expected} calls, but received {asked}")];
        }
        let pairs = expected.iter().zip(asked).enumerate();
        pairs.flat_map(|(n, (expected, asked))| self.wrong_call(n + 1, expected, asked)).collect()
    }

    fn wrong_call(&mut self, n: usize, expected: &ExpectedCall, asked: &AppRequest) -> Vec<String> {
        let place = format!("call {n}");
        let path = asked.path.split('?').next().unwrap_or_default();
        let came = format!("{} {path}", asked.method).into();
        let line = Value::String(expected.line.clone());
        let mut wrong = matching::compare(&line, &came, &place, &mut self.bindings);
        if let Some(body) = &expected.body {
            let place = format!("{place}, body");
            wrong.extend(matching::compare(body, &asked.body, &place, &mut self.bindings));
        }
        if let Some(status) = expected.status.filter(|status| *status != asked.status) {
            wrong.push(format!(
                "{place}: expected the app to answer {status}, not {}",
                asked.status
            ));
        }
        wrong
    }

    fn collect(&mut self, step: &Step, answer: &Answer) {
        for (name, place) in &step.collect {
            let (list, member) = place.split_once("/*").expect("a list, and a member of each");
            let found = answer.json.as_ref().and_then(|json| json.pointer(list));
            let found = found.and_then(Value::as_array).into_iter().flatten();
            let values = found.filter_map(|element| element.pointer(member)).map(Value::to_string);
            self.seen.entry(name.clone()).or_default().extend(values);
        }
    }

    fn totals(&self, distinct: &BTreeMap<String, usize>) -> Result<(), String> {
        for (name, expected) in distinct {
            let seen = self.seen.get(name).map(Vec::as_slice).unwrap_or_default();
            let different = seen.iter().collect::<BTreeSet<_>>().len();
            if (seen.len(), different) != (*expected, *expected) {
                let seen = seen.len();
                return Err(format!(
                    "`{name}` should have {expected} distinct values, but has {seen}, {different} of them distinct"
                ));
            }
        }
        Ok(())
    }
}

/// Request, answer, calls and differences, indented below the name of the step.
fn explained(sent: &Sent, answer: &Answer, asked: &[AppRequest], wrong: &[String]) -> String {
    let mut text = format!("    > {} {}\n", sent.method, sent.path);
    if let Some(body) = &sent.body {
        let _ = writeln!(text, "    > {body}");
    }
    let _ = writeln!(text, "    < {} {}", answer.status, answer.body);
    for call in asked {
        let AppRequest { method, path, body, status } = call;
        let _ = writeln!(text, "    the app: {method} {path} {body} -> {status}");
    }
    for wrong in wrong {
        let _ = writeln!(text, "    WRONG {wrong}");
    }
    text
}
