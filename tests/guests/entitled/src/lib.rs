//! A connector whose manifest adds badges, roles, entitlements and profiles to SCIM's own schemas.

use muster_connector::{
    Account, App, Connector, Context, Decision, Membership, Outcome, UserEvent,
};
use serde::Deserialize;

struct Entitled;

muster_connector::export!(Entitled, manifest: "manifest.json");

/// The settings list resources that muster serves; the connector does not use them.
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
