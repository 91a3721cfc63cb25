//! What a connector adds to the standard schemas: extensions of users and groups, and types of
//! resources of its own, such as roles and entitlements (RFC 7643 §3.3, §6 and §7).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::path::is_name;
use super::schema::{
    Attribute, AttributeType, Extension, Mutability, ResourceType, Returned, Schema, Schemas,
    Uniqueness, common_attribute,
};

#[cfg(test)]
mod tests;

/// Attributes and sub-attributes of all added schemas together.
const MAX_ATTRIBUTES: usize = 256;
/// Bytes of an URN.
const MAX_URN: usize = 256;
/// What stands at these paths already.
const TAKEN: [&str; 9] = [
    "Users",
    "Groups",
    "Me",
    "Bulk",
    "Schemas",
    "ResourceTypes",
    "ServiceProviderConfig",
    "ServiceProviderConfigs",
    ".search",
];

/// What a connector adds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Additions {
    /// The schemas that are named below (RFC 7643 §7).
    pub schemas: Vec<Schema>,
    /// Types of resources, read-only for identity providers.
    pub resource_types: Vec<AddedType>,
    /// What extends users, groups, or an added type.
    pub extensions: Vec<AddedExtension>,
}

/// A type of resources that an operator lists in the settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddedType {
    /// Such as `Role`.
    pub name: String,
    /// Such as `/Roles`.
    pub endpoint: String,
    /// One sentence for people.
    pub description: String,
    /// The URN of its schema.
    pub schema: String,
    /// The setting that lists its resources. Where an app and its tenant do not set it, there is no
    /// such type.
    pub setting: String,
}

/// A schema that extends a type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddedExtension {
    /// The name of the type, such as `User`.
    pub resource_type: String,
    /// The URN of the schema.
    pub schema: String,
    /// Whether every resource of the type has it.
    #[serde(default)]
    pub required: bool,
}

impl Additions {
    /// Whether nothing is added.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the additions can be served as they say. An error says what cannot.
    pub fn check(&self) -> Result<(), String> {
        let mut attributes = 0;
        for (at, schema) in self.schemas.iter().enumerate() {
            check_urn(&schema.id)?;
            let urn = |it: &Schema| it.id.eq_ignore_ascii_case(&schema.id);
            if self.schemas[..at].iter().any(urn) || Schemas::standard().has_schema(&schema.id) {
                return Err(format!("the schema {} is there already", schema.id));
            }
            attributes += check_attributes(schema, &schema.attributes)?;
        }
        if attributes > MAX_ATTRIBUTES {
            return Err(format!("{attributes} attributes are more than {MAX_ATTRIBUTES}"));
        }
        self.resource_types.iter().try_for_each(check_type)?;
        self.to(&Schemas::standard(), |_| true).map(|_| ())
    }

    /// The standard types with what is added: those types whose setting is `set`, and extensions of
    /// the types that are there.
    pub fn to(&self, standard: &Schemas, set: impl Fn(&str) -> bool) -> Result<Schemas, String> {
        if self.is_empty() {
            return Ok(standard.clone());
        }
        let mut types: Vec<ResourceType> = standard.iter().map(|it| (**it).clone()).collect();
        for added in &self.resource_types {
            if types.iter().any(|it| it.name == added.name || it.endpoint == added.endpoint) {
                return Err(format!("the resource type {} is there already", added.name));
            }
            types.push(ResourceType {
                name: added.name.clone(),
                endpoint: added.endpoint.clone(),
                description: added.description.clone(),
                schema: self.schema(&added.schema)?,
                extensions: Vec::new(),
                setting: Some(added.setting.clone()),
            });
        }
        for added in &self.extensions {
            let schema = self.schema(&added.schema)?;
            let known = types.iter_mut().find(|it| it.name == added.resource_type);
            let extended = known.ok_or_else(|| {
                format!("{} extends {}, which is no type", added.schema, added.resource_type)
            })?;
            if extended.schema.id == schema.id || extended.extension(&schema.id).is_some() {
                return Err(format!("{} is a schema of {} twice", schema.id, extended.name));
            }
            extended.extensions.push(Extension { schema, required: added.required });
        }
        types.retain(|it| it.setting.as_deref().is_none_or(&set));
        Ok(Schemas::of(types))
    }

    fn schema(&self, urn: &str) -> Result<Arc<Schema>, String> {
        let found = self.schemas.iter().find(|it| it.id.eq_ignore_ascii_case(urn));
        found.cloned().map(Arc::new).ok_or_else(|| format!("no schema is called {urn:?}"))
    }
}

fn check_urn(urn: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-' | '_');
    let is_urn = urn.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    if is_urn && urn.len() <= MAX_URN && urn.chars().all(allowed) {
        return Ok(());
    }
    Err(format!("{urn:?} is no URN of at most {MAX_URN} letters, digits, `:`, `.`, `-` and `_`"))
}

fn check_type(added: &AddedType) -> Result<(), String> {
    let AddedType { name, endpoint, setting, .. } = added;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("{name:?} is no name of a resource type: letters and digits"));
    }
    let path = endpoint.strip_prefix('/').unwrap_or_default();
    if path.is_empty() || !path.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("the endpoint {endpoint:?} is no `/` with letters and digits"));
    }
    if TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(path)) {
        return Err(format!("the endpoint {endpoint} is there already"));
    }
    if setting.is_empty() {
        return Err(format!("the resource type {name} names no setting that lists its resources"));
    }
    Ok(())
}

/// Checks what a schema or a complex attribute is made of, and counts it.
fn check_attributes(schema: &Schema, attributes: &[Attribute]) -> Result<usize, String> {
    let mut count = 0;
    for (at, attribute) in attributes.iter().enumerate() {
        let name = &attribute.name;
        let wrong = |why: &str| Err(format!("{}: the attribute {name:?} {why}", schema.id));
        if !is_name(name) {
            return wrong("is no name of an attribute");
        }
        if common_attribute(name).is_some() {
            return wrong("is what every resource has");
        }
        if attributes[..at].iter().any(|it| it.name.eq_ignore_ascii_case(name)) {
            return wrong("is there twice");
        }
        // What is served is what is stored, and nobody but identity providers writes it.
        if !matches!(attribute.returned, Returned::Always | Returned::Default)
            || attribute.mutability == Mutability::WriteOnly
        {
            return wrong("is not always readable, which only passwords can be");
        }
        if attribute.uniqueness != Uniqueness::None {
            return wrong("is to be unique, which muster does not see to");
        }
        let subs = &attribute.sub_attributes;
        if attribute.is_complex() == subs.is_empty() {
            return wrong("is complex without sub-attributes, or has some and is not");
        }
        if subs.iter().any(|sub| sub.kind == AttributeType::Complex) {
            // RFC 7643 §2.3.8.
            return wrong("is complex within a complex one");
        }
        count += 1 + check_attributes(schema, subs)?;
    }
    Ok(count)
}
