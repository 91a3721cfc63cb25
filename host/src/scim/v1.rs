//! SCIM 1.1: its requests are translated into those of SCIM 2.0, and answers are translated back.
//!
//! Everything is stored in the form of SCIM 2.0, so both versions serve the same data at the same
//! time. Section numbers are those of draft-scim-api-01 ("API") and draft-scim-core-schema-01
//! ("Core").

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

use super::schema::{ENTERPRISE_SCHEMA, GROUP_SCHEMA, USER_SCHEMA};
use super::search::PageStart;
use super::{AttributePath, Error, Filter, ResourceType, SearchRequest, Sort};

mod answer;
pub mod discovery;
mod patch;

#[cfg(test)]
mod tests;

pub use answer::{list, resource};
pub use patch::patch;

/// The schema of all resources and lists in SCIM 1.1 (Core §1).
pub const CORE_SCHEMA: &str = "urn:scim:schemas:core:1.0";
/// The enterprise extension of users (Core §7).
pub const ENTERPRISE_SCHEMA_V1: &str = "urn:scim:schemas:extension:enterprise:1.0";
/// The media type (API §3.1); XML is not offered. Clients of that time decode the body by its `charset`,
/// such as slack-scim (`tests/clients/with_slack_scim.py`), so it is named.
pub const MEDIA_TYPE: &str = "application/json; charset=utf-8";

/// The name of a manager's id in the enterprise extension (Core §7).
const MANAGER_ID: &str = "managerId";

/// The body of a POST or PUT, in the form of SCIM 2.0. The attributes of the core schema may stand under
/// its URN, as in the body of a PATCH.
///
/// An extension of neither version is kept as it is; the dialect decides whether it is ignored.
/// Okta sends a group's description under `urn:okta:custom:group:1.0`.
pub fn request(t: &ResourceType, body: Value) -> Value {
    let Value::Object(object) = body else { return body };
    let mut modern = Map::with_capacity(object.len());
    for (key, value) in object {
        let (name, value) = match schema_of(t, &key) {
            _ if key.eq_ignore_ascii_case("schemas") => (key.clone(), schemas(t, value)),
            Some(urn) if urn == t.schema.id => (urn.to_owned(), value),
            Some(urn) => (urn.to_owned(), extension(value)),
            None => (qualified(t, &key).unwrap_or_else(|| key.clone()), value),
        };
        // A schema that is given under both of its URNs stays there once as an unknown one.
        let name = if modern.contains_key(&name) { key } else { name };
        modern.insert(name, value);
    }
    Value::Object(modern)
}

/// A filter with the attribute names of SCIM 2.0.
pub fn filter(filter: Filter) -> Filter {
    let within = |it: Box<Filter>| Box::new(self::filter(*it));
    match filter {
        Filter::Present(it) => Filter::Present(path(it)),
        Filter::Compare(it, operator, literal) => Filter::Compare(path(it), operator, literal),
        Filter::ValuePath(it, inner) => Filter::ValuePath(path(it), inner),
        Filter::Not(it) => Filter::Not(within(it)),
        Filter::And(left, right) => Filter::And(within(left), within(right)),
        Filter::Or(left, right) => Filter::Or(within(left), within(right)),
    }
}

/// A list of attributes, as in `attributes`, with the names of SCIM 2.0.
pub fn names(list: &str) -> Cow<'_, str> {
    if !list.contains("urn:scim:") && !list.contains(MANAGER_ID) {
        return list.into();
    }
    list.replace(&format!("{CORE_SCHEMA}:"), "")
        .replace(ENTERPRISE_SCHEMA_V1, ENTERPRISE_SCHEMA)
        .replace(&format!("manager.{MANAGER_ID}"), "manager.value")
        .into()
}

/// The same search with the names of SCIM 2.0. There are no cursors in SCIM 1.1.
pub fn search(request: SearchRequest) -> SearchRequest {
    let modern = |list: String| names(&list).into_owned();
    SearchRequest {
        filter: request.filter.map(filter),
        sort: request.sort.map(|sort| Sort { by: path(sort.by), ..sort }),
        page: match request.page {
            PageStart::Cursor(_) => PageStart::Index(1),
            page => page,
        },
        attributes: request.attributes.map(modern),
        excluded_attributes: request.excluded_attributes.map(modern),
        ..request
    }
}

