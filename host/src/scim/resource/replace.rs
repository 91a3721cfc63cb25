//! PUT: a resource replaced by what a client sent (RFC 7644 §3.5.1).

use serde_json::Value;

use super::create::{finish, object};
use super::{Draft, Edit, How, Resource};
use crate::scim::Error;
use crate::scim::reading::Reading;
use crate::scim::schema::ResourceType;

/// Reads a resource that takes the place of another.
///
/// What is left out is cleared, save for three things. The id stays. `active` stays, because a
/// profile update never changes whether somebody is active (field notes, row 28). Members stay
/// where none are named: the draft's `members` are none then.
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
    edit.write_object(object(t, body, r)?, How::Replace, r)?;
    if let Some(active) = before.document().get("active") {
        edit.document_mut().entry("active").or_insert_with(|| active.clone());
    }
    finish(edit, Some(before))
}
