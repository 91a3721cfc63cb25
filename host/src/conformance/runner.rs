//! The runner of a suite, step by step.

use std::time::Duration;

use serde_json::{Map, Value};

use super::client::{ServerRequest, ServerResponse, SuiteClient, query_string};
use super::property;
use super::report::{Excerpt, StepReport, StepResult, SuiteReport};
use super::suite::{RequestTemplate, SuiteDefinition, SuiteStep};
use super::variables::Variables;

/// Runs every step, whatever the result of the steps before. A step that lacks a variable is
/// skipped.
pub(super) async fn run(
    client: &SuiteClient,
    suite: &SuiteDefinition,
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
    client: &SuiteClient,
    suite: &SuiteDefinition,
    step: &SuiteStep,
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
        Err(error) => return report(StepResult::Skipped { reason: error.to_string() }, None),
    };
    let answer = match client.send(&call).await {
        Ok(answer) => answer,
        Err(error) => {
            let failures = vec![format!("there should be an answer, but: {error:#}")];
            return report(StepResult::Failed { failures }, Some(Excerpt::unanswered(&call)));
        }
    };
    take(step, &answer, variables);
    let failures = judge(step, &answer, variables);
    if failures.is_empty() {
        return report(StepResult::Passed, None);
    }
    report(StepResult::Failed { failures }, Some(Excerpt::new(&call, &answer)))
}

fn prepare(
    suite: &SuiteDefinition,
    request: &RequestTemplate,
    variables: &Variables,
) -> anyhow::Result<ServerRequest> {
    let path = variables.fill_text(&request.path)?;
    let query = filled(&request.query, variables)?;
    let body = body(request, variables)?;
    let defaults = if body.is_some() { &suite.headers.write } else { &suite.headers.read };
    let mut headers = filled(defaults, variables)?;
    headers.extend(filled(&request.headers, variables)?);
    let method = request.method.clone();
    Ok(ServerRequest { method, path: format!("{path}{}", query_string(&query)), headers, body })
}

fn filled(
    members: &Map<String, Value>,
    variables: &Variables,
) -> anyhow::Result<Map<String, Value>> {
    members.iter().map(|(name, template)| Ok((name.clone(), variables.fill(template)?))).collect()
}

fn body(request: &RequestTemplate, variables: &Variables) -> anyhow::Result<Option<Value>> {
    let Some(overlay) = &request.overlay else {
        return request.body.as_ref().map(|body| variables.fill(body)).transpose();
    };
    let mut body = variables.value(&overlay.on)?.clone();
    for (path, value) in &overlay.set {
        property::set(&mut body, path, variables.fill(value)?);
    }
    Ok(Some(body))
}

/// Takes the variables for later steps, even if an assertion failed, but not from an error answer.
fn take(step: &SuiteStep, answer: &ServerResponse, variables: &mut Variables) {
    let Some(json) = answer.json.as_ref().filter(|_| answer.status < 300) else { return };
    for (name, path) in &step.variables {
        let found = path.as_str().and_then(|path| property::find(json, path));
        if let Some(value) = found {
            variables.set(name, value.clone());
        }
    }
}

fn judge(step: &SuiteStep, answer: &ServerResponse, variables: &Variables) -> Vec<String> {
    let mut failures: Vec<String> = step
        .assertions
        .iter()
        .filter_map(|assertion| assertion.failure(answer, variables))
        .collect();
    // A body that is not JSON fails every assertion on it, so it is reported once.
    failures.dedup();
    failures
}
