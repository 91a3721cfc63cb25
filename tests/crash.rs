//! A host killed with `kill -9` at each step of an operation with four calls: after a restart, each
//! call has taken effect exactly once, and the user exists exactly once.

use std::collections::HashMap;

use crate::support::test_host::TestHost;

#[cfg(target_os = "linux")]
mod compiling;
mod jobs;
mod log;
mod removal;
mod versions;

async fn killed_at(point: &str) {
    let test_host = TestHost::start().await;
    let mut dying = test_host.spawn(Some(point));
    assert_eq!(test_host.create(&dying).await, None, "{point}: the host should have died");
    assert!(!dying.child.wait().unwrap().success(), "{point}");

    let host = test_host.spawn(None);
    test_host.settled(&host).await;
    // The identity provider received no response, so it repeats its request. It gets the answer even
    // if the operation was done, and only the response was lost.
    assert_eq!(test_host.create(&host).await, Some(201), "{point}");
    assert_eq!(test_host.create(&host).await, Some(409), "{point}");
    assert_eq!(test_host.people(&host).await, 1, "{point}");
    let once: HashMap<String, usize> =
        (1..=4).map(|n| (format!("ada@acme.example {n}"), 1)).collect();
    assert_eq!(test_host.effects(), once, "{point}");
}

#[tokio::test]
async fn a_host_killed_at_any_journal_write_loses_and_repeats_nothing() {
    for n in 1..=5 {
        killed_at(&format!("journal:{n}")).await;
        killed_at(&format!("journal-done:{n}")).await;
    }
}

#[tokio::test]
async fn a_host_killed_at_any_call_loses_and_repeats_nothing() {
    for n in 1..=4 {
        killed_at(&format!("call:{n}")).await;
        killed_at(&format!("call-done:{n}")).await;
    }
}

/// RFC 7644 §3.7: each operation of a bulk request is as durable as a single request.
#[tokio::test]
async fn a_host_killed_within_a_bulk_request_keeps_done_operations_and_finishes_the_pending_one() {
    let test_host = TestHost::start().await;
    // The first user takes four calls; the host dies during the calls for the second.
    let mut dying = test_host.spawn(Some("call:6"));
    assert_eq!(test_host.create_two(&dying).await, None);
    assert!(!dying.child.wait().unwrap().success());

    let host = test_host.spawn(None);
    test_host.settled(&host).await;
    assert_eq!(test_host.people(&host).await, 2);
    // The repeated request: neither operation was answered before.
    assert_eq!(test_host.create_two(&host).await, Some(vec!["201".to_owned(), "201".to_owned()]));
    assert_eq!(test_host.create_two(&host).await, Some(vec!["409".to_owned(), "409".to_owned()]));
    assert_eq!(test_host.people(&host).await, 2);
    assert!(test_host.effects().values().all(|times| *times == 1));
    assert_eq!(test_host.effects().len(), 8);
}
