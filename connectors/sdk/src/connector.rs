//! What an author implements: one method for each kind of event.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{App, Context, GroupEvent, Outcome, Refusal, Stop, UserEvent};

/// What a method of [`Connector`] answers: what came of the event, or why it stopped there.
///
/// `?` works on everything in this crate that can stop a decision, and on a [`Refusal`].
pub type Decision = Result<Outcome, Stop>;

/// A connector: for each event, what it means in the app.
///
/// A method is asked from its beginning after every call to the app, with one more recorded answer
/// (see [`App`]); it must do the same each time it is given the same. What a connector does not
/// implement is refused as unsupported, except [`release`](Self::release), which leaves the account
/// as it is. Only events in the manifest's `lifecycle` are asked about at all.
pub trait Connector {
    /// The settings of app and tenant, as the manifest's JSON Schema describes them.
    ///
    /// [`NoSettings`] for a connector that has none. Settings that do not fit refuse every event as
    /// misconfigured, with the field's name.
    type Settings: DeserializeOwned;

    /// A person joins; `event.user.active` tells whether they may sign in.
    ///
    /// With `context.account` where they have been here before.
    fn create(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("creating people")
    }

    /// A person's attributes changed; whether they are active did not.
    fn update(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("updating people")
    }

    /// A person may sign in again. `event.changes` lists what else changed.
    fn activate(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("activating people")
    }

    /// A person may no longer sign in. `event.changes` lists what else changed.
    fn deactivate(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("deactivating people")
    }

    /// The identity provider deleted the person.
    fn delete(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("deleting people")
    }

    /// The integration ended for this person. Unless implemented, the account stays as it is.
    fn release(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, event);
        Ok(context.unchanged("The integration ended; the account stays as it is."))
    }

    /// The password changed; `event.password` is a stand-in for it.
    ///
    /// Asked only where the manifest's `features.password` is true.
    fn password(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &UserEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("setting passwords")
    }

    /// A group was pushed, with the members in `event.joined`.
    fn group_create(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &GroupEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("groups")
    }

    /// A group's name, attributes or members changed.
    fn group_update(
        &self,
        app: &mut App,
        context: &Context<Self::Settings>,
        event: &GroupEvent,
    ) -> Decision {
        let _ = (app, context, event);
        unsupported("groups")
    }

    /// A group was deleted.
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

/// The settings of a connector that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct NoSettings {}

/// The manifest that [`export!`](crate::export) was given.
pub trait Manifest {
    /// The manifest's text, JSON.
    const MANIFEST: &'static str;
}
