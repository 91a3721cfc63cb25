//! The interface's `decide`, in terms of the author's methods.

use crate::bindings::muster::connector::types::{self, EventKind, Exchange, Refusal, Step};
use crate::event::Event;
use crate::{App, Connector, Context, Decision, GroupEvent, UserEvent};

/// Bytes of a note: `wit/types.wit`, `outcome`.
const NOTE_BYTES: usize = 1024;

/// Asks a connector for the next step of an operation.
pub fn decide<C: Connector>(
    connector: &C,
    context: types::Context,
    event: types::Event,
    exchanges: Vec<Exchange>,
) -> Result<Step, Refusal> {
    #[cfg(target_arch = "wasm32")]
    crate::log::log_panics();

    let context = Context::read(context)?;
    let mut app = App::new(exchanges);
    let decision = match Event::from(event) {
        Event::User(event) => user(connector, &mut app, &context, &event),
        Event::Group(event) => group(connector, &mut app, &context, &event),
    };
    if let Some(request) = app.finish() {
        return Ok(Step::Call(request));
    }
    match decision {
        Ok(mut outcome) => {
            shorten(&mut outcome.note);
            Ok(Step::Done(outcome))
        }
        Err(stop) => Err(stop.into_refusal().expect("a decision waits only if it made a request")),
    }
}

fn user<C: Connector>(
    connector: &C,
    app: &mut App,
    context: &Context<C::Settings>,
    event: &UserEvent,
) -> Decision {
    match event.kind {
        EventKind::Create => connector.create(app, context, event),
        EventKind::Update => connector.update(app, context, event),
        EventKind::Activate => connector.activate(app, context, event),
        EventKind::Deactivate => connector.deactivate(app, context, event),
        EventKind::Delete => connector.delete(app, context, event),
        EventKind::Release => connector.release(app, context, event),
        EventKind::Password => connector.password(app, context, event),
        EventKind::GroupCreate | EventKind::GroupUpdate | EventKind::GroupDelete => {
            unreachable!("a group event about a user")
        }
    }
}

fn group<C: Connector>(
    connector: &C,
    app: &mut App,
    context: &Context<C::Settings>,
    event: &GroupEvent,
) -> Decision {
    match event.kind {
        EventKind::GroupCreate => connector.group_create(app, context, event),
        EventKind::GroupUpdate => connector.group_update(app, context, event),
        EventKind::GroupDelete => connector.group_delete(app, context, event),
        _ => unreachable!("a user event about a group"),
    }
}

fn shorten(note: &mut String) {
    if note.len() > NOTE_BYTES {
        let end =
            (0..=NOTE_BYTES - 3).rev().find(|at| note.is_char_boundary(*at)).unwrap_or_default();
        note.truncate(end);
        note.push('…');
    }
}
