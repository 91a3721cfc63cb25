//! Inheritance in scenario files: each step with the values of the parts around it.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize as _;
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use super::file::{
    self, AccountText, CallText, MemberText, RefusalKind, ScenarioPart, Then, WrittenAnswer,
};
use super::{
    AppAnswer, ExpectedCall, ExpectedEnding, ExpectedOutcome, FileError, GivenContext, Scenario,
    ScenarioMember, ScenarioStep, SourceText, request_line,
};
use crate::decision::{Account, EventKind, Response, Visibility};

/// Nested parts, the outermost first, and the position of the innermost.
struct PartScope<'a> {
    parts: Vec<&'a ScenarioPart>,
    at: Location,
}

impl<'a> PartScope<'a> {
    fn and(&self, part: &'a Spanned<ScenarioPart>) -> Self {
        let mut parts = self.parts.clone();
        parts.push(&part.value);
        Self { parts, at: part.referenced }
    }

    /// The value of the innermost part that has one.
    fn last<T>(&self, value_of: impl Fn(&'a ScenarioPart) -> Option<&'a T>) -> Option<&'a T> {
        self.parts.iter().rev().find_map(|part| value_of(part))
    }

    fn inner(&self) -> &'a ScenarioPart {
        self.parts.last().expect("a file is a part")
    }
}

pub(super) fn scenarios(
    source: &SourceText<'_>,
    whole: &ScenarioPart,
) -> Result<Vec<Scenario>, FileError> {
    let file = PartScope { parts: vec![whole], at: Location::UNKNOWN };
    let Some(all) = &whole.scenarios else { return Ok(vec![scenario(source, &file)?]) };
    only_given(source, &file)?;
    if whole.steps.is_some() {
        let message = "a file has either `scenarios` or `steps`";
        return Err(FileError(format!("{}: {message}", source.file)));
    }
    if all.is_empty() {
        return Err(FileError(format!("{}: it holds no scenario", source.file)));
    }
    all.iter().map(|part| scenario(source, &file.and(part))).collect()
}

fn scenario(source: &SourceText<'_>, within: &PartScope<'_>) -> Result<Scenario, FileError> {
    let part = within.inner();
    if within.parts.len() > 1 && part.scenarios.is_some() {
        return Err(source.error(within.at, "`scenarios` is allowed only at the top of a file"));
    }
    let steps = match &part.steps {
        None => vec![step(source, within, true)?],
        Some(steps) if steps.is_empty() => {
            return Err(source.error(within.at, "a scenario has at least one step"));
        }
        Some(steps) => {
            only_given(source, within)?;
            let steps = steps.iter().enumerate();
            steps
                .map(|(n, part)| step(source, &within.and(part), n == 0))
                .collect::<Result<_, _>>()?
        }
    };
    let kind = is_group_event(steps[0].event);
    if let Some(other) = steps.iter().find(|step| is_group_event(step.event) != kind) {
        let message =
            "a scenario is about one user or one group; its events must all be of that kind";
        return Err(FileError(format!("{}:{}: {message}", source.file, other.line)));
    }
    let name = part.name.clone().unwrap_or_else(|| unnamed(source.file, within.at));
    let line = within.at.line().max(1);
    Ok(Scenario { name, file: Arc::from(source.file), line, steps })
}

/// Checks that a part around steps gives only context, and no event or expectation.
fn only_given(source: &SourceText<'_>, within: &PartScope<'_>) -> Result<(), FileError> {
    let part = within.inner();
    let keys = [
        ("event", part.event.is_some()),
        ("before", part.before.is_some()),
        ("changes", part.changes.is_some()),
        ("password", part.password.is_some()),
        ("joined", part.joined.is_some()),
        ("left", part.left.is_some()),
        ("calls", part.calls.is_some()),
        ("otherwise", part.otherwise.is_some()),
        ("then", part.then.is_some()),
    ];
    match keys.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((name, _)) => {
            let message = format!("`{name}` belongs in a step");
            Err(source.error(within.at, message))
        }
    }
}

