//! What an operator can change, and its state as the audit log compares it.

use anyhow::Result;
use serde_json::Value;
use sqlx::sqlite::SqliteConnection;

/// A thing that an operator can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditSubject {
    /// An app, by name.
    App(String),
    /// A version of a connector, by digest.
    Connector(String),
    /// A job.
    Job {
        /// Its tenant.
        tenant: Option<String>,
        /// Its id.
        id: String,
    },
    /// An operation.
    Operation {
        /// Its tenant.
        tenant: String,
        /// Its id.
        id: String,
    },
    /// A person of a tenant.
    Person {
        /// The tenant.
        tenant: String,
        /// The SCIM id.
        id: String,
    },
    /// A tenant, by name.
    Tenant(String),
    /// A token.
    Token {
        /// Whose it is; none for an admin token.
        tenant: Option<String>,
        /// Its id.
        id: String,
    },
    /// The host key.
    HostKey,
}

impl AuditSubject {
    /// What it is.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::App(_) => "app",
            Self::Connector(_) => "connector",
            Self::Job { .. } => "job",
            Self::Operation { .. } => "operation",
            Self::Person { .. } => "person",
            Self::Tenant(_) => "tenant",
            Self::Token { tenant: Some(_), .. } => "token",
            Self::Token { tenant: None, .. } => "admin-token",
            Self::HostKey => "host-key",
        }
    }

    /// Its name or id.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::App(id)
            | Self::Connector(id)
            | Self::Tenant(id)
            | Self::Job { id, .. }
            | Self::Operation { id, .. }
            | Self::Person { id, .. }
            | Self::Token { id, .. } => id,
            Self::HostKey => "host.key",
        }
    }

    /// The tenant that it belongs to.
    pub(super) fn tenant(&self) -> Option<&str> {
        match self {
            Self::App(_) | Self::Connector(_) | Self::HostKey => None,
            Self::Tenant(tenant) | Self::Operation { tenant, .. } | Self::Person { tenant, .. } => {
                Some(tenant)
            }
            Self::Job { tenant, .. } | Self::Token { tenant, .. } => tenant.as_deref(),
        }
    }

    /// Its row as JSON; none if there is none.
    pub(super) async fn state(&self, connection: &mut SqliteConnection) -> Result<Option<Value>> {
        let sql = match self {
            Self::App(_) => {
                "SELECT json_object('connector', connector, 'previous', previous,
                     'settings', json(settings), 'endpoints', json(endpoints), 'reply', reply,
                     'limits', json(limits)) FROM app WHERE name = $1"
            }
            Self::Connector(_) => {
                "SELECT json_object('name', name, 'version', version, 'signer', signer,
                     'retired', retired) FROM connector WHERE digest = $1"
            }
            Self::Job { .. } => {
                "SELECT json_object('kind', kind, 'state', state, 'parameters', json(parameters))
                 FROM job WHERE id = $1"
            }
            Self::Tenant(_) => {
                "SELECT json_object('app', app, 'dialect', dialect, 'group_names', group_names,
                     'unknown_members', unknown_members, 'state', state, 'settings', json(settings),
                     'connector', connector, 'previous', previous) FROM tenant WHERE id = $1"
            }
            Self::Token { .. } => {
                "SELECT json_object('kind', kind, 'user', user_name, 'owner', owner, 'name', name,
                     'role', role, 'expires', expires) FROM credential WHERE id = $1"
            }
            // They are not in the configuration: what changes is stated with the change.
            Self::Operation { .. } | Self::Person { .. } | Self::HostKey => return Ok(None),
        };
        let found: Option<String> =
            sqlx::query_scalar(sql).bind(self.id()).fetch_optional(connection).await?;
        Ok(found.map(|text| serde_json::from_str(&text)).transpose()?)
    }
}
