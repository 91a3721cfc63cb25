//! wasmtime's bindings of the interface in `wit/`.
//!
//! Arguments are borrowed, so that a text is copied only once: into the sandbox's memory.

mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "connector",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(super) use generated::muster::connector::{log, types};
pub(super) use generated::{Connector, ConnectorPre};
