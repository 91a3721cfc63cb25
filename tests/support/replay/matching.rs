//! Placeholders: filled into what is sent, matched and bound in what came.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What earlier steps found, by name.
pub(super) type Bindings = BTreeMap<String, Value>;

/// The same JSON with every string's placeholders replaced by what was found.
pub(super) fn fill(template: &Value, bindings: &Bindings) -> Result<Value, String> {
    Ok(match template {
        Value::String(text) => Value::String(fill_text(text, bindings)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| fill(item, bindings)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let fill = |(name, member): (&String, &Value)| {
                Ok((fill_text(name, bindings)?, fill(member, bindings)?))
            };
            Value::Object(members.iter().map(fill).collect::<Result<Map<_, _>, String>>()?)
        }
        other => other.clone(),
    })
}

/// The same text with its placeholders replaced by what was found.
pub(super) fn fill_text(template: &str, bindings: &Bindings) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((literal, name, tail)) = placeholder(rest) {
        let value =
            bindings.get(name).ok_or_else(|| format!("nothing was found for {{{{{name}}}}}"))?;
        filled.push_str(literal);
        filled.push_str(&plain(value));
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The differences between what was expected and what came, each with its place.
///
/// Objects may have more members than expected. Arrays have just the expected elements, in any
/// order. What `{{+name}}` meets is bound to the name, if there is no difference.
pub(super) fn compare(
    expected: &Value,
    came: &Value,
    place: &str,
    bindings: &mut Bindings,
) -> Vec<String> {
    let mut bound = bindings.clone();
    let wrong = differences(expected, came, place, &mut bound);
    if wrong.is_empty() {
        *bindings = bound;
    }
    wrong
}

fn differences(
    expected: &Value,
    came: &Value,
    place: &str,
    bindings: &mut Bindings,
) -> Vec<String> {
    match (expected, came) {
        (Value::Object(expected), Value::Object(came)) => members(expected, came, place, bindings),
        (Value::Object(only), Value::Array(items)) if only.contains_key("{{count}}") => {
            let count = &only["{{count}}"];
            let wrong = count.as_u64() != Some(items.len() as u64);
            wrong
                .then(|| format!("{place}: expected {count} elements, came {}", items.len()))
                .into_iter()
                .collect()
        }
        (Value::Array(expected), Value::Array(came)) => elements(expected, came, place, bindings),
        (Value::String(pattern), came) if pattern.contains("{{") => {
            let wrong = !matches(pattern, came, bindings);
            wrong.then(|| differs(pattern, came, place, bindings)).into_iter().collect()
        }
        (expected, came) if expected == came => Vec::new(),
        (expected, came) => vec![format!("{place}: expected {expected}, came {came}")],
    }
}

fn members(
    expected: &Map<String, Value>,
    came: &Map<String, Value>,
    place: &str,
    bindings: &mut Bindings,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, expected) in expected {
        let place = format!("{place}.{name}");
        match came.get(name) {
            Some(value) if expected == "{{absent}}" => {
                wrong.push(format!("{place}: expected nothing, came {value}"));
            }
            Some(value) => wrong.extend(differences(expected, value, &place, bindings)),
            None if expected == "{{absent}}" => {}
            None => wrong.push(format!("{place}: expected {expected}, but it is not there")),
        }
    }
    wrong
}

fn elements(
    expected: &[Value],
    came: &[Value],
    place: &str,
    bindings: &mut Bindings,
) -> Vec<String> {
    if expected.len() != came.len() {
        let (expected, count) = (expected.len(), came.len());
        return vec![format!(
            "{place}: expected {expected} elements, came {count}: {}",
            Value::from(came)
        )];
    }
    let mut left: Vec<&Value> = came.iter().collect();
    let mut wrong = Vec::new();
    for expected in expected {
        let found =
            left.iter().position(|came| compare(expected, came, place, bindings).is_empty());
        match found {
            Some(index) => drop(left.remove(index)),
            None => wrong.push(format!("{place}: expected {expected}, came {}", Value::from(came))),
        }
    }
    wrong
}

fn differs(pattern: &str, came: &Value, place: &str, bindings: &Bindings) -> String {
    let filled = fill_text(pattern, bindings).unwrap_or_else(|_| pattern.to_owned());
    format!("{place}: expected {filled:?}, came {came}")
}

/// Whether a text is as the pattern says. A placeholder that is the whole pattern stands for any
/// value that is not null, one within for a run of characters of one segment of a path.
fn matches(pattern: &str, came: &Value, bindings: &mut Bindings) -> bool {
    if let Some(("", name, "")) = placeholder(pattern) {
        return !came.is_null() && meets(name, came, bindings);
    }
    came.as_str().is_some_and(|came| matches_text(pattern, came, bindings))
}

