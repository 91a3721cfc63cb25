//! The words of `wit/types.wit` as Rust types: what goes into a decision and what comes out.
//!
//! Plain data with no behaviour beyond (de)serialisation, since the journal, the sandbox and the
//! outbound client all speak it, and do not know each other.

use serde::{Deserialize, Serialize};

/// The account's state in the tenant's organisation in the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A person's or a group's presence in the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The app's own id.
    pub id: String,
    /// The state it is in.
    pub membership: Membership,
    /// The connector's notes, a JSON text.
    pub data: String,
}

/// What is known beside the event; the same at every step of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The operation's id.
    pub operation: String,
    /// The tenant.
    pub tenant: String,
    /// When the operation began, RFC 3339 in UTC.
    pub now: String,
    /// Randomness, the same at every step.
    pub seed: u64,
    /// The settings of app and tenant, a JSON text.
    pub settings: String,
    /// The SCIM resource before the event, a JSON text.
    pub before: Option<String>,
    /// The account, where one is known.
    pub account: Option<Account>,
    /// In how many other tenants of the app this account is a member.
    pub elsewhere: u32,
}

/// What happened, in the order of `wit/types.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

    /// Whether the event takes a person's access away, and so must never be lost.
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

/// Somebody who joined or left a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The SCIM id.
    pub id: String,
    /// A user's `userName`, or a nested group's `displayName`.
    pub name: String,
    /// The member's own account, where one is known.
    pub account: Option<Account>,
}

/// Whom an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A person.
    User(User),
    /// A group.
    Group(Group),
}

/// What happened, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The resource after the event, as typed view.
    pub subject: Subject,
    /// The resource after the event, canonical SCIM JSON.
    pub resource: String,
    /// The attributes that differ from before.
    pub changes: Vec<String>,
    /// A stand-in for the password, where the connector takes passwords.
    pub password: Option<String>,
    /// Who joined the group.
    pub joined: Vec<Member>,
    /// Who left the group.
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

/// What the app answered.
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
    /// The app is left alone for a while.
    CircuitOpen,
}

/// One request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// What was asked.
    pub request: Request,
    /// What came back.
    pub response: Result<Response, Unreachable>,
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The account as it is now.
    pub account: Option<Account>,
    /// What the identity provider sees afterwards.
    pub visibility: Visibility,
    /// One sentence for people.
    pub note: String,
}

/// The next step of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Perform this request and ask again.
    Call(Request),
    /// The operation is finished.
    Done(Outcome),
}

/// Why an operation cannot be finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The app says no for good.
    Rejected(String),
    /// Somebody else in the app has this name or address.
    Conflict(String),
    /// It must not be done.
    Forbidden(String),
    /// The app has no such thing.
    Unsupported(String),
    /// The app cannot be reached or asks to wait, if known for so many seconds.
    RetryLater(Option<u32>),
    /// The app's settings or credentials are wrong.
    Misconfigured(String),
}

/// Bodies in the journal: readable text where they are text, `{"base64": …}` where not.
mod body {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Body {
        Text(String),
        Bytes { base64: String },
    }

    impl Body {
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
        body.as_deref().map(Body::of).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<Body>::deserialize(d)?.map(Body::bytes).transpose()
    }

    pub(super) mod required {
        use super::{Body, Deserialize, Deserializer, Serialize, Serializer};

        pub(in super::super) fn serialize<S: Serializer>(
            body: &[u8],
            s: S,
        ) -> Result<S::Ok, S::Error> {
            Body::of(body).serialize(s)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            d: D,
        ) -> Result<Vec<u8>, D::Error> {
            Body::deserialize(d)?.bytes()
        }
    }
}
