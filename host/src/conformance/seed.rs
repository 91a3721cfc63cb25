//! The one precondition of the suites: Okta's guide says to create a user before a run.

use serde_json::{Map, Value, json};

use super::client::{ServerRequest, SuiteClient};
use super::property;
use super::variables::Variables;

/// Creates the first user and group of an empty directory.
pub(super) struct Seed<'a> {
    pub(super) client: &'a SuiteClient,
    pub(super) auth: &'a str,
    /// Whether the suites are of SCIM 1.1.
    pub(super) legacy: bool,
}

impl Seed<'_> {
    /// Creates what the suites expect in a directory, if it is empty, and adds a note for each: a
    /// user, and for SCIM 1.1 a group.
    ///
    /// Fails only if the server does not answer at all. Error answers are left to the suites to
    /// report.
    pub(super) async fn create_missing(&self, notes: &mut Vec<String>) -> anyhow::Result<()> {
        let user = user(if self.legacy { CORE } else { USER })?;
        self.ensure(("/Users", "directory"), "userName", &user, notes).await?;
        if self.legacy {
            let group = json!({ "schemas": [CORE], "displayName": "Conformance" });
            self.ensure(("/Groups", "list of groups"), "displayName", &group, notes).await?;
        }
        Ok(())
    }

    async fn ensure(
        &self,
        (path, place): (&str, &str),
        name: &str,
        resource: &Value,
        notes: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let call = self.call("GET", &format!("{path}?startIndex=1&count=2"), None);
        let list = self.client.send(&call).await?;
        let resources = list.json.as_ref().and_then(|json| property::find(json, "Resources"));
        let is_empty = resources.and_then(Value::as_array).is_none_or(Vec::is_empty);
        if list.status != 200 || !is_empty {
            return Ok(());
        }
        let created = self.client.send(&self.call("POST", path, Some(resource.clone()))).await?;
        notes.push(match created.status {
            201 => format!("The {place} was empty; {} was created first.", resource[name]),
            status => format!(
                "The {place} is empty, and creating {} was answered {status}.",
                resource[name]
            ),
        });
        Ok(())
    }

    fn call(&self, method: &str, path: &str, body: Option<Value>) -> ServerRequest {
        let media_type = if self.legacy { "application/json" } else { "application/scim+json" };
        let mut headers = Map::new();
        headers.insert("Accept".to_owned(), media_type.into());
        headers.insert("Authorization".to_owned(), self.auth.into());
        if body.is_some() {
            headers
                .insert("Content-Type".to_owned(), format!("{media_type}; charset=utf-8").into());
        }
        ServerRequest { method: method.to_owned(), path: path.to_owned(), headers, body }
    }
}

const CORE: &str = "urn:scim:schemas:core:1.0";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn user(schema: &str) -> anyhow::Result<Value> {
    let mut variables = Variables::default();
    let name = variables.fill_text("conformance.{{lower 8}}{{digits 3}}@example.com")?;
    variables.set("name", name);
    variables.fill(&json!({
        "schemas": [schema],
        "userName": "{{name}}",
        "name": { "givenName": "First", "familyName": "User" },
        "emails": [{ "primary": true, "value": "{{name}}", "type": "work" }],
        "displayName": "First User",
        "active": true
    }))
}
