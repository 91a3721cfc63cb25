//! Recording a scenario from an operation in the journal of a running host.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cli::admin::{Admin, segment};
use crate::connector::Manifest;
use crate::decision::{self, Event, Exchange, Outcome, Request};
use crate::kit::Recording;
use crate::kit::scenario::{AppAnswer, ExpectedEnding, ExpectedOutcome, RefusalKind};

/// The default file of a scenario that is recorded from an operation.
pub(super) fn file_for(path: &Path, operation: &str) -> PathBuf {
    let folder = match path.parent().filter(|_| path.is_file()) {
        Some(parent) => parent,
        None => path,
    };
    let among = folder.file_name().is_some_and(|name| name == "scenarios");
    let folder = if among { folder.to_owned() } else { folder.join("scenarios") };
    folder.join(format!("recorded-{operation}.yaml"))
}

/// Fetches the operation and writes the scenario. An existing file is not overwritten.
pub(super) async fn record(
    admin: &Admin,
    manifest: &Manifest,
    operation: &str,
    file: &Path,
) -> anyhow::Result<()> {
    if file.exists() {
        bail!("{} exists already; --to names another file", file.display());
    }
    let recorded: Value = admin.get(&format!("/operations/{}", segment(operation))).await?;
    let recording = recording(&recorded, manifest)?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(file, recording.file()).with_context(|| file.display().to_string())
}

fn recording(recorded: &Value, manifest: &Manifest) -> anyhow::Result<Recording> {
    let word = |name: &str| recorded[name].as_str().unwrap_or_default().to_owned();
    let (id, state) = (word("id"), word("state"));
    let context: decision::Context = part(&recorded["context"], "context")?;
    let event: Event = part(&recorded["event"], "event")?;
    let exchanges = recorded["exchanges"].as_array().into_iter().flatten();
    let exchanges: Vec<Exchange> = exchanges.map(exchange).collect::<anyhow::Result<_>>()?;
    if exchanges.is_empty() && recorded["used"]["calls"].as_u64() > Some(0) {
        bail!("the calls of operation {id} are no longer kept; a scenario needs them");
    }
    let ending = match state.as_str() {
        "done" => done(&part(&recorded["answer"], "answer")?),
        "refused" => refused(recorded["answer"].as_str().unwrap_or_default())?,
        _ => bail!(
            "operation {id} is {state}: a scenario needs an operation that is done or refused; see \
             `muster operation explain {id}`"
        ),
    };
    let connector = word("connector");
    let about = format!("Recorded from operation {id}, decided by {connector}.");
    let name = format!("{} of {}", event.kind.name(), word("subject"));
    let endpoints = manifest.endpoints.len() > 1;
    let (otherwise, ending) = (None, Some(ending));
    Ok(Recording { name, about, context, event, exchanges, otherwise, ending, endpoints })
}

fn exchange(recorded: &Value) -> anyhow::Result<Exchange> {
    let request: Request = part(&recorded["request"], "request")?;
    let response: AppAnswer = part(&recorded["response"], "response")?;
    Ok(Exchange { request, response })
}

fn part<T: serde::de::DeserializeOwned>(value: &Value, name: &str) -> anyhow::Result<T> {
    let read = serde_json::from_value(value.clone());
    read.with_context(|| {
        format!("the host's {name} cannot be read; does the host run the same version of muster?")
    })
}

fn done(outcome: &Outcome) -> ExpectedEnding {
    let account = outcome.account.as_ref();
    ExpectedEnding::Done(ExpectedOutcome {
        membership: Some(account.map_or(decision::Membership::Absent, |it| it.membership)),
        account: Some(account.map(|it| it.id.clone())),
        data: account.and_then(|it| serde_json::from_str(&it.data).ok()),
        visibility: outcome.visibility,
        note: Some(outcome.note.clone()),
    })
}

/// The expected ending of a refusal. The journal has it as a sentence that begins with its kind.
fn refused(answer: &str) -> anyhow::Result<ExpectedEnding> {
    let (kind, text) = answer.split_once(": ").unwrap_or((answer, ""));
    let kind = match kind {
        "rejected" => RefusalKind::Rejected,
        "conflict" => RefusalKind::Conflict,
        "forbidden" => RefusalKind::Forbidden,
        "unsupported" => RefusalKind::Unsupported,
        "misconfigured" => RefusalKind::Misconfigured,
        _ => bail!("muster refused the operation, not the connector: {answer}"),
    };
    Ok(ExpectedEnding::Refused { kind, text: Some(text.to_owned()), seconds: None })
}
