//! Circuits of one and of several tenants, on a clock of the tests.

use super::*;

const APP: &str = "https://app.example";
const MOMENT: Duration = Duration::from_millis(1);

#[track_caller]
fn fail(circuits: &Circuits, tenant: &str, now: Instant, times: u32) {
    for _ in 0..times {
        circuits.enter(APP, tenant, now).expect("the circuit is closed").failed(now);
    }
}

/// Whether a request of the tenant may be sent. It is not sent.
fn admits(circuits: &Circuits, tenant: &str, now: Instant) -> bool {
    circuits.enter(APP, tenant, now).is_some()
}

/// A circuit that acme and globex have opened for all tenants.
fn open_for_all(now: Instant) -> Circuits {
    let circuits = Circuits::default();
    fail(&circuits, "acme", now, SHARE);
    fail(&circuits, "globex", now, SHARE - 1);
    let last = circuits.enter(APP, "globex", now).unwrap();
    assert_eq!(last.failed(now), Some(OpenedFor::All));
    circuits
}

#[test]
fn ten_failures_in_a_row_open_the_circuit_of_that_app_and_tenant_alone() {
    let (circuits, now) = (Circuits::default(), Instant::now());
    fail(&circuits, "acme", now, FAILURES - 1);
    let last = circuits.enter(APP, "acme", now).unwrap();
    assert_eq!(last.failed(now), Some(OpenedFor::Tenant));
    assert!(!admits(&circuits, "acme", now));
    assert!(admits(&circuits, "globex", now));
    assert!(circuits.enter("https://other.example", "acme", now).is_some());
}

#[test]
fn failures_of_several_tenants_open_the_circuit_for_all() {
    let now = Instant::now();
    let circuits = open_for_all(now);
    for tenant in ["acme", "globex", "initech"] {
        assert!(!admits(&circuits, tenant, now), "{tenant}");
    }
    assert!(circuits.enter("https://other.example", "acme", now).is_some());
}

#[test]
fn a_tenant_that_fails_without_end_opens_the_circuit_for_no_other() {
    let (circuits, mut now) = (Circuits::default(), Instant::now());
    fail(&circuits, "acme", now, FAILURES);
    fail(&circuits, "globex", now, SHARE - 1);
    for _ in 0..100 {
        now += OPEN;
        let probe = circuits.enter(APP, "acme", now).unwrap();
        assert_eq!(probe.failed(now), Some(OpenedFor::Tenant));
        assert!(admits(&circuits, "globex", now) && admits(&circuits, "initech", now));
    }
}

#[test]
fn an_answer_to_one_tenant_shows_that_the_app_is_reachable_for_all() {
    let (circuits, now) = (Circuits::default(), Instant::now());
    for _ in 0..10 {
        fail(&circuits, "acme", now, 1);
        fail(&circuits, "globex", now, SHARE - 1);
        circuits.enter(APP, "initech", now).unwrap().answered();
        circuits.enter(APP, "globex", now).unwrap().answered();
    }
    assert!(admits(&circuits, "globex", now));
    // The failures of acme are still its own.
    assert!(!admits(&circuits, "acme", now));
}

#[test]
fn a_response_resets_the_count_of_failures() {
    let (circuits, now) = (Circuits::default(), Instant::now());
    fail(&circuits, "acme", now, FAILURES - 1);
    circuits.enter(APP, "acme", now).unwrap().answered();
    fail(&circuits, "acme", now, FAILURES - 1);
    assert!(admits(&circuits, "acme", now));
}

#[test]
fn failures_far_apart_are_not_consecutive() {
    let (circuits, mut now) = (Circuits::default(), Instant::now());
    for _ in 0..2 * FAILURES {
        for tenant in ["acme", "globex"] {
            fail(&circuits, tenant, now, 1);
        }
        now += IN_A_ROW + MOMENT;
    }
    assert!(admits(&circuits, "acme", now));
}

#[test]
fn an_open_circuit_allows_one_probe_after_a_while() {
    let (circuits, opened) = (Circuits::default(), Instant::now());
    fail(&circuits, "acme", opened, FAILURES);
    assert!(!admits(&circuits, "acme", opened + OPEN - MOMENT));
    let later = opened + OPEN;
    let probe = circuits.enter(APP, "acme", later).unwrap();
    assert!(!admits(&circuits, "acme", later));
    assert_eq!(probe.failed(later), Some(OpenedFor::Tenant));
    assert!(!admits(&circuits, "acme", later + OPEN - MOMENT));
    circuits.enter(APP, "acme", later + OPEN).unwrap().answered();
    assert!(admits(&circuits, "acme", later + OPEN));
}

#[test]
fn a_circuit_that_is_open_for_all_is_probed_by_one_request_of_one_tenant() {
    let opened = Instant::now();
    let circuits = open_for_all(opened);
    let later = opened + OPEN;
    assert!(!admits(&circuits, "initech", later - MOMENT));
    let probe = circuits.enter(APP, "initech", later).unwrap();
    assert!(!admits(&circuits, "acme", later) && !admits(&circuits, "initech", later));
    probe.answered();
    for tenant in ["acme", "globex", "initech"] {
        assert!(admits(&circuits, tenant, later), "{tenant}");
    }
}

#[test]
fn a_tenant_whose_probe_failed_leaves_the_next_one_to_the_others() {
    let opened = Instant::now();
    let circuits = open_for_all(opened);
    let later = opened + OPEN;
    let probe = circuits.enter(APP, "acme", later).unwrap();
    assert_eq!(probe.failed(later), Some(OpenedFor::All));
    assert!(!admits(&circuits, "acme", later + OPEN));
    circuits.enter(APP, "globex", later + OPEN).unwrap().answered();
    assert!(admits(&circuits, "acme", later + OPEN));
    // If no other tenant has anything to send, it probes again.
    let circuits = open_for_all(opened);
    circuits.enter(APP, "acme", later).unwrap().failed(later);
    assert!(admits(&circuits, "acme", later + 2 * OPEN));
}

#[test]
fn an_abandoned_probe_allows_the_next_one() {
    let now = Instant::now();
    let circuits = open_for_all(now);
    drop(circuits.enter(APP, "acme", now + OPEN).unwrap());
    assert!(admits(&circuits, "acme", now + OPEN));
}

#[test]
fn a_late_failure_does_not_keep_a_circuit_open() {
    let (circuits, now) = (Circuits::default(), Instant::now());
    let late = circuits.enter(APP, "acme", now).unwrap();
    fail(&circuits, "acme", now, FAILURES);
    assert_eq!(late.failed(now + OPEN), None);
    assert!(admits(&circuits, "acme", now + OPEN));
}

#[test]
fn an_address_that_answers_its_tenants_again_is_forgotten() {
    let now = Instant::now();
    let circuits = open_for_all(now);
    circuits.enter(APP, "acme", now + OPEN).unwrap().answered();
    assert!(circuits.with(|all| all.is_empty()));
}
