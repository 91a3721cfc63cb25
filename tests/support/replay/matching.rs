//! Placeholders: filled into requests, matched and bound in answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The values of placeholders, by name.
pub(super) type Bindings = BTreeMap<String, Value>;

/// The same JSON with the placeholders of every string replaced by their values.
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

/// The same text with its placeholders replaced by their values.
pub(super) fn fill_text(template: &str, bindings: &Bindings) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((literal, name, tail)) = placeholder(rest) {
        let value = bindings.get(name).ok_or_else(|| format!("{{{{{name}}}}} has no value"))?;
        filled.push_str(literal);
        filled.push_str(&plain(value));
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The differences between the expected and the actual value, each with its path.
///
/// Objects may have more members than expected. Arrays must have exactly the expected elements, in
/// any order. `{{+name}}` binds the value to the name, if there is no difference.
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
                .then(|| format!("{place}: expected {count} elements, got {}", items.len()))
                .into_iter()
                .collect()
        }
        (Value::Array(expected), Value::Array(came)) => elements(expected, came, place, bindings),
        (Value::String(pattern), came) if pattern.contains("{{") => {
            let wrong = !matches(pattern, came, bindings);
            wrong.then(|| differs(pattern, came, place, bindings)).into_iter().collect()
        }
        (expected, came) if expected == came => Vec::new(),
        (expected, came) => vec![format!("{place}: expected {expected}, got {came}")],
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
                wrong.push(format!("{place}: expected nothing, got {value}"));
            }
            Some(value) => wrong.extend(differences(expected, value, &place, bindings)),
            None if expected == "{{absent}}" => {}
            None => wrong.push(format!("{place}: expected {expected}, but it is missing")),
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
            "{place}: expected {expected} elements, got {count}: {}",
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
            None => wrong.push(format!("{place}: expected {expected}, got {}", Value::from(came))),
        }
    }
    wrong
}

fn differs(pattern: &str, came: &Value, place: &str, bindings: &Bindings) -> String {
    let filled = fill_text(pattern, bindings).unwrap_or_else(|_| pattern.to_owned());
    format!("{place}: expected {filled:?}, got {came}")
}

/// Whether a value matches the pattern. A placeholder that is the whole pattern matches any value
/// but null; one within it matches part of one path segment.
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
        // A placeholder is followed by the end, or by one of these characters.
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

/// The text before the first placeholder, its name, and the text after it.
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
    fn an_object_may_have_more_members_and_must_have_all_expected() {
        check(&json!({ "a": { "b": 1 } }), &json!({ "a": { "b": 1, "c": 2 }, "d": 3 }), &[]);
        check(&json!({ "a": 1 }), &json!({}), &["body.a: expected 1, but it is missing"]);
        check(&json!({ "a": "1" }), &json!({ "a": 1 }), &["body.a: expected \"1\", got 1"]);
        check(&json!({ "a": "{{absent}}" }), &json!({}), &[]);
        let there = json!({ "a": null });
        check(&json!({ "a": "{{absent}}" }), &there, &["body.a: expected nothing, got null"]);
    }

    #[test]
    fn an_array_has_exactly_the_expected_elements_in_any_order() {
        check(&json!([{ "v": 1 }, { "v": 2 }]), &json!([{ "v": 2, "w": 0 }, { "v": 1 }]), &[]);
        check(&json!([1]), &json!([1, 2]), &["body: expected 1 elements, got 2: [1,2]"]);
        check(&json!([1, 1]), &json!([1, 2]), &["body: expected 1, got [1,2]"]);
        check(&json!({ "{{count}}": 2 }), &json!([1, 2]), &[]);
        check(&json!({ "{{count}}": 3 }), &json!([1]), &["body: expected 3 elements, got 1"]);
    }

    #[test]
    fn placeholders_match_any_value_or_their_bound_value() {
        check(&json!("{{any}}"), &json!(5), &[]);
        check(&json!("{{any}}"), &Value::Null, &["body: expected \"{{any}}\", got null"]);
        check(&json!("{{id}}"), &json!("7"), &[]);
        check(&json!("{{id}}"), &json!("8"), &["body: expected \"7\", got \"8\""]);
        check(&json!("/orgs/{{any}}/members/{{id}}"), &json!("/orgs/acme/members/7"), &[]);
        check(&json!("mail-{{id}}@x"), &json!("mail-7@x"), &[]);
        let deeper = json!("/orgs/a/teams/1/members/7");
        let wrong =
            ["body: expected \"/orgs/{{any}}/members/{{id}}\", got \"/orgs/a/teams/1/members/7\""];
        check(&json!("/orgs/{{any}}/members/{{id}}"), &deeper, &wrong);
    }

    #[test]
    fn a_bound_value_is_used_by_later_patterns() {
        let mut bindings = Bindings::new();
        let expected = json!({ "id": "{{+user}}", "meta": { "location": "/Users/{{user}}" } });
        let came = json!({ "id": "9", "meta": { "location": "/Users/9" } });
        assert_eq!(compare(&expected, &came, "body", &mut bindings), [""; 0]);
        assert_eq!(fill_text("/Users/{{user}}?x", &bindings).unwrap(), "/Users/9?x");
        assert_eq!(fill(&json!(["{{user}}", 1]), &bindings).unwrap(), json!(["9", 1]));
        assert!(fill_text("{{missing}}", &bindings).is_err());
    }
}
