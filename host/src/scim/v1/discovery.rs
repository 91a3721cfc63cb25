//! Discovery in SCIM 1.1, and for Okta's on-premises agent in either version.

use serde_json::{Map, Value, json};

use super::{CORE_SCHEMA, ENTERPRISE_SCHEMA_V1, MANAGER_ID};
use crate::scim::discovery::{self, Support};
use crate::scim::schema::{Attribute, ENTERPRISE_SCHEMA, Mutability, ResourceType};
use crate::scim::{AttributeType, Schema, Schemas, Version};

/// The schema of a list of schemas and resource types, as Okta's suite for SCIM 1.1 requires it.
pub const LIST_SCHEMA: &str = "urn:scim:schemas:core:1.0:ListResponse";
/// The member that holds the capabilities for Okta's on-premises agent:
/// `tests/fixtures/conversations/SOURCES.md`, "Okta: on-premises agent".
pub const OKTA_CONFIG_SCHEMA: &str = "urn:okta:schemas:scim:providerconfig:1.0";

/// The features of a tenant that Okta's on-premises agent can use.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// Whether groups reach the app.
    pub groups: bool,
    /// Whether passwords reach the app.
    pub passwords: bool,
}

impl Capabilities {
    /// The agent's words, in alphabetical order.
    fn words(self) -> Vec<&'static str> {
        let words = [
            ("GROUP_PUSH", self.groups),
            ("IMPORT_NEW_USERS", true),
            ("IMPORT_PROFILE_UPDATES", true),
            ("OPP_SCIM_INCREMENTAL_IMPORTS", true),
            ("PUSH_NEW_USERS", true),
            ("PUSH_PASSWORD_UPDATES", self.passwords),
            ("PUSH_PENDING_USERS", true),
            ("PUSH_PROFILE_UPDATES", true),
            ("PUSH_USER_DEACTIVATION", true),
            ("REACTIVATE_USERS", true),
        ];
        words.into_iter().filter(|(_, true_here)| *true_here).map(|(word, _)| word).collect()
    }
}

/// `/ServiceProviderConfigs` (Core §9) with the capabilities for Okta's agent, which reads this
/// path under SCIM 2.0 as well.
pub fn service_provider_configs(
    version: Version,
    base_url: &str,
    support: &Support,
    capabilities: Capabilities,
) -> String {
    let mut config = discovery::config(base_url, support);
    if version == Version::V1 {
        config["schemas"] = json!([CORE_SCHEMA]);
        config["meta"] = json!({ "location": format!("{base_url}/ServiceProviderConfigs") });
        for scheme in config["authenticationSchemes"].as_array_mut().into_iter().flatten() {
            // Core §9 has another spelling.
            let scheme = scheme.as_object_mut().expect("a scheme is an object");
            super::rename(scheme, "specUri", "specUrl");
        }
    }
    let schemas = config["schemas"].as_array_mut().expect("schemas is a list");
    schemas.push(OKTA_CONFIG_SCHEMA.into());
    config[OKTA_CONFIG_SCHEMA] = json!({ "userManagementCapabilities": capabilities.words() });
    config.to_string()
}

/// `/ResourceTypes`, which SCIM 1.1 lacks and Okta's suite for it reads:
/// `tests/fixtures/conversations/SOURCES.md`, "Okta: SPEC suite for SCIM 1.1".
pub fn resource_types(base_url: &str, schemas: &Schemas) -> String {
    list(CORE_SCHEMA, schemas.iter().map(|it| resource_type_json(base_url, it)))
}

/// `/ResourceTypes/{id}`; `None` for an unknown id.
pub fn resource_type(base_url: &str, schemas: &Schemas, id: &str) -> Option<String> {
    schemas.by_name(id).map(|it| resource_type_json(base_url, it).to_string())
}

/// `/Schemas` (Core §10): one for each resource type, with its extensions.
pub fn schemas(base_url: &str, schemas: &Schemas) -> String {
    list(LIST_SCHEMA, schemas.iter().map(|it| schema_json(base_url, it)))
}

