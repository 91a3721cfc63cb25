//! A whole house on loopback: a host, the sample app beside it, tenants on the embedded
//! connectors. What `muster demo`, `muster dev` and the system tests stand on.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::connector::Keyring;
use crate::lifecycle::{
    AppChange, Error, Host, HostOptions, NewApp, NewTenant, NewTenantToken, Promotion,
    TenantChange, TokenSpec, snapshot::ReplyMode,
};
use crate::limits::LimitsSpec;
use crate::sample::Sample;
use crate::{embedded, http, sample};

pub use crate::http::Patience;

/// What a stage is set up with.
#[derive(Clone, Debug)]
pub struct StageConfig {
    /// Where the host listens.
    pub listen: SocketAddr,
    /// Where it keeps its data; a temporary directory without.
    pub data: Option<PathBuf>,
    /// The `muster` binary, which compiles connectors.
    pub compiler: PathBuf,
    /// Where compiled connectors are kept from one stage to the next.
    pub compiled: Option<PathBuf>,
    /// When identity providers are answered.
    pub reply: ReplyMode,
    /// How long an identity provider waits at most.
    pub answer_within: Duration,
    /// How long a disconnect waits before it turns again to those who could not be let go.
    pub job_pause: Duration,
    /// How many operations of one tenant may be open.
    pub open_operations: usize,
    /// Whose connectors are loaded; anybody's where it is empty.
    pub trusted_keys: Keyring,
    /// How long clients are waited for, and the host's end.
    pub patience: Patience,
}

/// A host that serves, with the sample app beside it.
#[derive(Debug)]
pub struct Stage {
    /// The host.
    pub host: Arc<Host>,
    /// The sample app.
    pub sample: Sample,
    /// Where the sample app is.
    pub app_url: String,
    /// Where the host is.
    pub url: String,
    reply: ReplyMode,
    app_token: String,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    _folder: Option<TempDir>,
}

impl Default for StageConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: None,
            compiler: super::this_program().unwrap_or_else(|_| "muster".into()),
            compiled: None,
            reply: ReplyMode::WhenDone,
            answer_within: Duration::from_secs(25),
            job_pause: Duration::from_secs(15),
            open_operations: 10_000,
            trusted_keys: Keyring::default(),
            patience: Patience::default(),
        }
    }
}

