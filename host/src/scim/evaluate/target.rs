//! Resolution of attribute paths: what a path means for a resource type, and where its values are
//! in a document.

use serde_json::{Map, Value};

use crate::scim::path::AttributePath;
use crate::scim::{Attribute, ResourceType, Schema};

/// The meaning of a path according to the schemas.
#[derive(Clone, Copy, Debug)]
pub struct ResolvedPath<'t> {
    /// The extension that holds the value.
    pub extension: Option<&'t Schema>,
    /// The attribute; `None` if the path is the URN of the extension and means all of it.
    pub attribute: Option<&'t Attribute>,
    /// The sub-attribute.
    pub sub_attribute: Option<&'t Attribute>,
}

impl AttributePath {
    /// The meaning of the path for this type; `None` if the type defines no such attribute.
    pub fn resolve<'t>(&self, resource_type: &'t ResourceType) -> Option<ResolvedPath<'t>> {
        let extensions = || resource_type.extensions.iter().map(|it| &*it.schema);
        if let Some(extension) = extensions().find(|schema| self.is_urn(&schema.id)) {
            return Some(ResolvedPath {
                extension: Some(extension),
                attribute: None,
                sub_attribute: None,
            });
        }
        let urn = self.schema.as_deref();
        let extension = urn.and_then(|urn| resource_type.extension(urn)).map(|it| &*it.schema);
        let of_type = resource_type.attribute(urn, &self.attribute);
        if let Some(attribute) = of_type {
            return self.within(extension, attribute);
        }
        // RFC 7644 §3.10: clients SHOULD name attributes of extensions in full, so they need not.
        // Entra filters by `manager eq "…"` (`tests/fixtures/conversations/entra/manager.json`).
        let short = extensions().filter(|_| urn.is_none());
        short
            .into_iter()
            .find_map(|schema| self.within(Some(schema), schema.attribute(&self.attribute)?))
    }

    fn within<'t>(
        &self,
        extension: Option<&'t Schema>,
        attribute: &'t Attribute,
    ) -> Option<ResolvedPath<'t>> {
        let sub_attribute = match &self.sub_attribute {
            None => None,
            Some(name) if is_own_value(attribute, name) => None,
            Some(name) => Some(attribute.sub_attribute(name)?),
        };
        Some(ResolvedPath { extension, attribute: Some(attribute), sub_attribute })
    }

    /// The meaning of the path inside a value of this attribute, as in `emails[type eq "work"]`.
    pub(super) fn resolve_in<'t>(&self, attribute: &'t Attribute) -> Option<ResolvedPath<'t>> {
        if self.schema.is_some() || self.sub_attribute.is_some() {
            return None;
        }
        let inner = match attribute.sub_attribute(&self.attribute) {
            Some(sub_attribute) => sub_attribute,
            None if is_own_value(attribute, &self.attribute) => attribute,
            None => return None,
        };
        Some(ResolvedPath { extension: None, attribute: Some(inner), sub_attribute: None })
    }
}

/// Whether `name` is `value`, which names the values of a simple attribute (RFC 7644 §3.5.2):
/// `schemas[value …]`.
fn is_own_value(attribute: &Attribute, name: &str) -> bool {
    !attribute.is_complex() && name.eq_ignore_ascii_case("value")
}

impl<'t> ResolvedPath<'t> {
    /// The attribute whose values are compared; `None` if they are objects.
    ///
    /// RFC 7643 §2.4: a complex attribute without a sub-attribute means its `value`.
    pub fn compared(&self) -> Option<&'t Attribute> {
        let named = self.sub_attribute.or(self.attribute)?;
        if named.is_complex() { named.sub_attribute("value") } else { Some(named) }
    }

    /// Whether its values are names of users or groups: `userName`, `displayName`, `groups.display`.
    pub fn is_name(&self) -> bool {
        let (Some(attribute), None) = (self.attribute, self.extension) else { return false };
        match (attribute.name.as_str(), self.sub_attribute.map(|it| it.name.as_str())) {
            ("userName" | "displayName", None) => !attribute.is_complex(),
            ("groups", Some("display")) => true,
            _ => false,
        }
    }

    /// Whether each value of the attribute that lacks the sub-attribute counts as false.
    pub fn is_false_if_absent(&self) -> bool {
        let pair = self.attribute.zip(self.sub_attribute);
        pair.is_some_and(|(attribute, sub)| attribute.assumes_false(sub))
    }

    /// The values of the attribute, one by one if it is multi-valued; never null.
    pub(super) fn elements<'d>(&self, document: &'d Map<String, Value>) -> Vec<&'d Value> {
        let object = match self.extension {
            Some(schema) => document.get(&schema.id),
            None => None,
        };
        let value = match (self.extension, self.attribute) {
            (Some(_), None) => object,
            (Some(_), Some(attribute)) => object.and_then(|it| it.get(&attribute.name)),
            (None, Some(attribute)) => document.get(&attribute.name),
            (None, None) => None,
        };
        one_by_one(value)
    }

    /// The values that the path means, after its sub-attribute.
    pub(super) fn named<'d>(&self, elements: Vec<&'d Value>) -> Vec<&'d Value> {
        descend(elements, self.sub_attribute)
    }

    /// The values that are compared.
    pub(super) fn scalars<'d>(&self, elements: Vec<&'d Value>) -> Vec<&'d Value> {
        let named = self.named(elements);
        let complex = self.sub_attribute.or(self.attribute).is_some_and(Attribute::is_complex);
        if complex { descend(named, self.compared()) } else { named }
    }
}

fn one_by_one(value: Option<&Value>) -> Vec<&Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.iter().filter(|value| !value.is_null()).collect(),
        Some(value) => vec![value],
    }
}

fn descend<'d>(values: Vec<&'d Value>, into: Option<&Attribute>) -> Vec<&'d Value> {
    let Some(attribute) = into else {
        return values;
    };
    values.into_iter().flat_map(|value| one_by_one(value.get(&attribute.name))).collect()
}
