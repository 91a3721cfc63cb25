//! Path templates, which an operator can set.

use serde::Deserialize;

use crate::Refusal;
use crate::request::encode;

/// A path with parameters, such as `/organizations/{organization}/members/{user}`.
///
/// It deserialises from a string, so that it can be part of a connector's settings.
///
/// ```
/// use muster_connector::Template;
///
/// let member = Template::new("/organizations/{organization}/members/{user}");
/// let path = member.fill(&[("organization", "acme"), ("user", "a/b")])?;
/// assert_eq!(path, "/organizations/acme/members/a%2Fb");
/// # Ok::<(), muster_connector::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Template(String);

impl Template {
    /// A template of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The path with the parameters replaced by these values, percent-encoded.
    ///
    /// An unknown parameter or an empty value is [`Refusal::Misconfigured`], since the path would
    /// address something else.
    pub fn fill(&self, values: &[(&str, &str)]) -> Result<String, Refusal> {
        let mut path = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) =
                after.split_once('}').ok_or_else(|| self.wrong("has a { without }"))?;
            let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            match value {
                Some("") => return Err(self.wrong(&format!("needs {{{name}}}, which is empty"))),
                Some(value) => {
                    path.push_str(before);
                    path.push_str(&encode(value));
                }
                None => return Err(self.wrong(&format!("has an unknown parameter {{{name}}}"))),
            }
            rest = after;
        }
        path.push_str(rest);
        Ok(path)
    }

    fn wrong(&self, what: &str) -> Refusal {
        Refusal::Misconfigured(format!("The path {} in the settings {what}.", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, expected: Result<&str, &str>) {
        let filled = Template::new(template).fill(&[("a", "x y"), ("b", "é"), ("none", "")]);
        let expected =
            expected.map(str::to_owned).map_err(|text| Refusal::Misconfigured(text.into()));
        assert_eq!(filled, expected, "{template}");
    }

    #[test]
    fn parameters_are_filled_or_refused() {
        check("/users", Ok("/users"));
        check("/{a}/{b}/{a}", Ok("/x%20y/%C3%A9/x%20y"));
        check("/{c}", Err("The path /{c} in the settings has an unknown parameter {c}."));
        check("/{none}", Err("The path /{none} in the settings needs {none}, which is empty."));
        check("/{a", Err("The path /{a in the settings has a { without }."));
    }
}
