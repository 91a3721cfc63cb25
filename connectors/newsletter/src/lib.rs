//! The connector newsletter: a user is on the app's list of readers, or not.

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
        let reader = put(app, context, event)?;
        Ok(Outcome::new(reader, "Put on the list."))
    }

    fn update(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        if context.account.as_ref().is_none_or(|it| it.membership != Membership::Active) {
            return Ok(context.unchanged("Not on the list; what changed is pushed on return."));
        }
        let reader = put(app, context, event)?;
        Ok(Outcome::new(reader, "Brought the list up to date."))
    }

    fn activate(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        let reader = put(app, context, event)?;
        Ok(Outcome::new(reader, "Put back on the list."))
    }

    fn deactivate(
        &self,
        app: &mut App,
        context: &Context<Settings>,
        event: &UserEvent,
    ) -> Decision {
        // If the answer to an earlier request was lost, the user is on the list without an account.
        let found = event.address().map(|address| Account::new(address, Membership::Absent));
        let Some(account) = context.account.clone().or(found) else {
            return Ok(context.unchanged("Never was on the list."));
        };
        remove(app, &context.settings, &account)?;
        Ok(Outcome::new(account.with_membership(Membership::Absent), "Taken off the list."))
    }

    fn delete(&self, app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Decision {
        self.deactivate(app, context, event)
    }
}

/// Adds a user to the list, or updates their name: for the app it is the same request. If the list
/// has another address of the user, removes that one.
fn put(app: &mut App, context: &Context<Settings>, event: &UserEvent) -> Result<Account, Stop> {
    let address = event.address().ok_or_else(|| {
        Refusal::Rejected("The person has no e-mail address, which the list needs.".to_owned())
    })?;
    let name = event.user.display_name.as_deref().unwrap_or(&event.user.user_name);
    let reader = reader_path(&context.settings, address);
    app.send(Request::put("app", reader).json(&json!({ "name": name })))?;
    if let Some(before) = context.account.as_ref().filter(|account| account.id != address) {
        remove(app, &context.settings, before)?;
    }
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
