//! Filter evaluations of public test suites, each over a schema made from its resources.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::scim::schema::USER_SCHEMA;
use crate::scim::{Extension, Schema, Writes};

#[derive(Deserialize)]
struct EvaluationVectors {
    resources: Map<String, Value>,
    vectors: Vec<EvaluationRow>,
}

#[derive(Deserialize)]
struct EvaluationRow {
    filter: String,
    /// A resource, or the name of one or several in `resources`.
    resource: Value,
    expect: Option<bool>,
    expect_count: Option<usize>,
    expect_ids: Option<Vec<Value>>,
    /// Names of attributes with `caseExact`.
    #[serde(default)]
    case_exact: Vec<String>,
    source: String,
}

/// Filters that the suites answer and muster refuses as `invalidFilter`, by reason (RFC 7644
/// §3.12): an empty list would say that no resource matches.
const REFUSED: [(&str, &[&str]); 3] = [
    (
        "a value of another type than the attribute's",
        &[
            r#"number eq "6""#,
            r#"number ne "6""#,
            r#"number gt "9""#,
            r#"number ge "9""#,
            r#"number lt "6""#,
            r#"number le "6""#,
            r#"exists eq "falsey""#,
        ],
    ),
    (
        "RFC 8259 §7: a backslash in a string is written twice",
        &[r#"userName eq "domain\user.name""#],
    ),
    (
        "RFC 7643 §2.3.5: a date and time has a date",
        &[r#"date lt "2021-09""#, r#"date ge "2021-09" and date lt "2021-09-20""#],
    ),
];

/// A filter with a different result: the suite applies both comparisons to the same value, which
/// RFC 7644 §3.4.2.2 writes as a value path. Another suite of the file agrees with muster.
const ANY_VALUE: &str = r#"emails.type eq "work" and emails.value ew "example.net""#;

#[test]
fn filters_of_public_test_suites_match_as_expected() {
    let text = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/scim/filters_eval.json"
    ));
    let EvaluationVectors { resources, vectors } = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.len(), 162);
    for row in &vectors {
        let named = row.resource.as_str().map(|name| &resources[name]);
        check(row, named.unwrap_or(&row.resource));
    }
    let mut refused = REFUSED.iter().flat_map(|(_, filters)| *filters);
    assert!(refused.all(|filter| vectors.iter().any(|row| row.filter == *filter)));
}

#[track_caller]
fn check(row: &EvaluationRow, resources: &Value) {
    let resources =
        resources.as_array().map_or_else(|| std::slice::from_ref(resources), Vec::as_slice);
    let resource_type = resource_type(resources, &row.case_exact);
    let note = format!("{} of {}", row.filter, row.source);
    let filter = Filter::parse(&row.filter).and_then(|it| it.check(&resource_type).map(|()| it));
    if REFUSED.iter().any(|(_, filters)| filters.contains(&row.filter.as_str())) {
        assert!(filter.is_err(), "{note}");
        return;
    }
    let filter = filter.unwrap_or_else(|error| panic!("{note}: {error}"));
    let matches = |it: &&Value| filter.matches(&resource_type, it.as_object().unwrap()).unwrap();
    let found: Vec<_> = resources.iter().filter(matches).collect();
    match (row.expect, row.expect_count, &row.expect_ids) {
        (Some(expected), ..) => assert_eq!(!found.is_empty(), expected, "{note}"),
        (_, Some(expected), _) => assert_eq!(found.len(), expected, "{note}"),
        (.., Some(expected)) => {
            let ids: Vec<_> = found.iter().map(|it| it["id"].clone()).collect();
            assert_eq!(ids == *expected, row.filter != ANY_VALUE, "{note}: {ids:?}");
        }
        _ => panic!("{note} expects nothing"),
    }
}

/// A type whose schema is derived from the resources.
fn resource_type(resources: &[Value], case_exact: &[String]) -> ResourceType {
    let objects = resources.iter().collect::<Vec<_>>();
    let (extensions, own): (Vec<_>, Vec<_>) = attributes(&objects, case_exact)
        .into_iter()
        .partition(|it| it["name"].as_str().unwrap().contains(':'));
    let schema = |id: &Value, attributes: &Value| {
        let schema = json!({ "id": id, "attributes": attributes });
        Arc::new(serde_json::from_value::<Schema>(schema).unwrap())
    };
    let extension = |it: &Value| Extension {
        schema: schema(&it["name"], &it["subAttributes"]),
        required: false,
    };
    ResourceType {
        name: "User".to_owned(),
        endpoint: "/Users".to_owned(),
        description: String::new(),
        schema: schema(&json!(USER_SCHEMA), &json!(own)),
        extensions: extensions.iter().map(extension).collect(),
        writes: Writes::Provisioned,
        needed: Vec::new(),
    }
}

/// The attributes of these objects, as a schema lists them.
fn attributes(objects: &[&Value], case_exact: &[String]) -> Vec<Value> {
    let mut samples: Map<String, Value> = Map::new();
    for (name, value) in objects.iter().filter_map(|it| it.as_object()).flatten() {
        let known = samples.entry(name).or_insert_with(|| json!([]));
        let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        known.as_array_mut().unwrap().extend_from_slice(values);
    }
    let attribute = |(name, values): (&String, &Value)| {
        let values: Vec<_> = values.as_array().unwrap().iter().collect();
        json!({
            "name": name,
            "type": values.first().map_or("string", |value| type_of(value)),
            "caseExact": case_exact.contains(name),
            "subAttributes": attributes(&values, case_exact),
        })
    };
    samples.iter().map(attribute).collect()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(_) => "decimal",
        Value::Object(_) => "complex",
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => "dateTime",
        _ => "string",
    }
}
