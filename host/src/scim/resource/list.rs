//! Lists: the values of a multi-valued attribute as a set with at most one primary value.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::target::AttributePlace;
use crate::scim::Error;
use crate::scim::schema::Attribute;

/// The most values of an attribute. Members of groups are not counted, because they are rows.
const MAX_VALUES: usize = 1000;

/// Adds canonical values to a list.
///
/// RFC 7644 §3.5.2.1: an existing value is not added again. RFC 7643 §2.4: nor is a second value
/// with the same `type` and `value`; its other sub-attributes are written into the first.
pub(super) fn merge(
    place: AttributePlace<'_>,
    list: &mut Vec<Value>,
    incoming: Vec<Value>,
) -> Result<(), Error> {
    let attribute = place.leaf();
    let known = list.iter().enumerate().map(|(at, value)| (identity(attribute, value), at));
    let mut known: HashMap<String, usize> = known.collect();
    let mut raised = BTreeSet::new();
    for value in incoming {
        let at = *known.entry(identity(attribute, &value)).or_insert(list.len());
        if is_primary(&value) {
            raised.insert(at);
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
    settle_primary(place, list, &Vec::from_iter(raised))?;
    distinct(place, list);
    Ok(())
}

/// Keeps at most one value primary, after these were made primary.
///
/// RFC 7643 §2.4: `primary` is true at most once. RFC 7644 §3.5.2: setting it clears the others.
pub(super) fn settle_primary(
    place: AttributePlace<'_>,
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
            "{} of {} values are primary; at most one can be",
            raised.len(),
            place.attribute.name
        ))),
    }
}

/// Removes values that became equal to one before them.
pub(super) fn distinct(place: AttributePlace<'_>, list: &mut Vec<Value>) {
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
    // Equal simple values differ in case at most, so the first is kept.
    if let (Value::Object(present), Value::Object(value)) = (present, value) {
        present.extend(value);
    }
}

/// The identity of a value: its `type` and `value`, or all sub-attributes if it has no `value`.
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
