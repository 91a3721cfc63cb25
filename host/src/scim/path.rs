//! Attribute paths and PATCH paths: how filters, PATCH operations and projections name things.
//!
//! What a name means is the schema's business; here it is only spelt.

use std::fmt;

use crate::scim::filter::grammar;
use crate::scim::{Error, Filter};

/// The longest path that is read, in bytes.
pub const MAX_PATH_LENGTH: usize = 8 * 1024;

/// An attribute by its name: `attrPath` of RFC 7644 §3.4.2.2, figure 1.
///
/// The spelling is kept as it came; names and URNs are compared without regard to case
/// (RFC 7643 §2.1). A path that is nothing but the URN of an extension is split like any other
/// (`…:enterprise:2.0` and `User`): ask [`AttributePath::is_urn`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttributePath {
    /// The URN in front of the name, without its last colon.
    pub schema: Option<String>,
    /// The attribute.
    pub attribute: String,
    /// The sub-attribute after the dot.
    pub sub_attribute: Option<String>,
}

impl AttributePath {
    /// The path that is one plain name.
    pub fn new(attribute: impl Into<String>) -> Self {
        Self { schema: None, attribute: attribute.into(), sub_attribute: None }
    }

    /// Reads `attribute`, `attribute.sub`, or either after `urn:…:`; else `invalidPath`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_length(text)?;
        Self::split(text.trim()).ok_or_else(|| {
            Error::invalid_path(
                "an attribute is named by letters, digits, - and _, like userName, \
                 name.familyName or urn:ietf:params:scim:schemas:core:2.0:User:userName",
            )
        })
    }

    /// Whether the whole path spells this URN: it names an extension itself, not an attribute.
    pub fn is_urn(&self, urn: &str) -> bool {
        let mut rest = urn;
        let mut eat = |part: &str| match rest.get(..part.len()) {
            Some(start) if start.eq_ignore_ascii_case(part) => {
                rest = &rest[part.len()..];
                true
            }
            _ => false,
        };
        let sub = self.sub_attribute.as_deref();
        self.schema.as_deref().is_some_and(|schema| eat(schema) && eat(":"))
            && eat(&self.attribute)
            && sub.is_none_or(|sub| eat(".") && eat(sub))
            && rest.is_empty()
    }

    /// Takes a name apart: the URN ends at the last colon, the attribute at the first dot.
    pub(in crate::scim) fn split(text: &str) -> Option<Self> {
        let (schema, name) = match text.rsplit_once(':') {
            Some((schema, name)) if is_uri(schema) => (Some(schema), name),
            Some(_) => return None,
            None => (None, text),
        };
        let (attribute, sub) = match name.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (name, None),
        };
        let names = is_name(attribute) && sub.is_none_or(is_name);
        names.then(|| Self {
            schema: schema.map(str::to_owned),
            attribute: attribute.to_owned(),
            sub_attribute: sub.map(str::to_owned),
        })
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}:")?;
        }
        f.write_str(&self.attribute)?;
        match &self.sub_attribute {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// What a PATCH operation points at: `PATH` of RFC 7644 §3.5.2, figure 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchPath {
    /// The attribute; after a filter, `sub_attribute` is what follows the closing bracket.
    pub attribute: AttributePath,
    /// Which values of a multi-valued attribute are meant; all of them without it.
    pub filter: Option<Filter>,
}

impl PatchPath {
    /// Reads `attr`, `attr.sub`, `attr[filter]` or `attr[filter].sub`, each with or without URN.
    ///
    /// What is wrong between the brackets is `invalidFilter`, anything else `invalidPath`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_length(text)?;
        grammar::patch_path(text).map_err(|broken| {
            let detail = broken.describe("path", text);
            if broken.in_value_filter {
                Error::invalid_filter(detail)
            } else {
                Error::invalid_path(detail)
            }
        })
    }
}

impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(filter) = &self.filter else {
            return self.attribute.fmt(f);
        };
        let whole = AttributePath { sub_attribute: None, ..self.attribute.clone() };
        write!(f, "{whole}[{filter}]")?;
        match &self.attribute.sub_attribute {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// Whether the character can stand in a name, the `nameChar` of RFC 7643 §2.1.
///
/// RFC 7644 leaves the `$` out, and yet `$ref` is a name in its examples.
pub(in crate::scim) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$')
}

/// Whether the character can stand anywhere in an attribute path, URN included.
pub(in crate::scim) fn is_path_char(c: char) -> bool {
    is_name_char(c) || matches!(c, ':' | '.' | '~' | '%' | '/' | '+' | '=' | '@' | '!' | '*' | '&')
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$')
        && text.chars().all(is_name_char)
        && text != "$"
}

fn is_uri(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, rest)| (is_name(scheme), rest));
    matches!(scheme, Some((true, rest)) if !rest.is_empty()) && text.chars().all(is_path_char)
}

