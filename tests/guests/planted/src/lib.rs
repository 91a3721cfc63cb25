//! The roster connector with other decisions for users with certain names, for the tests that
//! replay recorded decisions with a candidate.

use muster_connector::{
    Account, App, Connector, Context, Decision, Membership, NoSettings, Outcome, Refusal, Request,
    UserEvent,
};

struct Planted;

muster_connector::export!(Planted, manifest: "manifest.json");

impl Connector for Planted {
    type Settings = NoSettings;

    fn create(&self, app: &mut App, _: &Context, event: &UserEvent) -> Decision {
        let name = event.user.user_name.split('@').next().unwrap_or_default();
        match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
            "planted-suspended" => {
                let account = Account::new(&event.user.id, Membership::Suspended);
                return Ok(Outcome::new(account, "On the roster, suspended."));
            }
            "planted-call" => drop(app.send(Request::get("app", "/organizations"))?),
            "planted-refused" => return Err(Refusal::Rejected("not this one".to_owned()).into()),
            "planted-crash" => panic!("as planted"),
            "planted-loop" => loop {
                std::hint::black_box(());
            },
            "planted-words" => {
                let account = Account::new(&event.user.id, Membership::Active);
                return Ok(Outcome::new(account, "In other words."));
            }
            "planted-slow" => drop(std::hint::black_box(slowly())),
            _ => {}
        }
        Ok(listed(event, "On the roster"))
    }

    fn update(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(listed(event, "Still on the roster"))
    }

    fn deactivate(&self, _: &mut App, _: &Context, event: &UserEvent) -> Decision {
        Ok(listed(event, "Kept on the roster"))
    }
}

fn listed(event: &UserEvent, what: &str) -> Outcome {
    let (membership, state) = match event.user.active {
        true => (Membership::Active, "active"),
        false => (Membership::Suspended, "suspended"),
    };
    Outcome::new(Account::new(&event.user.id, membership), format!("{what}, {state}."))
}

/// Computes for some milliseconds.
fn slowly() -> u64 {
    (0..2_000_000).fold(0, |sum, n| std::hint::black_box(sum ^ n))
}
