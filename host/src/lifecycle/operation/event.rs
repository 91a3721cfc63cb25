//! The event of a change, from the resource before and after it. Pure.
//!
//! The strongest difference names the event. Without a difference there is no event, and so no
//! operation.

use super::typed_view;
use crate::decision::{Event, EventKind, ResourceKind};
use crate::scim::Resource;

/// The difference that a write makes to an existing resource.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The kind of event; none if nothing changes.
    pub kind: Option<EventKind>,
    /// The attributes that differ, in the schema's spelling.
    pub changes: Vec<String>,
}

/// Compares a user before and after, in the order of `wit/types.wit`: deactivate, activate,
/// password, update.
pub(crate) fn of_user(before: &Resource, after: &Resource, password: bool) -> Difference {
    let mut changes = Resource::changes(before, after);
    if password {
        changes.push("password".to_owned());
    }
    let kind = match (before.active(), after.active()) {
        (true, false) => Some(EventKind::Deactivate),
        (false, true) => Some(EventKind::Activate),
        _ if changes.is_empty() => None,
        _ if password => Some(EventKind::Password),
        _ => Some(EventKind::Update),
    };
    Difference { kind, changes }
}

/// Compares a group before and after, given whether members join or leave.
pub(crate) fn of_group(before: &Resource, after: &Resource, members: bool) -> Difference {
    let mut changes = Resource::changes(before, after);
    if members {
        changes.push("members".to_owned());
    }
    let kind = (!changes.is_empty()).then_some(EventKind::GroupUpdate);
    Difference { kind, changes }
}

/// A deletion as a connector is asked about an account that is not the tenant's own: the person shall be out,
/// and the account stays.
pub(crate) fn as_deactivation(event: &Event) -> anyhow::Result<Event> {
    let mut resource = Resource::from_json(&event.resource)?;
    resource.set_active(false);
    Ok(Event {
        kind: EventKind::Deactivate,
        subject: typed_view::subject(ResourceKind::User, &resource),
        resource: resource.to_json(),
        changes: vec!["active".to_owned()],
        ..event.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(rest: &str) -> Resource {
        Resource::from_json(&format!(r#"{{"id":"1","userName":"ada"{rest}}}"#)).unwrap()
    }

    #[track_caller]
    fn check(before: &str, after: &str, password: bool, kind: Option<EventKind>, changes: &[&str]) {
        let difference = of_user(&user(before), &user(after), password);
        assert_eq!(difference.kind, kind);
        assert_eq!(difference.changes, changes);
    }

    #[test]
    fn the_strongest_change_names_the_event() {
        let (on, off) = (r#","active":true"#, r#","active":false"#);
        let off_renamed = r#","active":false,"title":"x""#;
        check(on, on, false, None, &[]);
        check(on, off, false, Some(EventKind::Deactivate), &["active"]);
        check(on, off_renamed, true, Some(EventKind::Deactivate), &["active", "title", "password"]);
        check(off_renamed, on, false, Some(EventKind::Activate), &["active", "title"]);
        check(off, off_renamed, false, Some(EventKind::Update), &["title"]);
        check(off, off_renamed, true, Some(EventKind::Password), &["title", "password"]);
    }

    #[test]
    fn a_user_without_an_active_attribute_is_active() {
        check("", r#","active":false"#, false, Some(EventKind::Deactivate), &["active"]);
    }

    #[test]
    fn a_group_changes_by_its_attributes_and_its_members() {
        let group =
            |name: &str| Resource::from_json(&format!(r#"{{"id":"1","displayName":"{name}"}}"#));
        let (one, two) = (group("one").unwrap(), group("two").unwrap());
        assert_eq!(of_group(&one, &one, false).kind, None);
        assert_eq!(of_group(&one, &one, true).changes, ["members"]);
        assert_eq!(of_group(&one, &two, true).changes, ["displayName", "members"]);
    }
}
