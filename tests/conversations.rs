//! Identity providers' recorded conversations, replayed against every default connector, or against
//! the one that a conversation is about.

use serde_json::json;

use crate::support::guests::guest;
use crate::support::replay::{Asked, Client, Conversation, Place, folders, load, replay};
use crate::support::{AppCall, Muster, Tenant};

/// Replays every conversation of a folder, each against a host and an app of its own, so that
/// everybody in it is new there; and shows all that went wrong, not only the first.
async fn check(folder: &str) {
    let (client, conversations) = load(folder);
    let mut wrong = Vec::new();
    for conversation in &conversations {
        let muster = Muster::start().await;
        load_guest(&muster, conversation).await;
        for connector in conversation.connectors() {
            wrong.extend(on(&muster, connector, &client, conversation).await.err());
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n\n{}", wrong.len(), client.title, wrong.join("\n"));
}

/// Makes an app of the guest that the conversation is about, if it is about one.
async fn load_guest(muster: &Muster, conversation: &Conversation) {
    let Some(name) = &conversation.connector else { return };
    muster.push(guest(name)).await.expect(201);
    let app = json!({ "name": name, "connector": name, "settings": conversation.settings });
    muster.admin("POST", "/apps", Some(app)).await.expect(201);
}

async fn on(
    muster: &Muster,
    connector: &str,
    client: &Client,
    conversation: &Conversation,
) -> Result<(), String> {
    let tenant = match conversation.connector {
        Some(_) => guest_tenant(muster, connector, &client.dialect).await,
        None => muster.tenant_with(connector, &client.dialect).await,
    };
    let token = token(muster, &tenant, client).await;
    let base_url = tenant.base_url.replace("/scim/v2", &format!("/scim/{}", client.version));
    let app = Some(&*muster.stage.sample);
    let place = Place { base_url: &base_url, token: &token, connector, app };
    let calls = async || muster.app_calls(&tenant).await.into_iter().map(asked).collect();
    replay(conversation, client, place, calls).await
}

async fn guest_tenant(muster: &Muster, app: &str, dialect: &str) -> Tenant {
    let tenant = muster.plain_tenant(app, app).await;
    let change = json!({ "dialect": dialect });
    muster.admin("PATCH", &format!("/tenants/{app}"), Some(change)).await.expect(200);
    tenant
}

/// The tenant's token, or another one where it is the password of somebody.
async fn token(muster: &Muster, tenant: &Tenant, client: &Client) -> String {
    let Some(user) = &client.user else { return tenant.token.clone() };
    let path = format!("/tenants/{}/tokens", tenant.name);
    let made = muster.admin("POST", &path, Some(json!({ "user": user }))).await.expect(201);
    made.body["token"].as_str().expect("a token is a text").to_owned()
}

fn asked(call: AppCall) -> Asked {
    let AppCall { method, path, body, status, .. } = call;
    Asked { method, path, body, status }
}

#[tokio::test]
async fn okta_as_an_app_of_its_network() {
    check("okta-oin").await;
}

#[tokio::test]
async fn okta_as_an_app_of_its_wizard() {
    check("okta-aiw").await;
}

#[tokio::test]
async fn entra() {
    check("entra").await;
}

#[tokio::test]
async fn entra_where_nobody_chose_its_dialect() {
    check("entra-recognised").await;
}

#[tokio::test]
async fn okta_as_an_app_of_its_network_in_the_older_version() {
    check("okta-oin-v1").await;
}

#[tokio::test]
async fn okta_as_an_app_of_its_wizard_in_the_older_version() {
    check("okta-aiw-v1").await;
}

#[tokio::test]
async fn the_on_premises_agent_of_okta() {
    check("okta-opp").await;
}

#[tokio::test]
async fn the_on_premises_agent_of_okta_in_the_newer_version() {
    check("okta-opp-v2").await;
}

#[tokio::test]
async fn the_published_suites_of_okta() {
    check("okta-suite").await;
}

#[tokio::test]
async fn onelogin_in_the_older_version() {
    check("onelogin-v1").await;
}

#[tokio::test]
async fn microsofts_validator() {
    check("entra-validator").await;
}

#[tokio::test]
async fn onelogin() {
    check("onelogin").await;
}

#[tokio::test]
async fn jumpcloud() {
    check("jumpcloud").await;
}

#[tokio::test]
async fn jumpcloud_in_the_older_version() {
    check("jumpcloud-v1").await;
}

#[tokio::test]
async fn ping_federate_and_ping_one() {
    check("ping").await;
}

#[tokio::test]
async fn ping_federate_and_ping_one_in_the_older_version() {
    check("ping-v1").await;
}

#[tokio::test]
async fn google_workspace() {
    check("google").await;
}

#[tokio::test]
async fn aws_like_clients() {
    check("aws").await;
}

#[tokio::test]
async fn authentik() {
    check("authentik").await;
}

#[test]
fn no_client_is_forgotten() {
    for folder in folders() {
        let replayed = include_str!("conversations.rs").contains(&format!("check(\"{folder}\")"));
        assert!(replayed, "no test above replays the conversations of {folder}");
    }
}
