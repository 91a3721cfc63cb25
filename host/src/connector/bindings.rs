//! The interface of `wit/` as wasmtime sees it.
//!
//! What goes in borrows, so that a text is copied once: into the sandbox's memory.

mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "connector",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(super) use generated::muster::connector::{log, types};
pub(super) use generated::{Connector, ConnectorPre};
