//! What is asked, as identity providers ask it.

use std::fmt;

use crate::connection::{Request, encoded};
use crate::house::{LATE, PAGE, Person, Place};

/// What a directory is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// A user by id.
    Get,
    /// A user by `userName`.
    UserName,
    /// A user by `externalId`.
    ExternalId,
    /// A user by an e-mail address.
    Email,
    /// Those who were deactivated lately: fifty.
    DeactivatedSince,
    /// A page of a hundred, by a cursor from anywhere in a walk.
    Cursor,
    /// `active` of one user, durable.
    Patch,
}

impl Question {
    pub(crate) const ALL: [Self; 7] = [
        Self::Get,
        Self::UserName,
        Self::ExternalId,
        Self::Email,
        Self::DeactivatedSince,
        Self::Cursor,
        Self::Patch,
    ];

    /// The request about somebody, or about a place in a walk.
    pub(crate) fn request(self, person: &mut Person, place: &Place) -> Request {
        let find = |filter: String| {
            let filter = encoded(&filter);
            Request::get(format!("/Users?filter={filter}&startIndex=1&count={PAGE}"))
        };
        match self {
            Self::Get => Request::get(format!("/Users/{}", person.id)),
            Self::UserName => find(format!("userName eq \"{}\"", person.name())),
            Self::ExternalId => find(format!("externalId eq \"{}\"", person.external_id())),
            Self::Email => find(format!("emails.value eq \"{}\"", person.name())),
            Self::DeactivatedSince => {
                find(format!("active eq false and meta.lastModified gt \"{LATE}\""))
            }
            Self::Cursor => Request::get(format!("/Users?cursor={}&count={PAGE}", place.cursor)),
            Self::Patch => {
                person.active = !person.active;
                let body = format!(
                    r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"replace","value":{{"active":{}}}}}]}}"#,
                    person.active
                );
                Request { method: "PATCH", path: format!("/Users/{}", person.id), body }
            }
        }
    }

    /// How many resources the answer has; one that is no list has none.
    pub(crate) fn found(self) -> Option<usize> {
        match self {
            Self::Get | Self::Patch => None,
            Self::UserName | Self::ExternalId | Self::Email => Some(1),
            Self::DeactivatedSince => Some(50),
            Self::Cursor => Some(PAGE),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "read a user",
            Self::UserName => "`userName eq`",
            Self::ExternalId => "`externalId eq`",
            Self::Email => "`emails.value eq`",
            Self::DeactivatedSince => "`active eq false and meta.lastModified gt`, 50 of them",
            Self::Cursor => "a page of 100 by cursor",
            Self::Patch => "activate or deactivate",
        })
    }
}
