//! Observations of a tenant's identity provider: its dialect, and its deviations from the RFCs.
//!
//! Okta and Entra are recognised by their `User-Agent`, and Entra by the flag in its URL too. A
//! recognised dialect applies to all requests of the tenant, since a tenant has one identity
//! provider, unless an operator chose a dialect. Deviations are counted in memory and only since
//! the host started, since operators look at them while they set an integration up. An observation
//! costs a request next to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use serde::Serialize;

use super::failed_sign_ins::FailedSignIns;
use super::request_rate::RequestBuckets;
use super::unread_answers::UnreadAnswers;
use crate::scim::{Dialect, Leniency, LeniencyCounts, Reading};

/// The flag that an admin appends to the tenant URL in Entra to get conforming requests.
const ENTRA_FLAG: &str = "aadOptscim062020";

/// The observations of one tenant's identity provider.
#[derive(Debug, Default)]
pub struct ClientObservations {
    recognised: RwLock<Option<Dialect>>,
    flagged: AtomicBool,
    needed: Arc<LeniencyCounts>,
    /// How many requests it may send just now.
    pub requests: RequestBuckets,
    /// Requests that named the tenant and were denied.
    pub failed_sign_ins: FailedSignIns,
    /// The answers that its clients have not read yet.
    pub unread: Arc<UnreadAnswers>,
}

/// A leniency that a tenant's requests needed.
#[derive(Clone, Debug, Serialize)]
pub struct Deviation {
    /// The leniency.
    pub rule: Leniency,
    /// How many readings of a request needed it.
    pub times: u64,
    /// The deviation, described for an operator.
    pub what: &'static str,
}

impl ClientObservations {
    /// Notes the dialect of a request, if its headers or its query identify it.
    pub fn note(&self, agent: Option<&str>, query: Option<&str>) {
        if query.is_some_and(|query| query.contains(ENTRA_FLAG)) {
            self.flagged.store(true, Ordering::Relaxed);
            self.recognise(Dialect::Entra);
        } else if let Some(dialect) = agent.and_then(Dialect::of_agent) {
            self.recognise(dialect);
        }
    }

    fn recognise(&self, dialect: Dialect) {
        // Most requests find their dialect noted, and need no write lock.
        if self.recognised() != Some(dialect) {
            *self.recognised.write().unwrap_or_else(PoisonError::into_inner) = Some(dialect);
        }
    }

    /// The dialect of the last request that was recognised.
    pub fn recognised(&self) -> Option<Dialect> {
        *self.recognised.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The leniencies that the requests needed, in alphabetical order.
    pub fn deviations(&self) -> Vec<Deviation> {
        let deviation =
            |(rule, times): (Leniency, u64)| Deviation { rule, times, what: rule.what() };
        self.needed.iter().map(deviation).collect()
    }

    /// Starts a reading of a request whose leniencies are counted here.
    pub(super) fn reading(&self, dialect: Dialect) -> Reading {
        Reading::counted(dialect, Arc::clone(&self.needed))
    }

    /// Advice for the operator about the deviations, if there is any.
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
    fn a_client_is_recognised_by_name_or_by_flag_and_stays_recognised() {
        let observations = ClientObservations::default();
        assert_eq!(observations.recognised(), None);
        observations.note(Some("Okta SCIM Client 1.0.0"), Some("filter=x"));
        observations.note(Some("curl/8.5.0"), None);
        assert_eq!(observations.recognised(), Some(Dialect::Okta));
        observations.note(None, Some("aadOptscim062020"));
        assert_eq!(observations.recognised(), Some(Dialect::Entra));
    }

    #[test]
    fn an_entra_tenant_that_deviates_without_the_flag_is_advised_to_set_it() {
        let observations = ClientObservations::default();
        assert!(observations.advice(Dialect::Entra).is_none());
        assert!(observations.reading(Dialect::Entra).allows(Leniency::OperationCase));
        assert!(observations.advice(Dialect::Okta).is_none());
        assert!(observations.advice(Dialect::Entra).is_some());
        observations.note(None, Some("aadOptscim062020&count=1"));
        assert!(observations.advice(Dialect::Entra).is_none());
    }
}
