//! SCIM errors: answers of the protocol, written for the admin of an identity provider.

use std::fmt;

use serde::Serialize;

/// The schema of an error answer.
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The detail keywords of RFC 7644 §3.12, table 9, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the words are the RFC's own")]
pub enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidVers,
    Sensitive,
    // RFC 9865 §2.1. Cursors here do not expire, so none is `expiredCursor`.
    InvalidCursor,
    InvalidCount,
}

/// An error answer (RFC 7644 §3.12).
///
/// It deliberately does not implement `std::error::Error`: an error answer is not an internal
/// error, and `?` keeps the two apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The HTTP status.
    pub status: u16,
    /// The keyword, if the RFC has one.
    pub scim_type: Option<ScimType>,
    /// What is wrong and what to do, for the admin.
    pub detail: String,
    /// The number of seconds after which the client may repeat the request.
    pub retry_after: Option<u32>,
}

impl Error {
    /// An error of this status, without a keyword.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into(), retry_after: None }
    }

    /// 400 with a keyword.
    pub fn bad_request(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self { scim_type: Some(scim_type), ..Self::new(400, detail) }
    }

    /// 400 `invalidFilter`.
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::InvalidFilter, detail)
    }

    /// 400 `invalidPath`.
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::InvalidPath, detail)
    }

    /// 400 `invalidSyntax`.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::InvalidSyntax, detail)
    }

    /// 400 `invalidValue`.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::InvalidValue, detail)
    }

    /// 400 `mutability`.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::Mutability, detail)
    }

    /// 400 `noTarget`.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::NoTarget, detail)
    }

    /// 404 for a resource that is unknown, or another tenant's.
    pub fn not_found(resource_type: &str, id: &str) -> Self {
        Self::new(404, format!("{resource_type} {id} not found"))
    }

    /// 409 `uniqueness`.
    pub fn uniqueness(detail: impl Into<String>) -> Self {
        Self { scim_type: Some(ScimType::Uniqueness), ..Self::new(409, detail) }
    }

    /// The same error, with the number of seconds after which the client may repeat the request.
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The body of the answer.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ScimErrorBody<'a> {
            schemas: [&'static str; 1],
            // RFC 7644 §3.12: the status code is a JSON string.
            status: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            scim_type: Option<ScimType>,
            detail: &'a str,
        }
        let body = ScimErrorBody {
            schemas: [ERROR_SCHEMA],
            status: self.status.to_string(),
            scim_type: self.scim_type,
            detail: &self.detail,
        };
        serde_json::to_string(&body).expect("strings always serialise")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.detail)
    }
}
