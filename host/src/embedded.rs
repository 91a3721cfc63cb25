//! The connectors that come with the host; `build.rs` builds them.

/// A connector that comes with the host.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// Its name, as its manifest has it.
    pub name: &'static str,
    /// The core module, not yet a component.
    pub wasm: &'static [u8],
}

/// All of them.
pub const CONNECTORS: [Embedded; 3] = [
    Embedded { name: "roster", wasm: include_bytes!(concat!(env!("OUT_DIR"), "/roster.wasm")) },
    Embedded {
        name: "two-state",
        wasm: include_bytes!(concat!(env!("OUT_DIR"), "/two-state.wasm")),
    },
    Embedded {
        name: "three-state",
        wasm: include_bytes!(concat!(env!("OUT_DIR"), "/three-state.wasm")),
    },
];
