//! Leniencies: rules that accept requests which deviate from the RFCs.
//!
//! Each names the conversation that forces it. The test
//! `each_leniency_is_needed_by_the_conversations_that_it_names` replays them.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One way in which requests may deviate from the RFCs and still be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Leniency {
    /// A bare value stands for the complex value around it: Entra's
    /// `{"op":"Add","path":"…:User:manager","value":"00aa00aa-…"}`
    /// (`tests/fixtures/conversations/entra/manager.json`).
    BareValue,
    /// `add` or `replace` through a value filter that matches nothing creates the value from the
    /// filter: Entra's `{"op":"Add","path":"emails[type eq \"work\"].value",…}` for a user
    /// without a work e-mail (`tests/fixtures/conversations/entra/address-made-by-filter.json`).
    CreateByFilter,
    /// A dot in place of the colon after the URN of a schema, but not before `active` or `members`:
    /// `{"op":"replace","path":"urn:…:enterprise:2.0:User.employeeNumber","value":"56789"}`
    /// (`tests/fixtures/conversations/scimple/dot-after-urn.json`).
    DotAfterUrn,
    /// An empty string in place of another type, or of a required value, means unassigned: Entra
    /// clears a manager with `"value":""` (`tests/fixtures/conversations/entra/manager.json`).
    EmptyForUnassigned,
    /// A PATCH without operations changes nothing: Microsoft's validator sends `"Operations":[]`
    /// (`tests/fixtures/conversations/entra-validator/users.json`).
    EmptyOperations,
    /// Dotted, filtered and URN-qualified names as keys of a value: Entra's
    /// `{"op":"replace","value":{"name.givenName":"Kkom","urn:…:User:employeeNumber":"Aklq"}}`
    /// with `aadOptscim062020` (`tests/fixtures/conversations/entra/update-flagged.json`).
    ExpandedKeys,
    /// A value filter on a complex attribute with a single value, which chooses that value if it
    /// matches: Entra's `{"op":"remove","path":"manager[value eq \"00aa00aa-…\"]"}`
    /// (`tests/fixtures/conversations/entra/manager-removed-by-filter.json`).
    FilterOnSingle,
    /// A list of one in place of a single value: Entra's
    /// `{"op":"Add","path":"manager","value":[{"value":"00aa00aa-…"}]}`
    /// (`tests/fixtures/conversations/entra/manager.json`).
    ListForSingle,
    /// A reference that is not a URI: Okta does not check the profile field that is mapped to
    /// `profileUrl` (`tests/fixtures/conversations/okta-oin/assign-mapped-reference.json`).
    LooseReference,
    /// A body that does not name the schema that it must name: the template of a OneLogin app may
    /// still say `"schemas":["urn:scim:schemas:core:1.0"]`
    /// (`tests/fixtures/conversations/onelogin/template-of-version-one.json`).
    MissingSchemas,
    /// A number in place of a string: Okta's sample user has `"externalId":701984` and
    /// `"postalCode":91608` (`tests/fixtures/conversations/okta-oin/sample-user.json`).
    NumberForString,
    /// The name of an operation in another case: Entra's `"op":"Replace"`
    /// (`tests/fixtures/conversations/entra/update.json`).
    OperationCase,
    /// A readOnly attribute in the value of an operation without path: Okta's rename of a group,
    /// `{"op":"replace","value":{"id":"abf4dd94-…","displayName":"Test SCIMv2"}}`
    /// (`tests/fixtures/conversations/okta-oin/group-push.json`).
    ReadOnlyInValue,
    /// `remove` with the values to remove: Entra's
    /// `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"f648f8d5…"}]}`
    /// (`tests/fixtures/conversations/entra/group.json`). RFC 7644 §3.5.2.2 would remove every
    /// member.
    RemoveByValue,
    /// A single value in place of a list, in a whole resource or a `replace`:
    /// `{"op":"replace","path":"emails","value":{"type":"work",…}}`
    /// (`tests/fixtures/conversations/scimmy/replace-a-list-by-one-value.json`).
    SingleForList,
    /// A boolean as a string: Entra's `{"op":"Replace","path":"active","value":"False"}`
    /// (`tests/fixtures/conversations/entra/disable.json`) and OneLogin's `"active":"true"`
    /// (`tests/fixtures/conversations/onelogin/life.json`).
    StringForBoolean,
    /// `active` without a value keeps the state, since a person is active or not: Entra removes an
    /// attribute whose mapping has no value
    /// (`tests/fixtures/conversations/entra/active-without-value.json`).
    UnassignedActive,
    /// An attribute that the type does not have is ignored: Okta sends extensions that the app
    /// lacks (`tests/fixtures/conversations/okta-oin/assign-mapped.json`).
    UnknownAttribute,
    /// A member that the directory does not have is skipped: Okta pushes a group whose people are not
    /// all provisioned, and does not repeat a request that was answered with 400
    /// (`tests/fixtures/conversations/okta-oin/group-unknown-member.json`). The tenant's
    /// `unknown_members` decides.
    UnknownMember,
    /// A URN in `schemas` that the type does not have: Entra's groups name
    /// `http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group`
    /// (`tests/fixtures/conversations/entra/group.json`).
    UnknownSchema,
    /// An attribute of an extension without its URN: Entra's `{"op":"Add","path":"manager",…}`
    /// (`tests/fixtures/conversations/entra/manager.json`) and `department` at the top level
    /// (`tests/fixtures/conversations/entra/create-with-nulls.json`).
    UnqualifiedExtension,
    /// A string in a filter without its quotes: authentik 2025.8's `userName eq akadmin`
    /// (`tests/fixtures/conversations/authentik/look-up.json`).
    UnquotedString,
}

