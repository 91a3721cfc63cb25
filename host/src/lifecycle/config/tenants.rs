//! Tenants and their tokens.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Configuration;
use super::settings::{check_settings, merged, valid_name};
use super::snapshot::TenantState;
use super::token::{self, LIVE_TOKENS};
use crate::clock::rfc3339;
use crate::lifecycle::error::Error;
use crate::scim::{self, Dialect};
use crate::store::{CredentialRow, Related, TenantRow};

/// A tenant as an operator writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSpec {
    /// The app's name.
    pub app: String,
    /// The dialect of the identity provider; recognised from its requests if generic.
    #[serde(default)]
    pub dialect: Dialect,
    /// Settings that override the app's.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

/// A token as an operator asks for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// The user name, if the identity provider uses Basic authentication.
    pub user: Option<String>,
    /// The owner, to whom `/Me` leads: a user of the tenant, by SCIM id or `userName`.
    pub owner: Option<String>,
    /// RFC 3339, in UTC.
    pub expires: Option<String>,
}

/// A token, shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewTenantToken {
    /// The public part, by which the token is listed and revoked.
    pub id: String,
    /// The token for the identity provider.
    pub token: String,
    /// The URL to which the identity provider sends its requests.
    pub base_url: String,
    /// The SCIM id of the owner, to whom `/Me` leads.
    pub owner: Option<String>,
}

impl Configuration {
    /// Makes or changes a tenant. Its state stays.
    pub async fn put_tenant(&self, id: &str, spec: TenantSpec) -> Result<(), Error> {
        valid_name("tenant", id)?;
        let _one_at_a_time = self.lock().await;
        let snapshot = self.snapshot();
        let app = self.app_row(&spec.app).await?;
        let served = self.tenant(id).await?;
        let own = served.as_ref().map(|tenant| &tenant.connector);
        let connector = own.or_else(|| snapshot.apps.get(&spec.app).map(|app| &app.connector));
        if let Some(Ok(connector)) = connector {
            let settings = serde_json::from_str(&app.settings)?;
            check_settings(&connector.manifest, &merged(&settings, spec.settings.clone()))?;
        }
        let before = self.store.tenant(id).await?;
        if let Some(before) = before.as_ref().filter(|before| before.app != spec.app) {
            return Err(scim::Error::new(
                409,
                format!(
                    "tenant {id} belongs to app {}; a tenant cannot change its app",
                    before.app
                ),
            )
            .into());
        }
        let row = TenantRow {
            id: id.to_owned(),
            app: spec.app,
            dialect: spec.dialect.to_string(),
            state: before.as_ref().map_or_else(
                || TenantState::Connected.name().to_owned(),
                |before| before.state.clone(),
            ),
            connector: before.as_ref().and_then(|before| before.connector.clone()),
            previous: before.as_ref().and_then(|before| before.previous.clone()),
            settings: Value::Object(spec.settings).to_string(),
            created: before.map_or_else(|| rfc3339(self.clock.now()), |before| before.created),
        };
        let is_new = self.store.tenant(id).await?.is_none();
        self.store.put_tenant(&row).await?;
        if is_new {
            self.share_app(&row.app).await?;
        }
        Ok(self.reload_tenant(id).await?)
    }

    /// Loads an app again if it has become shared by several tenants, or is no longer.
    async fn share_app(&self, app: &str) -> anyhow::Result<()> {
        let known = self.snapshot().apps.get(app).map(|app| app.shared);
        if known == Some(self.store.is_shared(app).await?) {
            return Ok(());
        }
        self.reload_app(app).await
    }

    /// Removes a tenant that was disconnected, with its directory and its tokens.
    pub(in crate::lifecycle) async fn remove_tenant(&self, id: &str) -> Result<(), Error> {
        let _one_at_a_time = self.lock().await;
        let row = self.tenant_row(id).await?;
        if row.state != TenantState::Disconnected.name() {
            return Err(scim::Error::new(
                409,
                format!("tenant {id} is {}; disconnect it first", row.state),
            )
            .into());
        }
        self.store.remove_tenant(id).await?;
        self.tenants.remove(id);
        Ok(self.share_app(&row.app).await?)
    }

