//! The reason why a decision stops.

use crate::Refusal;

/// The reason why a decision stops: it refuses, or it waits for the app's response.
///
/// Return it with `?`. Ignoring it has no effect: the request is made, whatever the method returns
/// afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop(Option<Refusal>);

impl Stop {
    /// A request has no response yet.
    pub(crate) const WAIT: Self = Self(None);

    /// The refusal; none if the decision waits for the app.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.as_ref()
    }

    pub(crate) fn into_refusal(self) -> Option<Refusal> {
        self.0
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self(Some(refusal))
    }
}
