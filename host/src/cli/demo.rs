//! `muster demo`: a scripted Okta provisions two apps, and each step is printed with its effects.
//!
//! It starts a host with a sample app (`local_environment`), plays the requests of `demo/script.rs` against
//! it, and goes on serving with two connected tenants, so that requests and commands can be tried, unless
//! `--once` is given.

mod okta;
mod print;
mod script;

use std::net::SocketAddr;

use clap::Args;

use self::okta::OktaClient;
use super::local_environment::{LocalEnvironment, LocalEnvironmentConfig};
use super::serve::{log_to_stderr, stop_signal};

/// The organisation in the sample app that each tenant provisions into.
const ORGANIZATION: [&str; 2] = ["acme-two", "acme-three"];
/// The connectors of the two apps, and the names of their tenants.
const CONNECTORS: [&str; 2] = ["two-state", "three-state"];
/// The customer who leaves: a tenant of the first app, and its organisation.
const LEAVING: &str = "globex";

/// Options of `muster demo`.
#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// The address and port to listen on; port 0 selects a free port.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// Exit after the last step instead of continuing to serve.
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    log_to_stderr(false, "warn")?;
    print::title();
    let environment = LocalEnvironment::start(LocalEnvironmentConfig {
        listen: args.listen,
        ..LocalEnvironmentConfig::default()
    })
    .await?;
    let mut clients = Vec::new();
    for (connector, organization) in CONNECTORS.into_iter().zip(ORGANIZATION) {
        let token = environment.tenant(connector, connector, "okta", organization).await?;
        clients.push(OktaClient::new(connector, organization, token));
    }
    print::tenants(&environment, &clients);
    for (n, scene) in script::SCENES.iter().enumerate() {
        print::scene(n + 1, scene);
        for request in scene.requests {
            print::request(request);
            for client in &mut clients {
                let response = client.request(&environment, request).await?;
                print::response(client, request, &response);
            }
        }
    }
    let leaving = disconnect(&environment).await?;
    print::members(&environment, clients.iter().chain([&leaving]));
    if args.once {
        return environment.stop().await;
    }
    print::how_to_continue(&clients, &environment.admin_token().await?, &environment.url);
    stop_signal().await;
    environment.stop().await
}

/// The last scene: an operator disconnects another tenant, and Okta still sends its deactivations.
async fn disconnect(environment: &LocalEnvironment) -> anyhow::Result<OktaClient> {
    let token = environment.tenant(LEAVING, CONNECTORS[0], "okta", LEAVING).await?;
    let mut client = OktaClient::new(LEAVING, LEAVING, token);
    for request in script::BEFORE_DISCONNECT {
        client.request(environment, request).await?;
    }
    print::scene(script::SCENES.len() + 1, &script::DISCONNECT);
    let (preview, calls) = client.disconnect(environment).await?;
    print::disconnected(&client, &preview, calls);
    for request in script::DISCONNECT.requests {
        print::request(request);
        let response = client.request(environment, request).await?;
        print::response(&client, request, &response);
    }
    Ok(client)
}
