//! The client of a host's admin API.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The file in the data directory that holds the first admin token.
pub(super) const TOKEN_FILE: &str = "admin.token";

/// Which host to talk to.
#[derive(Args, Clone, Debug)]
pub(super) struct Admin {
    /// The host's address.
    #[arg(
        long,
        global = true,
        env = "MUSTER_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    url: String,
    /// The admin token; without it, the one in the data directory is used.
    #[arg(
        long,
        global = true,
        env = "MUSTER_ADMIN_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    admin_token: Option<String>,
    /// The data directory, for its admin token.
    #[arg(
        long,
        global = true,
        env = "MUSTER_DATA",
        default_value = "muster-data",
        value_name = "DIR"
    )]
    data: PathBuf,
}

/// A JSON body.
pub(super) enum Body {
    None,
    Json(Value),
    Bytes(Vec<u8>),
}

impl Admin {
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, Body::None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Body::Json(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::PUT, path, Body::Json(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::DELETE, path, Body::None).await
    }

    /// Calls the admin API; an answer that says no becomes an error with its own words.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> anyhow::Result<Value> {
        let response = self.send(method, path, body).await?;
        self.read(response).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> anyhow::Result<reqwest::Response> {
        let token = self.token()?;
        let url = format!("{}/admin/v1{path}", self.url.trim_end_matches('/'));
        let request = client()?.request(method, &url).bearer_auth(token);
        let request = match body {
            Body::None => request,
            Body::Json(value) => {
                request.header("content-type", "application/json").body(value.to_string())
            }
            Body::Bytes(bytes) => request
                .header("content-type", "application/wasm")
                .header("content-digest", content_digest(&bytes))
                .body(bytes),
        };
        request.send().await.with_context(|| {
            format!("no host answers at {}; is `muster serve` running? --url says where", self.url)
        })
    }

    async fn read(&self, response: reqwest::Response) -> anyhow::Result<Value> {
        let status = response.status();
        let text = response.text().await?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        match value["detail"].as_str() {
            Some(detail) => bail!("{detail}"),
            None => bail!("{} answered {status}; is it a muster host?", self.url),
        }
    }

    /// Calls what answers line by line, each line JSON, and hands each of them over as it comes.
    pub(super) async fn lines(
        &self,
        path: &str,
        body: Value,
        mut line: impl FnMut(Value) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut response = self.send(Method::POST, path, Body::Json(body)).await?;
        if !response.status().is_success() {
            self.read(response).await?;
            return Ok(());
        }
        let mut rest = Vec::new();
        while let Some(chunk) = response.chunk().await.context("the host hung up")? {
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let whole: Vec<u8> = rest.drain(..=end).collect();
                line(serde_json::from_slice(&whole).context("the host's answer is no JSON")?)?;
            }
        }
        Ok(())
    }

    fn token(&self) -> anyhow::Result<String> {
        if let Some(token) = &self.admin_token {
            return Ok(token.clone());
        }
        let path = self.data.join(TOKEN_FILE);
        read_token(&path).with_context(|| {
            format!(
                "no admin token: give --admin-token or MUSTER_ADMIN_TOKEN, or run where {} is",
                path.display()
            )
        })
    }
}

/// RFC 9530: so that what was cut or changed on its way is not taken for a connector.
fn content_digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)))
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(path)?.trim().to_owned())
}

/// An HTTP client for the command line.
pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    // Somebody else in the process may have chosen a provider already, which serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    Ok(reqwest::Client::builder().build()?)
}

/// Percent-encodes one segment of a path.
pub(super) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
