//! Rendering: resources as JSON text.
//!
//! The stored document is copied, and the attributes stored beside it are appended as text. JSON is
//! parsed only for a projection that needs it.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::scim::ResourceType;
use crate::scim::projection::Projection;

#[cfg(test)]
mod tests;

/// The schema of a list answer (RFC 7644 §3.4.2).
pub const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A resource as the store has it.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// The canonical document: a JSON object.
    pub document: &'a str,
    /// The id.
    pub id: &'a str,
    /// The version, which grows with every change.
    pub version: i64,
    /// The time of creation, as RFC 3339.
    pub created: &'a str,
    /// The time of the last change, as RFC 3339.
    pub last_modified: &'a str,
    /// A user's `groups` or a group's `members`: a JSON array in which each `$ref` is a path below
    /// the base URL; `None` leaves the attribute out.
    pub related: Option<&'a str>,
}

/// The address of a resource, for `meta.location`, `Location` and `Content-Location`.
///
/// The base URL ends without a slash: `https://host/t/acme/scim/v2`.
pub fn location(base_url: &str, resource_type: &ResourceType, id: &str) -> String {
    format!("{base_url}{}/{id}", resource_type.endpoint)
}

/// The entity tag of a version, for `meta.version` and `ETag`.
///
/// RFC 7644 §3.14: it is weak, because the answer may be a projection.
pub fn entity_tag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// Appends the resource as served.
pub fn resource(
    out: &mut String,
    base_url: &str,
    resource_type: &ResourceType,
    stored: &Stored<'_>,
    projection: &Projection,
) {
    if projection.keeps_documents() {
        whole(out, base_url, resource_type, stored, projection);
    } else {
        projected(out, base_url, resource_type, stored, projection);
    }
}

/// The head of a list answer.
#[derive(Clone, Copy, Debug)]
pub struct ListHead<'a> {
    /// The number of matches on all pages.
    pub total: u64,
    /// The number of the first resource, counted from 1; absent in a walk by cursor.
    pub start_index: Option<u64>,
    /// The number of resources on this page.
    pub count: usize,
    /// The cursor of the next page, in a walk by cursor (RFC 9865 §2).
    pub next_cursor: Option<&'a str>,
}

/// Appends a list answer with these resources.
///
/// Okta reads all five members, and requires numbers: `tests/fixtures/conversations/SOURCES.md`,
/// "Okta: connection test and import".
pub fn list<'a>(
    out: &mut String,
    base_url: &str,
    head: &ListHead<'_>,
    resources: impl Iterator<Item = (&'a ResourceType, &'a Projection, Stored<'a>)>,
) {
    let ListHead { total, start_index, count, next_cursor } = head;
    write!(out, "{{\"schemas\":[\"{LIST_SCHEMA}\"],\"totalResults\":{total},").expect(STRINGS_GROW);
    if let Some(start_index) = start_index {
        write!(out, "\"startIndex\":{start_index},").expect(STRINGS_GROW);
    }
    write!(out, "\"itemsPerPage\":{count},").expect(STRINGS_GROW);
    if let Some(cursor) = next_cursor {
        write!(out, "\"nextCursor\":\"{cursor}\",").expect(STRINGS_GROW);
    }
    out.push_str("\"Resources\":[");
    for (n, (resource_type, projection, stored)) in resources.enumerate() {
        if n > 0 {
            out.push(',');
        }
        resource(out, base_url, resource_type, &stored, projection);
    }
    out.push_str("]}");
}

const STRINGS_GROW: &str = "writing to a string does not fail";

fn whole(
    out: &mut String,
    base_url: &str,
    resource_type: &ResourceType,
    stored: &Stored<'_>,
    projection: &Projection,
) {
    let related = stored.related.unwrap_or_default();
    let references = related.matches(REFERENCE).count();
    out.reserve(stored.document.len() + related.len() + base_url.len() * (references + 1) + 256);
    let document = stored.document.trim_end();
    out.push_str(document.strip_suffix('}').unwrap_or(document));
    let member = |out: &mut String, name: &str| {
        if !out.ends_with('{') {
            out.push(',');
        }
        push_string(out, name);
        out.push(':');
    };
    if let (Some(related), Some(name)) = (stored.related, related_attribute(resource_type))
        && projection.wants(name)
    {
        member(out, name);
        push_related(out, base_url, related);
    }
    if projection.wants("meta") {
        member(out, "meta");
        push_meta(out, base_url, resource_type, stored);
    }
    out.push('}');
}

fn projected(
    out: &mut String,
    base_url: &str,
    resource_type: &ResourceType,
    stored: &Stored<'_>,
    projection: &Projection,
) {
    let read = |text: &str| serde_json::from_str::<Value>(text);
    let mut document: Map<String, Value> =
        serde_json::from_str(stored.document).expect("stored documents are JSON objects");
    if let (Some(related), Some(name)) = (stored.related, related_attribute(resource_type))
        && projection.wants(name)
    {
        let mut array = String::new();
        push_related(&mut array, base_url, related);
        document.insert(name.to_owned(), read(&array).expect("related is a JSON array"));
    }
    let mut meta = String::new();
    push_meta(&mut meta, base_url, resource_type, stored);
    document.insert("meta".to_owned(), read(&meta).expect("meta is a JSON object"));
    projection.apply(resource_type, &mut document);
    write!(out, "{}", Value::Object(document)).expect(STRINGS_GROW);
}

/// The start of each reference in a stored array. No JSON string contains this text, because quotes
/// are escaped in strings.
const REFERENCE: &str = "\"$ref\":\"";

/// Appends an array stored beside a document, with complete references (RFC 7643 §2.3.7).
fn push_related(out: &mut String, base_url: &str, related: &str) {
    let mut parts = related.split(REFERENCE);
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str(REFERENCE);
        push_escaped(out, base_url);
        out.push_str(part);
    }
}

/// The attribute of the type that is stored beside the documents.
fn related_attribute(resource_type: &ResourceType) -> Option<&'static str> {
    ["members", "groups"].into_iter().find(|name| resource_type.schema.attribute(name).is_some())
}

/// RFC 7643 §3.1.
fn push_meta(out: &mut String, base_url: &str, resource_type: &ResourceType, stored: &Stored<'_>) {
    out.push_str("{\"resourceType\":");
    push_string(out, &resource_type.name);
    out.push_str(",\"created\":");
    push_string(out, stored.created);
    out.push_str(",\"lastModified\":");
    push_string(out, stored.last_modified);
    out.push_str(",\"location\":\"");
    push_escaped(out, base_url);
    push_escaped(out, &resource_type.endpoint);
    out.push('/');
    push_escaped(out, stored.id);
    write!(out, "\",\"version\":\"W/\\\"{}\\\"\"}}", stored.version).expect(STRINGS_GROW);
}

fn push_string(out: &mut String, text: &str) {
    out.push('"');
    push_escaped(out, text);
    out.push('"');
}

/// Appends the inside of a JSON string.
fn push_escaped(out: &mut String, text: &str) {
    // `fold` and not `any`: without an early exit the compiler vectorises the loop.
    let is_special = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |found, byte| found | is_special(byte)) {
        let quoted = Value::from(text).to_string();
        out.push_str(&quoted[1..quoted.len() - 1]);
    } else {
        out.push_str(text);
    }
}
