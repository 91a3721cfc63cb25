//! Selections: values of a list, or a single complex value, chosen by a filter to be written or
//! removed.

use serde_json::{Map, Value};

use super::assign::{WriteMode, erase, sweep, write, write_into, write_sub};
use super::condition::typed;
use super::list;
use super::size::check_copies;
use super::target::AttributePlace;
use super::value::{canonical, is_foreign, one};
use crate::scim::dialect::Leniency;
use crate::scim::reading::Reading;
use crate::scim::schema::Attribute;
use crate::scim::{Error, Filter, Literal, Operator};

/// Writes into the values that match, or into the sub-attribute of each.
pub(super) fn write_selected(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    filter: &Filter,
    mode: WriteMode,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    let filter = typed(place, filter, r)?;
    if !place.attribute.multi_valued {
        return write_single(holder, place, &filter, mode, raw, r);
    }
    let chosen = matching(holder, place, &filter)?;
    if chosen.is_empty() {
        return create(holder, place, &filter, raw, r);
    }
    let name = &place.attribute.name;
    let Some(Value::Array(values)) = holder.get_mut(name) else { return Ok(()) };
    if place.sub.is_some() {
        write_into(values, &chosen, place, mode, raw, r)?;
    } else {
        replace(values, &chosen, place, mode, raw, r)?;
    }
    list::distinct(place, values);
    sweep(holder, name);
    Ok(())
}

/// Removes the values that match, or the sub-attribute of each. It is no error if none matches,
/// because nothing is left to remove.
pub(super) fn erase_selected(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    filter: &Filter,
    r: &mut Reading,
) -> Result<(), Error> {
    let filter = typed(place, filter, r)?;
    if !place.attribute.multi_valued {
        if let Some(value) = holder.get(&place.attribute.name)
            && filter.matches_value(place.attribute, value)?
        {
            erase(holder, place);
        }
        return Ok(());
    }
    let chosen = matching(holder, place, &filter)?;
    let name = &place.attribute.name;
    if let Some(Value::Array(values)) = holder.get_mut(name) {
        for at in chosen.into_iter().rev() {
            match place.sub {
                Some(sub) => {
                    values[at].as_object_mut().and_then(|it| it.shift_remove(&sub.name));
                }
                None => {
                    values.remove(at);
                }
            }
        }
        list::distinct(place, values);
        sweep(holder, name);
    }
    Ok(())
}

/// Removes the values of a list that have all sub-attributes of one of these.
pub(super) fn erase_listed(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    let single = std::slice::from_ref(raw);
    let items = raw.as_array().map_or(single, Vec::as_slice);
    let wanted: Vec<Value> =
        items.iter().filter_map(|it| one(place, it, r).transpose()).collect::<Result<_, _>>()?;
    let leaf = place.leaf();
    for holder in holders(holder, place) {
        if let Some(Value::Array(values)) = holder.get_mut(&leaf.name) {
            values.retain(|value| !wanted.iter().any(|it| says_all(leaf, value, it)));
        }
        sweep(holder, &leaf.name);
    }
    sweep(holder, &place.attribute.name);
    Ok(())
}

/// The objects that hold the attribute or sub-attribute.
fn holders<'d>(
    holder: &'d mut Map<String, Value>,
    place: AttributePlace<'_>,
) -> Vec<&'d mut Map<String, Value>> {
    if place.sub.is_none() {
        return vec![holder];
    }
    match holder.get_mut(&place.attribute.name) {
        Some(Value::Object(whole)) => vec![whole],
        Some(Value::Array(values)) => values.iter_mut().filter_map(Value::as_object_mut).collect(),
        _ => Vec::new(),
    }
}

fn says_all(attribute: &Attribute, value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(value), Value::Object(wanted)) => wanted.iter().all(|(name, wanted)| {
            let pair = value.get(name).zip(attribute.sub_attribute(name));
            pair.is_some_and(|(value, sub)| says_all(sub, value, wanted))
        }),
        (Value::String(value), Value::String(wanted)) => list::same_text(attribute, value, wanted),
        _ => value == wanted,
    }
}

/// RFC 7644 §3.5.2.3: the values that match are replaced as a whole; an `add` merges into them.
fn replace(
    values: &mut [Value],
    chosen: &[usize],
    place: AttributePlace<'_>,
    mode: WriteMode,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    check_copies(place, chosen.len(), raw, r)?;
    let new = match one(place, raw, r)? {
        Some(new) => new,
        None if mode == WriteMode::Add || is_foreign(place, raw) => return Ok(()),
        None => Value::Object(Map::new()),
    };
    for at in chosen {
        match (mode, &mut values[*at], &new) {
            (WriteMode::Add, Value::Object(present), Value::Object(new)) => {
                present.extend(new.clone());
            }
            (_, present, new) => *present = new.clone(),
        }
    }
    let raised = if list::is_primary(&new) { chosen } else { &[] };
    list::settle_primary(place, values, raised)
}

