//! The state of an operation after an unfinished attempt, and the answer to its request. Pure.
//!
//! The host itself never gives up what takes access away, from a person or from the members of a
//! group: it is retried until it is done or an operator decides, and its identity provider must ask
//! again, whatever the app answers. A request that grants or changes something is refused if the app rejects it, and ends there. An operation that
//! was acknowledged, or that repairs what a refused one left, is retried with a growing back-off, and
//! failed for an operator to decide.

use std::time::Duration;

use crate::connector::Failure;
use crate::decision::Refusal;
use crate::delivery::DeliveryError;
use crate::lifecycle::options::BackOff;
use crate::scim::{self, Dialect};

/// The tries of an accepted operation whose app cannot be reached, before it fails and waits for an
/// operator.
const TRIES: u32 = 20;
/// The tries of an accepted operation that the app rejects.
const REJECTED_TRIES: u32 = 3;

/// Why an attempt ended without an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lifecycle) enum FailureCause {
    /// The connector refused.
    Refused(Refusal),
    /// The connector itself failed.
    Failed(Failure),
    /// The host stopped the operation: the connector requested a forbidden call or too many.
    StoppedByHost(String),
    /// The deadline has passed; the operation can be continued.
    OutOfTime,
    /// The app has no connector that can decide.
    NoConnector(String),
}

impl FailureCause {
    /// A call that was not made. The connector is to blame, unless the endpoint is not configured for
    /// its address.
    pub(in crate::lifecycle) fn of_delivery(error: &DeliveryError) -> Self {
        match error {
            DeliveryError::Address => Self::Refused(Refusal::Misconfigured(error.to_string())),
            other => Self::StoppedByHost(other.to_string()),
        }
    }

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
            Self::StoppedByHost(_) => "stopped-by-host",
            Self::OutOfTime => "timeout",
            Self::NoConnector(_) => "no-connector",
        }
    }
}

/// The state of the operation after an unfinished attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lifecycle) enum Disposition {
    /// Open: it is due again after this back-off.
    Open(Duration),
    /// Refused: it is finished, and the identity provider gets the refusal.
    Refused,
    /// Failed: it waits for an operator.
    Failed,
}

/// What an attempt was for, and how it went.
#[derive(Clone, Copy, Debug)]
pub(in crate::lifecycle) struct Attempted {
    /// Whether it does nothing but take access away.
    pub(in crate::lifecycle) takes_away: bool,
    /// Whether the request was acknowledged, or none waits for the answer.
    pub(in crate::lifecycle) accepted: bool,
    /// Whether a call may have had an effect.
    pub(in crate::lifecycle) dirty: bool,
    /// The tries by the host itself before this one.
    pub(in crate::lifecycle) tries: u32,
}

/// The state of an operation after this attempt.
pub(in crate::lifecycle) fn of(
    attempted: Attempted,
    cause: &FailureCause,
    back_off: BackOff,
) -> Disposition {
    let Attempted { takes_away, accepted, dirty, tries } = attempted;
    let wait = Disposition::Open(wait(back_off, tries, cause));
    // What takes access away is retried until it is done or an operator decides.
    if takes_away {
        return wait;
    }
    let reachable_later = matches!(
        cause,
        FailureCause::OutOfTime
            | FailureCause::NoConnector(_)
            | FailureCause::Refused(Refusal::RetryLater(_) | Refusal::Misconfigured(_))
    );
    match cause {
        _ if reachable_later && (!accepted || tries < TRIES) => wait,
        FailureCause::Refused(_) if !accepted => Disposition::Refused,
        FailureCause::Refused(_) if !reachable_later && tries < REJECTED_TRIES => wait,
        // The account must be brought back to what the directory says.
        _ if dirty && !accepted => Disposition::Refused,
        _ => Disposition::Failed,
    }
}

