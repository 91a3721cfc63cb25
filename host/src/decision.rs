//! The types of `wit/types.wit` in Rust: the arguments and the results of a decision.
//!
//! They are plain data that can be serialised. The journal, the sandbox and the outbound client
//! share them without knowing each other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The account's state in the tenant's organisation in the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Membership {
    /// In the organisation, and able to sign in.
    Active,
    /// In the organisation, and not able to sign in.
    Suspended,
    /// Not in the organisation.
    Absent,
}

/// Whether the identity provider still sees the resource after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Answered as before.
    Present,
    /// Answered with 404.
    Gone,
}

/// The account of a user or a group in the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The app's id.
    pub id: String,
    /// The account's state.
    pub membership: Membership,
    /// The connector's notes, a JSON text.
    pub data: String,
}

/// The context of an operation, which is the same for each of its decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The operation's id.
    pub operation: String,
    /// The tenant.
    pub tenant: String,
    /// The time when the operation began, RFC 3339 in UTC.
    pub now: String,
    /// A random number, the same for each decision of the operation.
    pub seed: u64,
    /// The settings of app and tenant, a JSON text.
    pub settings: String,
    /// The SCIM resource that the app was last told, a JSON text; none if it was told none.
    pub before: Option<String>,
    /// The account, if one is known.
    pub account: Option<Account>,
    /// The number of the app's other tenants in which this account is a member.
    pub elsewhere: u32,
}

/// The kind of resource that an event is about. The names are those of the SCIM resource types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResourceKind {
    /// A user.
    User,
    /// A group.
    Group,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::User, Self::Group];

    /// The name of the SCIM resource type.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The kind of this name; none for every other resource type, such as roles.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The kind of an event, in the order of `wit/types.wit`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is documented in wit/types.wit")]
pub enum EventKind {
    Create,
    Update,
    Activate,
    Deactivate,
    Delete,
    Release,
    Password,
    GroupCreate,
    GroupUpdate,
    GroupDelete,
}

impl EventKind {
    /// Every kind, in the order of `wit/types.wit`.
    pub const ALL: [Self; 10] = [
        Self::Create,
        Self::Update,
        Self::Activate,
        Self::Deactivate,
        Self::Delete,
        Self::Release,
        Self::Password,
        Self::GroupCreate,
        Self::GroupUpdate,
        Self::GroupDelete,
    ];

    /// The name in `wit/types.wit`, in manifests and in the journal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::Delete => "delete",
            Self::Release => "release",
            Self::Password => "password",
            Self::GroupCreate => "group-create",
            Self::GroupUpdate => "group-update",
            Self::GroupDelete => "group-delete",
        }
    }

    /// The kind of resource that the event is about.
    pub fn resource_kind(self) -> ResourceKind {
        match self {
            Self::Create
            | Self::Update
            | Self::Activate
            | Self::Deactivate
            | Self::Delete
            | Self::Release
            | Self::Password => ResourceKind::User,
            Self::GroupCreate | Self::GroupUpdate | Self::GroupDelete => ResourceKind::Group,
        }
    }

    /// Whether the event removes a user's access, and so must never be lost.
    pub fn deprovisions(self) -> bool {
        matches!(self, Self::Deactivate | Self::Delete)
    }
}

/// A typed view of a SCIM User.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is documented in wit/types.wit")]
pub struct User {
    pub id: String,
    pub user_name: String,
    pub external_id: Option<String>,
    pub display_name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub email: Option<String>,
    pub active: bool,
}

/// A typed view of a SCIM Group, without its members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is documented in wit/types.wit")]
pub struct Group {
    pub id: String,
    pub display_name: String,
    pub external_id: Option<String>,
}

/// A member that joined or left a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The SCIM id.
    pub id: String,
    /// A user's `userName`, or a nested group's `displayName`.
    pub name: String,
    /// The member's own account, if one is known.
    pub account: Option<Account>,
}

/// The user or group that an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A user.
    User(User),
    /// A group.
    Group(Group),
}

/// A change of a user or a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The kind of change.
    pub kind: EventKind,
    /// The resource after the event, as a typed view.
    pub subject: Subject,
    /// The resource after the event, canonical SCIM JSON.
    pub resource: String,
    /// The names of the changed attributes.
    pub changes: Vec<String>,
    /// A placeholder for the password, if the connector takes passwords.
    pub password: Option<String>,
    /// The members that joined the group.
    pub joined: Vec<Member>,
    /// The members that left the group.
    pub left: Vec<Member>,
}

/// A request to the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The name of an endpoint from the manifest.
    pub endpoint: String,
    /// An HTTP method in upper case.
    pub method: String,
    /// The path below the endpoint's address.
    pub path: String,
    /// Names and values, not yet encoded.
    pub query: Vec<(String, String)>,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(with = "body")]
    pub body: Option<Vec<u8>>,
}

/// The app's response to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, no larger than the app's limit.
    #[serde(with = "body::required")]
    pub body: Vec<u8>,
}

/// Why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unreachable {
    /// No answer within the time limit.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// The answer was larger than the app's limit.
    TooLarge,
    /// The app failed too often recently, and gets no requests for a while.
    CircuitOpen,
}

/// A request to the app and its response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// The response, or the reason why there is none.
    pub response: Result<Response, Unreachable>,
}

/// The connector's result of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The account after the operation; none if there is none.
    pub account: Option<Account>,
    /// Whether the identity provider still sees the resource.
    pub visibility: Visibility,
    /// One sentence for the people who read the journal.
    pub note: String,
}

/// The next step of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The host performs this request and asks for the next step.
    Call(Request),
    /// The operation is finished.
    Done(Outcome),
}

/// Why an operation cannot be finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The app rejects the change.
    Rejected(String),
    /// Another account in the app has this name or address.
    Conflict(String),
    /// The change is not allowed.
    Forbidden(String),
    /// The app does not support the change.
    Unsupported(String),
    /// The app cannot be reached or asks to wait, for this many seconds if known.
    RetryLater(Option<u32>),
    /// The app's settings or credentials are wrong.
    Misconfigured(String),
}

/// Bodies in the journal: plain text if they are UTF-8, `{"base64": …}` otherwise.
mod body {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum JournalBody {
        Text(String),
        Bytes { base64: String },
    }

    impl JournalBody {
        fn of(bytes: &[u8]) -> Self {
            match std::str::from_utf8(bytes) {
                Ok(text) => Self::Text(text.to_owned()),
                Err(_) => Self::Bytes { base64: BASE64_STANDARD.encode(bytes) },
            }
        }

        fn bytes<E: serde::de::Error>(self) -> Result<Vec<u8>, E> {
            match self {
                Self::Text(text) => Ok(text.into_bytes()),
                Self::Bytes { base64 } => BASE64_STANDARD.decode(base64).map_err(E::custom),
            }
        }
    }

    pub(super) fn serialize<S: Serializer>(
        body: &Option<Vec<u8>>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        body.as_deref().map(JournalBody::of).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<JournalBody>::deserialize(d)?.map(JournalBody::bytes).transpose()
    }

    pub(super) mod required {
        use super::{Deserialize, Deserializer, JournalBody, Serialize, Serializer};

        pub(in super::super) fn serialize<S: Serializer>(
            body: &[u8],
            s: S,
        ) -> Result<S::Ok, S::Error> {
            JournalBody::of(body).serialize(s)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            d: D,
        ) -> Result<Vec<u8>, D::Error> {
            JournalBody::deserialize(d)?.bytes()
        }
    }
}
