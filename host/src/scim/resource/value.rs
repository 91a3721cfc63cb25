//! Values: checked against the type of their attribute and converted into canonical form.

use serde_json::{Map, Number, Value};

use super::list;
use super::target::{AttributePlace, excerpt};
use crate::scim::Error;
use crate::scim::dialect::Leniency;
use crate::scim::reading::Reading;
use crate::scim::schema::{AttributeType, Mutability};

/// The canonical value of an attribute; `None` if it is unassigned.
///
/// RFC 7643 §2.5: null, the empty list and unassigned are the same state.
pub(super) fn canonical(
    place: AttributePlace<'_>,
    raw: &Value,
    r: &mut Reading,
) -> Result<Option<Value>, Error> {
    if !place.leaf().multi_valued {
        return one(place, single(place, raw, r)?, r);
    }
    let mut values = Vec::new();
    list::merge(place, &mut values, many(place, raw, r)?)?;
    Ok((!values.is_empty()).then_some(Value::Array(values)))
}

/// The canonical values of a list for a multi-valued attribute.
pub(super) fn many(
    place: AttributePlace<'_>,
    raw: &Value,
    r: &mut Reading,
) -> Result<Vec<Value>, Error> {
    match raw {
        Value::Array(items) => {
            items.iter().filter_map(|item| one(place, item, r).transpose()).collect()
        }
        Value::Null => Ok(Vec::new()),
        single if r.allows(Leniency::SingleForList) => {
            Ok(one(place, single, r)?.into_iter().collect())
        }
        other => Err(mismatch(place, "a list", other)),
    }
}

/// The value for a single-valued attribute, from a list of one if the dialect allows it.
pub(super) fn single<'v>(
    place: AttributePlace<'_>,
    raw: &'v Value,
    r: &mut Reading,
) -> Result<&'v Value, Error> {
    match raw {
        Value::Array(items) => match items.as_slice() {
            [] => Ok(&Value::Null),
            [only] if r.allows(Leniency::ListForSingle) => Ok(only),
            _ => Err(mismatch(place, "a single value", raw)),
        },
        _ => Ok(raw),
    }
}

/// One canonical value.
pub(super) fn one(
    place: AttributePlace<'_>,
    raw: &Value,
    r: &mut Reading,
) -> Result<Option<Value>, Error> {
    let kind = place.leaf().kind;
    match raw {
        Value::Null => return Ok(None),
        Value::Object(object) if kind == AttributeType::Complex => {
            return complex(place, object, r);
        }
        Value::String(text) if text.is_empty() && kind != AttributeType::String => {
            let expected = expectation(kind);
            let allowed = r.allows(Leniency::EmptyForUnassigned);
            return if allowed { Ok(None) } else { Err(mismatch(place, expected, raw)) };
        }
        _ => {}
    }
    let value = match kind {
        AttributeType::Complex => return bare(place, raw, r),
        AttributeType::String => string(raw, r),
        AttributeType::Boolean => boolean(raw, r),
        AttributeType::Decimal => raw.is_number().then(|| raw.clone()),
        // RFC 7643 §2.3.4: no fraction and no exponent.
        AttributeType::Integer => (raw.is_i64() || raw.is_u64()).then(|| raw.clone()),
        AttributeType::DateTime => text_that(raw, is_date_time),
        AttributeType::Binary => text_that(raw, is_base64),
        AttributeType::Reference => {
            text_that(raw, |text| is_reference(text) || r.allows(Leniency::LooseReference))
        }
    };
    value.map(Some).ok_or_else(|| mismatch(place, expectation(kind), raw))
}

/// A complex value: sub-attributes in the schema's spelling, without readOnly ones.
fn complex(
    place: AttributePlace<'_>,
    raw: &Map<String, Value>,
    r: &mut Reading,
) -> Result<Option<Value>, Error> {
    let mut object = Map::new();
    for (key, raw) in raw {
        let Some(place) = sub_place(place, key, r)? else { continue };
        if let Some(value) = canonical(place, raw, r)? {
            object.insert(place.leaf().name.clone(), value);
        }
    }
    Ok((!object.is_empty() && !hollow(place, &object, r)).then_some(Value::Object(object)))
}

/// The sub-attribute that a key of a complex value names; `None` if the key is to be ignored.
pub(super) fn sub_place<'t>(
    place: AttributePlace<'t>,
    key: &str,
    r: &mut Reading,
) -> Result<Option<AttributePlace<'t>>, Error> {
    match place.within(key) {
        // RFC 7644 §3.3 and §3.5.1: readOnly values are ignored.
        Some(sub) if sub.leaf().mutability == Mutability::ReadOnly => Ok(None),
        Some(sub) => Ok(Some(sub)),
        None if r.allows(Leniency::UnknownAttribute) => Ok(None),
        None => {
            Err(Error::invalid_syntax(format!("{place} has no sub-attribute {}", excerpt(key))))
        }
    }
}

