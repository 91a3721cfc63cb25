//! Assignments: write, merge or remove the value of one attribute in a document.

use serde_json::{Map, Value};

use super::list;
use super::size::check_copies;
use super::target::AttributePlace;
use super::value::{canonical, hollow, is_foreign, many, mismatch, one, single, sub_place};
use crate::scim::Error;
use crate::scim::dialect::Leniency;
use crate::scim::reading::Reading;

/// How a new value is combined with the present one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::scim) enum WriteMode {
    /// RFC 7644 §3.5.2.1: lists grow, everything else is replaced.
    Add,
    /// RFC 7644 §3.5.2.3: lists are replaced too.
    Replace,
}

/// Writes a value into the object that holds the attribute or sub-attribute.
pub(super) fn write(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    mode: WriteMode,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    let leaf = place.leaf();
    if leaf.multi_valued {
        return match mode {
            WriteMode::Add => extend(holder, place, raw, r),
            WriteMode::Replace => {
                let value = canonical(place, raw, r)?;
                if !is_foreign(place, raw) {
                    put(holder, &leaf.name, value);
                }
                Ok(())
            }
        };
    }
    match single(place, raw, r)? {
        Value::Object(object) if leaf.is_complex() => blend(holder, place, object, r),
        raw => {
            let value = one(place, raw, r)?;
            put(holder, &leaf.name, value);
            Ok(())
        }
    }
}

/// Writes a sub-attribute: into the one complex value, or into each value of a list.
pub(super) fn write_sub(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    mode: WriteMode,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    let name = &place.attribute.name;
    if !place.attribute.multi_valued {
        let whole = holder.entry(name).or_insert_with(|| Map::new().into());
        let whole = whole.as_object_mut().ok_or_else(|| no_sub_attributes(place))?;
        let before = whole.get("value").cloned();
        write(whole, place, mode, raw, r)?;
        settle(
            holder,
            AttributePlace { sub: None, ..place },
            before.as_ref(),
            place.leaf().name == "$ref",
            r,
        );
        return Ok(());
    }
    let values = holder.get_mut(name).and_then(Value::as_array_mut);
    let Some(values) = values.filter(|values| !values.is_empty()) else {
        return begin(holder, place, raw, r);
    };
    let every: Vec<usize> = (0..values.len()).collect();
    write_into(values, &every, place, mode, raw, r)?;
    list::distinct(place, values);
    Ok(())
}

/// Writes a sub-attribute into these values of a list.
pub(super) fn write_into(
    values: &mut [Value],
    chosen: &[usize],
    place: AttributePlace<'_>,
    mode: WriteMode,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    check_copies(place, chosen.len(), raw, r)?;
    for at in chosen {
        let object = values[*at].as_object_mut().ok_or_else(|| no_sub_attributes(place))?;
        write(object, place, mode, raw, r)?;
    }
    if place.leaf().name != "primary" {
        return Ok(());
    }
    let raised: Vec<usize> =
        chosen.iter().copied().filter(|at| list::is_primary(&values[*at])).collect();
    list::settle_primary(place, values, &raised)
}

/// Removes an attribute, or a sub-attribute of every value, from the object that holds it.
pub(super) fn erase(holder: &mut Map<String, Value>, place: AttributePlace<'_>) {
    let name = &place.attribute.name;
    let Some(sub) = place.sub else {
        holder.shift_remove(name);
        return;
    };
    match holder.get_mut(name) {
        Some(Value::Object(whole)) => {
            whole.shift_remove(&sub.name);
        }
        Some(Value::Array(values)) => {
            values.iter_mut().filter_map(Value::as_object_mut).for_each(|it| {
                it.shift_remove(&sub.name);
            });
            list::distinct(place, values);
        }
        _ => {}
    }
    sweep(holder, name);
}

/// Removes empty values of an attribute, and the attribute if nothing is left.
pub(super) fn sweep(holder: &mut Map<String, Value>, name: &str) {
    let empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
    let left = match holder.get_mut(name) {
        Some(Value::Array(values)) => {
            values.retain(|value| !empty(value));
            !values.is_empty()
        }
        Some(value) => !empty(value),
        None => true,
    };
    if !left {
        holder.shift_remove(name);
    }
}

/// Adds to a list.
fn extend(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    // RFC 7644 §3.5.2.1: "a new value is added to the attribute", so one value needs no list.
    let incoming = match raw {
        Value::Array(_) => many(place, raw, r)?,
        _ => one(place, raw, r)?.into_iter().collect(),
    };
    if incoming.is_empty() {
        return Ok(());
    }
    let values = holder.entry(&place.leaf().name).or_insert_with(|| Value::Array(Vec::new()));
    match values {
        Value::Array(values) => list::merge(place, values, incoming),
        other => Err(mismatch(place, "a list", other)),
    }
}

/// Merges an object into a complex value. RFC 7644 §3.5.2.3: sub-attributes that are not named are
/// left unchanged.
fn blend(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    raw: &Map<String, Value>,
    r: &mut Reading,
) -> Result<(), Error> {
    let name = &place.leaf().name;
    let whole = holder.entry(name).or_insert_with(|| Map::new().into());
    let whole = whole.as_object_mut().ok_or_else(|| no_sub_attributes(place))?;
    let before = whole.get("value").cloned();
    let mut referred = false;
    for (key, raw) in raw {
        let Some(sub) = sub_place(place, key, r)? else { continue };
        referred |= sub.leaf().name == "$ref" && !raw.is_null();
        let value = canonical(sub, raw, r)?;
        put(whole, &sub.leaf().name, value);
    }
    settle(holder, place, before.as_ref(), referred, r);
    Ok(())
}

/// Completes the change of a complex value: removes a reference to the previous `value`, and
/// removes the whole value if it is empty.
fn settle(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    before: Option<&Value>,
    referred: bool,
    r: &mut Reading,
) {
    let name = &place.leaf().name;
    let Some(whole) = holder.get_mut(name).and_then(Value::as_object_mut) else { return };
    if !referred && before.is_some() && whole.get("value") != before {
        whole.shift_remove("$ref");
    }
    if whole.is_empty() || hollow(place, whole, r) {
        holder.shift_remove(name);
    }
}

/// Starts a list with one value that has this sub-attribute.
fn begin(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    if !r.allows(Leniency::CreateByFilter) {
        // RFC 7644 §3.5.2: without a value to operate on it is noTarget.
        return Err(Error::no_target(format!("{} has no value", place.attribute.name)));
    }
    let mut object = Map::new();
    write(&mut object, place, WriteMode::Add, raw, r)?;
    if !object.is_empty() {
        holder.insert(place.attribute.name.clone(), vec![Value::Object(object)].into());
    }
    Ok(())
}

fn put(holder: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match (value, holder.get_mut(name)) {
        (Some(value), Some(present)) => *present = value,
        (Some(value), None) => {
            holder.insert(name.to_owned(), value);
        }
        (None, _) => {
            holder.shift_remove(name);
        }
    }
}

fn no_sub_attributes(place: AttributePlace<'_>) -> Error {
    Error::invalid_path(format!("{} has no sub-attributes", place.attribute.name))
}
