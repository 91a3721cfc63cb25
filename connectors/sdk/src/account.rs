//! Accounts and outcomes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

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

    /// The same account, with the note that it was linked by the user's address and not created:
    /// `{"linked":true}`. Other notes are replaced.
    ///
    /// A linked account was there before: the same address does not make it the tenant's. The host does not
    /// take an account with this note for one that the tenant made. Give the note also if the app's answer to
    /// an invitation may name an account that it had.
    pub fn linked(self) -> Self {
        self.with_notes(&Linked { linked: true })
    }

    /// Whether the account has the note of [`linked`](Self::linked).
    pub fn is_linked(&self) -> bool {
        self.notes::<Linked>().is_some_and(|notes| notes.linked)
    }

    /// The notes; none if there are none, or if they have another shape.
    pub fn notes<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.data).ok()
    }
}

/// The note of a linked account.
#[derive(Serialize, Deserialize)]
struct Linked {
    linked: bool,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_account_with_the_note_is_linked() {
        let account = Account::new("7", Membership::Active);
        assert!(account.clone().linked().is_linked());
        assert_eq!(account.clone().linked().data, r#"{"linked":true}"#);
        assert!(!account.is_linked());
        assert!(!account.with_notes(&["linked"]).is_linked());
    }
}
