//! The discovery endpoints: configuration, resource types and schemas (RFC 7644 §4; RFC 7643 §5, §6
//! and §7).

use std::iter;

use serde::Serialize;
use serde_json::{Value, json};

use crate::scim::render::LIST_SCHEMA;
use crate::scim::{Extension, ResourceType, Schema, Schemas};

#[cfg(test)]
mod tests;

/// The schema of the service provider configuration.
pub const CONFIG_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// The schema of resource types.
pub const RESOURCE_TYPE_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// The schema of schemas.
pub const SCHEMA_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// The features that differ between servers or tenants.
#[derive(Clone, Copy, Debug)]
pub struct Support {
    /// The default page size.
    pub page: u64,
    /// The largest page size.
    pub max_results: u64,
    /// Whether a password change reaches the app.
    pub change_password: bool,
    /// The limits of a bulk request; `None` if there is no `/Bulk`.
    pub bulk: Option<BulkLimits>,
    /// Whether `If-Match` and `If-None-Match` are honoured.
    pub etag: bool,
}

/// The limits of a bulk request (RFC 7644 §3.7.4).
#[derive(Clone, Copy, Debug)]
pub struct BulkLimits {
    /// The most operations.
    pub operations: usize,
    /// The most bytes.
    pub payload: usize,
}

/// `/ServiceProviderConfig` (RFC 7643 §5).
pub fn service_provider_config(base_url: &str, support: &Support) -> String {
    config(base_url, support).to_string()
}

/// The configuration as a value, to which callers add members.
pub(in crate::scim) fn config(base_url: &str, support: &Support) -> Value {
    let bulk = support.bulk.unwrap_or(BulkLimits { operations: 0, payload: 0 });
    json!({
        "schemas": [CONFIG_SCHEMA],
        "patch": { "supported": true },
        "bulk": {
            "supported": support.bulk.is_some(),
            "maxOperations": bulk.operations,
            "maxPayloadSize": bulk.payload,
        },
        "filter": { "supported": true, "maxResults": support.max_results },
        "changePassword": { "supported": support.change_password },
        "sort": { "supported": true },
        "etag": { "supported": support.etag },
        // RFC 9865 §4; cursors do not expire, so there is no cursorTimeout.
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": support.page,
            "maxPageSize": support.max_results,
        },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "OAuth Bearer Token",
                "description": "A bearer token in the Authorization header",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": true,
            },
            {
                "type": "httpbasic",
                "name": "HTTP Basic",
                "description": "A user name and a password in the Authorization header",
                "specUri": "https://www.rfc-editor.org/info/rfc7617",
                "primary": false,
            },
        ],
        "meta": meta("ServiceProviderConfig", &format!("{base_url}/ServiceProviderConfig")),
    })
}

/// `/ResourceTypes`: all of them as a list.
pub fn resource_types(base_url: &str, schemas: &Schemas) -> String {
    let types: Vec<_> = schemas.iter().map(|it| resource_type_json(base_url, it)).collect();
    list(&types)
}

/// `/ResourceTypes/{id}`; `None` for an unknown id.
pub fn resource_type(base_url: &str, schemas: &Schemas, id: &str) -> Option<String> {
    schemas.by_name(id).map(|it| resource_type_json(base_url, it).to_string())
}

/// `/Schemas`: those of all resource types and their extensions, as a list.
pub fn schemas(base_url: &str, schemas: &Schemas) -> String {
    let all: Vec<_> = distinct(schemas).iter().map(|it| schema_json(base_url, it)).collect();
    list(&all)
}

/// `/Schemas/{urn}`; `None` for an unknown URN.
pub fn schema(base_url: &str, schemas: &Schemas, urn: &str) -> Option<String> {
    let known = distinct(schemas).into_iter().find(|it| it.id.eq_ignore_ascii_case(urn))?;
    Some(schema_json(base_url, known).to_string())
}

fn distinct(schemas: &Schemas) -> Vec<&Schema> {
    let mut distinct: Vec<&Schema> = Vec::new();
    for resource_type in schemas.iter() {
        let extensions = resource_type.extensions.iter().map(|it| &*it.schema);
        for schema in iter::once(&*resource_type.schema).chain(extensions) {
            if !distinct.iter().any(|known| known.id == schema.id) {
                distinct.push(schema);
            }
        }
    }
    distinct
}

fn resource_type_json(base_url: &str, resource_type: &ResourceType) -> Value {
    let ResourceType { name, endpoint, description, schema, extensions, .. } = resource_type;
    let mut json = json!({
        "schemas": [RESOURCE_TYPE_SCHEMA],
        "id": name,
        "name": name,
        "endpoint": endpoint,
        "description": description,
        "schema": schema.id,
    });
    if !extensions.is_empty() {
        let extension = |it: &Extension| json!({ "schema": it.schema.id, "required": it.required });
        json["schemaExtensions"] = extensions.iter().map(extension).collect();
    }
    json["meta"] = meta("ResourceType", &format!("{base_url}/ResourceTypes/{name}"));
    json
}

fn schema_json(base_url: &str, schema: &Schema) -> Value {
    #[derive(Serialize)]
    struct Served<'a> {
        schemas: [&'static str; 1],
        #[serde(flatten)]
        schema: &'a Schema,
        meta: Value,
    }
    let location = format!("{base_url}/Schemas/{}", schema.id);
    let served = Served { schemas: [SCHEMA_SCHEMA], schema, meta: meta("Schema", &location) };
    serde_json::to_value(served).expect("a schema always serialises")
}

fn meta(resource_type: &str, location: &str) -> Value {
    json!({ "resourceType": resource_type, "location": location })
}

/// RFC 7644 §4: filters, sorting and paging do not apply, so the list is complete.
fn list(resources: &[Value]) -> String {
    let list = json!({
        "schemas": [LIST_SCHEMA],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    list.to_string()
}
