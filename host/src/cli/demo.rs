//! `muster demo`: a scripted Okta provisions two apps, and each step is printed with its effects.
//!
//! It starts a host with a sample app (`local_environment`), plays the requests of `demo/script.rs` against
//! it, and goes on serving, unless `--once` is given.

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
/// The connectors of the two apps.
const CONNECTORS: [&str; 2] = ["two-state", "three-state"];

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
    disconnect(&environment, &mut clients).await?;
    print::members(&environment, &clients);
    if args.once {
        return environment.stop().await;
    }
    print::how_to_continue(&clients);
    stop_signal().await;
    environment.stop().await
}

/// The last scene: an operator disconnects the tenant, and Okta still sends its deactivations.
async fn disconnect(
    environment: &LocalEnvironment,
    clients: &mut [OktaClient],
) -> anyhow::Result<()> {
    print::scene(script::SCENES.len() + 1, &script::DISCONNECT);
    for client in &mut *clients {
        let (preview, calls) = client.disconnect(environment).await?;
        print::disconnected(client, &preview, calls);
    }
    for request in script::DISCONNECT.requests {
        print::request(request);
        for client in &mut *clients {
            let response = client.request(environment, request).await?;
            print::response(client, request, &response);
        }
    }
    Ok(())
}
