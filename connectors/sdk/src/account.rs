//! Accounts, and the outcomes that carry them.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::muster::connector::types::{Account, Membership, Outcome, Visibility};

impl Account {
    /// An account in this state, without notes. The id is the app's own, at most 512 bytes.
    pub fn new(id: impl Into<String>, membership: Membership) -> Self {
        Self { id: id.into(), membership, data: "null".to_owned() }
    }

    /// The same account in another state.
    pub fn with(self, membership: Membership) -> Self {
        Self { membership, ..self }
    }

    /// Keeps notes with the account: JSON of at most 16 KiB, given back with every event.
    ///
    /// # Panics
    ///
    /// When the value is no JSON: a map whose keys are not strings.
    pub fn noting<T: Serialize>(self, notes: &T) -> Self {
        Self { data: serde_json::to_string(notes).expect("the notes are JSON"), ..self }
    }

    /// The notes; none where there are none, or of another shape.
    pub fn notes<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.data).ok()
    }
}

impl Outcome {
    /// The operation is finished: the account as it is now, and a sentence for the journal.
    ///
    /// `note` says what was done and why; it is shortened to 1 KiB. Without an account the person is
    /// absent.
    pub fn new(account: impl Into<Option<Account>>, note: impl Into<String>) -> Self {
        Self { account: account.into(), visibility: Visibility::Present, note: note.into() }
    }

    /// The same outcome, after which the identity provider no longer finds the resource (404).
    pub fn gone(self) -> Self {
        Self { visibility: Visibility::Gone, ..self }
    }
}
