//! Names that resemble `active` or `members`.
//!
//! An unknown name is ignored beside known ones, since clients send more attributes than an app has.
//! But a request that means access by a wrong name, such as `enabled`, must not be answered 2xx: its
//! sender would believe that a person has left.

use serde_json::{Map, Value};

use crate::scim::Error;
use crate::scim::resource::target::excerpt;
use crate::scim::schema::ResourceType;

/// The attributes that decide who has access.
const GUARDED: [&str; 2] = ["active", "members"];

/// Other words for `active`, squashed.
const STATES: [&str; 14] = [
    "accountactive",
    "accountdisabled",
    "accountenabled",
    "activated",
    "deactivated",
    "disabled",
    "enabled",
    "inactive",
    "isactive",
    "isdisabled",
    "isenabled",
    "issuspended",
    "suspended",
    "useractive",
];

/// Other words for `members`, squashed.
const MEMBERS: [&str; 5] = ["groupmembers", "memberid", "memberids", "memberlist", "users"];

/// How deep an unknown value is looked at.
const DEPTH: usize = 4;

/// The attribute of this type that an unknown name seems to mean: `memebers`, `enabled`,
/// `urn:…:User.active`. In a name of several parts, one of them must be the attribute's own name.
pub(in crate::scim) fn resembled(t: &ResourceType, name: &str) -> Option<&'static str> {
    let name = name.split('[').next().unwrap_or_default();
    let last = name.rsplit(':').next().unwrap_or_default();
    let plain = last == name && !last.contains('.');
    guarded(t).find(|attribute| {
        if plain {
            is_like(attribute, &squashed(last))
        } else {
            last.split('.').any(|part| squashed(part) == *attribute)
        }
    })
}

/// The attribute of this type that an object under an unknown name has, as in
/// `{"user":{"active":false}}` and `{"Resources":[{"active":false}]}`.
pub(in crate::scim) fn within(t: &ResourceType, value: &Value) -> Option<&'static str> {
    guarded(t).find(|attribute| has_within(value, attribute, DEPTH))
}

fn has_within(value: &Value, attribute: &str, depth: usize) -> bool {
    let deeper = |it: &Value| depth > 0 && has_within(it, attribute, depth - 1);
    match value {
        Value::Object(object) => has(object, attribute) || object.values().any(deeper),
        Value::Array(values) => values.iter().any(deeper),
        _ => false,
    }
}

/// Refuses a member of a message that seems to mean who has access and stands where it is not read, such
/// as `active` beside `op` and `path`.
pub(in crate::scim) fn refuse_stray(
    message: &Map<String, Value>,
    known: &[&str],
) -> Result<(), Error> {
    let is_known = |key: &str| known.iter().any(|name| name.eq_ignore_ascii_case(key));
    let means = |key: &str| GUARDED.into_iter().any(|name| is_like(name, &squashed(key)));
    match message.keys().find(|key| !is_known(key) && means(key)) {
        Some(key) => Err(Error::invalid_syntax(format!(
            "{} is not read beside {}",
            excerpt(key),
            known.join(", ")
        ))),
        None => Ok(()),
    }
}

/// Whether a key inside a complex value means who has access.
pub(in crate::scim) fn is_guarded(key: &str) -> bool {
    GUARDED.into_iter().any(|name| name.eq_ignore_ascii_case(key))
}

/// Whether an object has an attribute, in any case.
pub(in crate::scim) fn has(object: &Map<String, Value>, attribute: &str) -> bool {
    object.keys().any(|key| key.eq_ignore_ascii_case(attribute))
}

fn guarded(t: &ResourceType) -> impl Iterator<Item = &'static str> {
    GUARDED.into_iter().filter(|name| t.schema.attribute(name).is_some())
}

fn is_like(attribute: &str, name: &str) -> bool {
    let others: &[&str] = if attribute == "active" { &STATES } else { &MEMBERS };
    strsim::osa_distance(attribute, name) <= 1 || others.contains(&name)
}

/// The letters and digits of a name, in lower case.
fn squashed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::Schemas;

    #[track_caller]
    fn check(kind: &str, names: &[&str], expected: Option<&str>) {
        let schemas = Schemas::standard();
        let t = schemas.by_name(kind).unwrap();
        for name in names {
            assert_eq!(resembled(t, name), expected, "{name}");
        }
    }

    #[test]
    fn names_that_mean_the_state_of_a_person_are_recognised() {
        let names = ["enabled", "isActive", "is_active", "actve", "acitve", "Active ", "disabled"];
        check("User", &names, Some("active"));
        let long = [
            "urn:ietf:params:scim:schemas:core:2.0:User.active",
            "urn:ietf:params:scim:schemas:core:1.0:active",
            "User.active",
            "active.value",
            "name.active",
        ];
        check("User", &long, Some("active"));
    }

    #[test]
    fn names_that_mean_the_members_of_a_group_are_recognised() {
        check("Group", &["memebers", "member", "mebmers", "memberIds"], Some("members"));
        check("Group", &["urn:x:Group.members", "memebers[value eq \"1\"]"], Some("members"));
    }

    #[test]
    fn other_names_are_free() {
        let names = ["status", "activity", "native", "memberOf", "division", "urn:x:enabled"];
        check("User", &names, None);
        check("User", &["members", "memebers"], None);
        check("Group", &["active", "enabled", "description", "membership", "numbers"], None);
    }
}
