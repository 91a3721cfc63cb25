//! The JSON Schema of a connector's settings.
//!
//! The schema comes with an uploaded file, and the host evaluates it. So the schema's size with all
//! its references, its depth and its patterns are bounded before it is compiled.

use jsonschema::{PatternOptions, Validator};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// Values in a schema. A value counts once for each reference to it.
const VALUES: usize = 10_000;
/// Nesting depth of values and references.
const DEPTH: usize = 96;
/// Regular expressions in a schema.
const PATTERNS: usize = 64;
/// The supported dialects: those in which only `$id` changes the base of references.
const DIALECTS: [&str; 4] = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "http://json-schema.org/draft-07/schema",
    "http://json-schema.org/draft-06/schema",
];
/// Bytes of each regular expression, compiled.
const PATTERN_BYTES: usize = 2 << 20;

/// The validator of settings by this schema. An error says what is wrong in the schema.
///
/// References must stay within the schema and must not form a cycle. Patterns are regular
/// expressions that match in linear time.
pub fn settings_validator(schema: &Value) -> Result<Validator, String> {
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "object" => {}
        _ => return Err("is not a JSON Schema with `\"type\": \"object\"`".to_owned()),
    }
    let mut walk = SchemaWalk { schema, values: 0, patterns: 0 };
    walk.value(schema, 0)?;
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES);
    let options = jsonschema::options().with_pattern_options(patterns);
    options.build(schema).map_err(|error| {
        let place = error.instance_path();
        format!("is not a JSON Schema: {error} (at `{place}`)")
    })
}

struct SchemaWalk<'s> {
    schema: &'s Value,
    values: usize,
    patterns: usize,
}

impl<'s> SchemaWalk<'s> {
    fn value(&mut self, value: &'s Value, depth: usize) -> Result<(), String> {
        self.values += 1;
        if self.values > VALUES {
            return Err(format!("has more than {VALUES} values with all its references"));
        }
        if depth > DEPTH {
            return Err(format!("is nested more than {DEPTH} deep, or refers to itself"));
        }
        match value {
            Value::Object(object) => self.object(object, depth),
            Value::Array(values) => values.iter().try_for_each(|it| self.value(it, depth + 1)),
            _ => Ok(()),
        }
    }