/// Whether an object, or each of a list, has members and none of them is a sub-attribute. Such a
/// value is ignored, because it cannot mean that the present value is to be removed.
pub(super) fn is_foreign(place: AttributePlace<'_>, raw: &Value) -> bool {
    match raw {
        Value::Array(items) => {
            !items.is_empty()
                && items.iter().all(|item| item.is_object() && is_foreign(place, item))
        }
        Value::Object(object) if place.leaf().is_complex() => {
            !object.is_empty() && object.keys().all(|key| place.within(key).is_none())
        }
        _ => false,
    }
}

/// Whether an empty string stands in place of a required sub-attribute. Then the whole value is
/// unassigned, as when Entra clears a manager (`tests/fixtures/conversations/entra/manager.json`).
pub(super) fn hollow(
    place: AttributePlace<'_>,
    object: &Map<String, Value>,
    r: &mut Reading,
) -> bool {
    let required = place.leaf().sub_attributes.iter().filter(|sub| sub.required);
    let empty = |value: &Value| value.as_str().is_some_and(str::is_empty);
    required.filter_map(|sub| object.get(&sub.name)).any(empty)
        && r.allows(Leniency::EmptyForUnassigned)
}

/// The complex value that a bare `value` stands for.
fn bare(place: AttributePlace<'_>, raw: &Value, r: &mut Reading) -> Result<Option<Value>, Error> {
    let scalar = raw.is_string() || raw.is_number();
    match place.within("value").filter(|_| scalar) {
        Some(value) if r.allows(Leniency::BareValue) => {
            let named = |value| Value::Object(Map::from_iter([("value".to_owned(), value)]));
            Ok(one(value, raw, r)?.map(named))
        }
        _ => Err(mismatch(place, expectation(AttributeType::Complex), raw)),
    }
}

fn string(raw: &Value, r: &mut Reading) -> Option<Value> {
    match raw {
        Value::String(_) => Some(raw.clone()),
        Value::Number(number) => Some(digits(number, r)?.into()),
        _ => None,
    }
}

/// The digits of a number in place of a string, as they were sent. Of one with a fraction, with an exponent
/// or beyond 64 bits they are not known any more, so that two numbers might become one text.
pub(super) fn digits(number: &Number, r: &mut Reading) -> Option<String> {
    let whole = number.is_i64() || number.is_u64();
    (whole && r.allows(Leniency::NumberForString)).then(|| number.to_string())
}

fn boolean(raw: &Value, r: &mut Reading) -> Option<Value> {
    match raw {
        Value::Bool(_) => Some(raw.clone()),
        Value::String(text) => {
            let value = spelt_boolean(text)?;
            r.allows(Leniency::StringForBoolean).then_some(Value::Bool(value))
        }
        _ => None,
    }
}

/// The boolean that a string spells, in any case.
pub(in crate::scim) fn spelt_boolean(text: &str) -> Option<bool> {
    let is = |word| text.eq_ignore_ascii_case(word);
    if is("true") { Some(true) } else { is("false").then_some(false) }
}

fn text_that(raw: &Value, holds: impl FnOnce(&str) -> bool) -> Option<Value> {
    raw.as_str().filter(|text| holds(text)).map(Value::from)
}

/// RFC 7643 §2.3.5: an `xsd:dateTime` with date and time; the zone may be missing.
fn is_date_time(text: &str) -> bool {
    let separated = text.as_bytes().get(10) == Some(&b'T');
    separated
        && (text.parse::<jiff::Timestamp>().is_ok()
            || text.parse::<jiff::civil::DateTime>().is_ok())
}

/// RFC 7643 §2.3.6: base64 of RFC 4648 §4, padded.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - digits.len() <= 2
        && digits.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
}

/// RFC 7643 §2.3.7: a URI, absolute or relative; RFC 3986 §2 lists the allowed characters.
fn is_reference(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&b))
}

fn expectation(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::String => "a string",
        AttributeType::Boolean => "true or false",
        AttributeType::Decimal => "a number",
        AttributeType::Integer => "a whole number",
        AttributeType::DateTime => "a date and time like 2008-01-23T04:56:22Z",
        AttributeType::Binary => "base64",
        AttributeType::Reference => "a URI",
        AttributeType::Complex => "an object",
    }
}

/// The error for a value of the wrong type. It names the type of the value and not the value
/// itself.
pub(super) fn mismatch(place: AttributePlace<'_>, expected: &str, got: &Value) -> Error {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Error::invalid_value(format!("{place} must be {expected}; the value sent is {got}"))
}
