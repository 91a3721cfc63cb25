//! Variables in double braces, and the random values that a suite starts with.

use std::collections::BTreeMap;
use std::iter;

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Map, Value};

/// The variables of a suite, and those taken from answers so far.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: BTreeMap<String, Value>,
}

impl Variables {
    /// Generates the variables of a suite, in order.
    ///
    /// Besides `{{name}}` a template may hold `{{digits 3}}`, `{{lower 8}}` and `{{upper 1}}` for
    /// that many random characters, and `{{caps name}}` for a variable in upper case.
    pub(super) fn generate(templates: &Map<String, Value>) -> anyhow::Result<Self> {
        let mut variables = Self::default();
        for (name, template) in templates {
            let value = variables.fill(template)?;
            variables.set(name, value);
        }
        Ok(variables)
    }

    /// Sets a variable, also if it has a value already.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// A variable's value.
    pub(super) fn value(&self, name: &str) -> anyhow::Result<&Value> {
        self.values.get(name).ok_or_else(|| anyhow!("no earlier step gave `{name}`"))
    }

    /// The same JSON with the placeholders of every string replaced.
    pub(super) fn fill(&self, template: &Value) -> anyhow::Result<Value> {
        Ok(match template {
            Value::String(text) => Value::String(self.fill_text(text)?),
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, member)| Ok((name.clone(), self.fill(member)?)))
                    .collect::<anyhow::Result<_>>()?,
            ),
            other => other.clone(),
        })
    }

    /// The same text with its placeholders replaced.
    pub(super) fn fill_text(&self, template: &str) -> anyhow::Result<String> {
        let mut filled = String::new();
        let mut rest = template;
        while let Some((literal, after)) = rest.split_once("{{") {
            let (placeholder, tail) = after
                .split_once("}}")
                .with_context(|| format!("`{template}`: no closing `}}}}`"))?;
            filled.push_str(literal);
            filled.push_str(&self.placeholder(placeholder)?);
            rest = tail;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn placeholder(&self, placeholder: &str) -> anyhow::Result<String> {
        match placeholder.split_once(' ') {
            None => Ok(plain(self.value(placeholder)?)),
            Some(("caps", name)) => Ok(plain(self.value(name)?).to_uppercase()),
            Some(("digits", count)) => random(b"0123456789", count),
            Some(("lower", count)) => random(b"abcdefghijklmnopqrstuvwxyz", count),
            Some(("upper", count)) => random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", count),
            Some(_) => bail!("`{placeholder}` is not a placeholder"),
        }
    }
}

/// A value as it stands in a text: strings without quotes, other values as JSON.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn random(alphabet: &[u8], count: &str) -> anyhow::Result<String> {
    let count = count.parse().with_context(|| format!("`{count}` is not a number"))?;
    iter::repeat_with(|| draw(alphabet)).take(count).collect()
}

fn draw(alphabet: &[u8]) -> anyhow::Result<char> {
    let random = getrandom::u32().map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(char::from(alphabet[random as usize % alphabet.len()]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drawn(templates: &Value) -> Variables {
        Variables::generate(templates.as_object().unwrap()).unwrap()
    }

    #[test]
    fn random_values_have_the_shape_of_their_template() {
        let name = drawn(&json!({ "n": "Runscope{{digits 3}}{{upper 1}}{{lower 8}}" }));
        let name = plain(name.value("n").unwrap());
        let (prefix, rest) = name.split_at(8);
        assert_eq!((prefix, rest.len()), ("Runscope", 12));
        assert!(rest[..3].bytes().all(|b| b.is_ascii_digit()), "{name}");
        assert!(rest[3..4].bytes().all(|b| b.is_ascii_uppercase()), "{name}");
        assert!(rest[4..].bytes().all(|b| b.is_ascii_lowercase()), "{name}");
    }

    #[test]
    fn a_variable_may_use_those_before_it() {
        let variables = drawn(&json!({ "a": "x{{digits 9}}", "b": "{{a}}@y", "c": "{{caps b}}" }));
        let a = plain(variables.value("a").unwrap());
        assert_eq!(variables.value("b").unwrap(), &json!(format!("{a}@y")));
        assert_eq!(variables.value("c").unwrap(), &json!(format!("{}@Y", a.to_uppercase())));
    }

    #[test]
    fn placeholders_are_filled_in_every_string() {
        let mut variables = Variables::default();
        variables.set("id", "7");
        let filled = variables.fill(&json!({ "a": ["/{{id}}", true, { "b": "{{id}}{{id}}" }] }));
        assert_eq!(filled.unwrap(), json!({ "a": ["/7", true, { "b": "77" }] }));
    }

    #[track_caller]
    fn check_refused(template: &str, reason: &str) {
        let error = Variables::default().fill_text(template).unwrap_err();
        assert_eq!(error.to_string(), reason);
    }

    #[test]
    fn a_template_that_cannot_be_filled_is_refused() {
        check_refused("/Users/{{id}}", "no earlier step gave `id`");
        check_refused("/Users/{{id", "`/Users/{{id`: no closing `}}`");
        check_refused("{{dice 6}}", "`dice 6` is not a placeholder");
        check_refused("{{digits x}}", "`x` is not a number");
    }
}
