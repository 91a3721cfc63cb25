//! A local environment: a server on loopback with the sample app, for `muster demo`, `muster dev` and
//! the system tests.
//!
//! It has one app for each embedded connector, whose endpoints are the sample app.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
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
use crate::delivery::OutboundRules;
use crate::http::Listeners;
use crate::lifecycle::{
    AdminTokenSpec, AppChange, BackOff, Error, Host, HostOptions, NewAdminToken, NewApp, NewTenant,
    NewTenantToken, Promotion, RequestRate, TenantChange, TokenSpec, snapshot::ReplyMode,
};
use crate::limits::LimitsSpec;
use crate::sample::Sample;
use crate::store::AdminRole;
use crate::{embedded, http, sample};

pub use crate::http::{Proxies, ServerOptions, Timeouts};

/// The configuration of a local environment.
#[derive(Clone, Debug)]
pub struct LocalEnvironmentConfig {
    /// The address that the server listens on.
    pub listen: SocketAddr,
    /// The data directory; a temporary one if there is none.
    pub data: Option<PathBuf>,
    /// The `muster` binary, which compiles connectors.
    pub compiler: PathBuf,
    /// The directory of compiled connectors, if it is not within the data directory.
    pub compiled: Option<PathBuf>,
    /// When the apps' identity providers get their responses.
    pub reply: ReplyMode,
    /// The longest that an identity provider waits for an outcome.
    pub answer_within: Duration,
    /// The host's clock.
    pub clock: Clock,
    /// The pause before a job retries the people who could not be finished.
    pub job_pause: Duration,
    /// The most operations of one tenant that may be open.
    pub open_operations: usize,
    /// How many requests of a tenant are answered.
    pub request_rate: RequestRate,
    /// The most bytes of a resource that an identity provider writes.
    pub largest_resource: usize,
    /// The pauses between the tries of an operation.
    pub back_off: BackOff,
    /// How long a grant is tried that no identity provider asks for again.
    pub grant_patience: Duration,
    /// The longest life of a call to an app.
    pub longest_call: Duration,
    /// The keys of which one must have signed a connector; none if connectors need no signature.
    pub trusted_keys: Keyring,
    /// The options of the HTTP server: without limits, if nothing else is said.
    pub server: ServerOptions,
}

/// A running server with the sample app.
#[derive(Debug)]
pub struct LocalEnvironment {
    /// The host.
    pub host: Arc<Host>,
    /// The sample app.
    pub sample: Sample,
    /// The URL of the sample app.
    pub app_url: String,
    /// The URL of the server.
    pub url: String,
    /// The bearer token that the sample app takes.
    pub app_token: String,
    reply: ReplyMode,
    stop: CancellationToken,
    serving: JoinHandle<()>,
    _folder: Option<TempDir>,
}

impl Default for LocalEnvironmentConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: None,
            compiler: super::this_program().unwrap_or_else(|_| "muster".into()),
            compiled: None,
            reply: ReplyMode::WhenDone,
            answer_within: Duration::from_secs(25),
            clock: Clock::system(),
            job_pause: Duration::from_secs(15),
            open_operations: 10_000,
            // Without a limit.
            request_rate: RequestRate::default(),
            largest_resource: 64 * 1024,
            back_off: BackOff::default(),
            grant_patience: Duration::from_secs(24 * 3600),
            longest_call: Duration::from_secs(120),
            trusted_keys: Keyring::default(),
            server: ServerOptions::default(),
        }
    }
}

