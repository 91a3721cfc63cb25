//! The user's connectors in `muster dev`: each gets an app and a tenant of its name, whose endpoints are
//! the sample app.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::cli::local_environment::{LocalEnvironment, into_anyhow};
use crate::cli::output;
use crate::cli::watch::{AppUpdate, Detected, FolderWatch, WatchEvent, retire_replaced_builds};
use crate::connector::Connector;
use crate::embedded;
use crate::lifecycle::snapshot::LoadedApp;
use crate::lifecycle::{ConnectorVersion, Promoted, Promotion, Pushed};
use crate::terminal;

/// The columns of the table of tenants.
const COLUMNS: [(&str, &str); 3] =
    [("tenant", "tenant"), ("base URL", "base_url"), ("token", "token")];

/// The user's connectors.
pub(super) struct UserConnectors<'a> {
    pub(super) environment: &'a LocalEnvironment,
    pub(super) settings: Option<PathBuf>,
    pub(super) dialect: String,
    pub(super) json: bool,
    /// The tenants made so far, as JSON for the output.
    pub(super) tenants: Vec<Value>,
}

impl UserConnectors<'_> {
    /// Loads a connector's file, and makes its app and tenant.
    pub(super) async fn load(&mut self, file: &Path) -> anyhow::Result<()> {
        let wasm = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let pushed = into_anyhow(self.environment.host.versions.push_build(wasm).await)?;
        self.install(&pushed).await.map(drop)
    }

    /// Loads the files that a watched folder holds at the start. Returns the events to print.
    pub(super) async fn load_folder(&mut self, watch: &mut FolderWatch) -> Vec<WatchEvent> {
        let detected = watch.first(&self.environment.host).await;
        let mut events = Vec::new();
        for detected in detected {
            events.extend(self.event(detected).await);
        }
        events
    }

    /// Loads files of a watched folder whenever they change, and prints the events. It does not return.
    pub(super) async fn follow(&mut self, watch: &mut FolderWatch) {
        loop {
            for detected in watch.next(&self.environment.host).await {
                let known = self.tenants.len();
                let event = self.event(detected).await;
                watch.print(event.as_ref());
                for tenant in &self.tenants[known..] {
                    if self.json {
                        terminal::println!("{tenant}");
                    } else {
                        table(&json!([tenant]));
                    }
                }
            }
        }
    }

    async fn event(&mut self, detected: Detected) -> Option<WatchEvent> {
        let build = match detected {
            Detected::Event(event) => return Some(event),
            Detected::Build(build) => build,
        };
        let update = match self.install(&build.pushed).await {
            Ok(promoted) => promoted.map(|it| AppUpdate::Promoted(Box::new(it))),
            Err(error) => {
                let app = build.pushed.manifest.name.clone();
                Some(AppUpdate::Refused { app, error: format!("{error:#}") })
            }
        };
        update.and_then(|update| build.event(vec![update]))
    }

    /// Promotes a version for the app of its name, which is made if it does not exist. Returns the
    /// promotion; none if the app uses this version already.
    async fn install(&mut self, pushed: &Pushed) -> anyhow::Result<Option<Promoted>> {
        let (name, host) = (&pushed.manifest.name, &self.environment.host);
        let taken = embedded::CONNECTORS.iter().any(|connector| connector.name == *name);
        anyhow::ensure!(!taken, "{name} is the name of an embedded connector; give yours another");
        let app = host.config.snapshot().apps.get(name).cloned();
        let before = app.as_ref().and_then(|app| app.connector.as_ref().ok());
        if before.is_some_and(|before| before.digest == pushed.digest) {
            self.tenant(name).await?;
            return Ok(None);
        }
        let has_endpoints = |app: &Arc<LoadedApp>| {
            pushed.manifest.endpoints.iter().all(|it| app.endpoints.contains_key(&it.name))
        };
        let promoted = match &app {
            // Settings that `muster app set` has made since then are kept.
            Some(app) if self.settings.is_none() && has_endpoints(app) => {
                let connector = pushed.digest.clone();
                let promotion = Promotion { connector, accept: true, ..Promotion::default() };
                into_anyhow(host.versions.promote(name, &promotion).await)?
            }
            _ => self.put_app(pushed, before).await?,
        };
        retire_replaced_builds(host, pushed).await;
        self.tenant(name).await?;
        Ok(Some(promoted))
    }

    /// Makes the app, or sets it up again for this version's endpoints and the settings.
    async fn put_app(
        &self,
        pushed: &Pushed,
        before: Option<&Arc<Connector>>,
    ) -> anyhow::Result<Promoted> {
        let Pushed { digest, manifest, .. } = pushed;
        let endpoints = manifest.endpoints.iter().map(|it| it.name.as_str());
        self.environment.app_with(&manifest.name, digest, self.settings()?, endpoints).await?;
        let changes = before.map(|before| manifest.changes_since(&before.manifest));
        let mut versions = self.environment.host.versions.by_digest().await?;
        Ok(Promoted {
            app: manifest.name.clone(),
            tenants: Vec::new(),
            connector: ConnectorVersion::from(pushed),
            before: before.and_then(|before| versions.remove(&before.digest)),
            ended: Vec::new(),
            changes: changes.unwrap_or_default(),
        })
    }

    /// Makes the connector's tenant, unless it has one.
    async fn tenant(&mut self, name: &str) -> anyhow::Result<()> {
        if !self.tenants.iter().any(|tenant| tenant["tenant"] == name) {
            self.tenants.push(tenant(self.environment, name, &self.dialect).await?);
        }
        Ok(())
    }

    /// The settings, read again for each build, since authors edit them together with the connector.
    fn settings(&self) -> anyhow::Result<Map<String, Value>> {
        let Some(path) = &self.settings else { return Ok(Map::new()) };
        let read = || -> anyhow::Result<_> { Ok(serde_json::from_slice(&fs::read(path)?)?) };
        read().with_context(|| format!("the settings in {}", path.display()))
    }
}

/// Makes a tenant of a connector's app. Returns its name, base URL and token as JSON.
pub(super) async fn tenant(
    environment: &LocalEnvironment,
    name: &str,
    dialect: &str,
) -> anyhow::Result<Value> {
    let token = environment.tenant(name, name, dialect, "acme").await?;
    Ok(json!({
        "tenant": name,
        "connector": name,
        "base_url": token.base_url,
        "token": token.token,
    }))
}

/// Prints tenants as a table.
pub(super) fn table(tenants: &Value) {
    output::table(tenants, &COLUMNS);
}
