//! A connector whose manifest adds agents, agentic applications and devices as types that identity
//! providers write, and roles as a type that operators list. `tests/clients/with_scim_sanity.py` probes
//! the agents.

use muster_connector::{
    Account, App, Connector, Context, Decision, Membership, NoSettings, Outcome, UserEvent,
};

struct Agentic;

muster_connector::export!(Agentic, manifest: "manifest.json");

impl Connector for Agentic {
    type Settings = NoSettings;

    fn create(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(person(event))
    }

    fn update(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(person(event))
    }

    fn deactivate(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(person(event))
    }

    fn delete(&self, _: &mut App, _: &Context, _: &UserEvent) -> Decision {
        Ok(Outcome::new(None, "Is out."))
    }
}

fn person(event: &UserEvent) -> Outcome {
    let membership = match event.user.active {
        true => Membership::Active,
        false => Membership::Suspended,
    };
    Outcome::new(Account::new(&event.user.id, membership), "Is as the directory says.")
}