impl LocalEnvironment {
    /// Starts the server and the sample app, pushes the embedded connectors, and makes one app for each.
    pub async fn start(config: LocalEnvironmentConfig) -> anyhow::Result<Self> {
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
                public_url: url.clone(),
                compiler: config.compiler,
                answer_within: config.answer_within,
                deciding_threads: 2,
                job_pause: config.job_pause,
                open_operations: config.open_operations,
                request_rate: config.request_rate,
                largest_resource: config.largest_resource,
                back_off: config.back_off,
                grant_patience: config.grant_patience,
                longest_call: config.longest_call,
                trusted_keys: config.trusted_keys,
                outbound: OutboundRules::of(&data).with_loopback(),
                data,
                simulated: None,
            },
            config.clock,
        )
        .await?;
        host.versions.push_embedded().await?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let listeners = Listeners { main: listener, admin: None };
        let serving =
            tokio::spawn(http::serve(Arc::clone(&host), listeners, config.server, stopped));
        let environment = Self {
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
            environment.app(connector.name, connector.name).await?;
        }
        Ok(environment)
    }

    /// Makes an app of this connector, whose endpoint is the sample app.
    pub async fn app(&self, name: &str, connector: &str) -> anyhow::Result<()> {
        self.app_with(name, connector, Map::new(), ["app"]).await
    }

    /// Makes an app of this connector with these settings, whose endpoints of these names are the sample
    /// app.
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
            shared: true,
        };
        into_anyhow(self.host.config.create_app(app).await)
    }

    /// Sets an existing app up as if it was just created: with data of an earlier start, the sample
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
        into_anyhow(self.host.versions.promote(name, &promotion).await).map(drop)
    }

    /// Makes a tenant that provisions into this organisation of the app, and a token for it.
    pub async fn tenant(
        &self,
        name: &str,
        app: &str,
        dialect: &str,
        organization: &str,
    ) -> anyhow::Result<NewTenantToken> {
        let dialect = dialect.parse().map_err(|_| anyhow!("no dialect is named {dialect}"))?;
        let mut settings = Map::new();
        if self.has_organization_setting(app) {
            settings.insert("organization".to_owned(), Value::String(organization.to_owned()));
        }
        if self.host.store.tenant(name).await?.is_some() {
            let change = TenantChange {
                dialect: Some(Some(dialect)),
                settings: Some(Some(settings)),
                ..TenantChange::default()
            };
            into_anyhow(self.host.config.set_tenant(name, change).await)?;
        } else {
            let tenant = NewTenant {
                id: name.to_owned(),
                app: app.to_owned(),
                dialect,
                group_names: None,
                unknown_members: None,
                requests_per_second: None,
                domains: Vec::new(),
                settings,
            };
            into_anyhow(self.host.config.create_tenant(tenant).await)?;
        }
        into_anyhow(self.host.config.add_token(name, TokenSpec::default()).await)
    }

    /// Whether the app's connector has the setting `organization`.
    fn has_organization_setting(&self, app: &str) -> bool {
        let snapshot = self.host.config.snapshot();
        let connector = snapshot.apps.get(app).and_then(|app| app.connector.as_ref().ok());
        connector.is_some_and(|it| it.manifest.settings["properties"]["organization"].is_object())
    }

    /// Revokes all tokens.
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
    pub async fn admin_token(&self) -> anyhow::Result<NewAdminToken> {
        let (name, role) = ("local environment".to_owned(), AdminRole::Configure);
        let spec = AdminTokenSpec { name, role, expires: None };
        into_anyhow(self.host.config.add_admin_token(spec).await)
    }

    /// Stops the server, which first finishes accepted requests.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.serving.await?)
    }
}

fn folder(data: Option<PathBuf>) -> anyhow::Result<(Option<TempDir>, PathBuf)> {
    if let Some(data) = data {
        return Ok((None, data));
    }
    let private = Permissions::from_mode(0o700);
    let folder = tempfile::Builder::new().prefix("muster-").permissions(private).tempdir()?;
    let data = Path::to_owned(folder.path());
    Ok((Some(folder), data))
}

/// The error of a call into the host as text, without the distinction between client errors and
/// internal errors, which only a SCIM response needs.
pub(super) fn into_anyhow<T>(result: Result<T, Error>) -> anyhow::Result<T> {
    result.map_err(|fault| match fault {
        Error::Client(error) => anyhow!("{}", error.detail),
        Error::Internal(error) => error,
    })
}
