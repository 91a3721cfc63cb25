//! Rules for all connectors: those of `wit/` that a host enforces only when it sends a request, and
//! those that it cannot enforce.

use crate::connector::Manifest;
use crate::decision::{Refusal, Request, Step};
use crate::delivery::{self, DeliveryError, Placeholder, Secret};
use crate::kit::event_input::PASSWORD_PLACEHOLDER;

/// A rule that a decision breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BrokenRule {
    /// The host would not send this request.
    Request(String),
    /// The placeholder for the password is in a place of a request where it could be read.
    Secret(String),
    /// The note of an outcome is empty.
    Note,
    /// The host would not send this request unless the operator allows one of its headers.
    Leave(String),
}

impl std::fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(why) | Self::Secret(why) | Self::Leave(why) => {
                write!(f, "muster would not send this request: {why}")
            }
            Self::Note => f.write_str("its note, which tells operators what was done, is empty"),
        }
    }
}

/// The rule that a decision breaks. That a header needs leave is reported only if nothing else is wrong.
pub(super) fn broken(manifest: &Manifest, answer: &Result<Step, Refusal>) -> Option<BrokenRule> {
    match answer {
        Ok(Step::Call(request)) => of_request(manifest, request),
        Ok(Step::Done(outcome)) if outcome.note.trim().is_empty() => Some(BrokenRule::Note),
        Ok(Step::Done(_)) | Err(_) => None,
    }
}

fn of_request(manifest: &Manifest, request: &Request) -> Option<BrokenRule> {
    let placeholder = Placeholder {
        text: PASSWORD_PLACEHOLDER.to_owned(),
        value: Secret::new("not-a-real-password"),
        fields: manifest.password_fields(&request.endpoint, &request.method),
    };
    let error = delivery::check(request, &[placeholder]).err()?;
    let why = error.to_string();
    Some(match error {
        DeliveryError::HeaderWithoutLeave(_) => BrokenRule::Leave(why),
        DeliveryError::Placeholder(_) => BrokenRule::Secret(why),
        _ => BrokenRule::Request(why),
    })
}
