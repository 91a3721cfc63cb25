//! Conversations of identity providers, replayed against every default connector, or against the
//! connector that a conversation names.

use serde_json::json;

use crate::support::guests::guest;
use crate::support::replay::{
    AppRequest, Client, Conversation, ReplayTarget, folders, load, replay,
};
use crate::support::{AppCall, Muster, Tenant};
use crate::tidy;

/// Replays every conversation of a folder, each against a new host and app, and reports all
/// failures and not only the first.
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

/// Makes an app of the guest connector that the conversation names, if any.
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
    replay_for(muster, &tenant, connector, client, conversation).await
}

async fn replay_for(
    muster: &Muster,
    tenant: &Tenant,
    connector: &str,
    client: &Client,
    conversation: &Conversation,
) -> Result<(), String> {
    let token = token(muster, tenant, client).await;
    let base_url = tenant.base_url.replace("/scim/v2", &format!("/scim/{}", client.version));
    let app = Some(&*muster.stage.sample);
    let place = ReplayTarget { base_url: &base_url, token: &token, connector, app };
    // The calls of the host's own operations belong to the step that caused them.
    let calls = async || {
        muster.settled().await;
        muster.app_calls(tenant).await.into_iter().map(asked).collect()
    };
    replay(conversation, client, place, calls).await
}

async fn guest_tenant(muster: &Muster, app: &str, dialect: &str) -> Tenant {
    let tenant = muster.plain_tenant(app, app).await;
    let change = json!({ "dialect": dialect });
    muster.admin("PATCH", &format!("/tenants/{app}"), Some(change)).await.expect(200);
    tenant
}

/// The tenant's token, or one made for the client's user if it authenticates with user and
/// password.
async fn token(muster: &Muster, tenant: &Tenant, client: &Client) -> String {
    let Some(user) = &client.user else { return tenant.token.clone() };
    let path = format!("/tenants/{}/tokens", tenant.name);
    let made = muster.admin("POST", &path, Some(json!({ "user": user }))).await.expect(201);
    made.body["token"].as_str().expect("a token is a text").to_owned()
}

fn asked(call: AppCall) -> AppRequest {
    let AppCall { method, path, body, status, .. } = call;
    AppRequest { method, path, body, status }
}

#[tokio::test]
async fn okta_integration_network() {
    check("okta-oin").await;
}

#[tokio::test]
async fn okta_app_integration_wizard() {
    check("okta-aiw").await;
}

#[tokio::test]
async fn entra() {
    check("entra").await;
}

#[tokio::test]
async fn entra_in_a_tenant_of_the_generic_dialect() {
    check("entra-recognised").await;
}

#[tokio::test]
async fn okta_integration_network_over_scim_1_1() {
    check("okta-oin-v1").await;
}

#[tokio::test]
async fn okta_app_integration_wizard_over_scim_1_1() {
    check("okta-aiw-v1").await;
}

#[tokio::test]
async fn okta_on_premises_agent() {
    check("okta-opp").await;
}

#[tokio::test]
async fn okta_on_premises_agent_over_scim_2() {
    check("okta-opp-v2").await;
}

#[tokio::test]
async fn okta_published_suites() {
    check("okta-suite").await;
}

#[tokio::test]
async fn onelogin_over_scim_1_1() {
    check("onelogin-v1").await;
}

#[tokio::test]
async fn entra_validator() {
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
async fn jumpcloud_over_scim_1_1() {
    check("jumpcloud-v1").await;
}

#[tokio::test]
async fn ping() {
    check("ping").await;
}

#[tokio::test]
async fn ping_over_scim_1_1() {
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

/// Replays each conversation that a leniency names, and checks that the tenant needed the leniency.
#[tokio::test]
async fn each_leniency_is_needed_by_the_conversations_that_it_names() {
    let muster = Muster::start().await;
    let mut wrong = Vec::new();
    for (leniency, files) in tidy::leniencies() {
        for file in files {
            let (folder, _) = file.split_once('/').expect("a conversation is in a folder");
            let (client, conversations) = load(folder);
            let found = conversations.iter().find(|it| it.file == file);
            let conversation = found.expect("the file is a conversation");
            let tenant = muster.tenant_with("roster", &client.dialect).await;
            wrong.extend(replay_for(&muster, &tenant, "roster", &client, conversation).await.err());
            let path = format!("/tenants/{}", tenant.name);
            let shown = muster.admin("GET", &path, None).await.expect(200).body;
            let deviations = shown["deviations"].as_array().expect("deviations are a list");
            if !deviations.iter().any(|it| it["rule"] == *leniency) {
                wrong.push(format!("{file} does not need {leniency}: {deviations:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn scimple() {
    check("scimple").await;
}

#[tokio::test]
async fn scimmy() {
    check("scimmy").await;
}

#[test]
fn every_folder_is_replayed() {
    for folder in folders() {
        let replayed = include_str!("conversations.rs").contains(&format!("check(\"{folder}\")"));
        assert!(replayed, "no test above replays the conversations of {folder}");
    }
}
