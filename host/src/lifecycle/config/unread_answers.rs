//! Unread answers: the bytes that are in memory because a tenant's clients have not read them yet.
//!
//! Each answer that shows resources is counted until its last byte is given to the connection. A tenant whose
//! answers fill their share is asked to repeat a query later; an answer to a write is always given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most bytes of one tenant. An answer that is larger is given if there is no other.
const MOST: usize = 64 << 20;

/// The bytes of a tenant's answers that are not read yet.
#[derive(Debug, Default)]
pub struct UnreadAnswers(AtomicUsize);

impl UnreadAnswers {
    /// Whether there is room for an answer of so many bytes.
    pub fn have_room(&self, bytes: usize) -> bool {
        let unread = self.0.load(Ordering::Relaxed);
        unread == 0 || unread.saturating_add(bytes) <= MOST
    }

    /// Counts an answer until it is dropped.
    pub fn hold(self: &Arc<Self>, text: String) -> UnreadAnswer {
        self.0.fetch_add(text.len(), Ordering::Relaxed);
        UnreadAnswer { text, all: Arc::clone(self) }
    }
}

/// An answer that is not read yet, or not as a whole.
#[derive(Debug)]
pub struct UnreadAnswer {
    text: String,
    all: Arc<UnreadAnswers>,
}

impl AsRef<[u8]> for UnreadAnswer {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Drop for UnreadAnswer {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.text.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_until_it_is_dropped_and_a_large_one_is_given_alone() {
        let answers = Arc::<UnreadAnswers>::default();
        assert!(answers.have_room(MOST + 1));
        let held = answers.hold("answer".to_owned());
        assert!(answers.have_room(MOST - 6) && !answers.have_room(MOST - 5));
        drop(held);
        assert!(answers.have_room(MOST + 1));
    }
}
