//! The trait that a connector implements: one method for each kind of event.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{App, Context, GroupEvent, Outcome, Refusal, Stop, UserEvent};

/// The result of a method of [`Connector`]: the outcome, or the reason why it stopped.
///
/// `?` works on everything in this crate that can stop a decision, and on a [`Refusal`].
pub type Decision = Result<Outcome, Stop>;

/// A connector: what each event means in the app.
///
/// A method is called from its beginning after every call to the app, with one more recorded
/// response (see [`App`]). It must return the same for the same arguments. A method that is not
/// implemented refuses the event as unsupported, except [`release`](Self::release), which leaves
/// the account as it is. The manifest's `lifecycle` lists the events that are implemented.
pub trait Connector {
    /// The settings of app and tenant, as the manifest's JSON Schema describes them.
    ///
    /// Use [`NoSettings`] if there are none. If the settings cannot be deserialised, every event is
    /// refused as misconfigured, with the field's name.
    type Settings: DeserializeOwned;

    /// A user joins; `event.user.active` says whether they may sign in.
    ///
    /// `context.account` is the account of a user who is returning. The app may have the user
    /// already, if the response to an earlier request was lost.
    fn create(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("creating people")
    }

    /// A user's attributes changed, and `active` did not.
    fn update(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("updating people")
    }

    /// A user may sign in again. `event.changes` lists all attributes, since changes are not sent
    /// while a user is absent. The app may have the user already.
    fn activate(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("activating people")
    }

    /// A user may no longer sign in. Changed attributes need not be sent: they come again with
    /// [`activate`](Self::activate).
    ///
    /// Without `context.account`, an earlier request may have added the user: look them up.
    fn deactivate(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("deactivating people")
    }

    /// The identity provider deleted the user.
    ///
    /// Without `context.account`, an earlier request may have added the user: look them up.
    fn delete(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("deleting people")
    }

    /// muster stops managing this user. By default the account stays as it is.
    fn release(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, event);
        Ok(context.unchanged("The integration ended; the account stays as it is."))
    }

    /// The password changed; `event.password` is a placeholder for it.
    ///
    /// Called only if the manifest's `features.password` is true.
    fn password(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("setting passwords")
    }

    /// A group was created, with the members in `event.joined`.
    fn group_create(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &GroupEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("groups")
    }

    /// A group's name, attributes or members changed. If the app no longer has the team, create it
    /// again and return its new id.
    fn group_update(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &GroupEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("groups")
    }

    /// A group was deleted. Without `context.account`, look the team up by its name.
    fn group_delete(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &GroupEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("groups")
    }
}

fn unsupported(what: &str) -> Decision {
    Err(Refusal::Unsupported(format!("The connector does not support {what}.")).into())
}

/// The settings type of a connector without settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NoSettings {}

/// The manifest that was passed to [`export!`](crate::export).
pub trait Manifest {
    /// The manifest's text, JSON.
    const MANIFEST: &'static str;
}
