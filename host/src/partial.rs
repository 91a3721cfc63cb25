//! Partial changes of a configuration: a member that a change states is replaced, every other one
//! stays.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Reads a member that is absent, `null`, or a value: together with `#[serde(default)]`, `None`,
/// `Some(None)` and `Some(Some(value))`.
pub(crate) fn stated<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// Reads a structure from an object only; serde would read one from a list as well, member by
/// member.
pub(crate) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

/// A structure that is read from an object only, or `null`.
pub(crate) fn optional_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let structure: Option<Object<T>> = Option::deserialize(deserializer)?;
    Ok(structure.map(|Object(structure)| structure))
}

/// The same for a member that may be absent, as [`stated`] reads it.
pub(crate) fn stated_object<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    optional_object(deserializer).map(Some)
}

/// What [`object`] reads.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

/// An object after a change: replaced as a whole if the change says so, then without the names in
/// `unset`, then with the members of `set`.
pub(crate) fn changed(
    before: Map<String, Value>,
    replacement: Option<Option<Map<String, Value>>>,
    unset: &[String],
    set: Map<String, Value>,
) -> Map<String, Value> {
    let mut after = match replacement {
        None => before,
        Some(replacement) => replacement.unwrap_or_default(),
    };
    after.retain(|name, _| !unset.contains(name));
    after.extend(set);
    after
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(replacement: Value, unset: &[&str], set: Value, after: &Value) {
        let object = |value: Value| serde_json::from_value::<Map<String, Value>>(value);
        let before = object(json!({ "a": 1, "b": 2 })).expect("an object");
        // A text stands for a member that is absent.
        let replacement = match replacement {
            Value::String(_) => None,
            Value::Null => Some(None),
            other => Some(Some(object(other).expect("an object"))),
        };
        let unset: Vec<String> = unset.iter().map(|&name| name.to_owned()).collect();
        let changed = changed(before, replacement, &unset, object(set).expect("an object"));
        assert_eq!(Value::Object(changed), *after);
    }

    #[test]
    fn an_object_is_replaced_or_changed_by_member() {
        check(json!("absent"), &[], json!({}), &json!({ "a": 1, "b": 2 }));
        check(Value::Null, &[], json!({}), &json!({}));
        check(json!({ "c": 3 }), &[], json!({}), &json!({ "c": 3 }));
        check(json!("absent"), &["a", "x"], json!({ "b": null }), &json!({ "b": null }));
        check(json!({ "c": 3 }), &["c"], json!({ "d": 4 }), &json!({ "d": 4 }));
        check(json!("absent"), &["a"], json!({ "a": 5 }), &json!({ "b": 2, "a": 5 }));
    }
}
