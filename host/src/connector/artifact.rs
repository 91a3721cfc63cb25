//! Machine code that this host's own compiler wrote.

use wasmtime::Engine;
use wasmtime::component::Component;

/// A compiled connector. Its only sources are the compiler's process and cache entries with a valid
/// seal.
pub(super) struct Artifact(Vec<u8>);

impl Artifact {
    /// Trusts these bytes. The caller guarantees that this host's compiler wrote them.
    pub(super) fn trusted(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The component, ready to be linked. Fails if an engine with other settings compiled it.
    pub(super) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(unsafe_code, reason = "machine code cannot be checked, only trusted")]
        // SAFETY: the bytes must be unchanged output of wasmtime's compiler. `trusted` is called
        // only with the compiler's output and with cache entries whose seal was verified.
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}
