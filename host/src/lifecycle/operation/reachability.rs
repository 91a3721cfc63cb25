//! Apps that answer again: what waits for them is due at once.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The apps that did not answer their last call.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct UnreachableApps(Mutex<HashSet<String>>);

impl UnreachableApps {
    /// Notes the result of a call. True if the app answers again.
    pub(in crate::lifecycle) fn note(&self, app: &str, reachable: bool) -> bool {
        let mut apps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match reachable {
            true => apps.remove(app),
            false => {
                apps.insert(app.to_owned());
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_answers_again_after_a_call_without_an_answer() {
        let apps = UnreachableApps::default();
        assert!(!apps.note("crm", true));
        assert!(!apps.note("crm", false));
        assert!(!apps.note("wiki", true));
        assert!(apps.note("crm", true));
        assert!(!apps.note("crm", true));
    }
}
