//! A JSON parser for request bodies: bounded depth, UTF-8, no duplicate keys. In SCIM messages keys that
//! differ only in case are duplicates too, and no text contains U+0000.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::map::{Entry, Map};

use super::Error;

/// The deepest nesting of objects and lists. No SCIM message needs more than five.
pub const MAX_DEPTH: usize = 32;

/// Parses a SCIM message; else `invalidSyntax` with the position.
pub fn parse_json(bytes: &[u8]) -> Result<Value, Error> {
    parse(bytes, true)
}

/// Parses any other body.
pub fn parse_plain_json(bytes: &[u8]) -> Result<Value, Error> {
    parse(bytes, false)
}

fn parse(bytes: &[u8], is_scim: bool) -> Result<Value, Error> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        // RFC 7644 §3.8: UTF-8.
        let at = error.valid_up_to();
        Error::invalid_syntax(format!("The body is not UTF-8: byte {at} is out of place"))
    })?;
    // RFC 8259 §8.1: a byte order mark may be ignored.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(Error::invalid_syntax("The body is empty; it must be a JSON object"));
    }
    read(text, is_scim)
        .map_err(|error| Error::invalid_syntax(format!("The body cannot be read as JSON: {error}")))
}

fn read(text: &str, is_scim: bool) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Bounded { room: MAX_DEPTH, is_scim }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads a value with a limit on the nesting below it.
#[derive(Clone, Copy)]
struct Bounded {
    room: usize,
    is_scim: bool,
}

impl Bounded {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        let room = self.room.checked_sub(1);
        let room = room.ok_or_else(|| E::custom(format!("nested deeper than {MAX_DEPTH}")))?;
        Ok(Self { room, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Bounded {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.visit_string(value.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        // No name or address has it; C programs take it for the end.
        if self.is_scim && value.contains('\0') {
            return Err(E::custom("a text contains the character U+0000"));
        }
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut object = Map::new();
        let mut folded = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if self.is_scim && is_spelt_otherwise(&object, &mut folded, &key) {
                // RFC 7643 §2.1: the names of attributes are the same in any case.
                return Err(A::Error::custom(format!(
                    "the key {key:?} is also given in another case"
                )));
            }
            match object.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(entries.next_value_seed(below)?);
                }
                // RFC 8259 §4 leaves open which of two equal keys counts, so they are refused.
                Entry::Occupied(first) => {
                    let key = first.key();
                    return Err(A::Error::custom(format!("the key {key:?} is given twice")));
                }
            }
        }
        Ok(object.into())
    }
}

/// Few enough keys to compare each with all others.
const FEW: usize = 32;

/// Whether the object has the key in another case. `folded` has its keys once they are many.
fn is_spelt_otherwise(
    object: &Map<String, Value>,
    folded: &mut HashSet<String>,
    key: &str,
) -> bool {
    if object.len() < FEW {
        return object.keys().any(|it| it != key && it.eq_ignore_ascii_case(key));
    }
    if folded.is_empty() {
        folded.extend(object.keys().map(|it| it.to_ascii_lowercase()));
    }
    !folded.insert(key.to_ascii_lowercase()) && !object.contains_key(key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_is_parsed() {
        let text = r#" {"a":[1,-2,2.5,true,null,"x\n"],"b":{"c":{}},"C":18446744073709551615} "#;
        let expected = json!({"a":[1,-2,2.5,true,null,"x\n"],"b":{"c":{}},"C":u64::MAX});
        assert_eq!(parse_json(text.as_bytes()), Ok(expected));
        assert_eq!(parse_json("\u{feff}{}".as_bytes()), Ok(json!({})));
    }

    #[test]
    fn a_body_that_is_no_scim_message_may_have_any_text_and_any_keys() {
        let text = r#"{"a":"\u0000","A":1}"#;
        assert!(parse_json(text.as_bytes()).is_err());
        assert_eq!(parse_plain_json(text.as_bytes()), Ok(json!({"a":"\0","A":1})));
        assert!(parse_plain_json(br#"{"a":1,"a":2}"#).is_err());
    }

    #[test]
    fn a_number_keeps_its_value() {
        for text in ["0.1", "4.444444444444444e44", "1.7976931348623157e308"] {
            let number = parse_json(text.as_bytes()).unwrap();
            assert_eq!(number.as_f64(), text.parse().ok(), "{text}");
            assert_eq!(parse_json(number.to_string().as_bytes()), Ok(number));
        }
    }

    #[track_caller]
    fn refuse(bytes: &[u8], detail: &str) {
        let error = parse_json(bytes).expect_err("it must be refused");
        assert_eq!(error, Error::invalid_syntax(detail));
    }

    #[test]
    fn an_error_names_the_position() {
        refuse(b"", "The body is empty; it must be a JSON object");
        refuse(b" \n ", "The body is empty; it must be a JSON object");
        refuse(b"{\"a\":\xff}", "The body is not UTF-8: byte 5 is out of place");
        refuse(
            b"{\"a\":1,\n \"b\" 2}",
            "The body cannot be read as JSON: expected `:` at line 2 column 6",
        );
        refuse(
            b"{\"a\":\"b\\u0000\"}",
            "The body cannot be read as JSON: a text contains the character U+0000 at line 1 column 14",
        );
        refuse(b"{} x", "The body cannot be read as JSON: trailing characters at line 1 column 4");
        refuse(
            b"{\"a\":{\"b\":1,\"b\":2}}",
            "The body cannot be read as JSON: the key \"b\" is given twice at line 1 column 15",
        );
        refuse(
            b"{\"active\":false,\"Active\":true}",
            "The body cannot be read as JSON: the key \"Active\" is also given in another case at line \
             1 column 24",
        );
        let many: String = (0..100).map(|n| format!("\"k{n}\":1,")).collect();
        let error = parse_json(format!("{{{many}\"K7\":1}}").as_bytes()).unwrap_err();
        assert!(error.detail.contains("\"K7\" is also given in another case"), "{error:?}");
        assert!(parse_json(format!("{{{many}\"K\":1}}").as_bytes()).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_json(nested(MAX_DEPTH).as_bytes()).is_ok());
        refuse(
            nested(MAX_DEPTH + 1).as_bytes(),
            "The body cannot be read as JSON: nested deeper than 32 at line 1 column 34",
        );
        assert!(parse_json(nested(100_000).as_bytes()).is_err());
    }
}
