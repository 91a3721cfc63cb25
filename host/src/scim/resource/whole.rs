//! Checks of the whole resource: required and immutable attributes.

use serde_json::{Map, Value};

use super::edit::Origin;
use super::target::AttributePlace;
use crate::scim::Error;
use crate::scim::schema::{Attribute, Mutability, ResourceType, Schema};

/// Checks that every required attribute has a value (RFC 7643 §7) that is not only spaces.
///
/// What the app needs may be missing in a person who is not active, and in one who was active without it
/// before: it must not keep a leaver in.
pub(super) fn check_required(
    t: &ResourceType,
    before: Option<&Map<String, Value>>,
    document: &Map<String, Value>,
) -> Result<(), Error> {
    let exempt = |name: &str| t.needed.iter().any(|it| it == name);
    check_schema(&t.schema, None, document, &exempt)?;
    for name in &t.needed {
        let lacked = before.is_some_and(|before| is_active(before) && !has_needed(before, name));
        if is_active(document) && !lacked && !has_needed(document, name) {
            return Err(Error::invalid_value(format!("{name} is required")));
        }
    }
    for extension in &t.extensions {
        let schema = &*extension.schema;
        match document.get(&schema.id).and_then(Value::as_object) {
            Some(object) => check_schema(schema, Some(schema), object, &|_| false)?,
            None if extension.required => {
                check_schema(schema, Some(schema), &Map::new(), &|_| false)?;
                // RFC 7643 §6: every resource has it, unless it was made before the connector said so.
                let lacked = before.is_some_and(|before| !before.contains_key(&schema.id));
                if is_active(document) && !lacked {
                    return Err(Error::invalid_value(format!("{} is required", schema.id)));
                }
            }
            None => {}
        }
    }
    Ok(())
}

fn is_active(document: &Map<String, Value>) -> bool {
    document.get("active") != Some(&Value::Bool(false))
}

/// Whether a person has a value of an attribute that the app needs. A user name may be the address.
fn has_needed(document: &Map<String, Value>, name: &str) -> bool {
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    name == "emails" && text("userName").contains('@') || document.get(name).is_some_and(has_value)
}

/// Whether this is a value that is not only spaces. A complex one is its `value`, if it has any.
fn has_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => values.iter().any(has_value),
        Value::Object(object) if object.contains_key("type") || object.contains_key("value") => {
            object.get("value").is_some_and(has_value)
        }
        Value::Object(object) => object.values().any(has_value),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn check_schema(
    schema: &Schema,
    extension: Option<&Schema>,
    holder: &Map<String, Value>,
    exempt: &dyn Fn(&str) -> bool,
) -> Result<(), Error> {
    for attribute in &schema.attributes {
        let place = AttributePlace { extension, attribute, sub: None };
        let value = holder.get(&attribute.name);
        if !exempt(&attribute.name) {
            check_attribute(place, value)?;
        }
        let values = match value {
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => continue,
        };
        for object in values.iter().filter_map(Value::as_object) {
            // RFC 7643 §4.3 requires `$ref`, but the server can derive it from `value`.
            let subs = attribute.sub_attributes.iter().filter(|sub| sub.name != "$ref");
            for sub in subs {
                check_attribute(AttributePlace { sub: Some(sub), ..place }, object.get(&sub.name))?;
            }
        }
    }
    Ok(())
}

fn check_attribute(place: AttributePlace<'_>, value: Option<&Value>) -> Result<(), Error> {
    let leaf = place.leaf();
    if !leaf.required || leaf.mutability == Mutability::ReadOnly {
        return Ok(());
    }
    match value {
        None => Err(Error::invalid_value(format!("{place} is required"))),
        // RFC 7643 §4.1.1: userName is non-empty.
        Some(Value::String(text)) if text.trim().is_empty() => {
            Err(Error::invalid_value(format!("{place} must not be empty")))
        }
        Some(_) => Ok(()),
    }
}

/// Removes extensions without attributes.
pub(super) fn drop_empty_extensions(t: &ResourceType, document: &mut Map<String, Value>) {
    for extension in &t.extensions {
        let id = &extension.schema.id;
        if document.get(id).and_then(Value::as_object).is_some_and(Map::is_empty) {
            document.shift_remove(id);
        }
    }
}

/// Keeps immutable attributes as they are.
///
/// RFC 7644 §3.5.1: once set, the value sent must match; a PUT that leaves it out keeps it.
pub(super) fn keep_immutable(
    t: &ResourceType,
    before: &Map<String, Value>,
    after: &mut Map<String, Value>,
    origin: Origin,
) -> Result<(), Error> {
    keep_schema(&t.schema, None, before, after, origin)?;
    for extension in &t.extensions {
        let schema = &*extension.schema;
        let Some(before) = before.get(&schema.id).and_then(Value::as_object) else { continue };
        let mut gone = Map::new();
        match after.get_mut(&schema.id).and_then(Value::as_object_mut) {
            Some(after) => keep_schema(schema, Some(schema), before, after, origin)?,
            None => {
                keep_schema(schema, Some(schema), before, &mut gone, origin)?;
                if !gone.is_empty() {
                    after.insert(schema.id.clone(), gone.into());
                }
            }
        }
    }
    Ok(())
}

fn keep_schema(
    schema: &Schema,
    extension: Option<&Schema>,
    before: &Map<String, Value>,
    after: &mut Map<String, Value>,
    origin: Origin,
) -> Result<(), Error> {
    for attribute in &schema.attributes {
        let place = AttributePlace { extension, attribute, sub: None };
        keep(place, before, after, origin)?;
        if attribute.multi_valued || !attribute.sub_attributes.iter().any(is_immutable) {
            continue;
        }
        let pair = before.get(&attribute.name).zip(after.get_mut(&attribute.name));
        if let Some((Value::Object(before), Value::Object(after))) = pair {
            for sub in &attribute.sub_attributes {
                keep(AttributePlace { sub: Some(sub), ..place }, before, after, origin)?;
            }
        }
    }
    Ok(())
}

fn keep(
    place: AttributePlace<'_>,
    before: &Map<String, Value>,
    after: &mut Map<String, Value>,
    origin: Origin,
) -> Result<(), Error> {
    let leaf = place.leaf();
    let Some(value) = before.get(&leaf.name).filter(|_| is_immutable(leaf)) else {
        return Ok(());
    };
    match after.get(&leaf.name) {
        Some(same) if same == value => Ok(()),
        None if origin == Origin::Whole => {
            after.insert(leaf.name.clone(), value.clone());
            Ok(())
        }
        _ => Err(Error::mutability(format!("{place} is immutable and has a value already"))),
    }
}

fn is_immutable(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::Immutable
}
