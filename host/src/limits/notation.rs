//! How limits are written: readers whose errors say what a limit looks like.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// A duration, which is checked with its range.
struct Written<const RETENTION: bool>(String);

/// A number of calls.
struct Calls(usize);

struct WrittenVisitor<const RETENTION: bool>;
struct CallsVisitor;

impl<const RETENTION: bool> Visitor<'_> for WrittenVisitor<RETENTION> {
    type Value = Written<RETENTION>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a duration such as {}", if RETENTION { "90d" } else { "250ms" })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Written(text.to_owned()))
    }
}

impl Visitor<'_> for CallsVisitor {
    type Value = Calls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of calls such as 20")
    }

    fn visit_i64<E: Error>(self, calls: i64) -> Result<Calls, E> {
        let number = usize::try_from(calls);
        number.map(Calls).map_err(|_| E::invalid_value(Unexpected::Signed(calls), &self))
    }

    fn visit_u64<E: Error>(self, calls: u64) -> Result<Calls, E> {
        let number = usize::try_from(calls);
        number.map(Calls).map_err(|_| E::invalid_value(Unexpected::Unsigned(calls), &self))
    }
}

impl<'de, const RETENTION: bool> Deserialize<'de> for Written<RETENTION> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(WrittenVisitor::<RETENTION>)
    }
}

impl<'de> Deserialize<'de> for Calls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(CallsVisitor)
    }
}

pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Written<false>>::deserialize(from)?.map(|it| it.0))
}

pub(super) fn retention<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Written<true>>::deserialize(from)?.map(|it| it.0))
}

pub(super) fn calls<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    Ok(Option::<Calls>::deserialize(from)?.map(|it| it.0))
}

/// A member of a change, which may be absent, `null` or a duration.
pub(super) fn stated_time<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<String>>, D::Error> {
    time(from).map(Some)
}

/// The same for a limit in days.
pub(super) fn stated_retention<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<String>>, D::Error> {
    retention(from).map(Some)
}

/// The same for a number of calls.
pub(super) fn stated_calls<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<usize>>, D::Error> {
    calls(from).map(Some)
}