/// `/Schemas/{id}`; `None` for an unknown id.
pub fn schema(base_url: &str, schemas: &Schemas, id: &str) -> Option<String> {
    let found = schemas.iter().find(|it| schema_id(it).eq_ignore_ascii_case(id))?;
    Some(schema_json(base_url, found).to_string())
}

fn resource_type_json(base_url: &str, t: &ResourceType) -> Value {
    json!({
        "schemas": [CORE_SCHEMA],
        "id": t.name,
        "name": t.name,
        "description": t.description,
        "endpoint": t.endpoint,
        "schema": CORE_SCHEMA,
        "meta": { "location": format!("{base_url}/ResourceTypes/{}", t.name) },
    })
}

fn schema_id(t: &ResourceType) -> String {
    format!("{CORE_SCHEMA}:{}", t.name)
}

fn schema_json(base_url: &str, t: &ResourceType) -> Value {
    let extensions = t.extensions.iter().map(|it| &*it.schema);
    let schemas = std::iter::once(&*t.schema).chain(extensions);
    let attributes: Vec<Value> = schemas
        .flat_map(|schema| {
            let urn = urn(t, schema);
            schema.attributes.iter().map(move |it| attribute_json(urn, it))
        })
        .collect();
    let id = schema_id(t);
    json!({
        "schemas": [CORE_SCHEMA],
        "id": id,
        "name": t.name,
        "description": t.description,
        "schema": CORE_SCHEMA,
        "endpoint": t.endpoint,
        "attributes": attributes,
        "meta": { "location": format!("{base_url}/Schemas/{id}") },
    })
}

/// The URN in SCIM 1.1 of an attribute's schema.
fn urn<'s>(t: &ResourceType, schema: &'s Schema) -> &'s str {
    match schema.id.as_str() {
        ENTERPRISE_SCHEMA => ENTERPRISE_SCHEMA_V1,
        id if id == t.schema.id => CORE_SCHEMA,
        id => id,
    }
}

/// The definition of an attribute (Core §10.1).
fn attribute_json(urn: &str, it: &Attribute) -> Value {
    let mut json = characteristics(it);
    json.insert("schema".to_owned(), urn.into());
    let subs = it.sub_attributes.iter().filter(|sub| sub.name != "$ref");
    let mut subs: Vec<Value> = subs.map(|sub| characteristics(sub).into()).collect();
    if urn == ENTERPRISE_SCHEMA_V1 && it.name == "manager" {
        for sub in subs.iter_mut().filter(|sub| sub["name"] == "value") {
            sub["name"] = MANAGER_ID.into();
        }
    }
    if !subs.is_empty() {
        json.insert("subAttributes".to_owned(), subs.into());
    }
    json.into()
}

fn characteristics(it: &Attribute) -> Map<String, Value> {
    let json = json!({
        "name": it.name,
        "type": kind(it.kind),
        "multiValued": it.multi_valued,
        "description": it.description,
        "readOnly": it.mutability == Mutability::ReadOnly,
        "required": it.required,
        "caseExact": it.case_exact,
    });
    let Value::Object(mut json) = json else { return Map::new() };
    if !it.canonical_values.is_empty() {
        json.insert("canonicalValues".to_owned(), it.canonical_values.clone().into());
    }
    json
}

/// Core §4.1: there is no type `reference`.
fn kind(kind: AttributeType) -> &'static str {
    match kind {
        AttributeType::String | AttributeType::Reference => "string",
        AttributeType::Boolean => "boolean",
        AttributeType::Decimal => "decimal",
        AttributeType::Integer => "integer",
        AttributeType::DateTime => "dateTime",
        AttributeType::Binary => "binary",
        AttributeType::Complex => "complex",
    }
}

fn list(schema: &str, resources: impl Iterator<Item = Value>) -> String {
    let resources: Vec<Value> = resources.collect();
    let total = resources.len();
    json!({
        "schemas": [schema],
        "totalResults": total,
        "startIndex": 1,
        "itemsPerPage": total,
        "Resources": resources,
    })
    .to_string()
}
