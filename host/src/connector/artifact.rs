//! Machine code that came out of our own compiler.

use wasmtime::Engine;
use wasmtime::component::Component;

/// A compiled connector. There is one only from the compiler's process, and from a cache entry
/// whose seal was found whole.
pub(super) struct Artifact(Vec<u8>);

impl Artifact {
    /// Vouches for these bytes: whoever calls it knows that our compiler wrote them.
    pub(super) fn trusted(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The component, ready to be linked. An error means that another engine compiled it.
    pub(super) fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(unsafe_code, reason = "machine code can be believed, and not checked")]
        // SAFETY: the bytes must be what wasmtime's compiler wrote, unchanged. They are: see
        // `trusted`, which the compiler's caller and the cache's seal alone make use of.
        unsafe {
            Component::deserialize(engine, &self.0)
        }
    }
}
