//! Schemas and resource types (RFC 7643 §6 and §7), from which all rules about resources are read.

use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

pub use super::attribute::{Attribute, AttributeType, Mutability, Returned, Uniqueness};

/// The id of the schema of users.
pub const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The id of the schema of groups.
pub const GROUP_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The id of the enterprise extension of users.
pub const ENTERPRISE_SCHEMA: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

// RFC 7643 §8.7.1, unchanged.
const STANDARD: [&str; 3] = [
    include_str!("schemas/user.json"),
    include_str!("schemas/group.json"),
    include_str!("schemas/enterprise_user.json"),
];

const STANDARD_TYPES: &str = include_str!("schemas/resource_types.json");

/// The attributes that every resource has (RFC 7643 §3.1), and `schemas` (§3).
static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("schemas/common.json"))
        .expect("the embedded common attributes are a list of attributes")
});

static STANDARD_SCHEMAS: LazyLock<Schemas> =
    LazyLock::new(|| Schemas::read(STANDARD_TYPES, &STANDARD).expect("embedded schemas are whole"));

/// A schema: a set of attributes with a URN (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// The URN.
    pub id: String,
    /// The name for people, such as `User`.
    #[serde(default)]
    pub name: String,
    /// A description for people.
    #[serde(default)]
    pub description: String,
    /// Its attributes, in order.
    pub attributes: Vec<Attribute>,
}

impl Schema {
    /// The attribute of this name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}

/// A type of resources: an endpoint, its schema and the extensions of it (RFC 7643 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// The name, such as `User`.
    pub name: String,
    /// The path below the base URL, such as `/Users`.
    pub endpoint: String,
    /// A description for people.
    pub description: String,
    /// The schema that every resource of this type has.
    pub schema: Arc<Schema>,
    /// The extensions.
    pub extensions: Vec<Extension>,
    /// Who writes its resources, and what a write means.
    pub writes: Writes,
    /// The attributes that the app needs of everyone who has access, though the standard does not.
    pub needed: Vec<String>,
}

/// Who writes the resources of a type, and what a write means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Identity providers write them, and the connector is asked what a write means in the app.
    Provisioned,
    /// Identity providers write them, and the host keeps and serves them. No connector is asked.
    Unprovisioned,
    /// Operators list them in this setting, and identity providers only read them.
    Listed {
        /// The name of the setting.
        setting: String,
    },
}

impl Writes {
    /// The setting that lists the resources of the type, if operators list them.
    pub fn setting(&self) -> Option<&str> {
        match self {
            Self::Listed { setting } => Some(setting),
            Self::Provisioned | Self::Unprovisioned => None,
        }
    }
}

/// A schema that extends a resource type (RFC 7643 §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The schema.
    pub schema: Arc<Schema>,
    /// Whether every resource of the type has it.
    pub required: bool,
}

impl ResourceType {
    /// The attribute of this name, with URN and name in any case.
    ///
    /// Without a URN it is an attribute of the type's own schema or a common one (RFC 7643 §3.1);
    /// with the URN of an extension it is one of that extension.
    pub fn attribute(&self, urn: Option<&str>, name: &str) -> Option<&Attribute> {
        match urn {
            Some(urn) if !self.schema.id.eq_ignore_ascii_case(urn) => {
                self.extension(urn)?.schema.attribute(name)
            }
            _ => self.schema.attribute(name).or_else(|| common_attribute(name)),
        }
    }

    /// The extension with this URN, in any case.
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }
}

/// The common attribute of this name (RFC 7643 §3 and §3.1), in any case.
pub fn common_attribute(name: &str) -> Option<&'static Attribute> {
    COMMON.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// The resource types of a server.
#[derive(Clone, Debug)]
pub struct Schemas {
    resource_types: Vec<Arc<ResourceType>>,
}

impl Schemas {
    /// Users with the enterprise extension, and groups, as in RFC 7643 §8.7.1.
    pub fn standard() -> Self {
        STANDARD_SCHEMAS.clone()
    }

