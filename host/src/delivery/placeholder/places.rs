//! The places of a placeholder in a body. Every text of the body is looked at, also in members that are
//! repeated, which most readers of JSON drop.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use url::form_urlencoded;

/// A placeholder and the fields that may hold it.
pub(super) struct BodyPlaces<'a> {
    pub(super) text: &'a str,
    pub(super) fields: &'a [String],
}

/// Where a placeholder must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misplaced {
    /// The body cannot be read as JSON.
    NotJson,
    /// The name of a member or a field.
    Name,
    /// A longer text, of which it is a part.
    Part,
    /// The value of a field that may not hold it.
    Field,
}

impl BodyPlaces<'_> {
    pub(super) fn check_form(&self, body: &[u8]) -> Result<(), Misplaced> {
        form_urlencoded::parse(body).try_for_each(|(name, value)| {
            self.check_name(&name)?;
            self.check_value(&value, self.fields.iter().any(|field| *field == name))
        })
    }

    pub(super) fn check_json(&self, body: &[u8]) -> Result<(), Misplaced> {
        let pointers = self.fields.iter().filter_map(|field| field.strip_prefix('/'));
        let pointers = pointers.map(|pointer| pointer.split('/').map(unescaped).collect());
        let pointers: Vec<Vec<String>> = pointers.collect();
        let mut misplaced = None;
        let value = JsonValue {
            places: self,
            allowed: pointers.iter().map(Vec::as_slice).collect(),
            misplaced: &mut misplaced,
        };
        let mut json = serde_json::Deserializer::from_slice(body);
        let read = value.deserialize(&mut json).and_then(|()| json.end());
        match (misplaced, read) {
            (Some(misplaced), _) => Err(misplaced),
            (None, Err(_)) => Err(Misplaced::NotJson),
            (None, Ok(())) => Ok(()),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), Misplaced> {
        if name.contains(self.text) { Err(Misplaced::Name) } else { Ok(()) }
    }

    fn check_value(&self, value: &str, allowed: bool) -> Result<(), Misplaced> {
        match value {
            _ if !value.contains(self.text) => Ok(()),
            _ if value != self.text => Err(Misplaced::Part),
            _ if allowed => Ok(()),
            _ => Err(Misplaced::Field),
        }
    }
}

/// A token of a JSON Pointer (RFC 6901 §4).
fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// A value in a JSON body, with the rests of the pointers that lead to it or into it.
struct JsonValue<'a, 'm> {
    places: &'a BodyPlaces<'a>,
    allowed: Vec<&'a [String]>,
    misplaced: &'m mut Option<Misplaced>,
}

impl<'a> JsonValue<'a, '_> {
    /// The value of this member, or of this index.
    fn inner(&mut self, token: &str) -> JsonValue<'a, '_> {
        let into = |pointer: &&'a [String]| match pointer.split_first() {
            Some((first, rest)) if first == token => Some(rest),
            _ => None,
        };
        JsonValue {
            places: self.places,
            allowed: self.allowed.iter().filter_map(into).collect(),
            misplaced: &mut *self.misplaced,
        }
    }

    fn note<E: Error>(&mut self, checked: Result<(), Misplaced>) -> Result<(), E> {
        checked.map_err(|misplaced| {
            *self.misplaced = Some(misplaced);
            E::custom("a misplaced placeholder")
        })
    }
}

impl<'de> DeserializeSeed<'de> for JsonValue<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonValue<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        let allowed = self.allowed.iter().any(|pointer| pointer.is_empty());
        let checked = self.places.check_value(text, allowed);
        self.note(checked)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let checked = self.places.check_name(&name);
            self.note(checked)?;
            members.next_value_seed(self.inner(&name))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0_usize;
        while items.next_element_seed(self.inner(&index.to_string()))?.is_some() {
            index += 1;
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}
