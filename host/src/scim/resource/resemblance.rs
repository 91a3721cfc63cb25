//! Strays: members of a request that seem to say `active` or `members` where they are not read.
//!
//! An unknown name is ignored beside known ones, since clients send more attributes than an app has.
//! But a request that means access by a wrong name, such as `enabled`, or at a wrong place must not be
//! answered 2xx: its sender would believe that a person has left. One rule, [`means`], serves resources,
//! the values in them, and the envelopes and operations of PATCH and Bulk.

use percent_encoding::percent_decode_str;
use precis_core::profile::Rules;
use precis_profiles::Nickname;
use serde_json::{Map, Value};

use crate::scim::Error;
use crate::scim::resource::target::{AttributePlace, excerpt};
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

/// The beginnings of the URNs of standard schemas.
const STANDARD: [&str; 3] = [
    "urn:ietf:params:scim:schemas:core:",
    "urn:ietf:params:scim:schemas:extension:enterprise:",
    "urn:scim:schemas:",
];

/// The shortest name of a message that another may be a misspelling of.
const SHORTEST: usize = 4;

/// The attribute of this type that an unknown member of a resource seems to mean: by its name, as
/// `memebers`, `enabled` and `urn:…:User.active` do, or by something inside its value, as in
/// `{"user":{"active":false}}`, `{"Resources":[{"active":false}]}` and `{"path":"active"}`.
pub(in crate::scim) fn meant(t: &ResourceType, name: &str, value: &Value) -> Option<&'static str> {
    guarded(t).find(|attribute| means(attribute, name, value, Nearness::Alike))
}

/// Refuses a member of a message that seems to mean who has access and stands where it is not read, such
/// as `active` beside `op` and `path`, and one that is a misspelt member of the message.
pub(in crate::scim) fn refuse_stray(
    message: &Map<String, Value>,
    known: &[&str],
) -> Result<(), Error> {
    let stray = |(key, value): &(&String, &Value)| {
        is_misspelt(key, known) || GUARDED.iter().any(|it| means(it, key, value, Nearness::Alike))
    };
    match unknown(message, known).find(stray) {
        Some((key, _)) => Err(unread(key, known)),
        None => Ok(()),
    }
}

/// Refuses any other member beside these; null says nothing.
pub(in crate::scim) fn refuse_more(
    message: &Map<String, Value>,
    known: &[&str],
) -> Result<(), Error> {
    match unknown(message, known).find(|(_, value)| !value.is_null()) {
        Some((key, _)) => Err(unread(key, known)),
        None => Ok(()),
    }
}

/// Refuses a value of a known attribute in which `active` or `members` of the resource is given, and is
/// no sub-attribute: `{"name":{"active":false}}`, `{"emails":[{"active":false}]}`.
pub(super) fn refuse_within(
    t: &ResourceType,
    place: AttributePlace<'_>,
    value: &Value,
) -> Result<(), Error> {
    match value {
        Value::Array(values) => values.iter().try_for_each(|it| refuse_within(t, place, it)),
        Value::Object(object) => object.iter().try_for_each(|(key, value)| {
            if let Some(sub) = place.within(key) {
                return refuse_within(t, sub, value);
            }
            match guarded(t).any(|attribute| means(attribute, key, value, Nearness::Same)) {
                true => Err(Error::invalid_syntax(format!(
                    "{place} has no sub-attribute {}",
                    excerpt(key)
                ))),
                false => Ok(()),
            }
        }),
        _ => Ok(()),
    }
}

/// Whether `active` or `members` of a resource of this type is given inside a value that is not read.
pub(in crate::scim) fn is_within(t: &ResourceType, value: &Value) -> bool {
    guarded(t).any(|attribute| is_in(attribute, value, Nearness::Same))
}

/// Whether an object gives an attribute a value, under its name in any case.
pub(in crate::scim) fn has(object: &Map<String, Value>, attribute: &str) -> bool {
    object.iter().any(|(key, value)| key.eq_ignore_ascii_case(attribute) && !value.is_null())
}

/// The attributes that decide who has access and are among these members with a value. A caller asks once for
/// all unknown members beside them.
pub(in crate::scim) fn said<'m>(
    members: impl IntoIterator<Item = (&'m String, &'m Value)>,
) -> Vec<&'static str> {
    let given = members.into_iter().filter(|(_, value)| !value.is_null());
    let said = |key: &'m String| GUARDED.into_iter().find(|it| key.eq_ignore_ascii_case(it));
    given.filter_map(|(key, _)| said(key)).collect()
}

/// How near a name must come to an attribute's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nearness {
    /// The same letters: inside of known attributes, and of schemas of others, which may well have
    /// names of their own for states of their own.
    Same,
    /// A misspelling, or another word.
    Alike,
}

/// Whether a member that is not read means the attribute.
fn means(attribute: &str, name: &str, value: &Value, nearness: Nearness) -> bool {
    let path = || {
        let path = value.as_str().filter(|_| name.eq_ignore_ascii_case("path"));
        path.is_some_and(|path| is_named(attribute, path, nearness))
    };
    let inside = if is_foreign(name) { Nearness::Same } else { nearness };
    is_named(attribute, name, nearness) || path() || is_in(attribute, value, inside)
}

