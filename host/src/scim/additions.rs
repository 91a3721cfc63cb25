//! Additions of a connector to the standard schemas: extensions of users and groups, and resource
//! types such as roles and entitlements (RFC 7643 §3.3, §6 and §7).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::path::is_name;
use super::schema::{
    Attribute, AttributeType, Extension, Mutability, ResourceType, Returned, Schema, Schemas,
    Uniqueness, Writes, common_attribute,
};

#[cfg(test)]
mod tests;

/// The most attributes and sub-attributes of all added schemas together.
const MAX_ATTRIBUTES: usize = 256;
/// The most bytes of a URN.
const MAX_URN: usize = 256;
/// Paths that are not free for an added type.
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

/// Attributes of users and groups that are not kept in the document, in lower case.
const RESERVED: [&str; 4] = ["username", "password", "members", "groups"];

/// The schemas, resource types and extensions that a connector adds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Additions {
    /// The added schemas, which types and extensions refer to (RFC 7643 §7).
    pub schemas: Vec<Schema>,
    /// The added types.
    pub resource_types: Vec<AddedType>,
    /// The extensions of users, groups or an added type.
    pub extensions: Vec<AddedExtension>,
    /// The standard attributes of users that the app needs, such as `emails`. They are served as
    /// required; a person without access may lack them.
    pub required: Vec<String>,
}

/// A type whose resources an operator lists in the settings, or identity providers write.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddedType {
    /// The name, such as `Role`.
    pub name: String,
    /// The path below the base URL, such as `/Roles`.
    pub endpoint: String,
    /// A description in one sentence.
    pub description: String,
    /// The URN of its schema.
    pub schema: String,
    /// The setting that lists its resources, which identity providers can only read. The type does
    /// not exist for a tenant if neither the app nor the tenant sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// Whether identity providers write its resources, which the host keeps and serves: no operation
    /// comes of it, and the connector is not asked. Such a type has no setting.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writable: bool,
}

/// A schema that extends a type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddedExtension {
    /// The name of the extended type, such as `User`.
    pub resource_type: String,
    /// The URN of the schema.
    pub schema: String,
    /// Whether every resource of the type has it.
    #[serde(default)]
    pub required: bool,
}

impl AddedType {
    /// Who writes its resources; an error if the type does not say so, or says both.
    fn writes(&self) -> Result<Writes, String> {
        let name = &self.name;
        match (self.setting.as_deref(), self.writable) {
            (Some(setting), false) if !setting.is_empty() => {
                Ok(Writes::Listed { setting: setting.to_owned() })
            }
            (None, true) => Ok(Writes::Unprovisioned),
            (Some(_), true) => Err(format!(
                "the resource type {name} is `writable` and has a `setting`: either identity \
                 providers write its resources, or operators list them in a setting"
            )),
            _ => Err(format!(
                "the resource type {name} needs either a `setting` that lists its resources or \
                 `writable`: true"
            )),
        }
    }
}

impl Additions {
    /// Whether nothing is added.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks that the additions can be served. The error says why not.
    pub fn check(&self) -> Result<(), String> {
        let mut attributes = 0;
        for (at, schema) in self.schemas.iter().enumerate() {
            check_urn(&schema.id)?;
            let urn = |it: &Schema| it.id.eq_ignore_ascii_case(&schema.id);
            if self.schemas[..at].iter().any(urn) || Schemas::standard().has_schema(&schema.id) {
                return Err(format!("the schema {} exists already", schema.id));
            }
            attributes += check_attributes(schema, &schema.attributes)?;
        }
        if attributes > MAX_ATTRIBUTES {
            return Err(format!("{attributes} attributes exceed the limit of {MAX_ATTRIBUTES}"));
        }
        self.resource_types.iter().try_for_each(check_type)?;
        self.to(&Schemas::standard(), |_| true).map(|_| ())
    }

