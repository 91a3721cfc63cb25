//! The state of an operation after an unfinished attempt, and the answer to its request. Pure.
//!
//! The host itself never gives deprovisioning up: it is retried until it is done or an operator
//! decides. Other operations are refused, retried with a growing back-off, or failed for an
//! operator to decide.

use std::time::Duration;

use crate::connector::Failure;
use crate::decision::{EventKind, Refusal};
use crate::scim::{self, Dialect};

/// The attempts at an accepted operation, before it fails and waits for an operator.
const ATTEMPTS: u32 = 20;
/// The longest back-off.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Why an attempt ended without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lifecycle) enum Obstacle {
    /// The connector refused.
    Refused(Refusal),
    /// The connector itself failed.
    Failed(Failure),
    /// The host stopped the operation: the connector requested a forbidden call or too many, or the
    /// resource has changed twice in the meantime.
    Forbidden(String),
    /// The deadline has passed; the operation can be continued.
    OutOfTime,
    /// The app has no connector that can decide.
    NoConnector(String),
}

impl Obstacle {
    /// The name in log lines.
    pub(in crate::lifecycle) fn name(&self) -> &'static str {
        match self {
            Self::Refused(Refusal::Rejected(_)) => "rejected",
            Self::Refused(Refusal::Conflict(_)) => "conflict",
            Self::Refused(Refusal::Forbidden(_)) => "forbidden",
            Self::Refused(Refusal::Unsupported(_)) => "unsupported",
            Self::Refused(Refusal::Misconfigured(_)) => "misconfigured",
            Self::Refused(Refusal::RetryLater(_)) => "retry-later",
            Self::Failed(failure) => failure.name(),
            Self::Forbidden(_) => "stopped-by-host",
            Self::OutOfTime => "timeout",
            Self::NoConnector(_) => "no-connector",
        }
    }
}

/// The state of the operation after an unfinished attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lifecycle) enum Fate {
    /// Open: it is due again after this back-off.
    Open(Duration),
    /// Refused: it is finished, and the identity provider gets the refusal.
    Refused,
    /// Failed: it waits for an operator.
    Failed,
}

/// The state of an operation after `attempts` earlier attempts and this one; `accepted` if its request
/// was acknowledged.
pub(in crate::lifecycle) fn of(
    kind: EventKind,
    accepted: bool,
    attempts: u32,
    obstacle: &Obstacle,
) -> Fate {
    let wait = Fate::Open(wait(attempts, obstacle));
    // Deprovisioning is retried until it is done or an operator decides.
    if kind.deprovisions() {
        return wait;
    }
    match obstacle {
        Obstacle::OutOfTime | Obstacle::Refused(Refusal::RetryLater(_)) if !accepted => wait,
        Obstacle::Refused(Refusal::Misconfigured(_)) | Obstacle::NoConnector(_) if !accepted => {
            wait
        }
        Obstacle::OutOfTime
        | Obstacle::NoConnector(_)
        | Obstacle::Refused(Refusal::RetryLater(_) | Refusal::Misconfigured(_))
            if attempts < ATTEMPTS =>
        {
            wait
        }
        Obstacle::Refused(_) if !accepted => Fate::Refused,
        _ => Fate::Failed,
    }
}

/// The answer to the identity provider.
pub(in crate::lifecycle) fn answer(
    dialect: Dialect,
    operation: &str,
    obstacle: &Obstacle,
) -> scim::Error {
    match obstacle {
        Obstacle::Refused(Refusal::Rejected(why)) => scim::Error::invalid_value(why),
        Obstacle::Refused(Refusal::Conflict(why)) => scim::Error::uniqueness(why),
        Obstacle::Refused(Refusal::Forbidden(why)) => scim::Error::new(403, why),
        Obstacle::Refused(Refusal::Unsupported(why)) => scim::Error::new(501, why),
        Obstacle::Refused(Refusal::RetryLater(after)) => retry_later(
            dialect,
            after.unwrap_or(30),
            "the app cannot be reached or asks to wait; the change is recorded and retried",
        ),
        Obstacle::OutOfTime => retry_later(
            dialect,
            10,
            "the app has not answered in time; the change is recorded and continues",
        ),
        Obstacle::Refused(Refusal::Misconfigured(why)) => scim::Error::new(
            500,
            format!("the app's connector is misconfigured: {why} (operation {operation})"),
        ),
        Obstacle::NoConnector(why) => {
            scim::Error::new(500, format!("the app cannot be served: {why}"))
        }
        Obstacle::Failed(_) | Obstacle::Forbidden(_) => scim::Error::new(
            500,
            format!("the app's connector failed; operation {operation} tells the operator why"),
        ),
    }
}

