//! A tenant's token as the admin API lists it, without its secret, which only the answer to its creation
//! has (`NewTenantToken` of `lifecycle`).

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
