//! Targets: what a name in a request means by the schema, in any case.

use std::fmt;

use serde_json::Value;

use super::resemblance::meant;
use crate::scim::dialect::Leniency;
use crate::scim::path::AttributePath;
use crate::scim::reading::Reading;
use crate::scim::schema::{Attribute, Extension, ResourceType, Schema, common_attribute};

/// What a path or key names.
#[derive(Clone, Copy, Debug)]
pub(super) enum PathTarget<'t> {
    /// All attributes of the type's own schema.
    Core,
    /// An extension as a whole.
    Extension(&'t Extension),
    /// An attribute or a sub-attribute.
    Attribute(AttributePlace<'t>),
    /// No attribute of the type.
    Unknown,
}

/// An attribute or sub-attribute, and the schema that defines it.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttributePlace<'t> {
    /// The extension that it belongs to; `None` for the type's own and the common attributes.
    pub(super) extension: Option<&'t Schema>,
    /// The attribute.
    pub(super) attribute: &'t Attribute,
    /// The sub-attribute, if the path has one.
    pub(super) sub: Option<&'t Attribute>,
}

impl<'t> AttributePlace<'t> {
    /// The sub-attribute if there is one, else the attribute.
    pub(super) fn leaf(&self) -> &'t Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// The sub-attribute of this name.
    pub(super) fn within(self, name: &str) -> Option<Self> {
        let sub = self.leaf().sub_attribute(name)?;
        Some(Self { sub: Some(sub), ..self })
    }
}

/// The full name, in the schema's spelling.
impl fmt::Display for AttributePlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = self.extension {
            write!(f, "{}:", schema.id)?;
        }
        f.write_str(&self.attribute.name)?;
        match self.sub {
            Some(sub) => write!(f, ".{}", sub.name),
            None => Ok(()),
        }
    }
}

impl<'t> PathTarget<'t> {
    /// What a path names.
    pub(super) fn of_path(t: &'t ResourceType, path: &AttributePath, r: &mut Reading) -> Self {
        if path.schema.is_some() {
            if path.is_urn(&t.schema.id) {
                return Self::Core;
            }
            if let Some(it) = t.extensions.iter().find(|it| path.is_urn(&it.schema.id)) {
                return Self::Extension(it);
            }
        }
        let place = match &path.schema {
            None => named(t, &path.attribute, r),
            Some(urn) => qualified(t, urn, &path.attribute),
        };
        let place = match &path.sub_attribute {
            Some(sub) => place.and_then(|it| it.within(sub)),
            None => place,
        };
        place.or_else(|| dotted(t, path, r)).map_or(Self::Unknown, Self::Attribute)
    }

    /// What a key without colon, dot and bracket names.
    pub(super) fn of_name(t: &'t ResourceType, name: &str, r: &mut Reading) -> Self {
        named(t, name, r).map_or(Self::Unknown, Self::Attribute)
    }

    /// The schema whose URN the key is.
    pub(super) fn of_urn(t: &'t ResourceType, key: &str) -> Option<Self> {
        if t.schema.id.eq_ignore_ascii_case(key) {
            return Some(Self::Core);
        }
        t.extension(key).map(Self::Extension)
    }
}

/// The first 100 characters of a client's name, for error details.
pub(in crate::scim) fn excerpt(word: &str) -> &str {
    word.char_indices().nth(100).map_or(word, |(end, _)| &word[..end])
}

fn named<'t>(t: &'t ResourceType, name: &str, r: &mut Reading) -> Option<AttributePlace<'t>> {
    if let Some(attribute) = core(t, name) {
        return Some(AttributePlace { extension: None, attribute, sub: None });
    }
    let found = t.extensions.iter().find_map(|it| extended(it, name))?;
    r.allows(Leniency::UnqualifiedExtension).then_some(found)
}

fn qualified<'t>(t: &'t ResourceType, urn: &str, name: &str) -> Option<AttributePlace<'t>> {
    if t.schema.id.eq_ignore_ascii_case(urn) {
        let attribute = core(t, name)?;
        return Some(AttributePlace { extension: None, attribute, sub: None });
    }
    extended(t.extension(urn)?, name)
}

/// The attribute that a dot and no colon separates from the URN of its schema. Names that resemble
/// those that decide who has access are not guessed.
fn dotted<'t>(
    t: &'t ResourceType,
    path: &AttributePath,
    r: &mut Reading,
) -> Option<AttributePlace<'t>> {
    let urn = format!("{}:{}", path.schema.as_ref()?, path.attribute);
    let found = qualified(t, &urn, path.sub_attribute.as_ref()?)?;
    let free = meant(t, &path.to_string(), &Value::Null).is_none();
    (free && r.allows(Leniency::DotAfterUrn)).then_some(found)
}

fn core<'t>(t: &'t ResourceType, name: &str) -> Option<&'t Attribute> {
    t.schema.attribute(name).or_else(|| common_attribute(name))
}

fn extended<'t>(extension: &'t Extension, name: &str) -> Option<AttributePlace<'t>> {
    let schema = &*extension.schema;
    let attribute = schema.attribute(name)?;
    Some(AttributePlace { extension: Some(schema), attribute, sub: None })
}
