//! What was heard of a tenant's identity provider since the host started: who it is, and how far it
//! is from the RFCs. It is kept in memory, and costs a request next to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use serde::Serialize;

use crate::scim::{Dialect, Leniency, Needed, Reading};

/// What Entra appends to the tenant's URL where an admin has switched its conforming requests on.
const ENTRA_FLAG: &str = "aadOptscim062020";

/// What was heard of a tenant.
#[derive(Debug, Default)]
pub struct ClientObservations {
    recognised: RwLock<Option<Dialect>>,
    flagged: AtomicBool,
    needed: Arc<Needed>,
}

/// One leniency that a tenant's requests needed.
#[derive(Clone, Debug, Serialize)]
pub struct Deviation {
    /// Its name.
    pub rule: Leniency,
    /// In how many readings of a request.
    pub times: u64,
    /// What the requests do, for people.
    pub what: &'static str,
}

impl ClientObservations {
    /// Notes who calls, as far as a request tells.
    pub fn note(&self, agent: Option<&str>, query: Option<&str>) {
        if query.is_some_and(|query| query.contains(ENTRA_FLAG)) {
            self.flagged.store(true, Ordering::Relaxed);
            self.recognise(Dialect::Entra);
        } else if let Some(dialect) = agent.and_then(Dialect::of_agent) {
            self.recognise(dialect);
        }
    }

    /// Most requests find what they would write.
    fn recognise(&self, dialect: Dialect) {
        if self.recognised() != Some(dialect) {
            *self.recognised.write().unwrap_or_else(PoisonError::into_inner) = Some(dialect);
        }
    }

    /// Whom the last request was from that could be recognised.
    pub fn recognised(&self) -> Option<Dialect> {
        *self.recognised.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its requests needed, in alphabetical order.
    pub fn deviations(&self) -> Vec<Deviation> {
        let deviation =
            |(rule, times): (Leniency, u64)| Deviation { rule, times, what: rule.what() };
        self.needed.iter().map(deviation).collect()
    }

    /// The beginning of a reading whose leniencies are counted here.
    pub(super) fn reading(&self, dialect: Dialect) -> Reading {
        Reading::counted(dialect, Arc::clone(&self.needed))
    }

    /// What an operator can do about it.
    pub fn advice(&self, dialect: Dialect) -> Option<&'static str> {
        // Only without the flag: with it, Entra writes booleans as such and `op` in lower case.
        let old = [Leniency::OperationCase, Leniency::StringForBoolean, Leniency::RemoveByValue];
        let deviates = self.needed.iter().any(|(rule, _)| old.contains(&rule));
        let flagged = self.flagged.load(Ordering::Relaxed);
        (dialect == Dialect::Entra && deviates && !flagged).then_some(
            "this Entra tenant lacks `aadOptscim062020`: in Entra, append `?aadOptscim062020` to \
             the tenant URL, and its requests follow the RFCs more closely",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_calls_is_recognised_by_name_or_by_flag_and_stays_known() {
        let observations = ClientObservations::default();
        assert_eq!(observations.recognised(), None);
        observations.note(Some("Okta SCIM Client 1.0.0"), Some("filter=x"));
        observations.note(Some("curl/8.5.0"), None);
        assert_eq!(observations.recognised(), Some(Dialect::Okta));
        observations.note(None, Some("aadOptscim062020"));
        assert_eq!(observations.recognised(), Some(Dialect::Entra));
    }

    #[test]
    fn an_entra_tenant_without_the_flag_is_told_of_it_once_that_shows() {
        let observations = ClientObservations::default();
        assert!(observations.advice(Dialect::Entra).is_none());
        assert!(observations.reading(Dialect::Entra).allows(Leniency::OperationCase));
        assert!(observations.advice(Dialect::Okta).is_none());
        assert!(observations.advice(Dialect::Entra).is_some());
        observations.note(None, Some("aadOptscim062020&count=1"));
        assert!(observations.advice(Dialect::Entra).is_none());
    }
}
