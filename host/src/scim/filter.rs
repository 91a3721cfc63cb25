//! Filters: their tree, parser and canonical text.
//!
//! Their meaning is in `evaluate`.

use std::fmt;

use crate::scim::path::AttributePath;
use crate::scim::{Error, Leniency, Reading};

pub(in crate::scim) mod grammar;
mod scanner;

#[cfg(test)]
pub(crate) mod generate;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

/// The longest filter, in bytes.
pub const MAX_FILTER_LENGTH: usize = 8 * 1024;

/// The deepest nesting of parentheses and brackets.
pub const MAX_NESTING: usize = 32;

/// The most comparisons of a filter; this bounds the depth of the tree too.
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
    /// complex attributes are not complex again (RFC 7643 §2.3.8). Entra's
    /// `emails[type eq "work"].value eq "x"` (`tests/fixtures/conversations/entra/look-up.json`) is
    /// parsed as `emails[type eq "work" and value eq "x"]`.
    ValuePath(AttributePath, Box<Self>),
    /// `not (filter)`.
    Not(Box<Self>),
    /// `filter and filter`, which binds more tightly than `or`.
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
    Number(WrittenNumber),
    Boolean(bool),
    Null,
}

/// A number, and the text that a filter writes it as: `12.50` without its quotes is a string of five
/// characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenNumber {
    /// The number.
    pub value: serde_json::Number,
    text: String,
}

impl WrittenNumber {
    /// Parses a number of JSON.
    pub(in crate::scim) fn parse(text: &str) -> serde_json::Result<Self> {
        Ok(Self { value: serde_json::from_str(text)?, text: text.to_owned() })
    }
}

impl From<serde_json::Number> for WrittenNumber {
    fn from(value: serde_json::Number) -> Self {
        Self { text: value.to_string(), value }
    }
}

impl fmt::Display for WrittenNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Filter {
    /// Parses a filter; else `invalidFilter` with the position and what was expected there.
    pub fn parse(text: &str) -> Result<Self, Error> {
        check_length(text)?;
        grammar::filter(text, false)
            .map_err(|broken| Error::invalid_filter(broken.describe("filter", text)))
    }

    /// Parses a filter of a request in the dialect of `r`, in which strings may lack their quotes.
    pub fn parse_in(text: &str, r: &mut Reading) -> Result<Self, Error> {
        let strict = Self::parse(text);
        if strict.is_ok() || !r.dialect().allows(Leniency::UnquotedString) {
            return strict;
        }
        check_length(text)?;
        let filter = grammar::filter(text, true)
            .map_err(|broken| Error::invalid_filter(broken.describe("filter", text)))?;
        r.allows(Leniency::UnquotedString);
        Ok(filter)
    }

    /// How many comparisons it has.
    pub fn conditions(&self) -> usize {
        match self {
            Self::Present(_) | Self::Compare(..) => 1,
            Self::ValuePath(_, filter) | Self::Not(filter) => filter.conditions(),
            Self::And(left, right) | Self::Or(left, right) => {
                left.conditions() + right.conditions()
            }
        }
    }

    /// The conjunction of both.
    pub(in crate::scim) fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    /// The disjunction of both.
    pub(in crate::scim) fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }
}

fn check_length(text: &str) -> Result<(), Error> {
    if text.len() > MAX_FILTER_LENGTH {
        return Err(Error::invalid_filter(format!(
            "a filter is at most {MAX_FILTER_LENGTH} bytes long, this one has {}",
            text.len()
        )));
    }
    Ok(())
}

/// The canonical text of a filter, which parses as the same filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(path) => write!(f, "{path} pr"),
            Self::Compare(path, operator, literal) => write!(f, "{path} {operator} {literal}"),
            Self::ValuePath(path, filter) => write!(f, "{path}[{filter}]"),
            Self::Not(filter) => write!(f, "not ({filter})"),
            // `and` and `or` associate to the left, so a right operand of the same kind needs
            // parentheses.
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
