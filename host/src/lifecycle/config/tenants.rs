//! Tenants and their tokens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Configuration;
use super::apps::there_already;
use super::email_domain;
use super::settings::{check_settings, merged, valid_name};
use super::snapshot::TenantState;
use super::token::{self, LIVE_TOKENS};
use crate::clock::rfc3339;
use crate::connector::Connector;
use crate::decision::ResourceKind;
use crate::lifecycle::error::Error;
use crate::partial::{changed, stated};
use crate::scim::{self, Dialect, GroupNames, UnknownMembers};
use crate::store::{CredentialKind, CredentialRow, Related, TenantRow};

/// A tenant to create.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "globex", "app": "crm", "dialect": "okta", "settings": { "organization": "globex" }
}))]
pub struct NewTenant {
    /// The name, which is part of the base URL: 1 to 63 lower-case letters, digits and hyphens, not
    /// beginning with a hyphen.
    #[schema(pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    pub id: String,
    /// The app's name. A tenant belongs to its app for good.
    pub app: String,
    /// How the identity provider deviates from the RFCs. With `generic`, every harmless deviation
    /// is accepted, and Okta and Entra are recognised when they call.
    #[serde(default)]
    pub dialect: Dialect,
    /// Whether two groups may have the same `displayName`. Without it, as the dialect has it:
    /// `unique` with `entra` and `generic`, else `any`.
    #[serde(default)]
    pub group_names: Option<GroupNames>,
    /// What becomes of a request that names an unknown member of a group. Without it, as the dialect
    /// has it: `skip` with `okta`, else `refuse`.
    #[serde(default)]
    pub unknown_members: Option<UnknownMembers>,
    /// How many requests in a second are answered; beyond, after a burst, they get 429. 0 is no limit.
    /// Without it, as the host's configuration has it.
    #[serde(default)]
    #[schema(maximum = 1000000)]
    pub requests_per_second: Option<u32>,
    /// The e-mail domains that are the tenant's own, such as `acme.example`, which the operator vouches for:
    /// an account that was linked by addresses in them is the tenant's. A subdomain is another domain.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Settings that differ from the app's.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
}

/// A change of a tenant, member by member: a member that is given replaces the tenant's, `null` sets
/// it back to its default, and a member that is absent stays as it is.
///
/// `settings` is replaced as a whole; `set_settings` and `unset_settings` change single settings,
/// and are applied afterwards: first `unset_settings`, then `set_settings`. App, state and version
/// of the connector are not among the members.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({ "dialect": "entra", "unset_settings": ["organization"] }))]
pub struct TenantChange {
    /// How the identity provider deviates from the RFCs; `null` is `generic`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<Dialect>)]
    pub dialect: Option<Option<Dialect>>,
    /// Whether two groups may have the same `displayName`; `null`: as the dialect has it. Groups that
    /// share a name already keep it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<GroupNames>)]
    pub group_names: Option<Option<GroupNames>>,
    /// What becomes of a request that names an unknown member of a group; `null`: as the dialect has
    /// it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<UnknownMembers>)]
    pub unknown_members: Option<Option<UnknownMembers>>,
    /// How many requests in a second are answered; 0 is no limit; `null`: as the host's configuration has
    /// it.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<u32>, maximum = 1000000)]
    pub requests_per_second: Option<Option<u32>>,
    /// All e-mail domains of the tenant; `null` is none.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<Vec<String>>)]
    pub domains: Option<Option<Vec<String>>>,
    /// All settings of the tenant; `null` is no settings: the app's are used.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Option<Map<String, Value>>>,
    /// Settings to set, by name. The value `null` is kept as a value, and hides the app's.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub set_settings: Map<String, Value>,
    /// Names of settings to remove, so that the app's are used. One that is not set is ignored if the
    /// connector has it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unset_settings: Vec<String>,
    /// Only read, to refuse another app with a sentence that says why.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "stated")]
    #[schema(ignore)]
    pub app: Option<Option<String>>,
}

