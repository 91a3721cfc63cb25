//! The client of a host's admin API: finds the host and the admin token, sends the request, and returns the
//! answer as the type that the command expects, or the host's words as an error.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use crate::admin_api::{ErrorBody, JobQuery, MAX_LIMIT, OperationQuery, Page, PageQuery};
use crate::lifecycle::BOOTSTRAP_TOKEN;
use crate::terminal::shown;

/// Where the host is if it is not said.
const DEFAULT_HOST: &str = "http://127.0.0.1:8080";

/// The host that the command is for.
#[derive(Args, Clone, Debug)]
pub(super) struct Admin {
    /// The address of the host [default: `http://127.0.0.1:8080`].
    #[arg(long, global = true, env = "MUSTER_URL", value_name = "URL")]
    url: Option<String>,
    /// The admin token. By default the one in the data directory is used.
    #[arg(
        long,
        global = true,
        env = "MUSTER_ADMIN_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    admin_token: Option<String>,
    /// The data directory of the host, from which the admin token is read [default: muster-data].
    #[arg(long, global = true, env = "MUSTER_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

/// How many names a message lists.
const NAMED_AT_MOST: usize = 20;

/// What a list is filtered by: a name, if one is given, and the list of all that have one.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    what: &'static str,
    name: Option<&'a str>,
    path: &'static str,
    /// The member of an item that is its name.
    member: &'static str,
}

impl<'a> Named<'a> {
    const TENANT: &'static str = "tenant";

    pub(super) fn app(name: Option<&'a str>) -> Self {
        Self { what: "app", name, path: "/apps", member: "name" }
    }

    pub(super) fn connector(name: Option<&'a str>) -> Self {
        Self { what: "connector", name, path: "/connectors", member: "name" }
    }

    pub(super) fn tenant(name: Option<&'a str>) -> Self {
        Self { what: Self::TENANT, name, path: "/tenants", member: "id" }
    }
}

/// The body of a request.
enum Body {
    None,
    Json(String),
    Wasm(Vec<u8>),
}