fn matches_text(pattern: &str, came: &str, bindings: &mut Bindings) -> bool {
    let Some((literal, name, tail)) = placeholder(pattern) else { return pattern == came };
    let Some(rest) = came.strip_prefix(literal) else { return false };
    let end = match bindings.get(name) {
        Some(bound) if rest.starts_with(&plain(bound)) => plain(bound).len(),
        // What follows such a placeholder is the end, or one of these.
        _ => rest.find(['/', '?', '&', ' ', '"']).unwrap_or(rest.len()),
    };
    end > 0
        && meets(name, &rest[..end].into(), bindings)
        && matches_text(tail, &rest[end..], bindings)
}

fn meets(name: &str, came: &Value, bindings: &mut Bindings) -> bool {
    if let Some(name) = name.strip_prefix('+') {
        bindings.insert(name.to_owned(), came.clone());
        return true;
    }
    name == "any" || bindings.get(name).is_some_and(|bound| plain(bound) == plain(came))
}

/// What is before the first placeholder, its name, and what is after it.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (literal, after) = text.split_once("{{")?;
    let (name, tail) = after.split_once("}}")?;
    Some((literal, name, tail))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(expected: &Value, came: &Value, differences: &[&str]) {
        let mut bindings = Bindings::from([("id".to_owned(), json!("7"))]);
        assert_eq!(compare(expected, came, "body", &mut bindings), differences);
    }

    #[test]
    fn an_object_may_hold_more_and_must_hold_all() {
        check(&json!({ "a": { "b": 1 } }), &json!({ "a": { "b": 1, "c": 2 }, "d": 3 }), &[]);
        check(&json!({ "a": 1 }), &json!({}), &["body.a: expected 1, but it is not there"]);
        check(&json!({ "a": "1" }), &json!({ "a": 1 }), &["body.a: expected \"1\", came 1"]);
        check(&json!({ "a": "{{absent}}" }), &json!({}), &[]);
        let there = json!({ "a": null });
        check(&json!({ "a": "{{absent}}" }), &there, &["body.a: expected nothing, came null"]);
    }

    #[test]
    fn an_array_holds_just_the_expected_in_any_order() {
        check(&json!([{ "v": 1 }, { "v": 2 }]), &json!([{ "v": 2, "w": 0 }, { "v": 1 }]), &[]);
        check(&json!([1]), &json!([1, 2]), &["body: expected 1 elements, came 2: [1,2]"]);
        check(&json!([1, 1]), &json!([1, 2]), &["body: expected 1, came [1,2]"]);
        check(&json!({ "{{count}}": 2 }), &json!([1, 2]), &[]);
        check(&json!({ "{{count}}": 3 }), &json!([1]), &["body: expected 3 elements, came 1"]);
    }

    #[test]
    fn placeholders_match_anything_or_what_was_found() {
        check(&json!("{{any}}"), &json!(5), &[]);
        check(&json!("{{any}}"), &Value::Null, &["body: expected \"{{any}}\", came null"]);
        check(&json!("{{id}}"), &json!("7"), &[]);
        check(&json!("{{id}}"), &json!("8"), &["body: expected \"7\", came \"8\""]);
        check(&json!("/orgs/{{any}}/members/{{id}}"), &json!("/orgs/acme/members/7"), &[]);
        check(&json!("mail-{{id}}@x"), &json!("mail-7@x"), &[]);
        let deeper = json!("/orgs/a/teams/1/members/7");
        let wrong =
            ["body: expected \"/orgs/{{any}}/members/{{id}}\", came \"/orgs/a/teams/1/members/7\""];
        check(&json!("/orgs/{{any}}/members/{{id}}"), &deeper, &wrong);
    }

    #[test]
    fn what_is_bound_is_found_by_later_patterns() {
        let mut bindings = Bindings::new();
        let expected = json!({ "id": "{{+user}}", "meta": { "location": "/Users/{{user}}" } });
        let came = json!({ "id": "9", "meta": { "location": "/Users/9" } });
        assert_eq!(compare(&expected, &came, "body", &mut bindings), [""; 0]);
        assert_eq!(fill_text("/Users/{{user}}?x", &bindings).unwrap(), "/Users/9?x");
        assert_eq!(fill(&json!(["{{user}}", 1]), &bindings).unwrap(), json!(["9", 1]));
        assert!(fill_text("{{nobody}}", &bindings).is_err());
    }
}
