//! Typed views of a resource for connectors. Pure.

use serde_json::{Map, Value};

use crate::decision::{Group, ResourceKind, Subject, User};
use crate::scim::Resource;

/// The view of a resource of this type.
pub(crate) fn subject(kind: ResourceKind, resource: &Resource) -> Subject {
    match kind {
        ResourceKind::User => Subject::User(user(resource)),
        ResourceKind::Group => Subject::Group(group(resource)),
    }
}

/// What people call the resource: a user's `userName`, else its `displayName`.
pub(crate) fn name(resource: &Resource) -> &str {
    resource.user_name().or_else(|| resource.display_name()).unwrap_or_default()
}

/// What an app may identify the resource by, beside an id of its own.
pub(crate) fn names(subject: &Subject) -> Vec<&str> {
    let names = match subject {
        Subject::User(user) => {
            [Some(&user.user_name), user.email.as_ref(), user.external_id.as_ref()]
        }
        Subject::Group(group) => [Some(&group.display_name), group.external_id.as_ref(), None],
    };
    names.into_iter().flatten().map(String::as_str).collect()
}

fn user(resource: &Resource) -> User {
    let document = resource.document();
    let part = |name: &str| document.get("name").and_then(|n| text(n.as_object()?, name));
    let (given_name, family_name) = (part("givenName"), part("familyName"));
    User {
        id: resource.id().to_owned(),
        user_name: resource.user_name().unwrap_or_default().to_owned(),
        external_id: resource.external_id().map(str::to_owned),
        display_name: text(document, "displayName")
            .or_else(|| part("formatted"))
            .or_else(|| full_name(given_name.as_deref(), family_name.as_deref())),
        given_name,
        family_name,
        email: email(document),
        active: resource.active(),
    }
}

fn group(resource: &Resource) -> Group {
    Group {
        id: resource.id().to_owned(),
        display_name: resource.display_name().unwrap_or_default().to_owned(),
        external_id: resource.external_id().map(str::to_owned),
    }
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn full_name(given: Option<&str>, family: Option<&str>) -> Option<String> {
    match (given, family) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

/// The primary address, else the one of type `work`, else the first.
fn email(document: &Map<String, Value>) -> Option<String> {
    let emails: Vec<&Map<String, Value>> =
        document.get("emails")?.as_array()?.iter().filter_map(Value::as_object).collect();
    let primary = |e: &&&Map<String, Value>| e.get("primary") == Some(&Value::Bool(true));
    let work = |e: &&&Map<String, Value>| e.get("type").and_then(Value::as_str) == Some("work");
    let chosen = emails
        .iter()
        .find(primary)
        .or_else(|| emails.iter().find(work))
        .or_else(|| emails.first())?;
    text(chosen, "value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(document: &str, display_name: Option<&str>, email: Option<&str>) {
        let resource = Resource::from_json(document).unwrap();
        let Subject::User(user) = subject(ResourceKind::User, &resource) else { panic!("no user") };
        assert_eq!((user.display_name.as_deref(), user.email.as_deref()), (display_name, email));
    }

    #[test]
    fn a_display_name_is_found_in_each_attribute_that_may_hold_it() {
        check(r#"{"id":"1","userName":"a","displayName":"Ada"}"#, Some("Ada"), None);
        check(r#"{"id":"1","userName":"a","name":{"formatted":"Ada L"}}"#, Some("Ada L"), None);
        check(
            r#"{"id":"1","userName":"a","name":{"givenName":"Ada","familyName":"L"}}"#,
            Some("Ada L"),
            None,
        );
        check(r#"{"id":"1","userName":"a"}"#, None, None);
    }

    #[test]
    fn the_primary_address_wins_then_work_then_the_first() {
        let emails = |list: &str| format!(r#"{{"id":"1","userName":"a","emails":[{list}]}}"#);
        let (home, work) = (r#"{"value":"h","type":"home"}"#, r#"{"value":"w","type":"work"}"#);
        check(&emails(&format!("{home},{work}")), None, Some("w"));
        check(&emails(home), None, Some("h"));
        let primary = r#"{"value":"p","primary":true}"#;
        check(&emails(&format!("{home},{work},{primary}")), None, Some("p"));
    }
}