    /// The resource types of a JSON list (RFC 7643 §6) over schemas in JSON texts, each of which is
    /// one schema (§7) or a list of them.
    pub fn read(resource_types: &str, schemas: &[&str]) -> Result<Self> {
        let mut known = Vec::new();
        for text in schemas {
            let read: OneOrMany = serde_json::from_str(text).context("reading a schema")?;
            known.extend(read.into_vec().into_iter().map(Arc::new));
        }
        let declared: Vec<Declaration> =
            serde_json::from_str(resource_types).context("reading the resource types")?;
        let resource_types = declared
            .into_iter()
            .map(|it| it.resolve(&known).map(Arc::new))
            .collect::<Result<_>>()?;
        Ok(Self { resource_types })
    }

    /// A set of these types.
    pub fn of(resource_types: Vec<ResourceType>) -> Self {
        Self { resource_types: resource_types.into_iter().map(Arc::new).collect() }
    }

    /// Whether a type has the schema of this URN, as its own or as an extension.
    pub fn has_schema(&self, urn: &str) -> bool {
        let has = |it: &ResourceType| {
            it.schema.id.eq_ignore_ascii_case(urn) || it.extension(urn).is_some()
        };
        self.iter().any(|it| has(it))
    }

    /// The type of this name, such as `User`.
    pub fn by_name(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|it| it.name == name)
    }

    /// The type with this endpoint, such as `Users`, in any case.
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        let wanted = endpoint.trim_start_matches('/');
        self.iter().find(|it| it.endpoint.trim_start_matches('/').eq_ignore_ascii_case(wanted))
    }

    /// Every type, in the order of declaration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ResourceType>> {
        self.resource_types.iter()
    }
}

/// A resource type as declared in JSON, with schemas by URN.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declaration {
    name: String,
    endpoint: String,
    #[serde(default)]
    description: String,
    schema: String,
    #[serde(default)]
    schema_extensions: Vec<DeclaredExtension>,
}

#[derive(Deserialize)]
struct DeclaredExtension {
    schema: String,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Schema),
    Many(Vec<Schema>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<Schema> {
        match self {
            Self::One(schema) => vec![schema],
            Self::Many(schemas) => schemas,
        }
    }
}

impl Declaration {
    fn resolve(self, known: &[Arc<Schema>]) -> Result<ResourceType> {
        let find = |urn: &str| {
            let found = known.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn)).cloned();
            found.with_context(|| format!("resource type {} names unknown schema {urn}", self.name))
        };
        let schema = find(&self.schema)?;
        let mut extensions = Vec::new();
        for it in &self.schema_extensions {
            extensions.push(Extension { schema: find(&it.schema)?, required: it.required });
        }
        let Self { name, endpoint, description, .. } = self;
        Ok(ResourceType {
            name,
            endpoint,
            description,
            schema,
            extensions,
            writes: Writes::Provisioned,
            needed: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_types_are_found_by_name_and_by_endpoint() {
        let schemas = Schemas::standard();
        assert_eq!(schemas.by_name("User").map(|it| it.schema.id.as_str()), Some(USER_SCHEMA));
        assert_eq!(schemas.by_endpoint("groups").map(|it| it.name.as_str()), Some("Group"));
        assert_eq!(schemas.by_endpoint("/Users").map(|it| it.name.as_str()), Some("User"));
        assert!(schemas.by_endpoint("Devices").is_none());
        assert_eq!(schemas.iter().count(), 2);
    }

    #[track_caller]
    fn check(urn: Option<&str>, name: &str, expected: Option<&str>) {
        let schemas = Schemas::standard();
        let user = schemas.by_name("User").unwrap();
        let found = user.attribute(urn, name).map(|it| it.name.as_str());
        assert_eq!(found, expected, "{urn:?} {name}");
    }

    #[test]
    fn attributes_are_found_in_any_case() {
        check(None, "USERNAME", Some("userName"));
        check(None, "externalid", Some("externalId"));
        check(Some(&USER_SCHEMA.to_lowercase()), "emails", Some("emails"));
        check(Some(&ENTERPRISE_SCHEMA.to_uppercase()), "Department", Some("department"));
        check(None, "department", None);
        check(Some(ENTERPRISE_SCHEMA), "userName", None);
        check(Some(GROUP_SCHEMA), "displayName", None);
    }

    #[test]
    fn a_type_over_an_unknown_schema_is_refused() {
        let types = r#"[{"name":"Device","endpoint":"/Devices","schema":"urn:x"}]"#;
        let error = Schemas::read(types, &STANDARD).unwrap_err();
        assert_eq!(error.to_string(), "resource type Device names unknown schema urn:x");
    }
}
