//! The one precondition: Okta's guide says to create a user before the suite is run.

use serde_json::{Map, Value, json};

use super::client::{Call, Client};
use super::property;
use super::variables::Variables;

/// Creates a user where the directory has none, and says so.
///
/// It fails only where the server does not answer at all; what an answer is worth is for the suites
/// to say.
pub(super) async fn ensure_a_user(
    client: &Client,
    auth: &str,
    notes: &mut Vec<String>,
) -> anyhow::Result<()> {
    let list = client.send(&call("GET", "/Users?startIndex=1&count=2", auth, None)).await?;
    let resources = list.json.as_ref().and_then(|json| property::find(json, "Resources"));
    let is_empty = resources.and_then(Value::as_array).is_none_or(Vec::is_empty);
    if list.status != 200 || !is_empty {
        return Ok(());
    }
    let user = user()?;
    let created = client.send(&call("POST", "/Users", auth, Some(user.clone()))).await?;
    notes.push(match created.status {
        201 => format!("The directory was empty; {} was created first.", user["userName"]),
        status => format!("The directory is empty, and creating a user was answered {status}."),
    });
    Ok(())
}

fn user() -> anyhow::Result<Value> {
    let mut variables = Variables::default();
    let name = variables.fill_text("conformance.{{lower 8}}{{digits 3}}@example.com")?;
    variables.set("name", name);
    variables.fill(&json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "{{name}}",
        "name": { "givenName": "First", "familyName": "User" },
        "emails": [{ "primary": true, "value": "{{name}}", "type": "work" }],
        "displayName": "First User",
        "active": true
    }))
}

fn call(method: &str, path: &str, auth: &str, body: Option<Value>) -> Call {
    let mut headers = Map::new();
    headers.insert("Accept".to_owned(), "application/scim+json".into());
    headers.insert("Authorization".to_owned(), auth.into());
    if body.is_some() {
        headers.insert("Content-Type".to_owned(), "application/scim+json; charset=utf-8".into());
    }
    Call { method: method.to_owned(), path: path.to_owned(), headers, body }
}
