//! Paths into a JSON document, as the suites write them: `Resources[0].name.givenName`.

use serde_json::{Map, Value};

/// The value at a path; the whole document for the empty path.
pub(super) fn find<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    steps(path).try_fold(document, |value, step| match step {
        PathSegment::Name(name) => value.get(name),
        PathSegment::Index(index) => value.get(index),
    })
}

/// Sets the member at a path of names, and makes the missing objects on the way.
pub(super) fn set(document: &mut Value, path: &str, value: Value) {
    let mut target = document;
    for name in path.split('.') {
        if !target.is_object() {
            *target = Value::Object(Map::new());
        }
        target = target
            .as_object_mut()
            .expect("made an object above")
            .entry(name)
            .or_insert(Value::Null);
    }
    *target = value;
}

enum PathSegment<'a> {
    Name(&'a str),
    Index(usize),
}

fn steps(path: &str) -> impl Iterator<Item = PathSegment<'_>> {
    path.split(['.', '[']).filter(|part| !part.is_empty()).map(|part| {
        match part.strip_suffix(']').map(str::parse) {
            Some(Ok(index)) => PathSegment::Index(index),
            _ => PathSegment::Name(part),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<&Value>) {
        let document = json!({ "a": { "b": 1 }, "list": [{ "value": "x" }, [2, 3]] });
        assert_eq!(find(&document, path), expected, "{path}");
    }

    #[test]
    fn a_path_names_members_and_elements() {
        check("a.b", Some(&json!(1)));
        check("list[0].value", Some(&json!("x")));
        check("list[1][0]", Some(&json!(2)));
        check("list[2].value", None);
        check("a.b.c", None);
        check("missing", None);
    }

    #[test]
    fn the_empty_path_means_the_document() {
        assert_eq!(find(&json!([1]), ""), Some(&json!([1])));
    }

    #[test]
    fn setting_a_path_makes_the_missing_objects() {
        let mut document = json!({ "name": { "givenName": "Ada" } });
        set(&mut document, "name.givenName", json!("Grace"));
        set(&mut document, "address.country", json!("UK"));
        set(&mut document, "active", json!(false));
        let expected = json!({
            "name": { "givenName": "Grace" }, "address": { "country": "UK" }, "active": false
        });
        assert_eq!(document, expected);
    }
}
