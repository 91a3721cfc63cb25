//! Assertions on an answer, in the words of the original suites, and the sentence for each failure.

use serde::Deserialize;
use serde_json::Value;

use super::client::ServerResponse;
use super::property;
use super::variables::{Variables, plain};

/// One assertion on an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assertion {
    #[serde(default)]
    source: AssertedPart,
    #[serde(default)]
    property: String,
    comparison: Matcher,
    #[serde(default)]
    value: Value,
    /// The assertion is skipped if this one holds.
    unless: Option<Box<Self>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum AssertedPart {
    #[serde(rename = "response_status")]
    Status,
    #[serde(rename = "response_time")]
    Time,
    #[default]
    #[serde(rename = "response_json")]
    Json,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Matcher {
    Contains,
    Equal,
    EqualNumber,
    HasValue,
    IsANumber,
    IsAnArray,
    IsLessThan,
    NotEmpty,
    OneOf,
}

impl Assertion {
    /// The sentence that says what is wrong with the answer; `None` if the assertion holds.
    pub(super) fn failure(&self, answer: &ServerResponse, variables: &Variables) -> Option<String> {
        if self.unless.as_ref().is_some_and(|unless| unless.failure(answer, variables).is_none()) {
            return None;
        }
        if self.source == AssertedPart::Json && answer.json.is_none() {
            return Some("the body should be JSON, but is not".to_owned());
        }
        let expected = match variables.fill(&self.value) {
            Ok(expected) => expected,
            Err(error) => return Some(format!("{} cannot be checked: {error}", self.subject())),
        };
        let actual = self.actual(answer);
        if self.comparison.holds(actual.as_ref(), &expected) {
            return None;
        }
        let wanted = self.comparison.wanted(&expected);
        Some(format!("{} should {wanted}, but {}", self.subject(), shown(actual.as_ref())))
    }

    fn subject(&self) -> String {
        match self.source {
            AssertedPart::Status => "the status".to_owned(),
            AssertedPart::Time => "the response time in milliseconds".to_owned(),
            AssertedPart::Json => format!("`{}`", self.property),
        }
    }

    fn actual(&self, answer: &ServerResponse) -> Option<Value> {
        match self.source {
            AssertedPart::Status => Some(answer.status.into()),
            AssertedPart::Time => u64::try_from(answer.elapsed.as_millis()).ok().map(Value::from),
            AssertedPart::Json => property::find(answer.json.as_ref()?, &self.property).cloned(),
        }
    }
}

impl Matcher {
    fn holds(self, actual: Option<&Value>, expected: &Value) -> bool {
        let Some(actual) = actual else { return false };
        match self {
            Self::Contains | Self::HasValue => contains(actual, expected),
            Self::Equal => equal(actual, expected),
            Self::EqualNumber => actual.is_number() && actual.as_f64() == expected.as_f64(),
            Self::IsANumber => actual.is_number(),
            Self::IsAnArray => actual.is_array(),
            Self::IsLessThan => {
                actual.as_f64().zip(expected.as_f64()).is_some_and(|(actual, limit)| actual < limit)
            }
            Self::NotEmpty => !is_empty(actual),
            Self::OneOf => contains(expected, actual),
        }
    }

    fn wanted(self, expected: &Value) -> String {
        match self {
            Self::Contains | Self::HasValue => format!("contain {expected}"),
            Self::Equal => format!("be {expected}"),
            Self::EqualNumber => format!("be the number {expected}"),
            Self::IsANumber => "be a number".to_owned(),
            Self::IsAnArray => "be an array".to_owned(),
            Self::IsLessThan => format!("be less than {expected}"),
            Self::NotEmpty => "not be empty".to_owned(),
            Self::OneOf => format!("be one of {expected}"),
        }
    }
}

/// A string is compared with the text of any value, as in the original: `status` may be `"404"` or
/// `404`. All other values are compared as they are.
fn equal(actual: &Value, expected: &Value) -> bool {
    match expected {
        Value::String(text) => plain(actual) == *text,
        other => actual == other,
    }
}

fn contains(actual: &Value, expected: &Value) -> bool {
    match actual {
        Value::Array(items) => items.contains(expected),
        Value::String(text) => expected.as_str().is_some_and(|part| text.contains(part)),
        _ => false,
    }
}

/// `false` and `0` are not empty: the first user of a directory may be inactive.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn shown(actual: Option<&Value>) -> String {
    match actual {
        None => "is missing".to_owned(),
        Some(Value::Array(items)) if items.len() > 3 => format!("has {} elements", items.len()),
        Some(value @ Value::String(_)) => format!("is the text {value}"),
        Some(value) => format!("is {value}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(assertion: Value, expected: Option<&str>) {
        let assertion: Assertion = serde_json::from_value(assertion).unwrap();
        let json = json!({
            "totalResults": "1", "itemsPerPage": 1, "active": false, "userName": "Ada@x",
            "schemas": ["urn:a"], "Resources": [], "status": "404", "name": {}
        });
        let body = json.to_string();
        let elapsed = Duration::from_millis(700);
        let answer = ServerResponse { status: 404, body, json: Some(json), elapsed };
        let mut variables = Variables::default();
        variables.set("user", "ada@x");
        assert_eq!(assertion.failure(&answer, &variables).as_deref(), expected);
    }

    #[track_caller]
    fn check_property(property: &str, comparison: &str, value: &Value, expected: Option<&str>) {
        let assertion = json!({ "property": property, "comparison": comparison, "value": value });
        check(assertion, expected);
    }

    #[test]
    fn equality_is_exact_except_that_a_text_may_stand_for_a_number() {
        check_property("status", "equal", &json!("404"), None);
        check_property("itemsPerPage", "equal", &json!("1"), None);
        check_property("active", "equal", &json!(false), None);
        check_property(
            "active",
            "equal",
            &json!(true),
            Some("`active` should be true, but is false"),
        );
        check_property(
            "userName",
            "equal",
            &json!("{{user}}"),
            Some("`userName` should be \"ada@x\", but is the text \"Ada@x\""),
        );
    }

    #[test]
    fn a_number_is_a_json_number() {
        check_property("itemsPerPage", "is_a_number", &Value::Null, None);
        check_property("itemsPerPage", "equal_number", &json!(1), None);
        check_property(
            "totalResults",
            "is_a_number",
            &Value::Null,
            Some("`totalResults` should be a number, but is the text \"1\""),
        );
        check_property(
            "totalResults",
            "equal_number",
            &json!(1),
            Some("`totalResults` should be the number 1, but is the text \"1\""),
        );
    }

    #[test]
    fn false_is_not_empty_and_an_empty_list_is() {
        check_property("active", "not_empty", &Value::Null, None);
        check_property(
            "Resources",
            "not_empty",
            &Value::Null,
            Some("`Resources` should not be empty, but is []"),
        );
        check_property(
            "Resources[0].id",
            "not_empty",
            &Value::Null,
            Some("`Resources[0].id` should not be empty, but is missing"),
        );
    }

    #[test]
    fn a_list_has_a_value_and_a_text_contains_one() {
        check_property("schemas", "has_value", &json!("urn:a"), None);
        check_property("userName", "contains", &json!("Ada"), None);
        check_property(
            "schemas",
            "has_value",
            &json!("urn:b"),
            Some("`schemas` should contain \"urn:b\", but is [\"urn:a\"]"),
        );
    }

    #[test]
    fn status_and_time_are_asserted_on_too() {
        let status =
            json!({ "source": "response_status", "comparison": "equal_number", "value": 404 });
        check(status, None);
        let status =
            json!({ "source": "response_status", "comparison": "one_of", "value": [200, 204] });
        check(status, Some("the status should be one of [200,204], but is 404"));
        check(
            json!({ "source": "response_time", "comparison": "is_less_than", "value": 600 }),
            Some("the response time in milliseconds should be less than 600, but is 700"),
        );
    }

    #[test]
    fn an_assertion_is_skipped_if_its_exception_holds() {
        let unless = |value: u32| {
            let unless =
                json!({ "property": "itemsPerPage", "comparison": "equal_number", "value": value });
            json!({ "property": "name", "comparison": "is_an_array", "unless": unless })
        };
        check(unless(1), None);
        check(unless(0), Some("`name` should be an array, but is {}"));
    }

    #[test]
    fn an_assertion_on_a_missing_variable_fails() {
        check_property(
            "userName",
            "equal",
            &json!("{{missing}}"),
            Some("`userName` cannot be checked: no earlier step gave `missing`"),
        );
    }
}
