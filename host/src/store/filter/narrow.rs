//! Which filters an index answers.

use crate::scim::path::AttributePath;
use crate::scim::{Filter, Literal, Operator, ResourceType};

/// Whether an index leads to the resources of this type that match, and to few others.
pub(super) fn is_narrow(filter: &Filter, resource_type: &ResourceType) -> bool {
    match filter {
        Filter::And(left, right) => {
            is_narrow(left, resource_type) || is_narrow(right, resource_type)
        }
        Filter::Or(left, right) => {
            is_narrow(left, resource_type) && is_narrow(right, resource_type)
        }
        Filter::Compare(path, operator, literal) => {
            let named = name(path, resource_type);
            named.is_some_and(|(name, sub)| is_indexed(name, sub, *operator, literal))
        }
        Filter::ValuePath(path, filter) => {
            let named = name(path, resource_type);
            let has_rows = named.is_some_and(|it| matches!(it.0, "emails" | "groups" | "members"));
            has_rows && address_in(filter).is_some()
        }
        Filter::Present(_) | Filter::Not(_) => false,
    }
}

/// The address without which the filter between the brackets of `emails[…]` does not match.
pub(super) fn address_in(filter: &Filter) -> Option<&str> {
    match filter {
        Filter::Compare(path, Operator::Eq, Literal::String(address)) => {
            let is_value = path.schema.is_none() && path.sub_attribute.is_none();
            (is_value && path.attribute.eq_ignore_ascii_case("value")).then_some(address)
        }
        Filter::And(left, right) => address_in(left).or_else(|| address_in(right)),
        _ => None,
    }
}

fn name<'t>(path: &AttributePath, t: &'t ResourceType) -> Option<(&'t str, Option<&'t str>)> {
    let target = path.resolve(t).filter(|target| target.extension.is_none())?;
    Some((&target.attribute?.name, target.sub_attribute.map(|sub| sub.name.as_str())))
}

fn is_indexed(name: &str, sub: Option<&str>, operator: Operator, literal: &Literal) -> bool {
    use Operator::{Eq, Ge, Gt, Le, Lt, Sw};
    match (name, sub, operator, literal) {
        (_, _, _, Literal::Null) => false,
        ("id" | "userName" | "externalId" | "displayName", None, Eq | Sw, _)
        | ("emails" | "groups" | "members", None | Some("value"), Eq, _)
        | ("active", None, Eq, Literal::Boolean(false))
        | ("meta", Some("lastModified"), Eq | Gt | Ge | Lt | Le, _) => true,
        _ => false,
    }
}
