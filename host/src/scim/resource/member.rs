//! Members of groups: they are stored as rows, so requests become references and changes.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::value::digits;
use crate::scim::dialect::Leniency;
use crate::scim::reading::Reading;
use crate::scim::{Error, Filter};

/// The attribute that holds the members of a group.
pub(super) const MEMBERS: &str = "members";

/// Bytes of the id of a member: more than any id has.
const MAX_ID: usize = 1024;

/// A member of a group, as the client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRef {
    /// The id of the member.
    pub value: String,
    /// Its name, as the client sent it.
    pub display: Option<String>,
    /// `User` or `Group`, if the client sent it. Okta never does:
    /// `tests/fixtures/conversations/SOURCES.md`, "Okta: groups".
    pub kind: Option<String>,
}

/// One change of a group's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// Adds members.
    Add(Vec<MemberRef>),
    /// Removes the members with these ids; ids that are not members are ignored.
    Remove(Vec<String>),
    /// Removes the members that match. The names in the filter are sub-attributes of `members`.
    RemoveWhere(Filter),
    /// Makes these the only members.
    Replace(Vec<MemberRef>),
    /// Removes all members.
    Clear,
}

/// The members that a value names, each once.
pub(super) fn references(raw: &Value, r: &mut Reading) -> Result<Vec<MemberRef>, Error> {
    let one = std::slice::from_ref(raw);
    let items = match raw {
        Value::Null => &[],
        Value::Array(items) => items.as_slice(),
        _ => one,
    };
    let mut members = Vec::with_capacity(items.len());
    let mut seen = HashSet::with_capacity(items.len());
    for item in items {
        let member = reference(item, r)?;
        if seen.insert(member.value.clone()) {
            members.push(member);
        }
    }
    Ok(members)
}

/// The member that a single value names.
fn reference(raw: &Value, r: &mut Reading) -> Result<MemberRef, Error> {
    match raw {
        Value::Object(object) => from_object(object, r),
        Value::String(id) if !id.is_empty() && r.allows(Leniency::BareValue) => {
            check_id(id)?;
            Ok(MemberRef { value: id.clone(), display: None, kind: None })
        }
        _ => Err(Error::invalid_value("members must be a list of objects with a value each")),
    }
}

fn check_id(id: &str) -> Result<(), Error> {
    match id.len() {
        0..=MAX_ID => Ok(()),
        bytes => Err(Error::invalid_value(format!(
            "members.value has {bytes} bytes; an id has at most {MAX_ID}"
        ))),
    }
}

fn from_object(object: &Map<String, Value>, r: &mut Reading) -> Result<MemberRef, Error> {
    let find = |name: &str| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let text = |name| Some(find(name)?.1.as_str()?.to_owned());
    let known = ["value", "display", "type", "$ref", "op", "operation"];
    let unknown =
        object.iter().filter(|(key, _)| !known.iter().any(|known| known.eq_ignore_ascii_case(key)));
    // SCIM 1.1 removes a member so. Taken for a member, it would be added.
    let operation = find("operation").or_else(|| find("op")).filter(|(_, it)| *it != "add");
    if operation.is_some() || asks_for_removal(unknown).is_some() {
        return Err(Error::invalid_value(
            "a member has no operation: remove it by a PATCH operation, with a filter in the path",
        ));
    }
    let id = match find("value").map(|(_, value)| value) {
        Some(Value::String(id)) if !id.is_empty() => Some(id.clone()),
        Some(Value::Number(id)) => digits(id, r),
        _ => None,
    };
    let missing = "members.value is missing: each member is named by the id of a resource";
    let value = id.ok_or_else(|| Error::invalid_value(missing))?;
    check_id(&value)?;
    Ok(MemberRef { value, display: text("display"), kind: text("type").map(canonical_kind) })
}

/// The key among these by which a value of a list asks to be taken off it, such as
/// `"operations":"delete"`.
pub(in crate::scim) fn asks_for_removal<'v>(
    unknown: impl IntoIterator<Item = (&'v String, &'v Value)>,
) -> Option<&'v str> {
    let removes = |value: &Value| {
        let word = value.as_str().map(str::trim);
        word.is_some_and(|it| ["delete", "remove"].iter().any(|word| it.eq_ignore_ascii_case(word)))
    };
    let misnamed = |key: &str, value: &Value| key.eq_ignore_ascii_case("op") || removes(value);
    let found = unknown.into_iter().find(|(key, value)| misnamed(key, value));
    found.map(|(key, _)| key.as_str())
}

/// Whether a request names a member of a group with its `display`: a whole group, or a PATCH.
pub fn sends_member_display(body: &Value) -> bool {
    let operations = get(body, "Operations").and_then(Value::as_array);
    let values = operations.into_iter().flatten().filter_map(|operation| get(operation, "value"));
    let with_display = |value: &Value| match value {
        Value::Array(members) => members.iter().any(|member| get(member, "display").is_some()),
        member => get(member, "display").is_some(),
    };
    let members = |value: &Value| get(value, MEMBERS).is_some_and(with_display);
    members(body) || values.into_iter().any(|value| with_display(value) || members(value))
}

fn get<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let found = value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// RFC 7643 §4.2: `User` or `Group`.
fn canonical_kind(kind: String) -> String {
    let known = ["User", "Group"].into_iter().find(|known| known.eq_ignore_ascii_case(&kind));
    known.map_or(kind, str::to_owned)
}

/// The change that makes these the only members.
pub(super) fn replacement(members: Vec<MemberRef>) -> MemberChange {
    if members.is_empty() { MemberChange::Clear } else { MemberChange::Replace(members) }
}
