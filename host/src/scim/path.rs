//! Attribute paths and PATCH paths, by which filters, PATCH operations and projections name
//! attributes.
//!
//! This module parses and prints them; `evaluate` and `resource` resolve them by the schema.

use std::fmt;

use crate::scim::filter::grammar;
use crate::scim::{Error, Filter, Leniency, Reading};

#[cfg(test)]
mod tests;

/// The longest path, in bytes.
pub const MAX_PATH_LENGTH: usize = 8 * 1024;

/// The path of an attribute: `attrPath` of RFC 7644 §3.4.2.2, figure 1.
///
/// The spelling is kept; names and URNs are compared in any case (RFC 7643 §2.1). The bare URN of
/// an extension is split like any other path (`…:enterprise:2.0` and `User`);
/// [`AttributePath::is_urn`] recognises it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttributePath {
    /// The URN before the name, without its last colon.
    pub schema: Option<String>,
    /// The attribute.
    pub attribute: String,
    /// The sub-attribute after the dot.
    pub sub_attribute: Option<String>,
}

impl AttributePath {
    /// A path of one plain name.
    pub fn new(attribute: impl Into<String>) -> Self {
        Self { schema: None, attribute: attribute.into(), sub_attribute: None }
    }

    /// Parses `attribute`, `attribute.sub`, or either after `urn:…:`; else `invalidPath`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_length(text)?;
        Self::split(text.trim()).ok_or_else(|| {
            Error::invalid_path(
                "an attribute is named by letters, digits, - and _, like userName, \
                 name.familyName or urn:ietf:params:scim:schemas:core:2.0:User:userName",
            )
        })
    }

    /// Whether the whole path spells this URN, and so names an extension and not an attribute.
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

    /// Splits a name: the URN ends at the last colon, the attribute at the first dot.
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

/// The path of a PATCH operation: `PATH` of RFC 7644 §3.5.2, figure 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchPath {
    /// The attribute. After a filter, its `sub_attribute` is the part after the closing bracket.
    pub attribute: AttributePath,
    /// The filter that chooses values of a multi-valued attribute; `None` means all of them.
    pub filter: Option<Filter>,
}

impl PatchPath {
    /// Parses `attr`, `attr.sub`, `attr[filter]` or `attr[filter].sub`, each with or without URN.
    ///
    /// An error between the brackets is `invalidFilter`, any other is `invalidPath`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, false)
    }

    /// Parses a path of a request in the dialect of `r`, in which strings may lack their quotes.
    pub fn parse_in(text: &str, r: &mut Reading) -> Result<Self, Error> {
        let strict = Self::parse(text);
        if strict.is_ok() || !r.dialect().allows(Leniency::UnquotedString) {
            return strict;
        }
        let path = Self::parse_with(text, true)?;
        r.allows(Leniency::UnquotedString);
        Ok(path)
    }

    fn parse_with(text: &str, unquoted: bool) -> Result<Self, Error> {
        check_length(text)?;
        grammar::patch_path(text, unquoted).map_err(|broken| {
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

/// Whether the character is allowed in a name, the `nameChar` of RFC 7643 §2.1.
///
/// RFC 7644 leaves out `$`, yet `$ref` is a name in its examples.
pub(in crate::scim) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$')
}

/// Whether the character is allowed anywhere in an attribute path, URN included.
pub(in crate::scim) fn is_path_char(c: char) -> bool {
    is_name_char(c) || matches!(c, ':' | '.' | '~' | '%' | '/' | '+' | '=' | '@' | '!' | '*' | '&')
}

pub(in crate::scim) fn is_name(text: &str) -> bool {
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
