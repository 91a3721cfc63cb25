//! Accounts and outcomes.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::bindings::muster::connector::types::{Account, Membership, Outcome, Visibility};

impl Account {
    /// An account in this state, without notes. The id is the app's own, at most 512 bytes.
    pub fn new(id: impl Into<String>, membership: Membership) -> Self {
        Self { id: id.into(), membership, data: "null".to_owned() }
    }

    /// The same account in another state.
    pub fn with_membership(self, membership: Membership) -> Self {
        Self { membership, ..self }
    }

    /// The same account with these notes: JSON of at most 16 KiB, which later events about the same
    /// user or group include.
    ///
    /// # Panics
    ///
    /// If the value cannot be written as JSON, such as a map whose keys are not strings.
    pub fn with_notes<T: Serialize>(self, notes: &T) -> Self {
        Self { data: serde_json::to_string(notes).expect("the notes are JSON"), ..self }
    }

    /// The notes; none if there are none, or if they have another shape.
    pub fn notes<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.data).ok()
    }
}

impl Outcome {
    /// The outcome of a finished operation: the account afterwards, and a sentence for the journal.
    ///
    /// `note` says what was done and why, and is shortened to 1 KiB. Without an account, the user
    /// is absent.
    pub fn new(account: impl Into<Option<Account>>, note: impl Into<String>) -> Self {
        Self { account: account.into(), visibility: Visibility::Present, note: note.into() }
    }

    /// The same outcome, with the resource removed from the identity provider's view: it reads 404.
    pub fn gone(self) -> Self {
        Self { visibility: Visibility::Gone, ..self }
    }
}
