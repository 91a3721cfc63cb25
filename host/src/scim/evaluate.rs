//! The meaning of filters: which resources a filter matches (RFC 7644 §3.4.2.2).
//!
//! The store answers most filters in SQL; this module defines the result that SQL must agree with.

use serde_json::{Map, Value};

use crate::scim::path::AttributePath;
use crate::scim::{Attribute, Error, Filter, Literal, Operator, ResourceType, Returned};

mod comparison;
mod quoting;
mod target;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use comparison::{Operand, ValueComparison};
pub use target::ResolvedPath;

impl Filter {
    /// Checks that the filter makes sense for the type, whatever the resources; else
    /// `invalidFilter`.
    ///
    /// Refused are an order on booleans and binary values, part of a number, a value of another
    /// type than the attribute's, and a complex attribute that has no `value` to compare. An
    /// attribute that the type does not define is no error, because no resource has a value of it
    /// (RFC 7644 §3.4.2.1).
    pub fn check(&self, resource_type: &ResourceType) -> Result<(), Error> {
        self.check_with(&|path| path.resolve(resource_type))
    }

    /// Whether the resource matches. The document is in the schema's spelling.
    ///
    /// An attribute matches if any of its values does. Attributes that the host keeps beside the
    /// document (`meta`, `groups`, `members`) count if the caller has inserted them.
    pub fn matches(
        &self,
        resource_type: &ResourceType,
        document: &Map<String, Value>,
    ) -> Result<bool, Error> {
        self.check(resource_type)?;
        Ok(self.holds(&FilterSubject::Resource(resource_type, document)))
    }

    /// Whether one value of a multi-valued attribute matches, as between the brackets of
    /// `emails[type eq "work"]`.
    ///
    /// Names are those of sub-attributes; a value that is not complex is named `value`.
    pub fn matches_value(&self, attribute: &Attribute, value: &Value) -> Result<bool, Error> {
        self.check_value(attribute)?;
        Ok(self.holds(&FilterSubject::Value(attribute, value)))
    }

    /// Checks that the filter makes sense for values of this attribute; else `invalidFilter`.
    pub fn check_value(&self, attribute: &Attribute) -> Result<(), Error> {
        self.check_with(&|path| path.resolve_in(attribute))
    }

    fn check_with<'t>(
        &self,
        resolve: &dyn Fn(&AttributePath) -> Option<ResolvedPath<'t>>,
    ) -> Result<(), Error> {
        match self {
            Self::Present(path) => resolve(path).map_or(Ok(()), |it| check_returned(path, &it)),
            Self::Compare(path, operator, literal) => match resolve(path) {
                Some(target) => {
                    check_returned(path, &target)?;
                    check_comparison(path, &target, *operator, literal)
                }
                None => Ok(()),
            },
            Self::ValuePath(path, filter) => match resolve(path).and_then(|it| it.attribute) {
                Some(attribute) => filter.check_value(attribute),
                None => Ok(()),
            },
            Self::Not(filter) => filter.check_with(resolve),
            Self::And(left, right) | Self::Or(left, right) => {
                left.check_with(resolve)?;
                right.check_with(resolve)
            }
        }
    }

    fn holds(&self, subject: &FilterSubject<'_>) -> bool {
        match self {
            Self::Present(path) => subject.is_present(path),
            Self::Compare(path, operator, literal) => subject.compares(path, *operator, literal),
            Self::ValuePath(path, filter) => subject.has_value(path, filter),
            Self::Not(filter) => !filter.holds(subject),
            Self::And(left, right) => left.holds(subject) && right.holds(subject),
            Self::Or(left, right) => left.holds(subject) || right.holds(subject),
        }
    }
}

/// RFC 7643 §7: an attribute that is never returned must not be found out by a filter either.
fn check_returned(path: &AttributePath, target: &ResolvedPath<'_>) -> Result<(), Error> {
    match target.attribute {
        Some(attribute) if attribute.returned == Returned::Never => {
            Err(Error::invalid_filter(format!("{path} is never returned, and cannot be searched")))
        }
        _ => Ok(()),
    }
}

