//! The clocks of WASI. They stand still at the start of the operation, or at the beginning of 1970
//! during `describe`.

use jiff::Timestamp;
use wasmtime::component::{ComponentType, LinkerInstance, Lower};

use super::{Wasi, handle};
use crate::connector::sandbox::Sandbox;

/// The resolution of both clocks: a millisecond, the precision of an operation's time.
const RESOLUTION: Datetime = Datetime { seconds: 0, nanoseconds: 1_000_000 };

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// Links a function of `wasi:clocks`. False if the item is not one.
pub(super) fn link(
    linked: &mut LinkerInstance<'_, Sandbox>,
    interface: &str,
    item: &str,
) -> wasmtime::Result<bool> {
    match (interface, item) {
        ("clocks/wall-clock", "now") => {
            linked.func_wrap(item, |store, ()| Ok((store.data().wasi.now(),)))?;
        }
        ("clocks/wall-clock", "resolution") => linked.func_wrap(item, |_, ()| Ok((RESOLUTION,)))?,
        ("clocks/monotonic-clock", "now") => {
            linked.func_wrap(item, |store, ()| Ok((store.data().wasi.now().in_nanoseconds(),)))?;
        }
        ("clocks/monotonic-clock", "resolution") => {
            linked.func_wrap(item, |_, ()| Ok((RESOLUTION.in_nanoseconds(),)))?;
        }
        ("clocks/monotonic-clock", "subscribe-instant" | "subscribe-duration") => {
            linked.func_wrap(item, |store, (_,): (u64,)| handle::<super::Pollable>(store, 0))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

impl Wasi {
    fn now(&self) -> Datetime {
        let now = self.context.as_ref().and_then(|context| context.now.parse().ok());
        let now: Timestamp = now.unwrap_or(Timestamp::UNIX_EPOCH);
        Datetime {
            seconds: u64::try_from(now.as_second()).unwrap_or(0),
            nanoseconds: u32::try_from(now.subsec_nanosecond()).unwrap_or(0),
        }
    }
}

impl Datetime {
    fn in_nanoseconds(self) -> u64 {
        self.seconds.saturating_mul(1_000_000_000).saturating_add(u64::from(self.nanoseconds))
    }
}
