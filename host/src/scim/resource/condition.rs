//! Conditions: the filters of PATCH paths, checked by the schema before they choose values.

use std::borrow::Cow;

use super::target::AttributePlace;
use super::value::spelt_boolean;
use crate::scim::dialect::Leniency;
use crate::scim::reading::Reading;
use crate::scim::schema::{Attribute, AttributeType};
use crate::scim::{AttributePath, Error, Filter, Literal};

/// The checked filter, with booleans in place of strings that spell them, as in Entra's
/// `roles[primary eq "True"].value` (`tests/fixtures/conversations/entra/default-mapping.json`).
pub(super) fn typed<'f>(
    place: AttributePlace<'_>,
    filter: &'f Filter,
    r: &mut Reading,
) -> Result<Cow<'f, Filter>, Error> {
    let single = !place.attribute.multi_valued;
    if single && !(place.attribute.is_complex() && r.allows(Leniency::FilterOnSingle)) {
        let name = place.attribute.name.as_str();
        return Err(Error::invalid_path(format!(
            "{name} has a single value, so a filter cannot choose one"
        )));
    }
    let mut filter = Cow::Borrowed(filter);
    if spells_boolean(place, &filter) && r.allows(Leniency::StringForBoolean) {
        filter = Cow::Owned(unspelt(place, &filter));
    }
    if filter.may_lack_quotes() {
        filter = Cow::Owned(filter.into_owned().quoted_in(place.attribute, r));
    }
    check_selection(place.attribute, &filter)?;
    Ok(filter)
}

/// Checks that a filter makes sense for the values of an attribute and names its sub-attributes. If
/// a filter that can never match were accepted, a 2xx would say that something was done.
pub(super) fn check_selection(attribute: &Attribute, filter: &Filter) -> Result<(), Error> {
    filter.check_value(attribute)?;
    match unknown_name(attribute, filter) {
        None => Ok(()),
        Some(path) => {
            let name = &attribute.name;
            Err(Error::invalid_filter(format!("{path} is not a sub-attribute of {name}")))
        }
    }
}

fn unknown_name<'f>(attribute: &Attribute, filter: &'f Filter) -> Option<&'f AttributePath> {
    match filter {
        Filter::And(left, right) | Filter::Or(left, right) => {
            unknown_name(attribute, left).or_else(|| unknown_name(attribute, right))
        }
        Filter::Not(inner) => unknown_name(attribute, inner),
        Filter::Present(path) | Filter::Compare(path, ..) | Filter::ValuePath(path, _) => {
            let known = if attribute.is_complex() {
                attribute.sub_attribute(&path.attribute).is_some()
            } else {
                // A value that is not complex is named `value`.
                path.attribute.eq_ignore_ascii_case("value")
            };
            (!known).then_some(path)
        }
    }
}

fn spells_boolean(place: AttributePlace<'_>, filter: &Filter) -> bool {
    match filter {
        Filter::And(left, right) | Filter::Or(left, right) => {
            spells_boolean(place, left) || spells_boolean(place, right)
        }
        Filter::Not(inner) => spells_boolean(place, inner),
        Filter::Compare(path, _, Literal::String(text)) => {
            let sub = place.attribute.sub_attribute(&path.attribute);
            sub.is_some_and(|sub| sub.kind == AttributeType::Boolean)
                && spelt_boolean(text).is_some()
        }
        _ => false,
    }
}

fn unspelt(place: AttributePlace<'_>, filter: &Filter) -> Filter {
    let within = |filter| Box::new(unspelt(place, filter));
    match filter {
        Filter::And(left, right) => Filter::And(within(left), within(right)),
        Filter::Or(left, right) => Filter::Or(within(left), within(right)),
        Filter::Not(inner) => Filter::Not(within(inner)),
        Filter::Compare(path, operator, Literal::String(text)) if spells_boolean(place, filter) => {
            let value = spelt_boolean(text).unwrap_or_default();
            Filter::Compare(path.clone(), *operator, Literal::Boolean(value))
        }
        other => other.clone(),
    }
}
