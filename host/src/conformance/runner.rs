//! Runs a suite, step by step.

use std::time::Duration;

use serde_json::{Map, Value};

use super::client::{Answer, Call, Client, query_string};
use super::property;
use super::report::{Excerpt, StepReport, SuiteReport, Verdict};
use super::suite::{Request, Step, Suite};
use super::variables::Variables;

/// Runs every step, whatever came of those before: one that lacks a variable is skipped.
pub(super) async fn run(
    client: &Client,
    suite: &Suite,
    variables: &mut Variables,
    pause: Duration,
) -> SuiteReport {
    let mut steps = Vec::with_capacity(suite.steps.len());
    for step in &suite.steps {
        if !steps.is_empty() && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        steps.push(run_step(client, suite, step, variables).await);
    }
    SuiteReport {
        name: suite.name.clone(),
        title: suite.title.clone(),
        description: suite.description.clone(),
        source: suite.source.clone(),
        steps,
    }
}

async fn run_step(
    client: &Client,
    suite: &Suite,
    step: &Step,
    variables: &mut Variables,
) -> StepReport {
    let report = |verdict, excerpt| StepReport {
        name: step.name.clone(),
        required: step.required,
        verdict,
        excerpt,
    };
    let call = match prepare(suite, &step.request, variables) {
        Ok(call) => call,
        Err(error) => return report(Verdict::Skipped { reason: error.to_string() }, None),
    };
    let answer = match client.send(&call).await {
        Ok(answer) => answer,
        Err(error) => {
            let failures = vec![format!("there should be an answer, but: {error:#}")];
            return report(Verdict::Failed { failures }, Some(Excerpt::unanswered(&call)));
        }
    };
    take(step, &answer, variables);
    let failures = judge(step, &answer, variables);
    if failures.is_empty() {
        return report(Verdict::Passed, None);
    }
    report(Verdict::Failed { failures }, Some(Excerpt::new(&call, &answer)))
}

fn prepare(suite: &Suite, request: &Request, variables: &Variables) -> anyhow::Result<Call> {
    let path = variables.fill_text(&request.path)?;
    let query = filled(&request.query, variables)?;
    let body = body(request, variables)?;
    let defaults = if body.is_some() { &suite.headers.write } else { &suite.headers.read };
    let mut headers = filled(defaults, variables)?;
    headers.extend(filled(&request.headers, variables)?);
    let method = request.method.clone();
    Ok(Call { method, path: format!("{path}{}", query_string(&query)), headers, body })
}

fn filled(
    members: &Map<String, Value>,
    variables: &Variables,
) -> anyhow::Result<Map<String, Value>> {
    members.iter().map(|(name, template)| Ok((name.clone(), variables.fill(template)?))).collect()
}

fn body(request: &Request, variables: &Variables) -> anyhow::Result<Option<Value>> {
    let Some(overlay) = &request.overlay else {
        return request.body.as_ref().map(|body| variables.fill(body)).transpose();
    };
    let mut body = variables.value(&overlay.on)?.clone();
    for (path, value) in &overlay.set {
        property::set(&mut body, path, variables.fill(value)?);
    }
    Ok(Some(body))
}

/// Takes what later steps need, even where an assertion fails; but an error gives nothing.
fn take(step: &Step, answer: &Answer, variables: &mut Variables) {
    let Some(json) = answer.json.as_ref().filter(|_| answer.status < 300) else { return };
    for (name, path) in &step.variables {
        let found = path.as_str().and_then(|path| property::find(json, path));
        if let Some(value) = found {
            variables.set(name, value.clone());
        }
    }
}

fn judge(step: &Step, answer: &Answer, variables: &Variables) -> Vec<String> {
    let mut failures: Vec<String> = step
        .assertions
        .iter()
        .filter_map(|assertion| assertion.failure(answer, variables))
        .collect();
    // A body that is not JSON fails every assertion on it, and is worth one sentence.
    failures.dedup();
    failures
}
