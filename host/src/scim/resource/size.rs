//! Sizes: how many bytes a value and a whole resource may have.
//!
//! They bound what a query or a PATCH has to look at. A resource may be larger, from before there was a bound
//! or before it was lowered: only what a request makes larger is refused, so such a resource can still be
//! changed, deactivated and deleted. Members of groups are rows, and do not count.

use serde_json::{Map, Value};

use super::target::AttributePlace;
use crate::scim::Error;
use crate::scim::reading::Reading;
use crate::scim::schema::{Attribute, AttributeType, ResourceType, Schema, common_attribute};

/// Bytes of a `userName`: an address has at most 64, an at sign and 255 (RFC 5321 §4.5.3.1).
const USER_NAME: usize = 320;
/// Bytes of another text.
const TEXT: usize = 8 * 1024;
/// Bytes of a binary value, in base64.
const BINARY: usize = 32 * 1024;

/// What the host writes by itself, and the state: a few bytes each. They never make a resource too large,
/// least of all that of a person who leaves.
const NOT_COUNTED: [&str; 3] = ["active", "id", "schemas"];

/// Refuses a document in which a value, or the whole, is over its bound and larger than before.
pub(super) fn check(
    t: &ResourceType,
    before: Option<&Map<String, Value>>,
    after: &Map<String, Value>,
    r: &Reading,
) -> Result<(), Error> {
    let Some(largest) = r.largest() else { return Ok(()) };
    let common = common_attribute("externalId").into_iter();
    check_attributes(None, t.schema.attributes.iter().chain(common), before, after)?;
    for extension in &t.extensions {
        let schema = &*extension.schema;
        let [before, after] = [before, Some(after)].map(|it| it?.get(&schema.id)?.as_object());
        let Some(after) = after else { continue };
        check_attributes(Some(schema), schema.attributes.iter(), before, after)?;
    }
    let [before, after] = [before, Some(after)].map(|it| it.map_or(0, size));
    if after <= largest.max(before) {
        return Ok(());
    }
    let name = &t.name;
    Err(Error::invalid_value(format!(
        "the {name} would have {after} bytes as JSON; at most {largest} are kept"
    )))
}

/// Refuses a value beside the document that is over its bound, such as a password.
pub(super) fn check_beside(
    place: AttributePlace<'_>,
    value: Option<&Value>,
    r: &Reading,
) -> Result<(), Error> {
    match r.largest() {
        Some(_) => check_leaf(place, None, value),
        None => Ok(()),
    }
}

/// Refuses to write a value into so many others that a small request becomes a large resource.
pub(super) fn check_copies(
    place: AttributePlace<'_>,
    count: usize,
    value: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    if count < 2 || r.copies(count.saturating_mul(value_size(value))) {
        return Ok(());
    }
    Err(Error::invalid_value(format!(
        "{place}: the value would be written into {count} values, which is too much"
    )))
}

fn check_attributes<'t>(
    extension: Option<&'t Schema>,
    attributes: impl Iterator<Item = &'t Attribute>,
    before: Option<&Map<String, Value>>,
    after: &Map<String, Value>,
) -> Result<(), Error> {
    for attribute in attributes {
        let Some(value) = after.get(&attribute.name) else { continue };
        let before = before.and_then(|it| it.get(&attribute.name));
        let place = AttributePlace { extension, attribute, sub: None };
        check_leaf(place, before, Some(value))?;
        for sub in &attribute.sub_attributes {
            check_leaf(AttributePlace { sub: Some(sub), ..place }, before, Some(value))?;
        }
    }
    Ok(())
}

fn check_leaf(
    place: AttributePlace<'_>,
    before: Option<&Value>,
    value: Option<&Value>,
) -> Result<(), Error> {
    let limit = limit(place);
    let length = |value: Option<&Value>| value.map_or(0, |it| longest(it, place.sub));
    let bytes = length(value);
    if bytes <= limit || bytes <= length(before) {
        return Ok(());
    }
    Err(Error::invalid_value(format!("{place} has {bytes} bytes; at most {limit} are kept")))
}

fn limit(place: AttributePlace<'_>) -> usize {
    let leaf = place.leaf();
    let is_user_name = place.extension.is_none() && leaf.name == "userName";
    leaf.max_bytes.unwrap_or(match leaf.kind {
        AttributeType::Binary => BINARY,
        _ if is_user_name => USER_NAME,
        _ => TEXT,
    })
}

/// Bytes of the longest text among the values of an attribute, or of this sub-attribute.
fn longest(value: &Value, sub: Option<&Attribute>) -> usize {
    match (value, sub) {
        (Value::Array(values), _) => values.iter().map(|it| longest(it, sub)).max().unwrap_or(0),
        (Value::Object(object), Some(sub)) => {
            object.get(&sub.name).map_or(0, |value| longest(value, None))
        }
        (Value::String(text), None) => text.len(),
        _ => 0,
    }
}

/// Bytes of a document as JSON, without what does not count.
pub(super) fn size(document: &Map<String, Value>) -> usize {
    let counted = document.iter().filter(|(name, _)| !NOT_COUNTED.contains(&name.as_str()));
    2 + counted.map(|(name, value)| member_size(name, value)).sum::<usize>()
}

/// Bytes of a value as JSON.
pub(in crate::scim) fn value_size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => text_size(text),
        Value::Array(values) => 2 + values.iter().map(|it| value_size(it) + 1).sum::<usize>(),
        Value::Object(object) => {
            2 + object.iter().map(|(name, value)| member_size(name, value)).sum::<usize>()
        }
    }
}

/// With a colon, and a comma that the last one does not need.
fn member_size(name: &str, value: &Value) -> usize {
    text_size(name) + value_size(value) + 2
}

/// With quotes and escapes.
fn text_size(text: &str) -> usize {
    let escaped = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
        0..=31 => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::{Dialect, Schemas};

    #[test]
    fn a_size_is_that_of_the_json_but_for_commas() {
        for value in [
            json!(null),
            json!([]),
            json!({ "a": [1, -2.5, true, false, null], "b": { "c": "d" } }),
            json!("quotes \" and \\ and \n\r\t\u{8}\u{c}\u{1}\u{7f} and é and 🦀"),
        ] {
            let written = value.to_string();
            let commas = value_size(&value) - written.len();
            assert!(commas <= 3, "{written}: {commas}");
        }
        let document = json!({ "id": "1", "active": true, "schemas": ["a"], "title": "T" });
        assert_eq!(size(document.as_object().unwrap()), r#"{"title":"T",}"#.len());
    }

    #[test]
    fn a_value_that_is_over_its_bound_already_may_stay_or_shrink() {
        let schemas = Schemas::standard();
        let user = schemas.by_name("User").unwrap();
        let named = |bytes: usize| json!({ "userName": "a".repeat(bytes), "emails": [{ "value": "b".repeat(30 * bytes) }] });
        let check = |before: &Value, after: &Value, bounded: bool| {
            let r = Reading::new(Dialect::Generic);
            let r = if bounded { r.bounded(65_536) } else { r };
            let before = before.as_object();
            check(user, before, after.as_object().unwrap(), &r).map_err(|error| error.detail)
        };
        for after in [1, 320, 399, 400] {
            assert_eq!(check(&named(400), &named(after), true), Ok(()), "{after}");
        }
        let refused = Err("userName has 401 bytes; at most 320 are kept".to_owned());
        assert_eq!(check(&named(400), &named(401), true), refused);
        assert_eq!(check(&Value::Null, &named(401), true), refused);
        assert_eq!(check(&Value::Null, &named(401), false), Ok(()), "operators are not bounded");
    }
}