impl Admin {
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::GET, path, Body::None).await
    }

    /// Every item of a list, or at most so many: all pages as one.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: &impl Serialize,
        limit: Option<u32>,
    ) -> anyhow::Result<Page<T>> {
        let mut all = Page { items: Vec::new(), next: None };
        loop {
            let left = limit.map_or(usize::MAX, |limit| limit as usize - all.items.len());
            let size = u32::try_from(left).unwrap_or(MAX_LIMIT).min(MAX_LIMIT);
            let page = PageQuery { limit: Some(size), cursor: all.next.take() };
            let query = query(&page, filter)?;
            let mut page: Page<T> = self.get(&format!("{path}?{query}")).await?;
            all.items.append(&mut page.items);
            all.next = page.next;
            if all.next.is_none() || limit.is_some_and(|limit| all.items.len() >= limit as usize) {
                return Ok(all);
            }
        }
    }

    /// The same list, if it has an item or what it is filtered by exists. A name that was mistyped has
    /// no items, and must not look as if all were well; what was removed may have some.
    pub(super) async fn list_of<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: &impl Serialize,
        limit: Option<u32>,
        of: &[Named<'_>],
    ) -> anyhow::Result<Page<T>> {
        let page = self.list(path, filter, limit).await?;
        if page.items.is_empty() {
            for named in of {
                self.check_exists(named).await?;
            }
        }
        Ok(page)
    }

    async fn check_exists(&self, named: &Named<'_>) -> anyhow::Result<()> {
        let Named { what, name: Some(name), path, member } = *named else { return Ok(()) };
        if self.get::<Value>(&format!("{path}/{}", segment(name))).await.is_ok() {
            return Ok(());
        }
        if what == Named::TENANT {
            // The operations and jobs of a tenant outlive it.
            let tenant = Some(name.to_owned());
            let operations = OperationQuery { tenant: tenant.clone(), ..OperationQuery::default() };
            let jobs = JobQuery { tenant, ..JobQuery::default() };
            if self.has_any("/operations", &operations).await?
                || self.has_any("/jobs", &jobs).await?
            {
                return Ok(());
            }
        }
        let all: Page<Value> = self.list(path, &(), Some(MAX_LIMIT)).await?;
        let mut known: Vec<&str> = all.items.iter().filter_map(|it| it[member].as_str()).collect();
        known.sort_by_key(|it| (strsim::damerau_levenshtein(it, name), *it));
        known.dedup();
        let more = if known.len() > NAMED_AT_MOST { ", …" } else { "" };
        known.truncate(NAMED_AT_MOST);
        match known.as_slice() {
            [first, ..] if *first == name => Ok(()),
            [] => bail!("no {what} {name}; there is none"),
            known => bail!("no {what} {name}; there are: {}{more}", known.join(", ")),
        }
    }

    async fn has_any(&self, path: &str, filter: &impl Serialize) -> anyhow::Result<bool> {
        let first: Page<Value> = self.list(path, filter, Some(1)).await?;
        Ok(!first.items.is_empty())
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.call(Method::POST, path, Body::Json(serde_json::to_string(body)?)).await
    }

    /// Posts without a body.
    pub(super) async fn act<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.call(Method::POST, path, Body::None).await
    }

    /// Posts a connector.
    pub(super) async fn push<T: DeserializeOwned>(
        &self,
        path: &str,
        wasm: Vec<u8>,
    ) -> anyhow::Result<T> {
        self.call(Method::POST, path, Body::Wasm(wasm)).await
    }

    pub(super) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.call(Method::PATCH, path, Body::Json(serde_json::to_string(body)?)).await
    }

    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.call(Method::DELETE, path, Body::None).await
    }

    /// Calls the admin API. A refusal becomes an error with the words of the host.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> anyhow::Result<T> {
        let response = self.send(method, path, body).await?;
        let text = self.accepted(response).await?.text().await?;
        let text = if text.is_empty() { "null" } else { &text };
        serde_json::from_str(text).with_context(|| self.other_version())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> anyhow::Result<reqwest::Response> {
        let token = self.token()?;
        let host = self.host();
        anyhow::ensure!(
            host.starts_with("http://") || host.starts_with("https://"),
            "{host:?} ({}) is not the address of a host: it must begin with http:// or https://",
            origin("--url", "MUSTER_URL", self.url.as_deref()),
        );
        let url = format!("{}/admin/v1{path}", host.trim_end_matches('/'));
        let request = client()?.request(method, &url).bearer_auth(token);
        let request = match body {
            Body::None => request,
            Body::Json(text) => request.header("content-type", "application/json").body(text),
            Body::Wasm(bytes) => request
                .header("content-type", "application/wasm")
                .header("content-digest", content_digest(&bytes))
                .body(bytes),
        };
        request.send().await.with_context(|| {
            format!(
                "no host answers at {host} ({}); is `muster serve` running, and is this its address? \
                 --url or MUSTER_URL gives another one; muster.toml is read by `muster serve` only",
                origin("--url", "MUSTER_URL", self.url.as_deref()),
            )
        })
    }

    /// The address of the host.
    fn host(&self) -> &str {
        self.url.as_deref().unwrap_or(DEFAULT_HOST)
    }

    async fn accepted(&self, response: reqwest::Response) -> anyhow::Result<reqwest::Response> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        match serde_json::from_str::<ErrorBody>(&response.text().await?) {
            Ok(error) if status == StatusCode::UNAUTHORIZED => {
                bail!("{}; the admin token is {}", shown(&error.detail), self.token_origin())
            }
            Ok(error) => bail!("{}", shown(&error.detail)),
            Err(_) => bail!("{} answered {status}; is it a muster host?", self.host()),
        }
    }

    /// Posts, and hands over each line of the answer, a JSON text, as soon as it arrives.
    pub(super) async fn lines<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        mut line: impl FnMut(T) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let body = Body::Json(serde_json::to_string(body)?);
        let response = self.send(Method::POST, path, body).await?;
        let mut response = self.accepted(response).await?;
        let mut rest = Vec::new();
        while let Some(chunk) = response.chunk().await.context("the host closed the connection")? {
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let whole: Vec<u8> = rest.drain(..=end).collect();
                line(serde_json::from_slice(&whole).with_context(|| self.other_version())?)?;
            }
        }
        Ok(())
    }

    fn other_version(&self) -> String {
        format!("the answer of {} cannot be read; is it of another version of muster?", self.host())
    }

    fn token(&self) -> anyhow::Result<String> {
        if let Some(token) = &self.admin_token {
            return Ok(token.clone());
        }
        let path = self.token_file();
        read_token(&path).with_context(|| {
            let given = self.data.as_ref().and_then(|data| data.to_str());
            format!(
                "no admin token in {} (the directory is {}): give the host's data directory by --data \
                 or MUSTER_DATA, or the token by --admin-token or MUSTER_ADMIN_TOKEN; muster.toml is \
                 read by `muster serve` only",
                path.display(),
                origin("--data", "MUSTER_DATA", given),
            )
        })
    }

    fn token_file(&self) -> PathBuf {
        self.data.as_deref().unwrap_or_else(|| Path::new("muster-data")).join(BOOTSTRAP_TOKEN)
    }

    /// Where the admin token came from.
    fn token_origin(&self) -> String {
        match self.admin_token.as_deref() {
            None => format!("the one in {}", self.token_file().display()),
            token => origin("--admin-token", "MUSTER_ADMIN_TOKEN", token),
        }
    }
}

/// Where the value of an option came from.
fn origin(option: &str, variable: &str, value: Option<&str>) -> String {
    match value {
        None => "the default".to_owned(),
        Some(value) if std::env::var(variable).is_ok_and(|it| it == value) => {
            format!("from {variable}")
        }
        Some(_) => format!("from {option}"),
    }
}

/// The parameters of a list.
fn query(page: &PageQuery, filter: &impl Serialize) -> anyhow::Result<String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for parameters in [serde_json::to_value(page)?, serde_json::to_value(filter)?] {
        for (name, value) in parameters.as_object().into_iter().flatten() {
            match value {
                Value::String(text) => query.append_pair(name, text),
                other => query.append_pair(name, &other.to_string()),
            };
        }
    }
    Ok(query.finish())
}

/// RFC 9530: the host refuses a file that was cut or changed on its way.
fn content_digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)))
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(path)?.trim().to_owned())
}

/// An HTTP client for the command line.
pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    // If a provider is installed already, it serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    Ok(reqwest::Client::builder().build()?)
}

/// Percent-encodes one segment of a path.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