fn unnamed(file: &str, at: Location) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    let name = name.split('.').next().unwrap_or(name).replace(['-', '_'], " ");
    if at.line() > 0 { format!("{name}, line {}", at.line()) } else { name }
}

fn step(
    source: &SourceText<'_>,
    within: &PartScope<'_>,
    first: bool,
) -> Result<ScenarioStep, FileError> {
    let part = within.inner();
    if within.parts.len() > 1 && part.scenarios.is_some()
        || within.parts.len() > 2 && part.steps.is_some()
    {
        return Err(source.error(within.at, "a step has no steps or scenarios of its own"));
    }
    let event = part.event.as_ref().ok_or_else(|| {
        source.error(within.at, "a step needs an `event`, such as `event: create`")
    })?;
    let group = is_group_event(event.value);
    let then = part.then.as_ref().map(|then| ending(source, then)).transpose()?;
    let members = |written: &Option<Vec<Spanned<MemberText>>>| -> Vec<ScenarioMember> {
        written.iter().flatten().map(|it| member(&it.value)).collect()
    };
    if !group && (part.joined.is_some() || part.left.is_some()) {
        return Err(source.error(event.referenced, "`joined` and `left` are for group events only"));
    }
    Ok(ScenarioStep {
        name: (within.parts.len() > 1).then(|| part.name.clone()).flatten(),
        line: within.at.line().max(event.referenced.line()),
        given: given(source, within, first)?,
        event: event.value,
        resource: resource(source, within, event, first)?,
        before: part.before.clone(),
        changes: part.changes.clone(),
        password: part.password.unwrap_or(event.value == EventKind::Password),
        joined: members(&part.joined),
        left: members(&part.left),
        calls: (part.calls.iter().flatten())
            .map(|it| call(source, &it.value))
            .collect::<Result<_, _>>()?,
        otherwise: part.otherwise.as_ref().map(|it| answer(source, it)).transpose()?,
        then,
    })
}

fn given(
    source: &SourceText<'_>,
    within: &PartScope<'_>,
    first: bool,
) -> Result<GivenContext, FileError> {
    // A further step continues with the account that the step before left.
    let account = match first {
        true => within.last(|part| part.account.as_ref()),
        false => within.inner().account.as_ref(),
    };
    let settings = within.last(|part| part.settings.as_ref());
    Ok(GivenContext {
        operation: within.last(|part| part.operation.as_ref()).cloned(),
        tenant: within.last(|part| part.tenant.as_ref()).cloned(),
        now: within.last(|part| part.now.as_ref()).cloned(),
        seed: within.last(|part| part.seed.as_ref()).copied(),
        settings: settings.map(|it| (it.referenced.line(), it.value.clone())),
        account: account.map(|it| account_of(source, it)).transpose()?,
        elsewhere: within.last(|part| part.elsewhere.as_ref()).copied(),
    })
}

/// The attributes. Those of inner parts replace those of outer ones.
fn resource(
    source: &SourceText<'_>,
    within: &PartScope<'_>,
    event: &Spanned<EventKind>,
    first: bool,
) -> Result<Map<String, Value>, FileError> {
    let group = is_group_event(event.value);
    let attributes_of =
        |part: &&ScenarioPart| if group { part.group.clone() } else { part.user.clone() };
    let parts = if first { &within.parts[..] } else { &within.parts[within.parts.len() - 1..] };
    let mut resource = Map::new();
    for attributes in parts.iter().filter_map(attributes_of) {
        resource.extend(attributes.value);
    }
    let key = if group { "displayName" } else { "userName" };
    if first && !resource.contains_key(key) {
        let kind = if group { "group" } else { "user" };
        let message = format!("expected `{kind}` with at least a `{key}`");
        return Err(source.error(event.referenced, message));
    }
    Ok(resource)
}

