//! Dies at a chosen moment, for the tests that kill the host. Release builds have no such moments.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, anyhow};

/// The fail point and how often it is passed before it kills, such as `journal:3`.
const VARIABLE: &str = "MUSTER_DIE_AT";

/// Arms the fail point that the environment names, where fail points are compiled in.
pub(super) fn arm() -> anyhow::Result<()> {
    if !fail::has_failpoints() {
        return Ok(());
    }
    let Ok(spec) = std::env::var(VARIABLE) else { return Ok(()) };
    let (point, times) = spec.split_once(':').with_context(|| format!("{VARIABLE}={spec}"))?;
    let left = AtomicU32::new(times.parse()?);
    let die = move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // No destructor, no flush: as the kernel would.
            std::process::abort();
        }
    };
    fail::cfg_callback(point, die).map_err(|error| anyhow!("{VARIABLE}: {error}"))
}
