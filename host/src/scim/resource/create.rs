//! POST: a new resource from a request body (RFC 7644 §3.3).

use serde_json::{Map, Value};

use super::schemas::check_resource_schemas;
use super::{Edit, MemberChange, MemberRef, Resource, WriteMode};
use crate::scim::Error;
use crate::scim::reading::Reading;
use crate::scim::schema::ResourceType;

/// A whole resource from a request, with what is stored beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The resource.
    pub resource: Resource,
    /// The members, if the client sent any; an empty list means no members.
    pub members: Option<Vec<MemberRef>>,
    /// The password. Okta sends a random one with every new user:
    /// `tests/fixtures/conversations/SOURCES.md`, "Okta: a new user comes with a random password".
    pub password: Option<String>,
}

/// Reads a new resource. It has no id yet; readOnly attributes are ignored.
pub fn create(t: &ResourceType, body: &Value, r: &mut Reading) -> Result<Draft, Error> {
    let mut edit = Edit::new(t);
    edit.write_object(object(t, body, r)?, WriteMode::Replace, r)?;
    finish(edit, None, r)
}

/// The body as an object, after checking its `schemas`.
pub(super) fn object<'v>(
    t: &ResourceType,
    body: &'v Value,
    r: &mut Reading,
) -> Result<&'v Map<String, Value>, Error> {
    let object = body.as_object().ok_or_else(|| {
        Error::invalid_syntax(format!("The body must be a JSON object: a {}", t.name))
    })?;
    check_resource_schemas(t, object, r)?;
    Ok(object)
}

pub(super) fn finish(
    edit: Edit<'_>,
    before: Option<&Resource>,
    r: &Reading,
) -> Result<Draft, Error> {
    let (resource, mut members, password) = edit.finish(before, r)?;
    let members = members.pop().map(|change| match change {
        MemberChange::Replace(members) | MemberChange::Add(members) => members,
        _ => Vec::new(),
    });
    Ok(Draft { resource, members, password })
}
