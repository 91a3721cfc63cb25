//! A connector that creates four teams, one after the other, for each new user, for the tests that
//! kill the host between two calls. A deactivated user disappears for the identity provider, after
//! one call.

use muster_connector::{
    Account, App, Connector, Context, Decision, Membership, NoSettings, Outcome, Request, UserEvent,
};
use serde_json::json;

struct FourCalls;

muster_connector::export!(FourCalls, manifest: "manifest.json");

impl Connector for FourCalls {
    type Settings = NoSettings;

    fn create(&self, app: &mut App, _: &Context, event: &UserEvent) -> Decision {
        for n in 1..=4 {
            let name = format!("{} {n}", event.user.user_name);
            app.send(
                Request::post("app", "/organizations/calls/teams").json(&json!({ "name": name })),
            )?;
        }
        Ok(Outcome::new(Account::new(&event.user.id, Membership::Active), "Four calls were made."))
    }

    fn deactivate(&self, app: &mut App, _: &Context, _: &UserEvent) -> Decision {
        app.send(Request::get("app", "/organizations/calls/teams"))?;
        Ok(Outcome::new(None, "Removed from view.").gone())
    }
}
