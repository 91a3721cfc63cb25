//! A clock that stands: at the time when the operation began, or at the beginning of 1970 where
//! there is no operation.

use jiff::Timestamp;
use wasmtime::component::{ComponentType, LinkerInstance, Lower};

use super::{Wasi, handle};
use crate::connector::sandbox::Sandbox;

/// What both clocks say of themselves: a millisecond, in which a time is written.
const RESOLUTION: Datetime = Datetime { seconds: 0, nanoseconds: 1_000_000 };

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

/// Gives a function of `wasi:clocks`, where it is one.
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