impl Leniency {
    /// Every leniency, in alphabetical order.
    pub const ALL: [Self; 22] = [
        Self::BareValue,
        Self::CreateByFilter,
        Self::DotAfterUrn,
        Self::EmptyForUnassigned,
        Self::EmptyOperations,
        Self::ExpandedKeys,
        Self::FilterOnSingle,
        Self::ListForSingle,
        Self::LooseReference,
        Self::MissingSchemas,
        Self::NumberForString,
        Self::OperationCase,
        Self::ReadOnlyInValue,
        Self::RemoveByValue,
        Self::SingleForList,
        Self::StringForBoolean,
        Self::UnassignedActive,
        Self::UnknownAttribute,
        Self::UnknownMember,
        Self::UnknownSchema,
        Self::UnqualifiedExtension,
        Self::UnquotedString,
    ];

    /// The deviation that it accepts, in words for operators.
    pub fn what(self) -> &'static str {
        match self {
            Self::BareValue => "a bare value in place of an object",
            Self::CreateByFilter => "a PATCH that creates a value through a filter without a match",
            Self::DotAfterUrn => "a dot in place of the colon after the URN of a schema",
            Self::EmptyForUnassigned => "an empty string for no value",
            Self::EmptyOperations => "a PATCH without operations",
            Self::ExpandedKeys => "dotted or URN-qualified names as keys",
            Self::FilterOnSingle => "a filter on an attribute with a single value",
            Self::ListForSingle => "a list of one in place of a single value",
            Self::LooseReference => "a reference that is not a URI",
            Self::MissingSchemas => "a body that does not name its schema",
            Self::NumberForString => "a number in place of a string",
            Self::OperationCase => "`op` in another case, such as Replace",
            Self::ReadOnlyInValue => "a read-only attribute in the value of an operation",
            Self::RemoveByValue => "`remove` with the values to remove",
            Self::SingleForList => "a single value in place of a list",
            Self::StringForBoolean => "a boolean as a string, such as \"False\"",
            Self::UnassignedActive => "`active` without a value, which keeps the state",
            Self::UnknownAttribute => "an unknown attribute, which is ignored",
            Self::UnknownMember => "an unknown member of a group, which is skipped",
            Self::UnknownSchema => "an unknown URN in `schemas`",
            Self::UnqualifiedExtension => "an attribute of an extension without its URN",
            Self::UnquotedString => "a string in a filter without its quotes",
        }
    }
}

impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
