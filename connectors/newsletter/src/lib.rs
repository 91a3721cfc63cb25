//! A connector for a newsletter: a user is on the app's list of readers, or not.

use muster_connector::{
    Account, App, Connector, Context, Decision, Membership, Outcome, Refusal, Request, Stop,
    UserEvent, path,
};
use serde::Deserialize;
use serde_json::json;

#[cfg(test)]
mod tests;

/// The connector.
pub struct Newsletter;

muster_connector::export!(Newsletter, manifest: "manifest.json");

/// The settings, which `manifest.json` describes.
#[derive(Debug, Deserialize)]
pub struct Settings {
    /// The name of the list.
    #[serde(default = "default_list")]
    pub list: String,
}

impl Connector for Newsletter {
    type Settings = Settings;

    fn create(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        if !event.user.active {
            return Ok(context.unchanged("Not active yet, and so not on the list."));
        }
        let reader = put(app, &context.settings, event)?;
        Ok(Outcome::new(reader, "Put on the list."))
    }

    fn update(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let Some(before) = reader(context) else {
            return Ok(context.unchanged("Not on the list; what changed is pushed on return."));
        };
        let after = put(app, &context.settings, event)?;
        if after.id != before.id {
            remove(app, &context.settings, before)?;
        }
        Ok(Outcome::new(after, "Brought the list up to date."))
    }

    fn activate(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let reader = put(app, &context.settings, event)?;
        Ok(Outcome::new(reader, "Put back on the list."))
    }

    fn deactivate(&self, app: &mut App, context: &Context<Settings>, _: &UserEvent) -> Decision {
        let Some(account) = &context.account else {
            return Ok(context.unchanged("Never was on the list."));
        };
        remove(app, &context.settings, account)?;
        Ok(Outcome::new(account.clone().with_membership(Membership::Absent), "Taken off the list."))
    }

    fn delete(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        self.deactivate(app, context, event)
    }
}

/// The account of a user who is on the list.
fn reader(context: &Context<Settings>) -> Option<&Account> {
    context.account.as_ref().filter(|account| account.membership == Membership::Active)
}

/// Adds a user to the list, or updates their name: for the app it is the same request.
fn put(app: &mut App, settings: &Settings, event: &UserEvent) -> Result<Account, Stop> {
    let address = event.address().ok_or_else(|| {
        Refusal::Rejected("The person has no e-mail address, which the list needs.".to_owned())
    })?;
    let name = event.user.display_name.as_deref().unwrap_or(&event.user.user_name);
    app.send(Request::put("app", reader_path(settings, address)).json(&json!({ "name": name })))?;
    Ok(Account::new(address, Membership::Active))
}

/// Removes a user from the list. 404 means that they are not on it, and is fine.
fn remove(app: &mut App, settings: &Settings, account: &Account) -> Result<(), Stop> {
    app.ask(Request::delete("app", reader_path(settings, &account.id)))?.found()?;
    Ok(())
}

fn reader_path(settings: &Settings, address: &str) -> String {
    path(["lists", &settings.list, "readers", address])
}

fn default_list() -> String {
    "staff".to_owned()
}
