//! What a function says that stands for something that is not there, told by what it can say: no
//! entries, none, or that it is denied. One that can only succeed ends the connector.

use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{LinkerInstance, Val};

use super::fatal;
use crate::connector::sandbox::Sandbox;

/// How WASI's interfaces say that something is not permitted, or not to be had.
const DENIED: [&str; 4] = ["access-denied", "access", "not-supported", "unsupported"];

/// Gives a function of nothing.
pub(super) fn link(
    linked: &mut LinkerInstance<'_, Sandbox>,
    interface: &str,
    item: &str,
    function: &ComponentFunc,
) -> wasmtime::Result<()> {
    let said: Option<Vec<Val>> = function.results().map(|result| nothing(&result)).collect();
    let name = format!("it called `wasi:{interface}#{item}`, of which a connector has nothing");
    linked.func_new(item, move |mut store, _, parameters, results| {
        let said = said.as_ref().ok_or_else(|| fatal(&name))?;
        results.clone_from_slice(said);
        parameters.iter().try_for_each(|parameter| give_back(&mut store, parameter))
    })
}

/// Handles that were lent must be back when a call ends.
fn give_back(store: &mut StoreContextMut<'_, Sandbox>, parameter: &Val) -> wasmtime::Result<()> {
    match parameter {
        Val::Resource(handle) => handle.resource_drop(store),
        Val::List(values) => values.iter().try_for_each(|value| give_back(store, value)),
        _ => Ok(()),
    }
}

fn nothing(result: &Type) -> Option<Val> {
    match result {
        Type::List(_) => Some(Val::List(Vec::new())),
        Type::Option(_) => Some(Val::Option(None)),
        Type::Result(result) => match result.err() {
            None => Some(Val::Result(Err(None))),
            Some(error) => Some(Val::Result(Err(Some(Box::new(denied(&error)?))))),
        },
        _ => None,
    }
}

fn denied(error: &Type) -> Option<Val> {
    match error {
        Type::Enum(error) => {
            let said = DENIED.into_iter().find(|word| error.names().any(|name| name == *word))?;
            Some(Val::Enum(said.to_owned()))
        }
        // That of streams.
        Type::Variant(error) => {
            let closed = error.cases().any(|case| case.name == "closed" && case.ty.is_none());
            closed.then(|| Val::Variant("closed".to_owned(), None))
        }
        _ => None,
    }
}
