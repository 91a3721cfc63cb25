//! `kill -9` at any moment of an operation of four calls: after the restart each call has had its
//! effect once, and the person exists once.

use std::collections::HashMap;

use crate::support::house::House;

#[cfg(target_os = "linux")]
mod compiling;
mod versions;

async fn killed_at(point: &str) {
    let house = House::furnish().await;
    let mut dying = house.start(Some(point));
    assert_eq!(house.create(&dying).await, None, "{point}: the host was to die");
    assert!(!dying.child.wait().unwrap().success(), "{point}");

    let host = house.start(None);
    house.settled(&host).await;
    // The identity provider heard nothing, and asks again.
    let again = house.create(&host).await;
    let expected: &[Option<u16>] = match point {
        // All was done, and only the answer was lost.
        "journal-done:5" => &[Some(409)],
        _ => &[Some(201)],
    };
    assert!(expected.contains(&again), "{point}: {again:?}");
    assert_eq!(house.people(&host).await, 1, "{point}");
    let once: HashMap<String, usize> =
        (1..=4).map(|n| (format!("ada@acme.example {n}"), 1)).collect();
    assert_eq!(house.effects(), once, "{point}");
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

/// RFC 7644 §3.7: each operation of a bulk request is as safe as a request by itself.
#[tokio::test]
async fn a_host_killed_within_a_bulk_request_keeps_what_was_done_and_ends_what_had_begun() {
    let house = House::furnish().await;
    // Four calls make the first person; the second one's are under way.
    let mut dying = house.start(Some("call:6"));
    assert_eq!(house.create_two(&dying).await, None);
    assert!(!dying.child.wait().unwrap().success());

    let host = house.start(None);
    house.settled(&host).await;
    assert_eq!(house.people(&host).await, 2);
    // Nobody was answered: what was done is there already, what was taken up is owed its answer.
    assert_eq!(house.create_two(&host).await, Some(vec!["409".to_owned(), "201".to_owned()]));
    assert_eq!(house.people(&host).await, 2);
    assert!(house.effects().values().all(|times| *times == 1));
    assert_eq!(house.effects().len(), 8);
}
