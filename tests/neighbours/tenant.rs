//! The host with its limits as they are by default, and its tenants.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::connection::{Connection, Request};
use crate::process::{Process, folder};

/// How long the host may take to start.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running host.
pub(crate) struct Host {
    pub(crate) process: Process,
    folder: TempDir,
}

/// A tenant of the host, on the roster connector.
#[derive(Clone, Debug)]
pub(crate) struct Tenant {
    pub(crate) address: std::net::SocketAddr,
    /// The path of its base URL.
    pub(crate) prefix: String,
    pub(crate) token: String,
}

impl Host {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let folder = folder()?;
        let process = Process::serve_with("", folder.path(), TIMEOUT)?;
        let host = Self { process, folder };
        let app = json!({ "name": "roster", "connector": "roster", "endpoints": {} });
        host.admin("/apps".to_owned(), &app).await?;
        Ok(host)
    }

    pub(crate) async fn tenant(&self, id: &str) -> anyhow::Result<Tenant> {
        let new = json!({ "id": id, "app": "roster", "dialect": "okta" });
        self.admin("/tenants".to_owned(), &new).await?;
        let token = self.admin(format!("/tenants/{id}/tokens"), &json!({})).await?;
        let text = |name: &str| token[name].as_str().context("a token lacks a member");
        let url = text("base_url")?;
        let path = url.find("/t/").context("the base URL names no tenant")?;
        Ok(Tenant {
            address: self.process.address,
            prefix: url[path..].to_owned(),
            token: text("token")?.to_owned(),
        })
    }

    async fn admin(&self, path: String, body: &Value) -> anyhow::Result<Value> {
        let file = self.folder.path().join("admin.token");
        let token = std::fs::read_to_string(file).context("the admin token")?;
        let mut admin = Connection::open(self.process.address, "/admin/v1", token.trim()).await?;
        let request = Request { method: "POST", path, body: body.to_string() };
        admin.send(&request).await?.expect(201)?.json()
    }
}

impl Tenant {
    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.address, &self.prefix, &self.token).await
    }

    /// Creates users, as fast as the host lets a tenant do it.
    pub(crate) async fn fill(&self, users: usize) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        for n in 0..users {
            self.create(&mut connection, &person(n)).await?;
        }
        Ok(())
    }

    /// Creates a user, and waits if the host says so. The user's id.
    pub(crate) async fn create(
        &self,
        connection: &mut Connection,
        user: &Value,
    ) -> anyhow::Result<String> {
        let request = post(user);
        loop {
            let response = connection.send(&request).await?;
            match response.status {
                201 => return id(&response.json()?),
                429 => tokio::time::sleep(Duration::from_secs(1)).await,
                status => bail!("status {status} for a creation"),
            }
        }
    }
}

pub(crate) fn post(user: &Value) -> Request {
    Request { method: "POST", path: "/Users".to_owned(), body: user.to_string() }
}

pub(crate) fn id(user: &Value) -> anyhow::Result<String> {
    Ok(user["id"].as_str().context("a user without an id")?.to_owned())
}

pub(crate) fn person(n: usize) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("person.number{n}@example.com"),
        "name": { "givenName": "Person", "familyName": format!("Number {n}") },
        "emails": [{ "value": format!("person.number{n}@example.com"), "primary": true }],
        "active": true,
    })
}
