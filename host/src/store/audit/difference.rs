//! What an audit row shows of a change: the members that differ, without secrets.

use serde_json::{Map, Value, json};

/// What stands for a secret.
const CONCEALED: &str = "…";

/// The members that differ, before and after. A secret that was replaced is shown as a member that
/// differs, and its text is not.
pub(super) fn differences(
    before: Option<Value>,
    after: Option<Value>,
) -> (Option<Value>, Option<Value>) {
    let (mut before, mut after) = match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let (before, after) = of_objects(before, after);
            (Some(Value::Object(before)), Some(Value::Object(after)))
        }
        both => both,
    };
    for value in [&mut before, &mut after].into_iter().flatten() {
        conceal(value.get_mut("endpoints").unwrap_or(&mut Value::Null));
    }
    (before, after)
}

fn of_objects(
    before: Map<String, Value>,
    mut after: Map<String, Value>,
) -> (Map<String, Value>, Map<String, Value>) {
    let (mut was, mut is) = (Map::new(), Map::new());
    for (name, old) in before {
        match (old, after.remove(&name)) {
            (old, Some(new)) if old == new => {}
            (Value::Object(old), Some(Value::Object(new))) => {
                let (old, new) = of_objects(old, new);
                was.insert(name.clone(), old.into());
                is.insert(name, new.into());
            }
            (old, new) => {
                was.insert(name.clone(), old);
                is.extend(new.map(|new| (name, new)));
            }
        }
    }
    is.extend(after);
    (was, is)
}

/// Conceals the secrets of endpoints, and the values of their headers, in which operators put keys.
fn conceal(value: &mut Value) {
    let Value::Object(object) = value else { return };
    if object.len() == 1 && object.contains_key("sealed") {
        *value = json!({ "value": CONCEALED });
        return;
    }
    for (name, value) in object {
        match (name.as_str(), value) {
            ("value", secret @ Value::String(_)) => *secret = CONCEALED.into(),
            ("headers", Value::Object(headers)) => {
                headers.values_mut().for_each(|value| *value = CONCEALED.into());
            }
            (_, value) => conceal(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: Value, after: Value, shown: &(Value, Value)) {
        let (before, after) = differences(Some(before), Some(after));
        assert_eq!((before.unwrap(), after.unwrap()), *shown);
    }

    #[test]
    fn members_that_are_equal_are_left_out() {
        check(
            json!({"a": 1, "b": {"c": 1, "d": 2}, "e": [1]}),
            json!({"a": 1, "b": {"c": 3, "d": 2}, "f": null}),
            &(json!({"b": {"c": 1}, "e": [1]}), json!({"b": {"c": 3}, "f": null})),
        );
        assert_eq!(differences(None, Some(json!({"a": 1}))), (None, Some(json!({"a": 1}))));
    }

    #[test]
    fn a_secret_that_was_replaced_is_seen_and_not_shown() {
        let endpoints = |secret: &str, key: &str| {
            json!({"endpoints": {"app": {
                "base_url": "https://a.example",
                "auth": {"header": {"name": "x-key", "value": {"value": secret}}},
                "headers": {"x-other": key},
            }}})
        };
        let shown = json!({"endpoints": {"app": {
            "auth": {"header": {"value": {"value": "…"}}},
            "headers": {"x-other": "…"},
        }}});
        check(endpoints("hunter2", "k1"), endpoints("hunter3", "k2"), &(shown.clone(), shown));
    }
}
