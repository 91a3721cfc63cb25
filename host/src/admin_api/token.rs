//! Tokens of tenants and of the admin API as they are listed, without their secrets, which only the answer
//! to the creation has (`NewTenantToken` and `NewAdminToken` of `lifecycle`).

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::store::AdminRole;

/// Which token of a tenant.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct TokenPath {
    /// The tenant's name.
    #[param(example = "acme")]
    pub tenant: String,
    /// The token's id.
    pub token: String,
}

/// A token, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    /// The id.
    pub id: String,
    /// `bearer` or `basic`.
    pub kind: String,
    /// The user name of a `basic` token.
    pub user: Option<String>,
    /// The SCIM id of the user that `/Me` stands for.
    pub owner: Option<String>,
    /// When the token was created, RFC 3339.
    pub created: String,
    /// When the token ends, RFC 3339.
    pub expires: Option<String>,
    /// When the token was last presented, RFC 3339.
    pub last_used: Option<String>,
    /// How many requests with the token's id were denied since the host started: with a wrong secret, or
    /// after the token had ended.
    pub failed_sign_ins: u64,
    /// When the last of them came, RFC 3339.
    pub last_failed_sign_in: Option<String>,
}

/// Which admin token.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AdminTokenPath {
    /// The token's id.
    pub token: String,
}

/// An admin token, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = AdminToken)]
pub struct AdminTokenView {
    /// The id.
    pub id: String,
    /// Its name; `admin.token` is the one that the host made for itself.
    pub name: String,
    /// What it may do.
    pub role: AdminRole,
    /// When the token was created, RFC 3339.
    pub created: String,
    /// When the token ends, RFC 3339.
    pub expires: Option<String>,
    /// When the token was last presented, RFC 3339.
    pub last_used: Option<String>,
}