/// Writes into a single complex value that matches. If there is none, it is created as the filter
/// describes it, as in a list.
fn write_single(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    filter: &Filter,
    mode: WriteMode,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    let name = &place.attribute.name;
    if let Some(value) = holder.get(name) {
        return if filter.matches_value(place.attribute, value)? {
            write_whole_or_sub(holder, place, mode, raw, r)
        } else {
            Err(no_target(place, filter))
        };
    }
    let seed = described(place, filter, r)?;
    let mut created = Map::from_iter([(name.clone(), Value::Object(seed))]);
    write_whole_or_sub(&mut created, place, mode, raw, r)?;
    let Some(value) = created.remove(name) else { return Ok(()) };
    if !filter.matches_value(place.attribute, &value)? {
        return Err(no_target(place, filter));
    }
    holder.insert(name.clone(), value);
    Ok(())
}

fn write_whole_or_sub(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    mode: WriteMode,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    let write = if place.sub.is_some() { write_sub } else { write };
    write(holder, place, mode, raw, r)
}

/// Creates the value that the filter describes, as Entra expects
/// (`tests/fixtures/conversations/entra/address-made-by-filter.json`).
fn create(
    holder: &mut Map<String, Value>,
    place: AttributePlace<'_>,
    filter: &Filter,
    raw: &Value,
    r: &mut Reading,
) -> Result<(), Error> {
    let whole = AttributePlace { sub: None, ..place };
    let mut seed = described(whole, filter, r)?;
    let created = if place.sub.is_some() {
        let mut object = Map::new();
        write(&mut object, place, WriteMode::Add, raw, r)?;
        (!object.is_empty()).then_some(Value::Object(object))
    } else {
        one(whole, raw, r)?
    };
    let created = match created {
        Some(Value::Object(said)) => {
            seed.extend(said);
            Value::Object(seed)
        }
        Some(simple) => simple,
        None => return Ok(()),
    };
    if !filter.matches_value(place.attribute, &created)? {
        return Err(no_target(whole, filter));
    }
    let values = holder
        .entry(&place.attribute.name)
        .or_insert_with(|| Value::Array(Vec::new()))
        .as_array_mut();
    values.map_or(Ok(()), |values| list::merge(whole, values, vec![created]))
}

/// The value that the filter describes, if it describes one and the dialect allows to create it.
fn described(
    place: AttributePlace<'_>,
    filter: &Filter,
    r: &mut Reading,
) -> Result<Map<String, Value>, Error> {
    let whole = AttributePlace { sub: None, ..place };
    let mut seed = Map::new();
    if !write_conditions(whole, filter, &mut seed, r)? || !r.allows(Leniency::CreateByFilter) {
        return Err(no_target(whole, filter));
    }
    Ok(seed)
}

/// RFC 7644 §3.5.2.3: a filter that matches nothing is noTarget.
fn no_target(place: AttributePlace<'_>, filter: &Filter) -> Error {
    let whole = AttributePlace { sub: None, ..place };
    Error::no_target(format!("no value of {whole} matches {filter}"))
}

/// Writes the `eq` conditions of a filter into a new value. Returns whether the filter consists of
/// `eq` and `and`.
fn write_conditions(
    place: AttributePlace<'_>,
    filter: &Filter,
    seed: &mut Map<String, Value>,
    r: &mut Reading,
) -> Result<bool, Error> {
    match filter {
        Filter::And(left, right) => {
            Ok(write_conditions(place, left, seed, r)? && write_conditions(place, right, seed, r)?)
        }
        Filter::Compare(path, Operator::Eq, literal) => {
            let Some(sub) = place.within(&path.attribute) else {
                // A value that is not complex is named `value`.
                return Ok(!place.attribute.is_complex());
            };
            if let Some(value) = canonical(sub, &json(literal), r)? {
                seed.insert(sub.leaf().name.clone(), value);
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn matching(
    holder: &Map<String, Value>,
    place: AttributePlace<'_>,
    filter: &Filter,
) -> Result<Vec<usize>, Error> {
    let mut chosen = Vec::new();
    let values = holder.get(&place.attribute.name).and_then(Value::as_array);
    for (at, value) in values.into_iter().flatten().enumerate() {
        if filter.matches_value(place.attribute, value)? {
            chosen.push(at);
        }
    }
    Ok(chosen)
}

fn json(literal: &Literal) -> Value {
    match literal {
        Literal::String(text) => Value::from(text.as_str()),
        Literal::Number(number) => Value::Number(number.value.clone()),
        Literal::Boolean(value) => Value::Bool(*value),
        Literal::Null => Value::Null,
    }
}