impl Stage {
    /// Starts both, with the embedded connectors pushed and one app for each of them.
    pub async fn start(config: StageConfig) -> anyhow::Result<Self> {
        let (folder, data) = folder(config.data)?;
        let app_token = "sample-app-token".to_owned();
        let app_listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let app_url = format!("http://{}", app_listener.local_addr()?);
        let sample = sample::serve(app_listener, app_token.clone())?;
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("listening on {}", config.listen))?;
        let url = format!("http://{}", listener.local_addr()?);
        let host = Host::open(
            HostOptions {
                compiled: config.compiled.unwrap_or_else(|| data.join("compiled")),
                data,
                public_url: url.clone(),
                compiler: config.compiler,
                answer_within: config.answer_within,
                deciding_threads: 2,
                job_pause: config.job_pause,
                open_operations: config.open_operations,
                trusted_keys: config.trusted_keys,
            },
            Clock::system(),
        )
        .await?;
        host.versions.push_embedded().await?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let serving =
            tokio::spawn(http::serve(Arc::clone(&host), listener, config.patience, stopped));
        let stage = Self {
            host,
            sample,
            app_url,
            url,
            reply: config.reply,
            app_token,
            stop,
            serving,
            _folder: folder,
        };
        for connector in &embedded::CONNECTORS {
            stage.app(connector.name, connector.name).await?;
        }
        Ok(stage)
    }

    /// Makes an app that a connector decides for, with the sample app behind it.
    pub async fn app(&self, name: &str, connector: &str) -> anyhow::Result<()> {
        self.app_with(name, connector, Map::new(), ["app"]).await
    }

    /// The same with settings, and the sample app behind each of these endpoints.
    pub async fn app_with(
        &self,
        name: &str,
        connector: &str,
        settings: Map<String, Value>,
        endpoints: impl IntoIterator<Item = &str>,
    ) -> anyhow::Result<()> {
        let endpoint = json!({
            "base_url": self.app_url,
            "auth": { "bearer": { "value": self.app_token } },
            "private_addresses": true,
        });
        let endpoints = endpoints.into_iter().map(|name| (name.to_owned(), endpoint.clone()));
        let endpoints = endpoints.collect();
        if self.host.config.snapshot().apps.contains_key(name) {
            return self.set_up_again(name, connector, settings, endpoints).await;
        }
        let app = NewApp {
            name: name.to_owned(),
            connector: connector.to_owned(),
            settings,
            endpoints,
            reply: self.reply,
            limits: LimitsSpec::default(),
        };
        said(self.host.config.create_app(app).await)
    }

    /// Sets an app up as if it was just created. The data may be from an earlier start, whose sample
    /// app had another address.
    async fn set_up_again(
        &self,
        name: &str,
        connector: &str,
        settings: Map<String, Value>,
        endpoints: Map<String, Value>,
    ) -> anyhow::Result<()> {
        let change = AppChange {
            settings: Some(Some(settings)),
            endpoints: Some(Some(endpoints)),
            reply: Some(Some(self.reply)),
            limits: Some(None),
            ..AppChange::default()
        };
        let promotion = Promotion {
            connector: connector.to_owned(),
            accept: true,
            set: Some(change),
            ..Promotion::default()
        };
        said(self.host.versions.promote(name, &promotion).await).map(drop)
    }

    /// Makes a tenant whose people go to this organisation of the app, and a token for it.
    pub async fn tenant(
        &self,
        name: &str,
        app: &str,
        dialect: &str,
        organization: &str,
    ) -> anyhow::Result<NewTenantToken> {
        let dialect = dialect.parse().map_err(|_| anyhow!("no dialect is named {dialect}"))?;
        let mut settings = Map::new();
        if self.knows_organizations(app) {
            settings.insert("organization".to_owned(), Value::String(organization.to_owned()));
        }
        if self.host.store.tenant(name).await?.is_some() {
            let change = TenantChange {
                dialect: Some(Some(dialect)),
                settings: Some(Some(settings)),
                ..TenantChange::default()
            };
            said(self.host.config.set_tenant(name, change).await)?;
        } else {
            let (id, app) = (name.to_owned(), app.to_owned());
            said(self.host.config.create_tenant(NewTenant { id, app, dialect, settings }).await)?;
        }
        said(self.host.config.add_token(Some(name), TokenSpec::default()).await)
    }

    /// Whether the settings of an app's connector have an organisation.
    fn knows_organizations(&self, app: &str) -> bool {
        let snapshot = self.host.config.snapshot();
        let connector = snapshot.apps.get(app).and_then(|app| app.connector.as_ref().ok());
        connector.is_some_and(|it| it.manifest.settings["properties"]["organization"].is_object())
    }

    /// Ends every token that there is.
    pub async fn revoke_all(&self) -> anyhow::Result<()> {
        let mut tenants = BTreeSet::new();
        for token in self.host.store.credentials().await? {
            self.host.store.revoke_credential(&token.id).await?;
            tenants.extend(token.tenant);
        }
        for tenant in tenants {
            self.host.config.reload_tenant(&tenant).await?;
        }
        self.host.config.reload_operator_tokens().await
    }

    /// A token for the admin API.
    pub async fn admin_token(&self) -> anyhow::Result<NewTenantToken> {
        said(self.host.config.add_token(None, TokenSpec::default()).await)
    }

    /// Stops serving and finishes what was accepted.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.serving.await?)
    }
}

fn folder(data: Option<PathBuf>) -> anyhow::Result<(Option<TempDir>, PathBuf)> {
    if let Some(data) = data {
        return Ok((None, data));
    }
    let folder = tempfile::Builder::new().prefix("muster-").tempdir()?;
    let data = Path::to_owned(folder.path());
    Ok((Some(folder), data))
}

/// On a stage nobody reads SCIM errors: both kinds of failure are accidents.
pub(super) fn said<T>(result: Result<T, Error>) -> anyhow::Result<T> {
    result.map_err(|fault| match fault {
        Error::Client(error) => anyhow!("{}", error.detail),
        Error::Internal(error) => error,
    })
}
