//! Connectors of the caller's own in `muster dev`: each gets an app and a tenant of its name, with
//! the sample app behind each of its endpoints.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::cli::output;
use crate::cli::stage::{Stage, said};
use crate::cli::watch::{Came, Found, News, Watch, tidy};
use crate::connector::Connector;
use crate::embedded;
use crate::lifecycle::snapshot::LoadedApp;
use crate::lifecycle::{ConnectorVersion, Promoted, Promotion, Pushed};

/// What is told of a tenant.
const COLUMNS: [(&str, &str); 3] =
    [("tenant", "tenant"), ("base URL", "base_url"), ("token", "token")];

/// The caller's connectors.
pub(super) struct Own<'a> {
    pub(super) stage: &'a Stage,
    pub(super) settings: Option<PathBuf>,
    pub(super) dialect: String,
    pub(super) json: bool,
    /// Their tenants so far, as they are told.
    pub(super) tenants: Vec<Value>,
}

impl Own<'_> {
    /// Puts a connector's file to work.
    pub(super) async fn load(&mut self, file: &Path) -> anyhow::Result<()> {
        let wasm = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let pushed = said(self.stage.host.versions.push_build(wasm).await)?;
        self.adopt(&pushed).await.map(drop)
    }

    /// Puts to work what a watched folder holds; what is to be told of it, later.
    pub(super) async fn first(&mut self, watch: &mut Watch) -> Vec<News> {
        let found = watch.first(&self.stage.host).await;
        let mut news = Vec::new();
        for found in found {
            news.extend(self.news(found).await);
        }
        news
    }

    /// Puts to work whatever changes in a watched folder, and tells. It does not end.
    pub(super) async fn follow(&mut self, watch: &mut Watch) {
        loop {
            for found in watch.next(&self.stage.host).await {
                let known = self.tenants.len();
                let news = self.news(found).await;
                watch.tell(news.as_ref());
                for tenant in &self.tenants[known..] {
                    if self.json {
                        anstream::println!("{tenant}");
                    } else {
                        table(&json!([tenant]));
                    }
                }
            }
        }
    }

    async fn news(&mut self, found: Found) -> Option<News> {
        let build = match found {
            Found::News(news) => return Some(news),
            Found::Build(build) => build,
        };
        let came = match self.adopt(&build.pushed).await {
            Ok(promoted) => promoted.map(|it| Came::Promoted(Box::new(it))),
            Err(error) => {
                let app = build.pushed.manifest.name.clone();
                Some(Came::Refused { app, error: format!("{error:#}") })
            }
        };
        came.and_then(|came| build.news(vec![came]))
    }

    /// Lets it decide for the app of its name, which is made where it is not there. What that
    /// changed; none where it decided already.
    async fn adopt(&mut self, pushed: &Pushed) -> anyhow::Result<Option<Promoted>> {
        let (name, host) = (&pushed.manifest.name, &self.stage.host);
        let taken = embedded::CONNECTORS.iter().any(|connector| connector.name == *name);
        anyhow::ensure!(!taken, "{name} is the name of an embedded connector; give yours another");
        let app = host.config.snapshot().apps.get(name).cloned();
        let before = app.as_ref().and_then(|app| app.connector.as_ref().ok());
        if before.is_some_and(|before| before.digest == pushed.digest) {
            self.tenant(name).await?;
            return Ok(None);
        }
        let reaches = |app: &Arc<LoadedApp>| {
            pushed.manifest.endpoints.iter().all(|it| app.endpoints.contains_key(&it.name))
        };
        let promoted = match &app {
            // What was set there since, by `muster app set` say, stays.
            Some(app) if self.settings.is_none() && reaches(app) => {
                let connector = pushed.digest.clone();
                let promotion = Promotion { connector, accept: true, ..Promotion::default() };
                said(host.versions.promote(name, &promotion).await)?
            }
            _ => self.put(pushed, before).await?,
        };
        tidy(host, pushed).await;
        self.tenant(name).await?;
        Ok(Some(promoted))
    }

    /// Makes the app, or sets it up for what its connector asks for now.
    async fn put(
        &self,
        pushed: &Pushed,
        before: Option<&Arc<Connector>>,
    ) -> anyhow::Result<Promoted> {
        let Pushed { digest, manifest, .. } = pushed;
        let endpoints = manifest.endpoints.iter().map(|it| it.name.as_str());
        self.stage.app_with(&manifest.name, digest, self.settings()?, endpoints).await?;
        let changes = before.map(|before| manifest.changes_since(&before.manifest));
        let mut versions = self.stage.host.versions.by_digest().await?;
        Ok(Promoted {
            app: manifest.name.clone(),
            tenants: Vec::new(),
            connector: ConnectorVersion::from(pushed),
            before: before.and_then(|before| versions.remove(&before.digest)),
            ended: Vec::new(),
            changes: changes.unwrap_or_default(),
        })
    }

    /// Makes the tenant of a connector that has none yet.
    async fn tenant(&mut self, name: &str) -> anyhow::Result<()> {
        if !self.tenants.iter().any(|tenant| tenant["tenant"] == name) {
            self.tenants.push(tenant(self.stage, name, &self.dialect).await?);
        }
        Ok(())
    }

    /// Read for each build, since both are written at the same time.
    fn settings(&self) -> anyhow::Result<Map<String, Value>> {
        let Some(path) = &self.settings else { return Ok(Map::new()) };
        let read = || -> anyhow::Result<_> { Ok(serde_json::from_slice(&fs::read(path)?)?) };
        read().with_context(|| format!("the settings in {}", path.display()))
    }
}

/// Makes a tenant of a connector's app, and says what its identity provider needs.
pub(super) async fn tenant(stage: &Stage, name: &str, dialect: &str) -> anyhow::Result<Value> {
    let token = stage.tenant(name, name, dialect, "acme").await?;
    Ok(json!({
        "tenant": name,
        "connector": name,
        "base_url": token.base_url,
        "token": token.token,
    }))
}

/// Prints tenants for people.
pub(super) fn table(tenants: &Value) {
    output::table(tenants, &COLUMNS);
}