    /// Writes a tenant's row, and loads the tenant again.
    pub(in crate::lifecycle) async fn write_tenant(&self, row: &TenantRow) -> anyhow::Result<()> {
        self.store.put_tenant(row).await?;
        self.reload_tenant(&row.id).await
    }

    pub(in crate::lifecycle) async fn tenant_row(&self, id: &str) -> Result<TenantRow, Error> {
        let row = self.store.tenant(id).await?;
        row.ok_or_else(|| scim::Error::new(404, format!("no tenant {id}")).into())
    }

    /// Makes a token for a tenant, or for the admin API if there is no tenant.
    pub async fn add_token(
        &self,
        tenant: Option<&str>,
        spec: TokenSpec,
    ) -> Result<NewTenantToken, Error> {
        let now = rfc3339(self.clock.now());
        let mut owner = None;
        if let Some(id) = tenant {
            self.tenant_row(id).await?;
            self.room_for_token(id, &now).await?;
            owner = match spec.owner {
                Some(named) => Some(self.owner(id, &named).await?),
                None => None,
            };
        }
        let token = token::generate()?;
        self.store
            .add_credential(&CredentialRow {
                id: token.id.clone(),
                tenant: tenant.map(str::to_owned),
                kind: if spec.user.is_some() { "basic" } else { "bearer" }.to_owned(),
                user: spec.user,
                owner: owner.clone(),
                hash: token.hash,
                created: now,
                expires: spec.expires.map(|expires| moment(&expires)).transpose()?,
                last_used: None,
            })
            .await?;
        match tenant {
            Some(id) => self.reload_tenant(id).await?,
            None => self.reload_operator_tokens().await?,
        }
        let base_url = match tenant {
            Some(id) => format!("{}/t/{id}/scim/v2", self.options.public_url),
            None => format!("{}/admin/v1", self.options.public_url),
        };
        Ok(NewTenantToken { id: token.id, token: token.text, base_url, owner })
    }

    async fn room_for_token(&self, tenant: &str, now: &str) -> Result<(), Error> {
        let tokens = self.store.credentials_of(Some(tenant)).await?;
        let live = tokens
            .iter()
            .filter(|token| token.expires.as_deref().is_none_or(|expires| expires > now));
        if live.count() < LIVE_TOKENS {
            return Ok(());
        }
        let detail = format!("tenant {tenant} has {LIVE_TOKENS} live tokens; revoke one first");
        Err(scim::Error::new(409, detail).into())
    }

    /// The id of the user with this id or `userName`. An id goes first, since identity providers
    /// choose names.
    async fn owner(&self, tenant: &str, named: &str) -> Result<String, Error> {
        let by_id = self.store.resource(tenant, "User", named, Related::None).await?;
        let found = match by_id {
            None => self.store.by_user_name(tenant, named).await?,
            found => found,
        };
        found.map(|user| user.id).ok_or_else(|| {
            let detail = format!(
                "tenant {tenant} has no user {named:?}; an owner is the SCIM id or the userName \
                 of an existing user"
            );
            scim::Error::new(422, detail).into()
        })
    }

    /// Ends a token at once.
    pub async fn revoke_token(&self, tenant: &str, id: &str) -> Result<(), Error> {
        let token = self.store.credential(id).await?;
        if token.is_none_or(|token| token.tenant.as_deref() != Some(tenant)) {
            return Err(scim::Error::new(404, format!("tenant {tenant} has no token {id}")).into());
        }
        self.store.revoke_credential(id).await?;
        Ok(self.reload_tenant(tenant).await?)
    }
}

fn moment(text: &str) -> Result<String, scim::Error> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| scim::Error::new(422, format!("{text:?} is not a time in RFC 3339")))?;
    Ok(rfc3339(at))
}