fn check_length(text: &str) -> Result<(), Error> {
    if text.len() <= MAX_PATH_LENGTH {
        return Ok(());
    }
    Err(Error::invalid_path(format!(
        "a path is at most {MAX_PATH_LENGTH} bytes long, this one has {}",
        text.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, schema: Option<&str>, attribute: &str, sub: Option<&str>) {
        let expected = AttributePath {
            schema: schema.map(str::to_owned),
            attribute: attribute.to_owned(),
            sub_attribute: sub.map(str::to_owned),
        };
        assert_eq!(AttributePath::parse(text), Ok(expected.clone()), "{text}");
        assert_eq!(AttributePath::parse(&expected.to_string()), Ok(expected), "{text} printed");
    }

    #[test]
    fn attribute_paths_are_taken_apart() {
        let user = "urn:ietf:params:scim:schemas:core:2.0:User";
        check("userName", None, "userName", None);
        check(" userName ", None, "userName", None);
        check("name.familyName", None, "name", Some("familyName"));
        check("$ref", None, "$ref", None);
        check("manager.$ref", None, "manager", Some("$ref"));
        check("x-ray_2", None, "x-ray_2", None);
        check(&format!("{user}:userName"), Some(user), "userName", None);
        check(&format!("{user}:name.givenName"), Some(user), "name", Some("givenName"));
        check(
            "http://schemas.example/2.0/G:a.b",
            Some("http://schemas.example/2.0/G"),
            "a",
            Some("b"),
        );
    }

    #[test]
    fn what_is_not_a_path_is_invalid_path() {
        for text in [
            "", " ", ".", "a.", ".a", "a.b.c", "1a", "a b", "a:b", ":a", "urn:x:", "$", "a[b]", "ä",
        ] {
            let error = AttributePath::parse(text).expect_err(text);
            assert_eq!(error.scim_type, Some(crate::scim::ScimType::InvalidPath), "{text}");
        }
    }

    #[test]
    fn an_extension_is_recognised_by_its_urn() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let is_urn = |text: &str| AttributePath::parse(text).unwrap().is_urn(urn);
        assert!(is_urn(urn));
        assert!(is_urn(&urn.to_uppercase()));
        assert!(!is_urn(&format!("{urn}:department")));
        assert!(!is_urn("User"));
        assert!(!is_urn("urn:ietf:params:scim:schemas:extension:enterprise:2.0:Use"));
    }

    #[track_caller]
    fn check_patch(text: &str, attribute: &str, filter: Option<&str>, printed: &str) {
        let path = PatchPath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(path.attribute, AttributePath::parse(attribute).unwrap(), "{text}");
        assert_eq!(path.filter, filter.map(|f| Filter::parse(f).unwrap()), "{text}");
        assert_eq!(path.to_string(), printed);
        assert_eq!(PatchPath::parse(printed), Ok(path), "{printed}");
    }

    #[test]
    fn patch_paths_are_taken_apart() {
        check_patch("members", "members", None, "members");
        check_patch("name.familyName", "name.familyName", None, "name.familyName");
        check_patch(
            "addresses[type eq \"work\"]",
            "addresses",
            Some("type eq \"work\""),
            "addresses[type eq \"work\"]",
        );
        check_patch(
            " emails [ type EQ\"a]b\" or not(primary pr) ] .value ",
            "emails.value",
            Some("type eq \"a]b\" or not (primary pr)"),
            "emails[type eq \"a]b\" or not (primary pr)].value",
        );
        check_patch("urn:a:b:c[$ref pr].d", "urn:a:b:c.d", Some("$ref pr"), "urn:a:b:c[$ref pr].d");
    }

    #[track_caller]
    fn refuse(text: &str, error: fn(String) -> Error, detail: &str) {
        assert_eq!(PatchPath::parse(text), Err(error(detail.to_owned())), "{text}");
    }

    #[test]
    fn broken_patch_paths_say_where() {
        let name = "an attribute name, like userName or name.familyName";
        let path: fn(String) -> Error = |detail| Error::invalid_path(detail);
        let filter: fn(String) -> Error = |detail| Error::invalid_filter(detail);
        refuse("", path, &format!("path, at its end: expected {name}"));
        refuse("[type pr]", path, &format!("path, character 1: expected {name}"));
        refuse("a b", path, "path, character 3: expected [ or the end");
        refuse(
            "emails[type eq work]",
            filter,
            "path, character 16: expected a value: a string in double quotes, a number, true, false or null",
        );
        refuse("emails[type pr", filter, "path, at its end: expected and, or, or ]");
        refuse("emails[]", filter, &format!("path, character 8: expected {name}"));
        refuse(
            "emails[type pr]x",
            path,
            "path, character 16: expected a dot and a sub-attribute, or the end",
        );
        refuse("emails[type pr].", path, "path, at its end: expected the name of a sub-attribute");
        refuse(
            "emails.value[type pr]",
            path,
            "path, character 13: expected no [ here: values of sub-attributes are never complex",
        );
    }
}
