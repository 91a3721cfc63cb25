//! From what is written to what is played: each step with all that was said around it.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize as _;
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use super::file::{self, AccountText, CallText, MemberText, Part, Refused, Then, Written};
use super::{
    Answer, Call, Ending, FileError, Given, Scenario, Somebody, Source, Step, Wanted, asked,
};
use crate::decision::{Account, EventKind, Response, Visibility};

/// Parts around one another, the outermost first, the place of the innermost at the end.
struct Within<'a> {
    parts: Vec<&'a Part>,
    at: Location,
}

impl<'a> Within<'a> {
    fn and(&self, part: &'a Spanned<Part>) -> Self {
        let mut parts = self.parts.clone();
        parts.push(&part.value);
        Self { parts, at: part.referenced }
    }

    /// What is said by the innermost part that says anything.
    fn last<T>(&self, said: impl Fn(&'a Part) -> Option<&'a T>) -> Option<&'a T> {
        self.parts.iter().rev().find_map(|part| said(part))
    }

    fn inner(&self) -> &'a Part {
        self.parts.last().expect("a file is a part")
    }
}

pub(super) fn scenarios(source: &Source<'_>, whole: &Part) -> Result<Vec<Scenario>, FileError> {
    let file = Within { parts: vec![whole], at: Location::UNKNOWN };
    let Some(all) = &whole.scenarios else { return Ok(vec![scenario(source, &file)?]) };
    only_given(source, &file)?;
    if whole.steps.is_some() {
        let what = "a file has scenarios or steps, and not both";
        return Err(FileError(format!("{}: {what}", source.file)));
    }
    if all.is_empty() {
        return Err(FileError(format!("{}: it holds no scenario", source.file)));
    }
    all.iter().map(|part| scenario(source, &file.and(part))).collect()
}

