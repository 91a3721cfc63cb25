//! Functions of WASI that are not available.
//!
//! Each returns what its result type allows: an empty list, none, or an error such as
//! `access-denied`. A function whose type allows only success ends the connector.

use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{LinkerInstance, Val};

use super::fatal;
use crate::connector::sandbox::Sandbox;

/// The error codes of WASI's interfaces for something denied or unsupported, in order of
/// preference.
const DENIED: [&str; 4] = ["access-denied", "access", "not-supported", "unsupported"];

/// Links a function that is not available.
pub(super) fn link(
    linked: &mut LinkerInstance<'_, Sandbox>,
    interface: &str,
    item: &str,
    function: &ComponentFunc,
) -> wasmtime::Result<()> {
    let values: Option<Vec<Val>> = function.results().map(|result| empty(&result)).collect();
    let why = format!("it called `wasi:{interface}#{item}`, which connectors cannot use");
    linked.func_new(item, move |mut store, _, parameters, results| {
        let values = values.as_ref().ok_or_else(|| fatal(&why))?;
        results.clone_from_slice(values);
        parameters.iter().try_for_each(|parameter| drop_handles(&mut store, parameter))
    })
}

/// The handles in a parameter. Borrowed handles must be dropped before the call returns.
fn drop_handles(store: &mut StoreContextMut<'_, Sandbox>, parameter: &Val) -> wasmtime::Result<()> {
    match parameter {
        Val::Resource(handle) => handle.resource_drop(store),
        Val::List(values) => values.iter().try_for_each(|value| drop_handles(store, value)),
        _ => Ok(()),
    }
}

fn empty(result: &Type) -> Option<Val> {
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
            let code = DENIED.into_iter().find(|code| error.names().any(|name| name == *code))?;
            Some(Val::Enum(code.to_owned()))
        }
        // The error of streams.
        Type::Variant(error) => {
            let closed = error.cases().any(|case| case.name == "closed" && case.ty.is_none());
            closed.then(|| Val::Variant("closed".to_owned(), None))
        }
        _ => None,
    }
}
