//! `muster demo`: Okta's own conversation with two apps, told step by step.

mod paint;
mod play;
mod script;

use std::net::SocketAddr;

use clap::Args;

use self::play::Player;
use super::serve::{log_to_stderr, stop_signal};
use super::stage::{Stage, StageConfig};

/// The organisation in the sample app that each tenant's people go to.
const ORGANIZATION: [&str; 2] = ["acme-two", "acme-three"];
/// The connectors that the story is played against.
const CONNECTORS: [&str; 2] = ["two-state", "three-state"];

/// Options of `muster demo`.
#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    listen: SocketAddr,
    /// End after the story instead of serving on.
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    log_to_stderr(false, "warn");
    paint::opening();
    let stage = Stage::start(StageConfig { listen: args.listen, ..StageConfig::default() }).await?;
    let mut players = Vec::new();
    for (connector, organization) in CONNECTORS.into_iter().zip(ORGANIZATION) {
        let token = stage.tenant(connector, connector, "okta", organization).await?;
        players.push(Player::new(connector, organization, token));
    }
    paint::cast(&stage, &players);
    for (n, scene) in script::SCENES.iter().enumerate() {
        paint::scene(n + 1, scene);
        for ask in scene.asks {
            paint::ask(ask);
            for player in &mut players {
                let seen = player.ask(&stage, ask).await?;
                paint::seen(player, ask, &seen);
            }
        }
    }
    farewell(&stage, &mut players).await?;
    paint::members(&stage, &players);
    if args.once {
        return stage.stop().await;
    }
    paint::serving_on(&players);
    stop_signal().await;
    stage.stop().await
}

/// The last scene: the customer ends the integration, and Okta sends its wave all the same.
async fn farewell(stage: &Stage, players: &mut [Player]) -> anyhow::Result<()> {
    paint::scene(script::SCENES.len() + 1, &script::FAREWELL);
    for player in &mut *players {
        let (preview, calls) = player.disconnect(stage).await?;
        paint::disconnected(player, &preview, calls);
    }
    for ask in script::FAREWELL.asks {
        paint::ask(ask);
        for player in &mut *players {
            let seen = player.ask(stage, ask).await?;
            paint::seen(player, ask, &seen);
        }
    }
    Ok(())
}