fn account_of(
    source: &SourceText<'_>,
    written: &Spanned<Value>,
) -> Result<Option<Account>, FileError> {
    if written.value == "none" {
        return Ok(None);
    }
    let read = AccountText::deserialize(&written.value).map_err(|error| {
        let message = format!("{error}; expected `none`, or an object of id, membership and data");
        source.error(written.referenced, message)
    })?;
    Ok(Some(account(&read)))
}

fn account(text: &AccountText) -> Account {
    let AccountText { id, membership, data } = text;
    Account { id: id.clone(), membership: *membership, data: data.to_string() }
}

fn member(text: &MemberText) -> ScenarioMember {
    ScenarioMember {
        id: text.id.clone().unwrap_or_else(|| format!("scim-{}", text.name)),
        name: text.name.clone(),
        account: text.account.as_ref().map(account),
    }
}

fn call(source: &SourceText<'_>, text: &CallText) -> Result<ExpectedCall, FileError> {
    let at = text.request.referenced;
    let request_line::RequestLine { method, path, mut query } =
        request_line::line(&text.request.value).map_err(|message| source.error(at, message))?;
    if let Some(written) = &text.query {
        query.extend(request_line::query(written));
    }
    let headers = text.headers.iter();
    Ok(ExpectedCall {
        line: at.line(),
        endpoint: text.endpoint.clone(),
        method,
        path,
        query,
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
        body: text.body.as_ref().map(request_line::body),
        answer: answer(source, &text.answer)?,
    })
}

fn answer(source: &SourceText<'_>, text: &Spanned<Value>) -> Result<AppAnswer, FileError> {
    let error = |message: String| source.error(text.referenced, message);
    let written = match file::answer(&text.value).map_err(error)? {
        WrittenAnswer::Unreachable(why) => return Ok(Err(why)),
        WrittenAnswer::Answer(answer) => answer,
    };
    let body = match (&written.body, &written.base64, written.bytes) {
        (Some(body), ..) => request_line::body(body),
        (_, Some(base64), _) => {
            BASE64_STANDARD.decode(base64).map_err(|message| error(format!("base64: {message}")))?
        }
        (.., Some(bytes)) => vec![b'x'; bytes],
        _ => Vec::new(),
    };
    let headers = written.headers.into_iter();
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value)).collect();
    Ok(Ok(Response { status: written.status, headers, body }))
}

fn ending(source: &SourceText<'_>, written: &Spanned<Then>) -> Result<ExpectedEnding, FileError> {
    let Then { membership, account, data, visibility, note, refused, text, seconds } =
        &written.value;
    let outcome = membership.is_some() || account.is_some() || data.is_some() || note.is_some();
    let outcome = outcome || visibility.is_some();
    match refused {
        Some(_) if outcome => {
            Err(source.error(written.referenced, "`refused` excludes an outcome"))
        }
        Some(kind) if *kind == RefusalKind::RetryLater && text.is_some() => {
            Err(source.error(written.referenced, "`retry-later` has no text"))
        }
        Some(kind) => {
            Ok(ExpectedEnding::Refused { kind: *kind, text: text.clone(), seconds: *seconds })
        }
        None if !outcome || text.is_some() || seconds.is_some() => Err(source.error(
            written.referenced,
            "expected an outcome (membership, account, data, visibility, note), or `refused` with \
             its text",
        )),
        None => Ok(ExpectedEnding::Done(ExpectedOutcome {
            membership: *membership,
            account: account.clone().map(|id| (id != "none").then_some(id)),
            data: data.clone(),
            visibility: visibility.unwrap_or(Visibility::Present),
            note: note.clone(),
        })),
    }
}

fn is_group_event(event: EventKind) -> bool {
    matches!(event, EventKind::GroupCreate | EventKind::GroupUpdate | EventKind::GroupDelete)
}
