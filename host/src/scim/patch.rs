//! PATCH: an ordered, atomic list of changes to one resource (RFC 7644 §3.5.2).

use serde_json::Value;

use super::reading::Reading;
use super::resource::{Edit, Resource, Understanding, WriteMode};
use super::schema::ResourceType;
use super::{Error, dialect::Leniency};

mod request;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use super::resource::{MemberChange, MemberRef};
pub use request::{MAX_OPERATIONS, PATCH_SCHEMA, PatchRequest};
pub(in crate::scim) use request::{Op, PatchOperation};

/// The result of a PATCH: the resource, and the changes to what is stored beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The resource. It equals the one before if nothing changed.
    pub resource: Resource,
    /// The changes of members, in order.
    pub members: Vec<MemberChange>,
    /// The new password.
    pub password: Option<String>,
}

/// Applies all operations or none: after an error nothing has changed.
pub fn patch(
    t: &ResourceType,
    before: &Resource,
    request: &PatchRequest,
    r: &mut Reading,
) -> Result<Patched, Error> {
    let mut edit = Edit::of(t, before);
    let mut understood = request.operations.is_empty();
    let mut unknown = None;
    for (at, operation) in request.operations.iter().enumerate() {
        let numbered = |error| if request.operations.len() > 1 { number(at, error) } else { error };
        let understanding = apply(&mut edit, operation, r).map_err(numbered)?;
        if understanding == Understanding::Understood {
            understood = true;
            continue;
        }
        let (error, ignored) = request.unknown(t, operation, understanding);
        let error = numbered(error);
        if !ignored || !r.allows(Leniency::UnknownAttribute) {
            return Err(error);
        }
        unknown.get_or_insert(error);
    }
    // Operations on unknown attributes are ignored beside known ones. If there are no others the
    // request is refused, because a 2xx would say that something was done.
    if let Some(error) = unknown.filter(|_| !understood) {
        return Err(error);
    }
    let (resource, members, password) = edit.finish(Some(before), r)?;
    Ok(Patched { resource, members, password })
}

/// Applies one operation. Returns how much of it was understood.
fn apply(
    edit: &mut Edit<'_>,
    operation: &PatchOperation,
    r: &mut Reading,
) -> Result<Understanding, Error> {
    edit.begin_operation();
    let mode = match (operation.op, &operation.path) {
        (Op::Remove, Some(path)) => return edit.remove_at(path, &operation.value, r),
        (Op::Remove, None) => {
            // RFC 7644 §3.5.2.2: without a path it is noTarget.
            return Err(Error::no_target("remove needs a path"));
        }
        (Op::Add, _) => WriteMode::Add,
        (Op::Replace, _) => WriteMode::Replace,
    };
    if let Some(path) = &operation.path {
        return edit.write_at(path, mode, &operation.value, r);
    }
    let Value::Object(attributes) = &operation.value else {
        return Err(Error::invalid_value("without a path, value must be an object of attributes"));
    };
    edit.write_object(attributes, mode, r).map(Understanding::of_value)
}

fn number(at: usize, mut error: Error) -> Error {
    error.detail = format!("Operation {}: {}", at + 1, error.detail);
    error
}
