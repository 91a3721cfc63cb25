//! Lists: the values of a multi-valued attribute as a set, with one primary at most.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::target::Place;
use crate::scim::Error;
use crate::scim::schema::Attribute;

/// How many values an attribute may have. Members of groups are not counted: they are rows.
const MAX_VALUES: usize = 1000;

/// Adds canonical values to a list.
///
/// RFC 7644 §3.5.2.1: what is there already is not added again. RFC 7643 §2.4: nor is a second
/// value of the same `type` and `value`; the first takes over what the new one says.
pub(super) fn merge(
    place: Place<'_>,
    list: &mut Vec<Value>,
    incoming: Vec<Value>,
) -> Result<(), Error> {
    let attribute = place.leaf();
    let known = list.iter().enumerate().map(|(at, value)| (identity(attribute, value), at));
    let mut known: HashMap<String, usize> = known.collect();
    let mut raised = Vec::new();
    for value in incoming {
        let at = *known.entry(identity(attribute, &value)).or_insert(list.len());
        if is_primary(&value) && !raised.contains(&at) {
            raised.push(at);
        }
        match list.get_mut(at) {
            Some(present) => overlay(present, value),
            None => list.push(value),
        }
    }
    if list.len() > MAX_VALUES {
        let count = list.len();
        return Err(Error::invalid_value(format!(
            "{place} has at most {MAX_VALUES} values, this would be {count}"
        )));
    }
    settle_primary(place, list, &raised)?;
    distinct(place, list);
    Ok(())
}

/// Sees to it that one value at most is primary, now that these were made so.
///
/// RFC 7643 §2.4: `primary` is true once at most. RFC 7644 §3.5.2: setting it clears the others.
pub(super) fn settle_primary(
    place: Place<'_>,
    list: &mut [Value],
    raised: &[usize],
) -> Result<(), Error> {
    match raised {
        [] => Ok(()),
        [chosen] => {
            let others = list.iter_mut().enumerate().filter(|(at, _)| at != chosen);
            others.filter(|(_, value)| is_primary(value)).for_each(|(_, value)| demote(value));
            Ok(())
        }
        _ => Err(Error::invalid_value(format!(
            "{} of {} values are primary; one at most can be",
            raised.len(),
            place.attribute.name
        ))),
    }
}

/// Takes out values that became the same as one before them.
pub(super) fn distinct(place: Place<'_>, list: &mut Vec<Value>) {
    let mut seen = HashSet::new();
    list.retain(|value| seen.insert(identity(place.attribute, value)));
}

/// Whether a value is the primary one.
pub(super) fn is_primary(value: &Value) -> bool {
    value.get("primary") == Some(&Value::Bool(true))
}

/// Whether two strings are the same value of an attribute.
pub(super) fn same_text(attribute: &Attribute, a: &str, b: &str) -> bool {
    a == b || (!attribute.case_exact && a.to_lowercase() == b.to_lowercase())
}

fn demote(value: &mut Value) {
    if let Some(primary) = value.get_mut("primary") {
        *primary = Value::Bool(false);
    }
}

fn overlay(present: &mut Value, value: Value) {
    // A simple value of the same identity differs in case at most: the first stays.
    if let (Value::Object(present), Value::Object(value)) = (present, value) {
        present.extend(value);
    }
}

/// What makes a value the same as another: `type` and `value`; everything, where it has no
/// `value`.
fn identity(attribute: &Attribute, value: &Value) -> String {
    let mut identity = String::new();
    let Value::Object(object) = value else {
        push(&mut identity, attribute, value);
        return identity;
    };
    let paired = object.contains_key("value");
    for sub in &attribute.sub_attributes {
        if paired && !matches!(sub.name.as_str(), "type" | "value") {
            continue;
        }
        if let Some(value) = object.get(&sub.name) {
            push(&mut identity, sub, value);
        }
        identity.push('\0');
    }
    identity
}

fn push(identity: &mut String, attribute: &Attribute, value: &Value) {
    match value {
        Value::String(text) if attribute.case_exact => identity.push_str(text),
        Value::String(text) => identity.extend(text.chars().flat_map(char::to_lowercase)),
        other => identity.push_str(&other.to_string()),
    }
}
