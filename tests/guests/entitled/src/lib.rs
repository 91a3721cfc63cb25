//! A connector of an app with badges, roles, entitlements and profiles, which its manifest adds to
//! SCIM's own schemas.

use muster_connector::{
    Account, App, Connector, Context, Decision, Membership, Outcome, UserEvent,
};
use serde::Deserialize;

struct Entitled;

muster_connector::export!(Entitled, manifest: "manifest.json");

/// What the settings list is served by muster.
#[derive(Default, Deserialize)]
struct Lists {}

impl Connector for Entitled {
    type Settings = Lists;

    fn create(&self, _: &mut App, _: &Context<Lists>, event: &UserEvent) -> Decision {
        Ok(Outcome::new(Account::new(&event.user.id, Membership::Active), "Is in."))
    }

    fn update(&self, _: &mut App, _: &Context<Lists>, event: &UserEvent) -> Decision {
        Ok(Outcome::new(Account::new(&event.user.id, Membership::Active), "Is still in."))
    }
}