fn check_comparison(
    path: &AttributePath,
    target: &ResolvedPath<'_>,
    operator: Operator,
    literal: &Literal,
) -> Result<(), Error> {
    if let Some(attribute) = target.compared() {
        return ValueComparison::new(attribute, operator, literal).map(drop);
    }
    match (operator, literal) {
        (Operator::Eq | Operator::Ne, Literal::Null) => Ok(()),
        _ => Err(Error::invalid_filter(format!(
            "{path} is complex: compare one of its sub-attributes"
        ))),
    }
}

/// What a filter is evaluated on.
enum FilterSubject<'s> {
    Resource(&'s ResourceType, &'s Map<String, Value>),
    /// One value of an attribute.
    Value(&'s Attribute, &'s Value),
}

impl<'s> FilterSubject<'s> {
    fn resolve(&self, path: &AttributePath) -> Option<(ResolvedPath<'s>, Vec<&'s Value>)> {
        match *self {
            Self::Resource(resource_type, document) => {
                let target = path.resolve(resource_type)?;
                Some((target, target.elements(document)))
            }
            Self::Value(attribute, value) => {
                let target = path.resolve_in(attribute)?;
                let elements = match value {
                    Value::Object(object) => target.elements(object),
                    simple if !attribute.is_complex() => vec![simple],
                    _ => Vec::new(),
                };
                Some((target, elements))
            }
        }
    }

    /// Whether the values of a path are names of users or groups.
    fn names(&self, path: &AttributePath, target: &ResolvedPath<'_>) -> bool {
        match self {
            Self::Resource(..) => target.is_name(),
            Self::Value(attribute, _) => {
                attribute.name == "groups" && path.attribute.eq_ignore_ascii_case("display")
            }
        }
    }

    fn is_present(&self, path: &AttributePath) -> bool {
        self.resolve(path)
            .is_some_and(|(target, elements)| target.named(elements).into_iter().any(is_not_empty))
    }

    fn compares(&self, path: &AttributePath, operator: Operator, literal: &Literal) -> bool {
        let comparison = self.resolve(path).and_then(|(target, elements)| {
            let mut comparison =
                ValueComparison::new(target.compared()?, operator, literal).ok()?;
            if self.names(path, &target) {
                comparison = comparison.of_names();
            }
            let values = match comparison.operand {
                Operand::Boolean(_) => self.truths(&target, elements),
                _ => target.scalars(elements),
            };
            Some(comparison.matches(&values))
        });
        comparison.unwrap_or_else(|| match (operator, literal) {
            // The type has no such attribute, or a complex one that can only be compared with null.
            (Operator::Eq, Literal::Null) => !self.is_present(path),
            (Operator::Ne, Literal::Null) => self.is_present(path),
            (Operator::Ne, _) => true,
            _ => false,
        })
    }

    /// The booleans that are compared, with false for each absent `primary` (RFC 7643 §2.4).
    fn truths(&self, target: &ResolvedPath<'_>, elements: Vec<&'s Value>) -> Vec<&'s Value> {
        let of_one = |elements| match target.scalars(elements) {
            absent if absent.is_empty() => vec![&Value::Bool(false)],
            values => values,
        };
        match *self {
            Self::Resource(..) if target.is_false_if_absent() => {
                elements.into_iter().flat_map(|element| of_one(vec![element])).collect()
            }
            Self::Value(attribute, _)
                if target.attribute.is_some_and(|sub| attribute.assumes_false(sub)) =>
            {
                of_one(elements)
            }
            Self::Resource(..) | Self::Value(..) => target.scalars(elements),
        }
    }

    fn has_value(&self, path: &AttributePath, filter: &Filter) -> bool {
        self.resolve(path).is_some_and(|(target, elements)| {
            let Some(attribute) = target.attribute else {
                return false;
            };
            elements.into_iter().any(|value| filter.holds(&FilterSubject::Value(attribute, value)))
        })
    }
}

/// RFC 7644 §3.4.2.2, `pr`: a value that is not empty, or a complex one with a member that is not.
fn is_not_empty(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => values.iter().any(is_not_empty),
        Value::Object(object) => object.values().any(is_not_empty),
    }
}
