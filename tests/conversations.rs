//! Identity providers' recorded conversations, replayed against every default connector.

use crate::support::replay::{Asked, Client, Conversation, Place, load, replay};
use crate::support::{AppCall, Muster};

/// Replays every conversation of a folder, each against a host and an app of its own, so that
/// everybody in it is new there; and shows all that went wrong, not only the first.
async fn check(folder: &str) {
    let (client, conversations) = load(folder);
    let mut wrong = Vec::new();
    for conversation in &conversations {
        let muster = Muster::start().await;
        for connector in ["roster", "three-state", "two-state"] {
            wrong.extend(on(&muster, connector, &client, conversation).await.err());
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n\n{}", wrong.len(), client.title, wrong.join("\n"));
}

async fn on(
    muster: &Muster,
    connector: &str,
    client: &Client,
    conversation: &Conversation,
) -> Result<(), String> {
    let tenant = muster.tenant_with(connector, &client.dialect).await;
    let base_url = tenant.base_url.replace("/scim/v2", &format!("/scim/{}", client.version));
    let place = Place { base_url: &base_url, token: &tenant.token, connector };
    let calls = async || muster.app_calls(&tenant).await.into_iter().map(asked).collect();
    replay(conversation, client, place, calls).await
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
async fn ping_federate_and_ping_one() {
    check("ping").await;
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
