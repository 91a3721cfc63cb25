//! The words of a decision, on their way into the sandbox and out of it.

use wasmtime::Store;

use super::Question;
use super::bindings::Connector;
use super::sandbox::Sandbox;
use crate::decision::{Refusal, Step};

mod inward;
mod outward;

use inward::Lists;

/// Asks for the manifest.
pub(super) fn describe(
    connector: &Connector,
    store: &mut Store<Sandbox>,
) -> wasmtime::Result<String> {
    connector.muster_connector_lifecycle().call_describe(store)
}

/// Asks for the next step.
pub(super) fn decide(
    connector: &Connector,
    store: &mut Store<Sandbox>,
    question: &Question,
) -> wasmtime::Result<Result<Step, Refusal>> {
    let Question { context, event, exchanges } = question;
    let changes: Vec<_> = event.changes.iter().map(String::as_str).collect();
    let joined: Vec<_> = event.joined.iter().map(inward::member).collect();
    let left: Vec<_> = event.left.iter().map(inward::member).collect();
    let event = inward::event(event, &changes, &joined, &left);
    let lists: Vec<_> = exchanges.iter().map(Lists::of).collect();
    let exchanges = exchanges.iter().zip(&lists);
    let exchanges: Vec<_> = exchanges.map(|(exchange, lists)| lists.exchange(exchange)).collect();
    let lifecycle = connector.muster_connector_lifecycle();
    let answer = lifecycle.call_decide(store, inward::context(context), event, &exchanges)?;
    Ok(answer.map(Step::from).map_err(Refusal::from))
}