fn scenario(source: &Source<'_>, within: &Within<'_>) -> Result<Scenario, FileError> {
    let part = within.inner();
    if within.parts.len() > 1 && part.scenarios.is_some() {
        return Err(source.error(within.at, "scenarios stand at the top of a file only"));
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
    let kind = of_group(steps[0].event);
    if let Some(other) = steps.iter().find(|step| of_group(step.event) != kind) {
        let what = "a scenario is about one user or one group; expected one kind of events";
        return Err(FileError(format!("{}:{}: {what}", source.file, other.line)));
    }
    let name = part.name.clone().unwrap_or_else(|| unnamed(source.file, within.at));
    let line = within.at.line().max(1);
    Ok(Scenario { name, file: Arc::from(source.file), line, steps })
}

/// What is around steps says what is given, and nothing of what happens.
fn only_given(source: &Source<'_>, within: &Within<'_>) -> Result<(), FileError> {
    let part = within.inner();
    let said = [
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
    match said.into_iter().find(|(_, said)| *said) {
        None => Ok(()),
        Some((name, _)) => {
            let what = format!("`{name}` belongs into a step");
            Err(source.error(within.at, what))
        }
    }
}

fn unnamed(file: &str, at: Location) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    let name = name.split('.').next().unwrap_or(name).replace(['-', '_'], " ");
    if at.line() > 0 { format!("{name}, line {}", at.line()) } else { name }
}

fn step(source: &Source<'_>, within: &Within<'_>, first: bool) -> Result<Step, FileError> {
    let part = within.inner();
    if within.parts.len() > 1 && part.scenarios.is_some()
        || within.parts.len() > 2 && part.steps.is_some()
    {
        return Err(source.error(within.at, "a step has no steps or scenarios of its own"));
    }
    let event = part.event.as_ref().ok_or_else(|| {
        source.error(within.at, "a step says which `event` it is, such as `event: create`")
    })?;
    let group = of_group(event.value);
    let then = part.then.as_ref().map(|then| ending(source, then)).transpose()?;
    let members = |said: &Option<Vec<Spanned<MemberText>>>| -> Vec<Somebody> {
        said.iter().flatten().map(|it| somebody(&it.value)).collect()
    };
    if !group && (part.joined.is_some() || part.left.is_some()) {
        return Err(
            source.error(event.referenced, "nobody joins or leaves a user; expected a group event")
        );
    }
    Ok(Step {
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

fn given(source: &Source<'_>, within: &Within<'_>, first: bool) -> Result<Given, FileError> {
    // Further steps go on with the account that the one before left.
    let account = match first {
        true => within.last(|part| part.account.as_ref()),
        false => within.inner().account.as_ref(),
    };
    let settings = within.last(|part| part.settings.as_ref());
    Ok(Given {
        operation: within.last(|part| part.operation.as_ref()).cloned(),
        tenant: within.last(|part| part.tenant.as_ref()).cloned(),
        now: within.last(|part| part.now.as_ref()).cloned(),
        seed: within.last(|part| part.seed.as_ref()).copied(),
        settings: settings.map(|it| (it.referenced.line(), it.value.clone())),
        account: account.map(|it| account_of(source, it)).transpose()?,
        elsewhere: within.last(|part| part.elsewhere.as_ref()).copied(),
    })
}

/// The attributes: those said further out first, so that what is said further in wins.
fn resource(
    source: &Source<'_>,
    within: &Within<'_>,
    event: &Spanned<EventKind>,
    first: bool,
) -> Result<Map<String, Value>, FileError> {
    let group = of_group(event.value);
    let said = |part: &&Part| if group { part.group.clone() } else { part.user.clone() };
    let parts = if first { &within.parts[..] } else { &within.parts[within.parts.len() - 1..] };
    let mut resource = Map::new();
    for attributes in parts.iter().filter_map(said) {
        resource.extend(attributes.value);
    }
    let key = if group { "displayName" } else { "userName" };
    if first && !resource.contains_key(key) {
        let kind = if group { "group" } else { "user" };
        let what = format!("whom is it about? Expected `{kind}` with at least a `{key}`");
        return Err(source.error(event.referenced, what));
    }
    Ok(resource)
}

fn account_of(source: &Source<'_>, said: &Spanned<Value>) -> Result<Option<Account>, FileError> {
    if said.value == "none" {
        return Ok(None);
    }
    let read = AccountText::deserialize(&said.value).map_err(|error| {
        let what = format!("{error}; expected `none`, or an object of id, membership and data");
        source.error(said.referenced, what)
    })?;
    Ok(Some(account(&read)))
}

fn account(text: &AccountText) -> Account {
    let AccountText { id, membership, data } = text;
    Account { id: id.clone(), membership: *membership, data: data.to_string() }
}

fn somebody(text: &MemberText) -> Somebody {
    Somebody {
        id: text.id.clone().unwrap_or_else(|| format!("scim-{}", text.name)),
        name: text.name.clone(),
        account: text.account.as_ref().map(account),
    }
}

fn call(source: &Source<'_>, text: &CallText) -> Result<Call, FileError> {
    let at = text.request.referenced;
    let asked::Line { method, path, mut query } =
        asked::line(&text.request.value).map_err(|what| source.error(at, what))?;
    if let Some(written) = &text.query {
        query.extend(asked::query(written));
    }
    let headers = text.headers.iter();
    Ok(Call {
        line: at.line(),
        endpoint: text.endpoint.clone(),
        method,
        path,
        query,
        headers: headers.map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
        body: text.body.as_ref().map(asked::body),
        answer: answer(source, &text.answer)?,
    })
}

fn answer(source: &Source<'_>, text: &Spanned<Value>) -> Result<Answer, FileError> {
    let error = |what: String| source.error(text.referenced, what);
    let written = match file::answer(&text.value).map_err(error)? {
        Written::Unreachable(why) => return Ok(Err(why)),
        Written::Answer(answer) => answer,
    };
    let body = match (&written.body, &written.base64, written.bytes) {
        (Some(body), ..) => asked::body(body),
        (_, Some(base64), _) => {
            BASE64_STANDARD.decode(base64).map_err(|what| error(format!("base64: {what}")))?
        }
        (.., Some(bytes)) => vec![b'x'; bytes],
        _ => Vec::new(),
    };
    let headers = written.headers.into_iter();
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value)).collect();
    Ok(Ok(Response { status: written.status, headers, body }))
}

fn ending(source: &Source<'_>, said: &Spanned<Then>) -> Result<Ending, FileError> {
    let Then { membership, account, data, visibility, note, refused, text, seconds } = &said.value;
    let outcome = membership.is_some() || account.is_some() || data.is_some() || note.is_some();
    let outcome = outcome || visibility.is_some();
    match refused {
        Some(_) if outcome => Err(source.error(said.referenced, "what is refused has no outcome")),
        Some(kind) if *kind == Refused::RetryLater && text.is_some() => {
            Err(source.error(said.referenced, "`retry-later` has no text"))
        }
        Some(kind) => Ok(Ending::Refused { kind: *kind, text: text.clone(), seconds: *seconds }),
        None if !outcome || text.is_some() || seconds.is_some() => Err(source.error(
            said.referenced,
            "expected an outcome (membership, account, data, visibility, note), or `refused` with \
             its text",
        )),
        None => Ok(Ending::Done(Wanted {
            membership: *membership,
            account: account.clone().map(|id| (id != "none").then_some(id)),
            data: data.clone(),
            visibility: visibility.unwrap_or(Visibility::Present),
            note: note.clone(),
        })),
    }
}

fn of_group(event: EventKind) -> bool {
    matches!(event, EventKind::GroupCreate | EventKind::GroupUpdate | EventKind::GroupDelete)
}