/// The answer if a tenant has too many open operations.
pub(in crate::lifecycle) fn too_many_open(dialect: Dialect) -> scim::Error {
    retry_later(dialect, 60, "too many changes wait for the app; this one was not accepted")
}

/// The answer to an operation of a bulk request that was not started in time.
pub(in crate::lifecycle) fn not_started(dialect: Dialect) -> scim::Error {
    retry_later(dialect, 1, "the operations before took too long; this one has not been begun")
}

/// The answer if the disk cannot be written.
pub(in crate::lifecycle) fn unwritable(dialect: Dialect, why: &str) -> scim::Error {
    retry_later(dialect, 60, &format!("{why}; this change is not finished yet"))
}

/// Okta retries only on 429 with an integer `Retry-After`:
/// `tests/fixtures/conversations/SOURCES.md`, "Okta: retries only 429 with Retry-After".
fn retry_later(dialect: Dialect, seconds: u32, why: &str) -> scim::Error {
    let status = if dialect == Dialect::Okta { 429 } else { 503 };
    scim::Error::new(status, why).retry_after(seconds.clamp(1, 3600))
}

fn wait(attempts: u32, obstacle: &Obstacle) -> Duration {
    if let Obstacle::Refused(Refusal::RetryLater(Some(seconds))) = obstacle {
        return Duration::from_secs(u64::from(*seconds))
            .clamp(Duration::from_secs(1), LONGEST_WAIT);
    }
    Duration::from_secs(5 << attempts.min(10)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Obstacle = Obstacle::Refused(Refusal::RetryLater(None));

    fn rejected() -> Obstacle {
        Obstacle::Refused(Refusal::Rejected("no".to_owned()))
    }

    #[track_caller]
    fn check(kind: EventKind, accepted: bool, attempts: u32, obstacle: &Obstacle, fate: Fate) {
        assert_eq!(of(kind, accepted, attempts, obstacle), fate);
    }

    #[test]
    fn deprovisioning_is_never_given_up() {
        let longest = Fate::Open(LONGEST_WAIT);
        check(EventKind::Deactivate, false, 10_000, &rejected(), longest);
        check(EventKind::Delete, true, 10_000, &RETRY, longest);
        check(EventKind::Deactivate, false, 10_000, &Obstacle::Failed(Failure::Deadline), longest);
    }

    #[test]
    fn a_refused_operation_is_finished_unless_it_was_accepted() {
        check(EventKind::Create, false, 1, &rejected(), Fate::Refused);
        check(EventKind::Create, true, 1, &rejected(), Fate::Failed);
        check(EventKind::Update, false, 1, &Obstacle::Failed(Failure::Memory), Fate::Failed);
    }

    #[test]
    fn back_offs_grow_and_an_accepted_operation_fails_at_last() {
        check(EventKind::Update, true, 0, &RETRY, Fate::Open(Duration::from_secs(5)));
        check(EventKind::Update, true, 3, &RETRY, Fate::Open(Duration::from_secs(40)));
        check(EventKind::Update, true, ATTEMPTS, &RETRY, Fate::Failed);
        let told = Obstacle::Refused(Refusal::RetryLater(Some(7)));
        check(EventKind::Create, false, 3, &told, Fate::Open(Duration::from_secs(7)));
    }

    #[test]
    fn each_identity_provider_gets_the_status_on_which_it_retries() {
        assert_eq!(answer(Dialect::Okta, "1", &RETRY).status, 429);
        assert_eq!(answer(Dialect::Entra, "1", &RETRY).status, 503);
        assert_eq!(answer(Dialect::Okta, "1", &RETRY).retry_after, Some(30));
    }
}