/// The body of an error answer.
///
/// `Errors` is SCIM 1.1 (API §3.9). Okta's suite for SCIM 1.1 reads `detail`, as in SCIM 2.0:
/// `tests/fixtures/conversations/SOURCES.md`, "Okta: SPEC suite for SCIM 1.1".
pub fn error(error: &Error) -> String {
    #[derive(Serialize)]
    struct ErrorDescription<'a> {
        description: &'a str,
        code: &'a str,
    }
    #[derive(Serialize)]
    struct V1ErrorBody<'a> {
        #[serde(rename = "Errors")]
        errors: [ErrorDescription<'a>; 1],
        detail: &'a str,
        status: &'a str,
    }
    let code = error.status.to_string();
    let detail = error.detail.replace(ENTERPRISE_SCHEMA, ENTERPRISE_SCHEMA_V1);
    let detail = [USER_SCHEMA, GROUP_SCHEMA]
        .iter()
        .fold(detail, |detail, schema| detail.replace(schema, CORE_SCHEMA));
    let errors = [ErrorDescription { description: &detail, code: &code }];
    let body = V1ErrorBody { errors, detail: &detail, status: &code };
    serde_json::to_string(&body).expect("strings always serialise")
}

/// The URN in SCIM 2.0 of the schema that a key names.
fn schema_of<'t>(t: &'t ResourceType, key: &str) -> Option<&'t str> {
    if [CORE_SCHEMA, &t.schema.id].iter().any(|core| core.eq_ignore_ascii_case(key)) {
        return Some(&t.schema.id);
    }
    let urn = if key.eq_ignore_ascii_case(ENTERPRISE_SCHEMA_V1) { ENTERPRISE_SCHEMA } else { key };
    t.extension(urn).map(|it| it.schema.id.as_str())
}

/// A key that is an attribute after the URN of a schema, in the form of SCIM 2.0.
fn qualified(t: &ResourceType, key: &str) -> Option<String> {
    let AttributePath { schema, .. } = AttributePath::split(key)?;
    let core = schema?.eq_ignore_ascii_case(CORE_SCHEMA);
    let modern = path(AttributePath::split(key)?);
    Some(if core { format!("{}:{modern}", t.schema.id) } else { modern.to_string() })
}

fn schemas(t: &ResourceType, said: Value) -> Value {
    let Value::Array(said) = said else { return said };
    let modern = |urn: Value| match urn.as_str() {
        Some(urn) if urn.eq_ignore_ascii_case(CORE_SCHEMA) => t.schema.id.as_str().into(),
        Some(urn) if urn.eq_ignore_ascii_case(ENTERPRISE_SCHEMA_V1) => ENTERPRISE_SCHEMA.into(),
        _ => urn,
    };
    said.into_iter().map(modern).collect()
}

/// The values of an extension; SCIM 1.1 has another name for a manager's id.
fn extension(mut value: Value) -> Value {
    if let Some(manager) = value.get_mut("manager").and_then(Value::as_object_mut) {
        rename(manager, MANAGER_ID, "value");
    }
    value
}

fn rename(object: &mut Map<String, Value>, from: &str, to: &str) {
    if object.contains_key(from) && !object.contains_key(to) {
        let members = std::mem::take(object).into_iter();
        *object = members
            .map(|(key, value)| if key == from { (to.to_owned(), value) } else { (key, value) })
            .collect();
    }
}

fn path(mut path: AttributePath) -> AttributePath {
    if let Some(urn) = &path.schema {
        if urn.eq_ignore_ascii_case(CORE_SCHEMA) {
            path.schema = None;
        } else if urn.eq_ignore_ascii_case(ENTERPRISE_SCHEMA_V1) {
            path.schema = Some(ENTERPRISE_SCHEMA.to_owned());
        }
    }
    let managers = path.attribute.eq_ignore_ascii_case("manager");
    if let Some(sub) = path.sub_attribute.as_mut().filter(|_| managers)
        && sub.eq_ignore_ascii_case(MANAGER_ID)
    {
        "value".clone_into(sub);
    }
    path
}