    fn object(&mut self, object: &'s Map<String, Value>, depth: usize) -> Result<(), String> {
        for (key, value) in object {
            match (key.as_str(), value) {
                ("$ref", Value::String(place)) => {
                    let found = self.referred(place).ok_or_else(|| {
                        format!(
                            "refers to {place:?}; only references within it, such as `#/$defs/x`, \
                             are supported"
                        )
                    })?;
                    self.value(found, depth + 1)?;
                }
                // Their target, and so the cost, depends on the path to them.
                ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                    return Err(format!("has a `{key}`, which is not supported"));
                }
                // It changes the base of the references below it.
                ("$id", Value::String(_)) if depth > 0 => {
                    return Err(
                        "has an `$id` within it; only the whole schema may have one".to_owned()
                    );
                }
                ("$schema", Value::String(dialect))
                    if depth > 0 || !DIALECTS.contains(&dialect.trim_end_matches('#')) =>
                {
                    return Err(format!(
                        "is in the dialect {dialect:?}; leave `$schema` out, or set it to {:?} for \
                         the whole schema",
                        DIALECTS[0]
                    ));
                }
                ("pattern", Value::String(_)) => self.pattern(1)?,
                ("patternProperties", Value::Object(patterns)) => self.pattern(patterns.len())?,
                _ => {}
            }
            self.value(value, depth + 1)?;
        }
        Ok(())
    }

    fn referred(&self, place: &str) -> Option<&'s Value> {
        let pointer = percent_decode_str(place.strip_prefix('#')?).decode_utf8().ok()?;
        self.schema.pointer(&pointer)
    }

    fn pattern(&mut self, more: usize) -> Result<(), String> {
        self.patterns += more;
        if self.patterns > PATTERNS {
            return Err(format!("has more than {PATTERNS} patterns, with all its references"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(mut schema: Value, expected: Result<(), &str>) {
        schema["type"] = json!("object");
        match (settings_validator(&schema), expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(word)) => assert!(error.contains(word), "{schema}: {error}"),
            (found, _) => panic!("{schema}: {found:?}"),
        }
    }

    /// A schema in which each of so many definitions refers twice to the next one.
    fn doubling(times: usize) -> Value {
        let mut definitions = Map::new();
        for n in 0..times {
            let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
            definitions.insert(format!("d{n}"), json!({ "allOf": [next, next] }));
        }
        definitions.insert(format!("d{times}"), json!({}));
        json!({ "$defs": definitions, "$ref": "#/$defs/d0" })
    }

    /// In draft 4, `id` changes the base of references.
    #[test]
    fn unsupported_dialects_are_refused() {
        let old = json!("http://json-schema.org/draft-04/schema#");
        check(json!({ "$schema": old, "$ref": "#" }), Err("in the dialect"));
        check(json!({ "properties": { "x": { "$schema": old } } }), Err("in the dialect"));
        check(json!({ "$schema": "https://acme.example/own" }), Err("in the dialect"));
    }

    #[test]
    fn a_schema_may_refer_to_its_own_parts() {
        let name = json!({ "type": "string", "pattern": "^[a-z]+$" });
        check(
            json!({ "$defs": { "a/b": name }, "properties": {
            "one": { "$ref": "#/$defs/a~1b" }, "two": { "$ref": "#/%24defs/a~1b" },
        } }),
            Ok(()),
        );
        check(json!({ "$id": "https://acme.example/settings" }), Ok(()));
        check(json!({ "$schema": "http://json-schema.org/draft-07/schema#" }), Ok(()));
        check(json!({ "properties": { "$ref": { "type": "string" }, "$id": {} } }), Ok(()));
        check(doubling(8), Ok(()));
    }

    #[test]
    fn a_schema_cannot_refer_to_anything_else() {
        for place in [
            "http://127.0.0.1:1/schema",
            "file:///etc/passwd",
            "other.json#/a",
            "#name",
            "#/$defs/none",
        ] {
            check(json!({ "$ref": place }), Err("only references within it"));
        }
        let inner = json!({ "$id": "http://127.0.0.1:1/", "$ref": "#/a" });
        check(json!({ "a": {}, "properties": { "x": inner } }), Err("`$id` within it"));
        check(json!({ "$dynamicRef": "#" }), Err("`$dynamicRef`"));
        check(json!({ "$schema": "http://127.0.0.1:1/draft" }), Err("in the dialect"));
    }

    #[test]
    fn a_schema_has_no_cycles_and_a_bounded_size() {
        check(json!({ "$ref": "#" }), Err("refers to itself"));
        let [a, b] = ["#/$defs/b", "#/$defs/a"].map(|place| json!({ "$ref": place }));
        check(json!({ "$defs": { "a": a, "b": b } }), Err("refers to itself"));
        check(json!({ "properties": { "child": { "$ref": "#" } } }), Err("refers to itself"));
        check(doubling(20), Err("more than 10000 values"));
        let deep = (0..100).fold(json!({}), |inner, _| json!({ "not": inner }));
        check(json!({ "properties": { "x": deep } }), Err("more than 96 deep"));
    }

    #[test]
    fn a_schema_must_be_a_json_schema_of_an_object() {
        check(json!({ "properties": 5 }), Err("is not a JSON Schema"));
        check(json!({ "required": [1] }), Err("is not a JSON Schema"));
        assert!(settings_validator(&json!({ "type": "array" })).is_err());
        assert!(settings_validator(&json!(true)).is_err());
    }

    #[test]
    fn a_pattern_matches_in_linear_time() {
        let pattern = |it: &str| json!({ "properties": { "x": { "pattern": it } } });
        let mut catastrophic = pattern("^(a+)+$");
        check(catastrophic.clone(), Ok(()));
        catastrophic["type"] = json!("object");
        let settings = json!({ "x": format!("{}!", "a".repeat(1 << 16)) });
        assert!(!settings_validator(&catastrophic).unwrap().is_valid(&settings));
        check(pattern("^(?=.*a)(a|aa)+$"), Err("is not a JSON Schema"));
        check(pattern(r"((\w{50}){50}){50}"), Err("is not a JSON Schema"));
        let many: Map<String, Value> = (0..65).map(|n| (format!("p{n}"), json!({}))).collect();
        check(json!({ "patternProperties": many }), Err("more than 64 patterns"));
    }
}