/// The answer to the identity provider. An operation that stays open is never answered as if it had
/// ended.
pub(in crate::lifecycle) fn answer(
    dialect: Dialect,
    operation: &str,
    cause: &FailureCause,
    disposition: Disposition,
) -> scim::Error {
    let open = matches!(disposition, Disposition::Open(_));
    match cause {
        FailureCause::Refused(
            Refusal::Rejected(why)
            | Refusal::Conflict(why)
            | Refusal::Forbidden(why)
            | Refusal::Unsupported(why),
        ) if open => retry_later(
            dialect,
            30,
            &format!(
                "the app refuses the change: {why}; it is recorded and retried (operation {operation})"
            ),
        ),
        FailureCause::Refused(Refusal::Rejected(why)) => scim::Error::invalid_value(why),
        FailureCause::Refused(Refusal::Conflict(why)) => scim::Error::uniqueness(why),
        FailureCause::Refused(Refusal::Forbidden(why)) => scim::Error::new(403, why),
        FailureCause::Refused(Refusal::Unsupported(why)) => scim::Error::new(501, why),
        FailureCause::Refused(Refusal::RetryLater(after)) => retry_later(
            dialect,
            after.unwrap_or(30),
            &format!(
                "the app cannot be reached or asks to wait; the change is recorded and retried \
                 (operation {operation})"
            ),
        ),
        FailureCause::OutOfTime => retry_later(
            dialect,
            10,
            &format!(
                "the app has not answered in time; the change is recorded and continues (operation \
                 {operation})"
            ),
        ),
        // A final status, so that the identity provider's admin sees it; the host retries all the same.
        FailureCause::Refused(Refusal::Misconfigured(why)) if open => scim::Error::new(
            500,
            format!(
                "the app cannot be served as it is configured: {why}; the change is recorded and \
                 retried (operation {operation})"
            ),
        ),
        FailureCause::Failed(_) | FailureCause::StoppedByHost(_) if open => scim::Error::new(
            500,
            format!(
                "the app's connector failed; the change is recorded and retried, and operation \
                 {operation} tells the operator why"
            ),
        ),
        FailureCause::Refused(Refusal::Misconfigured(why)) => scim::Error::new(
            500,
            format!("the app's connector is misconfigured: {why} (operation {operation})"),
        ),
        // The cause may name files and variables of the host, which are none of the tenant's business.
        FailureCause::NoConnector(_) => scim::Error::new(
            500,
            "the app cannot be served as it is configured; the log of the host tells the operator why",
        ),
        FailureCause::Failed(_) | FailureCause::StoppedByHost(_) => scim::Error::new(
            500,
            format!("the app's connector failed; operation {operation} tells the operator why"),
        ),
    }
}

/// The answer to a request that must wait for an older operation on the same resource.
pub(in crate::lifecycle) fn wait_for_older(dialect: Dialect, operation: &str) -> scim::Error {
    let why = format!("an older change of this resource is not finished (operation {operation})");
    retry_later(dialect, 10, &why)
}

/// The answer to a write whose turn did not come in time: the app is still being told of an older
/// change. The write goes on.
pub(in crate::lifecycle) fn busy(dialect: Dialect) -> scim::Error {
    let why = "the app is still being told of an older change of this resource; this one waits for \
               its turn";
    retry_later(dialect, 10, why)
}

/// The answer if a tenant has too many open operations.
pub(in crate::lifecycle) fn too_many_open(dialect: Dialect) -> scim::Error {
    retry_later(dialect, 60, "too many changes wait for the app; this one was not accepted")
}

/// The answer to an operation of a bulk request that was not started in time.
pub(in crate::lifecycle) fn not_started(dialect: Dialect) -> scim::Error {
    retry_later(dialect, 1, "the operations before took too long; this one has not been begun")
}

