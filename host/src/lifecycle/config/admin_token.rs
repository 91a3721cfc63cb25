//! Admin tokens: named, with a role, and the one of the file `admin.token`, which the host makes for itself.
//!
//! An operator cannot be locked out: the last token that may configure for ever is not revoked, and
//! a start without a valid file makes another token.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Configuration;
use super::tenants::end_of_token;
use super::token::{self, PresentedToken};
use crate::clock::rfc3339;
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::{AdminRole, CredentialKind, CredentialRow};

/// The name of the token that the host makes for itself, and of the file that holds it.
pub const BOOTSTRAP_TOKEN: &str = "admin.token";

/// An admin token to create.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "deploy", "role": "operate", "expires": "2031-01-31T00:00:00Z"
}))]
pub struct AdminTokenSpec {
    /// Whose token it is, or what for: 1 to 63 characters. The audit log shows it.
    #[schema(min_length = 1, max_length = 63, pattern = "^[^\\x00-\\x1f\\x7f]+$")]
    pub name: String,
    /// What it may do.
    pub role: AdminRole,
    /// When the token ends, RFC 3339: after now, and before 9999-12-31. Without it, the token is
    /// valid until it is revoked.
    #[schema(format = DateTime)]
    pub expires: Option<String>,
}

/// A new admin token. This answer is the only place where the token can be read.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewAdminToken {
    /// The id by which the token is listed and revoked.
    pub id: String,
    /// The secret that the operator presents.
    pub token: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: AdminRole,
    /// When it ends, RFC 3339.
    pub expires: Option<String>,
}

impl Configuration {
    /// Makes an admin token.
    pub async fn add_admin_token(&self, spec: AdminTokenSpec) -> Result<NewAdminToken, Error> {
        if spec.name == BOOTSTRAP_TOKEN {
            let why =
                format!("{BOOTSTRAP_TOKEN} is the name of the host's own token; use another one");
            return Err(scim::Error::new(422, why).into());
        }
        self.write_admin_token(spec).await
    }

    async fn write_admin_token(&self, spec: AdminTokenSpec) -> Result<NewAdminToken, Error> {
        let AdminTokenSpec { name, role, expires } = spec;
        valid_token_name(&name)?;
        let now = rfc3339(self.clock.now());
        let expires = expires.map(|expires| end_of_token(&expires, &now)).transpose()?;
        let _changing = self.lock().await;
        let token = token::generate()?;
        self.store
            .add_credential(&CredentialRow {
                id: token.id.clone(),
                tenant: None,
                kind: CredentialKind::Bearer,
                user: None,
                owner: None,
                hash: token.hash,
                created: now,
                expires: expires.clone(),
                last_used: None,
                name: Some(name.clone()),
                role: Some(role),
            })
            .await?;
        self.reload_operator_tokens().await?;
        Ok(NewAdminToken { id: token.id, token: token.text, name, role, expires })
    }

    /// Ends an admin token at once; 409 if no other one is left that may configure for ever.
    pub async fn revoke_admin_token(&self, id: &str) -> Result<(), Error> {
        let _changing = self.lock().await;
        let tokens = self.store.credentials_of(None).await?;
        let Some(token) = tokens.iter().find(|token| token.id == id) else {
            return Err(scim::Error::new(404, format!("there is no admin token {id}")).into());
        };
        if is_way_in(token) && !tokens.iter().any(|other| other.id != id && is_way_in(other)) {
            let why = format!(
                "{id} is the last admin token that may configure and has no end: make another one \
                 first, with `muster token add --admin --name NAME --role configure`"
            );
            return Err(scim::Error::new(409, why).into());
        }
        self.store.revoke_credential(id).await?;
        Ok(self.reload_operator_tokens().await?)
    }

    /// Whether this text is a valid admin token.
    pub fn is_admin_token(&self, text: &str) -> bool {
        self.presented_row(text).is_some()
    }

    /// Makes the host's own token.
    pub async fn add_bootstrap_token(&self) -> Result<String, Error> {
        let name = BOOTSTRAP_TOKEN.to_owned();
        let spec = AdminTokenSpec { name, role: AdminRole::Configure, expires: None };
        Ok(self.write_admin_token(spec).await?.token)
    }

    /// Ends every token that the host made for itself but this one. Nothing ends if this one is not
    /// such a token.
    pub async fn end_other_bootstrap_tokens(&self, text: &str) -> anyhow::Result<()> {
        let Some(kept) = self.presented_row(text).filter(is_bootstrap) else { return Ok(()) };
        let _changing = self.lock().await;
        for other in self.store.credentials_of(None).await? {
            if is_bootstrap(&other) && other.id != kept.id {
                self.store.revoke_credential(&other.id).await?;
            }
        }
        self.reload_operator_tokens().await
    }

    fn presented_row(&self, text: &str) -> Option<CredentialRow> {
        let presented = PresentedToken { user: None, token: text.to_owned() };
        let snapshot = self.snapshot();
        let token = snapshot.operator_tokens.get(presented.id()?)?;
        let valid = presented.matches(&token.row, &rfc3339(self.clock.now()));
        valid.then(|| token.row.clone())
    }
}

/// Whether an operator can do everything with this token, for ever.
fn is_way_in(token: &CredentialRow) -> bool {
    token.role.unwrap_or(AdminRole::Configure) == AdminRole::Configure && token.expires.is_none()
}

/// Whether the host made this token for itself, as a host of schema 1 made each of its admin tokens.
fn is_bootstrap(token: &CredentialRow) -> bool {
    token.name.as_deref().is_none_or(|name| name == BOOTSTRAP_TOKEN)
}

fn valid_token_name(name: &str) -> Result<(), scim::Error> {
    let length = name.chars().count();
    if !(1..=63).contains(&length) || name.contains(char::is_control) {
        let why = format!("name {name:?}: use 1 to 63 characters without control characters");
        return Err(scim::Error::new(422, why));
    }
    Ok(())
}