    /// The standard types and the added types whose setting is `set`, with their extensions.
    pub fn to(&self, standard: &Schemas, set: impl Fn(&str) -> bool) -> Result<Schemas, String> {
        if self.is_empty() {
            return Ok(standard.clone());
        }
        let mut types: Vec<ResourceType> = standard.iter().map(|it| (**it).clone()).collect();
        for user in types.iter_mut().filter(|it| it.name == "User") {
            self.require(user)?;
        }
        for added in &self.resource_types {
            let alike = |it: &ResourceType| {
                it.name.eq_ignore_ascii_case(&added.name)
                    || it.endpoint.eq_ignore_ascii_case(&added.endpoint)
            };
            if types.iter().any(alike) {
                return Err(format!("the resource type {} exists already", added.name));
            }
            let schema = self.schema(&added.schema)?;
            let reserved = |it: &&Attribute| RESERVED.contains(&it.name.to_lowercase().as_str());
            if let Some(Attribute { name, .. }) = schema.attributes.iter().find(reserved) {
                return Err(format!(
                    "the resource type {} has the attribute {name:?}, which only users or groups \
                     may have",
                    added.name
                ));
            }
            types.push(ResourceType {
                name: added.name.clone(),
                endpoint: added.endpoint.clone(),
                description: added.description.clone(),
                schema,
                extensions: Vec::new(),
                writes: added.writes()?,
                needed: Vec::new(),
            });
        }
        for added in &self.extensions {
            let schema = self.schema(&added.schema)?;
            let known = types.iter_mut().find(|it| it.name == added.resource_type);
            let extended = known.ok_or_else(|| {
                format!(
                    "{} extends {}, which is not a resource type",
                    added.schema, added.resource_type
                )
            })?;
            if extended.schema.id == schema.id || extended.extension(&schema.id).is_some() {
                return Err(format!(
                    "{} is given twice as a schema of {}",
                    schema.id, extended.name
                ));
            }
            extended.extensions.push(Extension { schema, required: added.required });
        }
        types.retain(|it| it.writes.setting().is_none_or(&set));
        Ok(Schemas::of(types))
    }

    /// Makes the attributes required that the app needs.
    fn require(&self, user: &mut ResourceType) -> Result<(), String> {
        let schema = Arc::make_mut(&mut user.schema);
        for name in &self.required {
            let known = schema.attributes.iter_mut().find(|it| it.name == *name);
            let writable = known.filter(|it| {
                it.mutability == Mutability::ReadWrite && it.returned != Returned::Never
            });
            let attribute = writable
                .ok_or_else(|| format!("{name:?} is no attribute of users that can be required"))?;
            if attribute.required {
                return Err(format!("{name:?} is required already"));
            }
            attribute.required = true;
            user.needed.push(name.clone());
        }
        Ok(())
    }

    fn schema(&self, urn: &str) -> Result<Arc<Schema>, String> {
        let found = self.schemas.iter().find(|it| it.id.eq_ignore_ascii_case(urn));
        found.cloned().map(Arc::new).ok_or_else(|| format!("there is no schema {urn:?}"))
    }
}

fn check_urn(urn: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-' | '_');
    let is_urn = urn.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
    if is_urn && urn.len() <= MAX_URN && urn.chars().all(allowed) {
        return Ok(());
    }
    Err(format!("{urn:?} is not a URN of at most {MAX_URN} letters, digits, `:`, `.`, `-` and `_`"))
}

fn check_type(added: &AddedType) -> Result<(), String> {
    let AddedType { name, endpoint, .. } = added;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("the resource type {name:?} must be named by letters and digits"));
    }
    let path = endpoint.strip_prefix('/').unwrap_or_default();
    if path.is_empty() || !path.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(format!("the endpoint {endpoint:?} must be `/` with letters and digits"));
    }
    if TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(path)) {
        return Err(format!("the endpoint {endpoint} exists already"));
    }
    added.writes().map(|_| ())
}

/// Checks the attributes of a schema or of a complex attribute, and counts them.
fn check_attributes(schema: &Schema, attributes: &[Attribute]) -> Result<usize, String> {
    let mut count = 0;
    for (at, attribute) in attributes.iter().enumerate() {
        let name = &attribute.name;
        let wrong = |why: &str| Err(format!("{}: the attribute {name:?} {why}", schema.id));
        if !is_name(name) {
            return wrong("must be named by a letter, then letters, digits, - and _");
        }
        if common_attribute(name).is_some() {
            return wrong("is common to all resources");
        }
        if attributes[..at].iter().any(|it| it.name.eq_ignore_ascii_case(name)) {
            return wrong("is given twice");
        }
        // Resources are served as they are listed, so there is nothing to hide.
        if !matches!(attribute.returned, Returned::Always | Returned::Default)
            || attribute.mutability == Mutability::WriteOnly
        {
            return wrong("must be readable: `returned` always or default, not `writeOnly`");
        }
        if attribute.uniqueness != Uniqueness::None {
            return wrong("must have `uniqueness` none, because muster does not check it");
        }
        if attribute.max_bytes == Some(0) {
            return wrong("must have `maxBytes` 1 or more");
        }
        let subs = &attribute.sub_attributes;
        if attribute.is_complex() == subs.is_empty() {
            return wrong("must have sub-attributes exactly if it is complex");
        }
        if subs.iter().any(|sub| sub.kind == AttributeType::Complex) {
            // RFC 7643 §2.3.8: complex attributes are not nested.
            return wrong("must not have complex sub-attributes");
        }
        count += 1 + check_attributes(schema, subs)?;
    }
    Ok(count)
}