/// A token to create.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "expires": "2031-01-31T00:00:00Z" }))]
pub struct TokenSpec {
    /// The user name, if the identity provider uses Basic authentication; the token is its
    /// password. Without it, the token is a bearer token.
    #[schema(min_length = 1, max_length = 255, pattern = "^[^:\\x00-\\x1f\\x7f]+$")]
    pub user: Option<String>,
    /// The user of the tenant that `/Me` stands for, by SCIM id or `userName`. Without it, `/Me` is
    /// answered with 501.
    pub owner: Option<String>,
    /// When the token ends, RFC 3339: after now, and before 9999-12-31. Without it, the token is
    /// valid until it is revoked.
    #[schema(format = DateTime)]
    pub expires: Option<String>,
}

/// A new token. This answer is the only place where the token can be read.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewTenantToken {
    /// The id by which the token is listed and revoked.
    pub id: String,
    /// The secret that the identity provider presents.
    pub token: String,
    /// The address to which the identity provider sends its requests.
    pub base_url: String,
    /// The SCIM id of the user that `/Me` stands for.
    pub owner: Option<String>,
}

impl Configuration {
    /// Creates a tenant; 409 if there is one of this name.
    pub async fn create_tenant(&self, tenant: NewTenant) -> Result<(), Error> {
        valid_name("tenant", &tenant.id)?;
        let _one_at_a_time = self.lock().await;
        if self.store.tenant(&tenant.id).await?.is_some() {
            return Err(there_already("tenant", &tenant.id).into());
        }
        self.no_longer_removed(&tenant.id).await?;
        let snapshot = self.snapshot();
        let connector = snapshot.apps.get(&tenant.app).map(|app| &app.connector);
        self.settings_fit(&tenant.app, connector, &tenant.settings).await?;
        let row = TenantRow {
            id: tenant.id,
            app: tenant.app,
            dialect: tenant.dialect,
            group_names: tenant.group_names,
            unknown_members: tenant.unknown_members,
            requests_per_second: tenant.requests_per_second.map(valid_rate).transpose()?,
            state: TenantState::Connected,
            connector: None,
            previous: None,
            settings: Value::Object(tenant.settings).to_string(),
            domains: email_domain::stored(&tenant.domains)?,
            created: rfc3339(self.clock.now()),
        };
        self.store.retire_name(&row.id).await?;
        self.store.put_tenant(&row).await?;
        self.recount_tenants_of(&row.app).await?;
        Ok(self.reload_tenant(&row.id).await?)
    }

    /// Changes a tenant. Its app, its state and its connector stay, and what the change does not
    /// state.
    pub async fn set_tenant(&self, id: &str, change: TenantChange) -> Result<(), Error> {
        let _one_at_a_time = self.lock().await;
        let mut row = self.tenant_row(id).await?;
        if change.app.is_some_and(|app| app.as_ref() != Some(&row.app)) {
            return Err(keeps_its_app(&row).into());
        }
        let settings = serde_json::from_str(&row.settings)?;
        let settings =
            changed(settings, change.settings, &change.unset_settings, change.set_settings);
        let served = self.tenant(id).await?;
        let connector = served.as_ref().map(|tenant| &tenant.connector);
        self.settings_fit(&row.app, connector, &settings).await?;
        row.settings = Value::Object(settings).to_string();
        if let Some(dialect) = change.dialect {
            row.dialect = dialect.unwrap_or_default();
        }
        if let Some(rule) = change.group_names {
            row.group_names = rule;
        }
        if let Some(rule) = change.unknown_members {
            row.unknown_members = rule;
        }
        if let Some(rate) = change.requests_per_second {
            row.requests_per_second = rate.map(valid_rate).transpose()?;
        }
        if let Some(named) = change.domains {
            row.domains = email_domain::stored(&named.unwrap_or_default())?;
        }
        Ok(self.write_tenant(&row).await?)
    }

    /// Checks a tenant's settings over its app's by the connector's schema, if a connector decides.
    async fn settings_fit(
        &self,
        app: &str,
        connector: Option<&Result<Arc<Connector>, String>>,
        settings: &Map<String, Value>,
    ) -> Result<(), Error> {
        let app = self.app_row(app).await?;
        if let Some(Ok(connector)) = connector {
            let of_app = serde_json::from_str(&app.settings)?;
            check_settings(&connector.manifest, &merged(&of_app, settings.clone()))?;
        }
        Ok(())
    }

