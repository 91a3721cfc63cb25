//! PUT: a resource replaced by a request body (RFC 7644 §3.5.1).

use serde_json::Value;

use super::create::{finish, object};
use super::{Draft, Edit, Resource, WriteMode};
use crate::scim::Error;
use crate::scim::reading::Reading;
use crate::scim::schema::ResourceType;

/// Reads a resource that replaces another.
///
/// Attributes that are left out are cleared, with three exceptions. The id stays. `active` stays,
/// so that a profile update never changes it. Members stay if the body has none: the
/// draft's `members` are `None` then.
pub fn replace(
    t: &ResourceType,
    before: &Resource,
    body: &Value,
    r: &mut Reading,
) -> Result<Draft, Error> {
    let mut edit = Edit::new(t);
    let document = edit.document_mut();
    if let Some(id) = before.document().get("id") {
        document.insert("id".to_owned(), id.clone());
    }
    edit.write_object(object(t, body, r)?, WriteMode::Replace, r)?;
    if let Some(active) = before.document().get("active") {
        edit.document_mut().entry("active").or_insert_with(|| active.clone());
    }
    finish(edit, Some(before), r)
}
