//! The machine's random numbers and clocks, replaced on the threads of a simulation.
//!
//! Hash maps, nonces and durations come from the C library. Two of its functions are replaced here,
//! as madsim does it, so that they follow from the seed. Other threads get what the kernel says.

#![expect(unsafe_code, reason = "functions of the C library are replaced")]

use std::cell::Cell;
use std::fs::File;
use std::io::Read;
use std::slice;

use rustix::time::{ClockId, Timespec, clock_gettime as real_time};

use super::random::Random;

thread_local! {
    /// The random numbers of this thread; none if the thread belongs to no simulation.
    static RANDOM: Cell<Option<Random>> = const { Cell::new(None) };
}

/// Makes this thread one of a simulation with this seed. Its clocks stand still from now on.
pub(crate) fn simulate(seed: u64) {
    // Its own seed would be the number of the thread. The jitter of retries comes from it.
    fastrand::seed(seed);
    RANDOM.set(Some(Random::new(seed)));
}

/// Fills a buffer with random bytes, as getrandom(2) does.
///
/// # Safety
///
/// The buffer has this length, or the length is 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    if length == 0 {
        return 0;
    }
    // SAFETY: by contract.
    let buffer = unsafe { slice::from_raw_parts_mut(buffer, length) };
    let filled = match RANDOM.get() {
        Some(mut random) => {
            for chunk in buffer.chunks_mut(8) {
                chunk.copy_from_slice(&random.next().to_be_bytes()[..chunk.len()]);
            }
            RANDOM.set(Some(random));
            true
        }
        None => File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer)).is_ok(),
    };
    if filled { length.cast_signed() } else { -1 }
}

/// Reads a clock, as `clock_gettime(2)` does.
///
/// # Safety
///
/// The time can be written to.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: i32, time: *mut Timespec) -> i32 {
    let now = match (RANDOM.get(), clock) {
        (Some(_), _) => Timespec { tv_sec: 1_000_000, tv_nsec: 0 },
        (None, 0) => real_time(ClockId::Realtime),
        (None, 3) => real_time(ClockId::ThreadCPUTime),
        (None, 2) => real_time(ClockId::ProcessCPUTime),
        (None, 7) => real_time(ClockId::Boottime),
        (None, _) => real_time(ClockId::Monotonic),
    };
    // SAFETY: by contract.
    unsafe { time.write(now) };
    0
}
