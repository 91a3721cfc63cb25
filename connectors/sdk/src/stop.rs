//! Why a decision goes no further.

use crate::Refusal;

/// Why a decision goes no further: it refuses, or it waits for the app's answer.
///
/// An author passes it on with `?`. Whoever drops it in place of passing it on gains nothing: a
/// call that was asked for is made whatever the method answers afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop(Option<Refusal>);

impl Stop {
    /// The app has been asked something that is not answered yet.
    pub(crate) const WAIT: Self = Self(None);

    /// Why the operation cannot be finished; none where the decision only waits for the app.
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
