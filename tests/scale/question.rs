//! The requests whose cost is measured, in the form that identity providers send.

use std::fmt;

use crate::connection::{Request, encoded};
use crate::filled_host::{BASE_TIME, PAGE, PagePosition, Person};

/// A request to a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Read a user by id.
    Get,
    /// Find a user by `userName`.
    UserName,
    /// Find a user by `externalId`.
    ExternalId,
    /// Find a user by e-mail address.
    Email,
    /// Find the 50 users that were deactivated since a time.
    DeactivatedSince,
    /// Read a page of 100 users at a random cursor.
    Cursor,
    /// Read a page of 100 users at a random `startIndex`.
    StartIndex,
    /// The same of the list by `userName`, from its end.
    StartIndexByName,
    /// Change `active` of one user, durably.
    Patch,
}

impl Question {
    pub(crate) const ALL: [Self; 9] = [
        Self::Get,
        Self::UserName,
        Self::ExternalId,
        Self::Email,
        Self::DeactivatedSince,
        Self::Cursor,
        Self::StartIndex,
        Self::StartIndexByName,
        Self::Patch,
    ];

    /// The request about a user, or about a position in a walk.
    pub(crate) fn request(self, person: &mut Person, position: &PagePosition) -> Request {
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
                find(format!("active eq false and meta.lastModified gt \"{BASE_TIME}\""))
            }
            Self::Cursor => Request::get(format!("/Users?cursor={}&count={PAGE}", position.cursor)),
            Self::StartIndex => {
                Request::get(format!("/Users?startIndex={}&count={PAGE}", position.start))
            }
            Self::StartIndexByName => {
                let start = position.start;
                let order = "sortBy=userName&sortOrder=descending";
                Request::get(format!("/Users?{order}&startIndex={start}&count={PAGE}"))
            }
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

    /// The number of resources in the response; `None` if it is not a list.
    pub(crate) fn expected_resources(self) -> Option<usize> {
        match self {
            Self::Get | Self::Patch => None,
            Self::UserName | Self::ExternalId | Self::Email => Some(1),
            Self::DeactivatedSince => Some(50),
            Self::Cursor | Self::StartIndex | Self::StartIndexByName => Some(PAGE),
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
            Self::DeactivatedSince => "`active eq false and meta.lastModified gt …`, 50 found",
            Self::Cursor => "a page of 100 by cursor",
            Self::StartIndex => "a page of 100 at a random startIndex",
            Self::StartIndexByName => "the same, by userName descending",
            Self::Patch => "activate or deactivate",
        })
    }
}
