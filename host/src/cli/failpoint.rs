//! Fail points: named places in the code at which the crash tests end the process, as `kill -9` would. The
//! environment variable `MUSTER_DIE_AT` chooses one; release builds have none.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, anyhow};

/// The fail point, and at which passage of it the process ends, such as `journal:3`.
const VARIABLE: &str = "MUSTER_DIE_AT";

/// The bounds of the write-ahead log in pages, as `store::log` reads them, such as `16/64/256`.
const LOG_BOUNDS: &str = "MUSTER_LOG_BOUNDS";

/// Arms the fail point that the environment names, if fail points are compiled in.
pub(super) fn arm() -> anyhow::Result<()> {
    if !fail::has_failpoints() {
        return Ok(());
    }
    if let Ok(bounds) = std::env::var(LOG_BOUNDS) {
        fail::cfg("log-bounds", &format!("return({bounds})"))
            .map_err(|error| anyhow!("{LOG_BOUNDS}: {error}"))?;
    }
    let Ok(spec) = std::env::var(VARIABLE) else { return Ok(()) };
    let (point, times) = spec.split_once(':').with_context(|| format!("{VARIABLE}={spec}"))?;
    let left = AtomicU32::new(times.parse()?);
    let die = move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Without destructors or flushes, like a SIGKILL.
            std::process::abort();
        }
    };
    fail::cfg_callback(point, die).map_err(|error| anyhow!("{VARIABLE}: {error}"))
}
