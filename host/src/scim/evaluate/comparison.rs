//! Comparisons by the type of the attribute and by `caseExact` (RFC 7644 §3.4.2.2).

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Number, Value};

use crate::scim::name::comparable;
use crate::scim::{Attribute, AttributeType, Error, Literal, Operator};

/// An operator and its operand, prepared for the attribute's type.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueComparison {
    /// The operator.
    pub operator: Operator,
    /// The operand.
    pub operand: Operand,
}

/// The value that an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// Text in which case matters: `caseExact` strings and references, and binary values.
    Exact(String),
    /// Text in which case does not matter, in lower case.
    Folded(String),
    /// The name of a user or group, in comparable form.
    Name(String),
    /// An integer or a decimal.
    Number(Number),
    /// True or false.
    Boolean(bool),
    /// An instant, in any offset.
    Instant(Timestamp),
    /// No value.
    Null,
}

impl ValueComparison {
    /// The comparison of values of this attribute; `invalidFilter` if its type forbids it.
    pub fn new(
        attribute: &Attribute,
        operator: Operator,
        literal: &Literal,
    ) -> Result<Self, Error> {
        check_operator(attribute, operator)?;
        let operand = operand(attribute, operator, literal)?;
        Ok(Self { operator, operand })
    }

    /// The same comparison of names of users or groups.
    pub fn of_names(mut self) -> Self {
        if let Operand::Folded(text) = &self.operand {
            self.operand = Operand::Name(comparable(text).into_owned());
        }
        self
    }

    /// Whether any of these values matches (RFC 7644 §3.4.2.2).
    ///
    /// An attribute without a value equals null and differs from everything else (RFC 7643 §2.5).
    pub fn matches(&self, values: &[&Value]) -> bool {
        match (&self.operand, self.operator) {
            (Operand::Null, Operator::Eq) => values.is_empty(),
            (Operand::Null, _) => !values.is_empty(),
            (_, Operator::Ne) => {
                values.is_empty() || values.iter().any(|value| !self.equals(value))
            }
            _ => values.iter().any(|value| self.one_matches(value)),
        }
    }

    fn one_matches(&self, value: &Value) -> bool {
        let ordering = || self.compare(value);
        match self.operator {
            Operator::Eq => self.equals(value),
            Operator::Ne => !self.equals(value),
            Operator::Co => self.text_matches(value, |text, part| text.contains(part)),
            Operator::Sw => self.text_matches(value, |text, part| text.starts_with(part)),
            Operator::Ew => self.text_matches(value, |text, part| text.ends_with(part)),
            Operator::Gt => ordering() == Some(Ordering::Greater),
            Operator::Ge => ordering().is_some_and(Ordering::is_ge),
            Operator::Lt => ordering() == Some(Ordering::Less),
            Operator::Le => ordering().is_some_and(Ordering::is_le),
        }
    }

    fn equals(&self, value: &Value) -> bool {
        self.compare(value) == Some(Ordering::Equal)
    }

    fn compare(&self, value: &Value) -> Option<Ordering> {
        match (&self.operand, value) {
            (Operand::Exact(text), Value::String(value)) => Some(value.as_str().cmp(text)),
            (Operand::Folded(text), Value::String(value)) => Some(value.to_lowercase().cmp(text)),
            (Operand::Name(text), Value::String(value)) => {
                Some(comparable(value).as_ref().cmp(text.as_str()))
            }
            (Operand::Number(number), Value::Number(value)) => compare_numbers(value, number),
            (Operand::Boolean(truth), Value::Bool(value)) => Some(value.cmp(truth)),
            (Operand::Instant(instant), Value::String(value)) => Some(moment(value)?.cmp(instant)),
            _ => None,
        }
    }

    fn text_matches(&self, value: &Value, holds: impl Fn(&str, &str) -> bool) -> bool {
        match (&self.operand, value) {
            (Operand::Exact(part), Value::String(text)) => holds(text, part),
            (Operand::Folded(part), Value::String(text)) => holds(&text.to_lowercase(), part),
            (Operand::Name(part), Value::String(text)) => holds(&comparable(text), part),
            _ => false,
        }
    }
}

/// Refuses operators that the attribute's type does not have.
fn check_operator(attribute: &Attribute, operator: Operator) -> Result<(), Error> {
    use AttributeType::{Binary, Boolean, Decimal, Integer};
    use Operator::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Sw};
    let known = match operator {
        Eq | Ne => true,
        // RFC 7644 §3.4.2.2, table 3: booleans and binary values have no order.
        Gt | Ge | Lt | Le => !matches!(attribute.kind, Boolean | Binary),
        Co | Sw | Ew => !matches!(attribute.kind, Boolean | Integer | Decimal),
    };
    if known {
        return Ok(());
    }
    let Attribute { name, kind, .. } = attribute;
    Err(Error::invalid_filter(format!(
        "{name} cannot be compared by {operator}: it is of type {}",
        type_name(*kind)
    )))
}

fn operand(attribute: &Attribute, operator: Operator, literal: &Literal) -> Result<Operand, Error> {
    use AttributeType::{Binary, Boolean, Complex, DateTime, Decimal, Integer, Reference, String};
    let operand = match (attribute.kind, literal) {
        (_, Literal::Null) if matches!(operator, Operator::Eq | Operator::Ne) => {
            Some(Operand::Null)
        }
        (String | Reference, Literal::String(text)) if !attribute.case_exact => {
            Some(Operand::Folded(text.to_lowercase()))
        }
        (String | Reference | Binary, Literal::String(text)) => Some(Operand::Exact(text.clone())),
        (Boolean, literal) => truth(literal).map(Operand::Boolean),
        (Integer | Decimal, Literal::Number(number)) => Some(Operand::Number(number.value.clone())),
        // Part of a date is compared as text.
        (DateTime, Literal::String(text)) => match operator {
            Operator::Co | Operator::Sw | Operator::Ew => {
                Some(Operand::Folded(text.to_lowercase()))
            }
            _ => moment(text).map(Operand::Instant),
        },
        (Complex | String | Reference | Binary | Integer | Decimal | DateTime, _) => None,
    };
    operand.ok_or_else(|| mismatch(attribute, operator))
}

/// RFC 7643 §2.3.2 has only the JSON literals. A string is accepted too, because Entra writes
/// booleans as strings in PATCH (`tests/fixtures/conversations/entra/disable.json`).
fn truth(literal: &Literal) -> Option<bool> {
    match literal {
        Literal::Boolean(truth) => Some(*truth),
        Literal::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Literal::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// RFC 7644 §3.12: a comparison that is not supported is `invalidFilter`; an empty list would say
/// that no resource matches.
fn mismatch(attribute: &Attribute, operator: Operator) -> Error {
    let name = &attribute.name;
    let value = match attribute.kind {
        AttributeType::Boolean => "true or false",
        AttributeType::Decimal | AttributeType::Integer => "a number",
        AttributeType::DateTime => "a date and time such as \"2026-01-31T08:00:00Z\"",
        _ => "a string in double quotes",
    };
    Error::invalid_filter(format!("{name} {operator} must be followed by {value}"))
}

fn type_name(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::String => "string",
        AttributeType::Boolean => "boolean",
        AttributeType::Decimal => "decimal",
        AttributeType::Integer => "integer",
        AttributeType::DateTime => "dateTime",
        AttributeType::Binary => "binary",
        AttributeType::Reference => "reference",
        AttributeType::Complex => "complex",
    }
}

/// The instant that an `xsd:dateTime` means; in UTC if it has no offset or no time.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
