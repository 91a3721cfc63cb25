//! The randomness of WASI, which follows the operation's seed: the same for each decision of an
//! operation. It is not secret, since the connector knows the seed.

use wasmtime::component::LinkerInstance;

use super::fatal;
use crate::connector::limits::COPY_BYTES;
use crate::connector::sandbox::Sandbox;

/// `SplitMix64`: a counter whose values are mixed into numbers.
pub(super) struct Random(u64);

/// Links a function of `wasi:random`. False if the item is not one.
pub(super) fn link(
    linked: &mut LinkerInstance<'_, Sandbox>,
    interface: &str,
    item: &str,
) -> wasmtime::Result<bool> {
    match (interface, item) {
        ("random/random", "get-random-bytes")
        | ("random/insecure", "get-insecure-random-bytes") => {
            linked.func_wrap(item, |mut store, (length,): (u64,)| {
                Ok((store.data_mut().wasi.random.bytes(length)?,))
            })?;
        }
        ("random/random", "get-random-u64") | ("random/insecure", "get-insecure-random-u64") => {
            linked.func_wrap(item, |mut store, ()| Ok((store.data_mut().wasi.random.number(),)))?;
        }
        ("random/insecure-seed", "insecure-seed") => {
            linked.func_wrap(item, |mut store, ()| {
                let random = &mut store.data_mut().wasi.random;
                Ok(((random.number(), random.number()),))
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

impl Random {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        let wanted = usize::try_from(length).ok().filter(|length| *length <= COPY_BYTES);
        let Some(length) = wanted else {
            return Err(fatal(&format!("it asked for {length} random bytes at once")));
        };
        let mut bytes = Vec::with_capacity(length + 7);
        while bytes.len() < length {
            bytes.extend(self.number().to_le_bytes());
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        // The published test vector of SplitMix64 for the seed 1234567.
        let mut random = Random::seeded(1_234_567);
        let numbers = [(); 3].map(|()| random.number());
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn as_many_bytes_are_returned_as_requested_up_to_the_copy_limit() {
        let mut random = Random::seeded(7);
        for length in [0, 1, 8, 9] {
            assert_eq!(random.bytes(length).unwrap().len() as u64, length);
        }
        assert!(random.bytes(u64::MAX).is_err());
    }
}
