//! Fail points: named places in the code at which the crash tests end the process, as `kill -9` would, or
//! panic. The environment variables `MUSTER_DIE_AT` and `MUSTER_PANIC_AT` choose one; release builds have none.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, anyhow};

/// The fail point, and at which passage of it the process ends, such as `journal:3`.
const DIE_AT: &str = "MUSTER_DIE_AT";

/// The same for a panic.
const PANIC_AT: &str = "MUSTER_PANIC_AT";

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
    // Without destructors or flushes, like a SIGKILL.
    arm_at(DIE_AT, || std::process::abort())?;
    arm_at(PANIC_AT, || panic!("as {PANIC_AT} wants it"))
}

/// Does this at the passage of the fail point that the variable names, if it is set.
fn arm_at(variable: &str, act: impl Fn() + Send + Sync + 'static) -> anyhow::Result<()> {
    let Ok(spec) = std::env::var(variable) else { return Ok(()) };
    let (point, times) = spec.split_once(':').with_context(|| format!("{variable}={spec}"))?;
    let left = AtomicU32::new(times.parse()?);
    let act = move || {
        if left.fetch_sub(1, Ordering::SeqCst) == 1 {
            act();
        }
    };
    fail::cfg_callback(point, act).map_err(|error| anyhow!("{variable}: {error}"))
}