/// The answer if what a request was decided from has changed before its commit.
pub(in crate::lifecycle) fn outdated(dialect: Dialect) -> scim::Error {
    retry_later(dialect, 1, "something else changed what this is about at the same time")
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

/// How long an operation waits after so many tries.
fn wait(back_off: BackOff, tries: u32, cause: &FailureCause) -> Duration {
    if let FailureCause::Refused(Refusal::RetryLater(Some(seconds))) = cause {
        let asked = Duration::from_secs(u64::from(*seconds));
        return asked.max(back_off.first.min(Duration::from_secs(1))).min(back_off.longest);
    }
    back_off.after(tries)
}

#[cfg(test)]
mod tests {
    use super::super::journaled::takes_away;
    use super::*;
    use crate::decision::EventKind;

    const RETRY: FailureCause = FailureCause::Refused(Refusal::RetryLater(None));

    fn rejected() -> FailureCause {
        FailureCause::Refused(Refusal::Rejected("no".to_owned()))
    }

    #[test]
    fn an_identity_provider_is_not_told_of_files_and_variables_of_the_host() {
        let cause = FailureCause::NoConnector("the file /run/secret: create it".to_owned());
        for disposition in [Disposition::Refused, Disposition::Open(Duration::from_secs(5))] {
            let answer = answer(Dialect::Generic, "o", &cause, disposition);
            assert_eq!(answer.status, 500);
            assert!(!answer.detail.contains("/run/secret"), "{}", answer.detail);
        }
    }

    #[track_caller]
    fn check(
        (event, accepted, dirty, tries): (EventKind, bool, bool, u32),
        cause: &FailureCause,
        expected: Disposition,
    ) {
        let takes_away = takes_away(event);
        let attempted = Attempted { takes_away, accepted, dirty, tries };
        assert_eq!(of(attempted, cause, BackOff::default()), expected);
    }

    #[test]
    fn deprovisioning_is_never_given_up() {
        let longest = Disposition::Open(Duration::from_secs(3600));
        check((EventKind::Deactivate, false, false, 10_000), &rejected(), longest);
        check((EventKind::Delete, true, true, 10_000), &RETRY, longest);
        check((EventKind::GroupDelete, false, false, 10_000), &rejected(), longest);
        let failed = FailureCause::Failed(Failure::Deadline);
        check((EventKind::Deactivate, false, false, 10_000), &failed, longest);
    }

    #[test]
    fn a_rejected_request_ends_and_an_acknowledged_one_is_tried_again_before_it_fails() {
        check((EventKind::Create, false, false, 1), &rejected(), Disposition::Refused);
        let again = Disposition::Open(Duration::from_secs(10));
        check((EventKind::Create, true, false, 1), &rejected(), again);
        check((EventKind::Create, true, false, REJECTED_TRIES), &rejected(), Disposition::Failed);
    }

    #[test]
    fn a_connector_that_fails_after_an_effect_ends_the_request_so_that_it_is_undone() {
        let failed = FailureCause::Failed(Failure::Memory);
        check((EventKind::Update, false, false, 1), &failed, Disposition::Failed);
        check((EventKind::Activate, false, true, 1), &failed, Disposition::Refused);
    }

    #[test]
    fn back_offs_grow_and_an_accepted_operation_fails_at_last() {
        check(
            (EventKind::Update, true, false, 0),
            &RETRY,
            Disposition::Open(Duration::from_secs(5)),
        );
        check(
            (EventKind::Update, true, false, 3),
            &RETRY,
            Disposition::Open(Duration::from_secs(40)),
        );
        check((EventKind::Update, true, false, TRIES), &RETRY, Disposition::Failed);
        let asked = FailureCause::Refused(Refusal::RetryLater(Some(7)));
        check(
            (EventKind::Create, false, false, 3),
            &asked,
            Disposition::Open(Duration::from_secs(7)),
        );
    }

    #[test]
    fn each_identity_provider_gets_the_status_on_which_it_retries() {
        let open = Disposition::Open(Duration::from_secs(5));
        assert_eq!(answer(Dialect::Okta, "1", &RETRY, open).status, 429);
        assert_eq!(answer(Dialect::Entra, "1", &RETRY, open).status, 503);
        assert_eq!(answer(Dialect::Okta, "1", &RETRY, open).retry_after, Some(30));
    }

    #[test]
    fn what_stays_open_is_never_answered_as_if_it_had_ended() {
        let open = Disposition::Open(Duration::from_secs(5));
        assert_eq!(answer(Dialect::Entra, "1", &rejected(), open).status, 503);
        let failed = FailureCause::Failed(Failure::Memory);
        let misconfigured = FailureCause::Refused(Refusal::Misconfigured("no".to_owned()));
        for cause in [rejected(), failed, misconfigured] {
            let detail = answer(Dialect::Entra, "1", &cause, open).detail;
            assert!(detail.contains("recorded and retried"), "{detail}");
        }
        assert_eq!(answer(Dialect::Entra, "1", &rejected(), Disposition::Refused).status, 400);
    }
}