/// Whether an object, or one of a list, has a member that means the attribute, at any depth.
fn is_in(attribute: &str, value: &Value, nearness: Nearness) -> bool {
    match value {
        Value::Object(object) => {
            object.iter().any(|(name, value)| means(attribute, name, value, nearness))
        }
        Value::Array(values) => values.iter().any(|it| is_in(attribute, it, nearness)),
        _ => false,
    }
}

/// Whether a name or path means the attribute. In one of several parts, one of them must be the
/// attribute's own name.
fn is_named(attribute: &str, name: &str, nearness: Nearness) -> bool {
    let name = name.split('[').next().unwrap_or_default();
    let name = folded(name);
    let last = name.rsplit(':').next().unwrap_or_default();
    if nearness == Nearness::Alike && !last.contains('.') && !is_foreign(&name) {
        return is_like(attribute, &squashed(last));
    }
    last.split('.').any(|part| squashed(part) == attribute)
}

fn is_like(attribute: &str, name: &str) -> bool {
    let others: &[&str] = if attribute == "active" { &STATES } else { &MEMBERS };
    strsim::osa_distance(attribute, name) <= 1 || others.contains(&name)
}

/// Whether a name is a URN, and not one of a standard schema.
fn is_foreign(name: &str) -> bool {
    let begins =
        |with: &&str| name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    name.contains(':') && !STANDARD.iter().any(begins)
}

fn is_misspelt(key: &str, known: &[&str]) -> bool {
    let key = squashed(&folded(key));
    // A body whose `schemas` are missing is understood.
    let known = known.iter().filter(|name| name.len() >= SHORTEST && **name != "schemas");
    known.into_iter().any(|name| strsim::osa_distance(&name.to_ascii_lowercase(), &key) <= 1)
}

fn unknown<'m>(
    message: &'m Map<String, Value>,
    known: &[&str],
) -> impl Iterator<Item = (&'m String, &'m Value)> {
    message.iter().filter(|(key, _)| !known.iter().any(|name| name.eq_ignore_ascii_case(key)))
}

fn unread(key: &str, known: &[&str]) -> Error {
    Error::invalid_syntax(format!("{} is not read beside {}", excerpt(key), known.join(", ")))
}

fn guarded(t: &ResourceType) -> impl Iterator<Item = &'static str> {
    GUARDED.into_iter().filter(|name| t.schema.attribute(name).is_some())
}

/// A name without percent-encoding, full width and other forms of compatibility.
fn folded(name: &str) -> String {
    let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
    if name.is_ascii() {
        return name;
    }
    // RFC 8266 §2.1: NFKC. The rule does not fail; its signature is that of rules that can.
    Nickname::new().normalization_rule(name.as_str()).map_or_else(|_| name.clone(), Into::into)
}

/// The letters and digits of a name, in lower case.
fn squashed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::Schemas;

    #[track_caller]
    fn check(kind: &str, names: &[&str], expected: Option<&str>) {
        let schemas = Schemas::standard();
        let t = schemas.by_name(kind).unwrap();
        for name in names {
            assert_eq!(meant(t, name, &Value::Null), expected, "{name}");
        }
    }

    #[test]
    fn names_that_mean_the_state_of_a_person_are_recognised() {
        let names = ["enabled", "isActive", "is_active", "actve", "acitve", "Active ", "disabled"];
        check("User", &names, Some("active"));
        let written = ["\u{ff41}\u{ff43}\u{ff54}\u{ff49}\u{ff56}\u{ff45}", "%61ctive", "active%20"];
        check("User", &written, Some("active"));
        let long = [
            "urn:ietf:params:scim:schemas:core:2.0:User.active",
            "urn:ietf:params:scim:schemas:core:1.0:active",
            "urn:ietf:params:scim:schemas:core:2.0:User:enabled",
            "urn:scim:schemas:core:1.0:active",
            "urn:x:y:active",
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

    #[test]
    fn the_state_inside_a_value_is_recognised() {
        let schemas = Schemas::standard();
        let user = schemas.by_name("User").unwrap();
        let inside = |name: &str, value: Value| meant(user, name, &value);
        for (name, value) in [
            ("user", json!({ "active": false })),
            ("user", json!({ "isEnabled": false })),
            ("data", json!([[{ "a": { "b": { "c": { "d": { "Active": false } } } } }]])),
            ("urn:x:y:User", json!({ "active": false })),
            ("urn:ietf:params:scim:schemas:core:2.0:Users", json!({ "enabled": false })),
            ("path", json!("urn:ietf:params:scim:schemas:core:2.0:User:active")),
            ("Operations", json!([{ "op": "replace", "path": "active", "value": false }])),
        ] {
            assert_eq!(inside(name, value.clone()), Some("active"), "{name}: {value}");
        }
        for (name, value) in [
            ("urn:x:y:User", json!({ "enabled": false, "plan": "active" })),
            ("user", json!({ "status": "active", "members": [] })),
            ("path", json!("title")),
        ] {
            assert_eq!(inside(name, value.clone()), None, "{name}: {value}");
        }
    }

    #[test]
    fn a_member_of_a_message_that_is_misspelt_is_recognised() {
        let known = ["op", "path", "value"];
        for key in ["Values", "vlaue", "val ue", "paths"] {
            assert!(is_misspelt(key, &known), "{key}");
        }
        for key in ["o", "id", "name", "valid", "schema"] {
            assert!(!is_misspelt(key, &known), "{key}");
        }
        assert!(is_misspelt("Operation", &["schemas", "Operations"]));
        assert!(!is_misspelt("schema", &["schemas", "Operations"]));
    }
}
