//! Filters: what they are, how they are read, how they are printed.
//!
//! What they match is in `evaluate`.

use std::fmt;

use crate::scim::Error;
use crate::scim::path::AttributePath;

pub(in crate::scim) mod grammar;
mod scanner;

#[cfg(test)]
pub(crate) mod generate;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

/// The longest filter that is read, in bytes.
pub const MAX_FILTER_LENGTH: usize = 8 * 1024;

/// How deep parentheses and brackets may stand in each other.
pub const MAX_NESTING: usize = 32;

/// How many comparisons a filter may have; it bounds the depth of the tree as well.
pub const MAX_CONDITIONS: usize = 256;

/// A filter of RFC 7644 §3.4.2.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// `attribute pr`: there is a value that is not empty.
    Present(AttributePath),
    /// `attribute operator value`.
    Compare(AttributePath, Operator, Literal),
    /// `attribute[filter]`: one value of the attribute matches all of the filter.
    ///
    /// The path never has a sub-attribute, and the filter holds no other value path: values of
    /// complex attributes are not complex again (RFC 7643 §2.3.8). The form that Entra ID sends
    /// (clients.md 7.1), `emails[type eq "work"].value eq "x"`, is read as
    /// `emails[type eq "work" and value eq "x"]`.
    ValuePath(AttributePath, Box<Self>),
    /// `not (filter)`.
    Not(Box<Self>),
    /// `filter and filter`, which binds closer than `or`.
    And(Box<Self>, Box<Self>),
    /// `filter or filter`.
    Or(Box<Self>, Box<Self>),
}

/// The comparisons of RFC 7644 §3.4.2.2, table 3, in its order; `pr` is a filter of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words are the RFC's own")]
pub enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// What an attribute is compared with: a JSON value that is neither object nor array.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "JSON's own words")]
pub enum Literal {
    String(String),
    Number(serde_json::Number),
    Boolean(bool),
    Null,
}

impl Filter {
    /// Reads a filter; else `invalidFilter` with the place and what was expected there.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_FILTER_LENGTH {
            return Err(Error::invalid_filter(format!(
                "a filter is at most {MAX_FILTER_LENGTH} bytes long, this one has {}",
                text.len()
            )));
        }
        grammar::filter(text)
            .map_err(|broken| Error::invalid_filter(broken.describe("filter", text)))
    }

    /// Both must match.
    pub(in crate::scim) fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    /// One must match.
    pub(in crate::scim) fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }
}

/// One canonical form for each filter: it reads as the same filter again.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Compare(path, operator, literal) => write!(f, "{path} {operator} {literal}"),
            Self::ValuePath(path, filter) => write!(f, "{path}[{filter}]"),
            Self::Not(filter) => write!(f, "not ({filter})"),
            // `and` and `or` lean to the left, so what leans to the right needs parentheses.
            Self::And(left, right) => {
                operand(f, left, matches!(**left, Self::Or(..)))?;
                f.write_str(" and ")?;
                operand(f, right, matches!(**right, Self::And(..) | Self::Or(..)))
            }
            Self::Or(left, right) => {
                operand(f, left, false)?;
                f.write_str(" or ")?;
                operand(f, right, matches!(**right, Self::Or(..)))
            }
        }
    }
}

fn operand(f: &mut fmt::Formatter<'_>, filter: &Filter, parentheses: bool) -> fmt::Result {
    if parentheses { write!(f, "({filter})") } else { write!(f, "{filter}") }
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The two letters, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => serde_json::Value::from(text.as_str()).fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Boolean(truth) => truth.fmt(f),
            Self::Null => f.write_str("null"),
        }
    }
}