    /// Loads an app again if several tenants have begun to use it, or do no longer.
    async fn recount_tenants_of(&self, app: &str) -> anyhow::Result<()> {
        let known = self.snapshot().apps.get(app).map(|app| app.has_several_tenants);
        if known == Some(self.store.has_several_tenants(app).await?) {
            return Ok(());
        }
        self.reload_app(app).await
    }

    /// Removes a tenant that was disconnected, with its directory and its tokens. The rows of the directory
    /// are deleted by `removal.rs`.
    pub(in crate::lifecycle) async fn remove_tenant(&self, id: &str) -> Result<(), Error> {
        let _one_at_a_time = self.lock().await;
        let row = self.tenant_row(id).await?;
        if row.state != TenantState::Disconnected {
            return Err(scim::Error::new(
                409,
                format!("tenant {id} is {}; disconnect it first", row.state.name()),
            )
            .into());
        }
        // In steps, so that writes of other tenants do not wait for all of them.
        while self.store.drop_some_operations(id).await? {}
        self.store.remove_tenant(id).await?;
        self.tenants.remove(id);
        Ok(self.recount_tenants_of(&row.app).await?)
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

    /// Makes a token for a tenant.
    pub async fn add_token(&self, tenant: &str, spec: TokenSpec) -> Result<NewTenantToken, Error> {
        let now = rfc3339(self.clock.now());
        spec.user.as_deref().map_or(Ok(()), valid_user)?;
        let expires = spec.expires.map(|expires| end_of_token(&expires, &now)).transpose()?;
        // Two tokens at most: the count must still be true when the token is written.
        let _changing = self.lock().await;
        self.tenant_row(tenant).await?;
        self.room_for_token(tenant, &now).await?;
        let owner = match spec.owner {
            Some(named) => Some(self.owner(tenant, &named).await?),
            None => None,
        };
        let token = token::generate()?;
        self.store
            .add_credential(&CredentialRow {
                id: token.id.clone(),
                tenant: Some(tenant.to_owned()),
                kind: if spec.user.is_some() {
                    CredentialKind::Basic
                } else {
                    CredentialKind::Bearer
                },
                user: spec.user,
                owner: owner.clone(),
                hash: token.hash,
                created: now,
                expires,
                last_used: None,
                name: None,
                role: None,
            })
            .await?;
        self.reload_tenant(tenant).await?;
        let base_url = format!("{}/t/{tenant}/scim/v2", self.options.public_url);
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
        let by_id =
            self.store.resource(tenant, ResourceKind::User.name(), named, Related::None).await?;
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

fn valid_rate(per_second: u32) -> Result<u32, scim::Error> {
    const MOST: u32 = 1_000_000;
    if per_second > MOST {
        let detail = format!("requests_per_second is {per_second}: it must be 0 to {MOST}");
        return Err(scim::Error::new(422, detail));
    }
    Ok(per_second)
}

/// RFC 7617 §2: the first colon ends the user, and control characters are not allowed.
fn valid_user(user: &str) -> Result<(), scim::Error> {
    let wrong = |c: char| c == ':' || c.is_ascii_control();
    if user.is_empty() || user.chars().count() > 255 || user.contains(wrong) {
        return Err(scim::Error::new(
            422,
            format!("user {user:?}: use 1 to 255 characters without colons and control characters"),
        ));
    }
    Ok(())
}

fn keeps_its_app(row: &TenantRow) -> scim::Error {
    scim::Error::new(
        409,
        format!("tenant {} belongs to app {}; a tenant cannot change its app", row.id, row.app),
    )
}

/// The moment at which a new token ends.
pub(super) fn end_of_token(text: &str, now: &str) -> Result<String, scim::Error> {
    let refused = |why: &str| {
        let until_revoked = "without an end, a token is valid until it is revoked";
        scim::Error::new(422, format!("a token cannot end at {text:?}: {why}; {until_revoked}"))
    };
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        refused("give a time in RFC 3339, such as 2031-01-31T00:00:00Z, before 9999-12-31")
    })?;
    let at = rfc3339(at);
    if at.as_str() <= now {
        return Err(refused(&format!("the time is past, it is now {now}")));
    }
    Ok(at)
}
