//! Leniencies: each way in which requests deviate from the RFCs and are still understood, with the
//! request that forces it.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One way in which requests may deviate from the RFCs and still be understood.
///
/// Section numbers without "RFC" are those of the collection of recorded client traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Leniency {
    /// A bare value stands for the complex value around it: Entra's
    /// `{"op":"Add","path":"…:User:manager","value":"00aa00aa-…"}` (7.2).
    BareValue,
    /// `add` or `replace` through a value filter that matches nothing creates the value from the
    /// filter: Entra's `{"op":"Replace","path":"emails[type eq \"work\"].value",…}` for a user who
    /// has no work e-mail (7.2).
    CreateByFilter,
    /// An empty string where no string can be means unassigned: Entra clears a manager with
    /// `"value":""` (7.2), Okta's plan pushes empty values and expects no error (3.5, C9337).
    EmptyForUnassigned,
    /// A PATCH without operations changes nothing: Microsoft's validator sends `"Operations":[]`
    /// (field notes, row 27).
    EmptyOperations,
    /// Dotted, filtered and URN-qualified names as keys of a value: Entra's
    /// `{"op":"replace","value":{"name.givenName":"Kkom","urn:…:User:employeeNumber":"Aklq"}}`
    /// with `aadOptscim062020` (7.2).
    ExpandedKeys,
    /// A list of one where a single value belongs: Entra's
    /// `{"op":"Add","path":"manager","value":[{"value":"00aa00aa-…"}]}` (7.2).
    ListForSingle,
    /// A reference that is no URI at all: a profile field mapped to `profileUrl` as it is
    /// (field notes, section 6, item 2).
    LooseReference,
    /// A body that does not name the schema that it must name: OneLogin's application of the time
    /// of SCIM 1.1 still says `"schemas":["urn:scim:schemas:core:1.0"]` (8).
    MissingSchemas,
    /// A number where a string belongs: Okta's own sample user has `"externalId":701984` and
    /// `"postalCode":91608` (1.11).
    NumberForString,
    /// An operation's name in another case: Entra's `"op":"Replace"` (7.2).
    OperationCase,
    /// `add` and `replace` without a path, which the interoperability profiles forbid: Okta's
    /// `{"op":"replace","value":{"active":false}}` (1.6).
    Pathless,
    /// A readOnly attribute in the value of an operation without path: Okta's rename of a group,
    /// `{"op":"replace","value":{"id":"abf4dd94-…","displayName":"Test SCIMv2"}}` (1.8).
    ReadOnlyInValue,
    /// `remove` with the values to remove: Entra's
    /// `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"f648f8d5…"}]}` (7.2). By the
    /// RFC's letter every member would go.
    RemoveByValue,
    /// A single value where a list belongs, in a whole resource or a `replace`:
    /// `{"op":"replace","path":"emails","value":{"type":"work",…}}` (public PATCH cases, scimmy
    /// `inbound.replace[2]`).
    SingleForList,
    /// A boolean as a string: Entra's `{"op":"Replace","path":"active","value":"False"}` (7.2),
    /// OneLogin's `"active":"{$user.active}"` (8).
    StringForBoolean,
    /// An attribute that the type does not have is passed over: Okta puts back whatever it was
    /// given (1.5), Entra sends core attributes of its own mapping (7.2).
    UnknownAttribute,
    /// An URN in `schemas` that the type does not have: Entra's groups come with
    /// `http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group` (7.2).
    UnknownSchema,
    /// An attribute of an extension without its URN: Entra's
    /// `{"op":"Add","path":"manager",…}` and core-level `department` (7.2).
    UnqualifiedExtension,
}

impl Leniency {
    /// Every leniency, in alphabetical order.
    pub const ALL: [Self; 18] = [
        Self::BareValue,
        Self::CreateByFilter,
        Self::EmptyForUnassigned,
        Self::EmptyOperations,
        Self::ExpandedKeys,
        Self::ListForSingle,
        Self::LooseReference,
        Self::MissingSchemas,
        Self::NumberForString,
        Self::OperationCase,
        Self::Pathless,
        Self::ReadOnlyInValue,
        Self::RemoveByValue,
        Self::SingleForList,
        Self::StringForBoolean,
        Self::UnknownAttribute,
        Self::UnknownSchema,
        Self::UnqualifiedExtension,
    ];

    /// What requests do that need it, for people.
    pub fn what(self) -> &'static str {
        match self {
            Self::BareValue => "a bare value where an object belongs",
            Self::CreateByFilter => "PATCH through a filter that matches nothing, to make a value",
            Self::EmptyForUnassigned => "an empty string for no value",
            Self::EmptyOperations => "a PATCH without operations",
            Self::ExpandedKeys => "dotted or URN-qualified names as keys",
            Self::ListForSingle => "a list of one where a single value belongs",
            Self::LooseReference => "a reference that is no URI",
            Self::MissingSchemas => "a body that does not name its schema",
            Self::NumberForString => "a number where a string belongs",
            Self::OperationCase => "`op` in another case, such as Replace",
            Self::Pathless => "PATCH operations without a path",
            Self::ReadOnlyInValue => "a read-only attribute in the value of an operation",
            Self::RemoveByValue => "`remove` with the values to remove",
            Self::SingleForList => "a single value where a list belongs",
            Self::StringForBoolean => "a boolean as a string, such as \"False\"",
            Self::UnknownAttribute => "an attribute that the type does not have: passed over",
            Self::UnknownSchema => "an URN in `schemas` that the type does not have",
            Self::UnqualifiedExtension => "an attribute of an extension without its URN",
        }
    }
}

impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
