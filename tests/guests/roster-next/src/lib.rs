//! A later version of the roster connector, which says so.

use muster_connector::{
    Account, App, Connector, Context, Decision, Membership, NoSettings, Outcome, UserEvent,
};

struct Next;

muster_connector::export!(Next, manifest: "manifest.json");

impl Connector for Next {
    type Settings = NoSettings;

    fn create(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(Outcome::new(Account::new(&event.user.id, Membership::Active), "Decided by 0.2."))
    }
}
