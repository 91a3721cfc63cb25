//! Conversion of decisions between the host's types and the bindings, and the calls themselves.

use wasmtime::Store;

use super::Question;
use super::bindings::Connector;
use super::sandbox::Sandbox;
use crate::decision::{Refusal, Step};

mod from_guest;
mod to_guest;

use to_guest::Lists;

/// Calls `describe`.
pub(super) fn describe(
    connector: &Connector,
    store: &mut Store<Sandbox>,
) -> wasmtime::Result<String> {
    connector.muster_connector_lifecycle().call_describe(store)
}

/// Calls `decide`.
pub(super) fn decide(
    connector: &Connector,
    store: &mut Store<Sandbox>,
    question: &Question,
) -> wasmtime::Result<Result<Step, Refusal>> {
    let Question { context, event, exchanges } = question;
    let changes: Vec<_> = event.changes.iter().map(String::as_str).collect();
    let joined: Vec<_> = event.joined.iter().map(to_guest::member).collect();
    let left: Vec<_> = event.left.iter().map(to_guest::member).collect();
    let event = to_guest::event(event, &changes, &joined, &left);
    let lists: Vec<_> = exchanges.iter().map(Lists::of).collect();
    let exchanges = exchanges.iter().zip(&lists);
    let exchanges: Vec<_> = exchanges.map(|(exchange, lists)| lists.exchange(exchange)).collect();
    let lifecycle = connector.muster_connector_lifecycle();
    let answer = lifecycle.call_decide(store, to_guest::context(context), event, &exchanges)?;
    Ok(answer.map(Step::from).map_err(Refusal::from))
}
