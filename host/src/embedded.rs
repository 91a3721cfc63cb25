//! The connectors that are embedded in the host; `build.rs` builds them.

/// An embedded connector.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// The name in its manifest.
    pub name: &'static str,
    /// The core module, not yet a component.
    pub wasm: &'static [u8],
}

/// All embedded connectors.
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
