//! A host killed with `kill -9` at each step of moving its write-ahead log into the database: every change
//! that was acknowledged is there after a restart.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::test_host::{HostProcess, TestHost};
use crate::support::user;

/// Creates users until the host dies, at most so many. The number of those that were acknowledged.
async fn create_until_death(test_host: &TestHost, host: &HostProcess, most: usize) -> usize {
    for n in 0..most {
        let created = test_host.scim(host, "POST", "/Users", user(&format!("user{n}"))).await;
        let Some((status, _)) = created else { return n };
        assert_eq!(status, 201);
    }
    most
}

/// Stops the host. True if it ended as it should.
fn stop(mut host: HostProcess) -> bool {
    kill_process(Pid::from_child(&host.child), Signal::TERM).unwrap();
    host.child.wait().unwrap().success()
}

/// Asserts that the users are there, and that changes are accepted.
async fn has_users(test_host: &TestHost, acknowledged: usize, point: &str) {
    let host = test_host.spawn_with_short_log(None);
    test_host.settled(&host).await;
    for n in 0..acknowledged {
        let path = format!("/Users?filter=userName%20eq%20%22user{n}@acme.example%22");
        let (status, found) = test_host.scim(&host, "GET", &path, Value::Null).await.unwrap();
        assert_eq!((status, &found["totalResults"]), (200, &1.into()), "{point}: user{n}");
    }
    let people = test_host.people(&host).await;
    let expected = acknowledged as u64;
    // The answer to the last one may have been lost.
    assert!((expected..=expected + 1).contains(&people), "{point}: {people} of {expected}");
    let (status, later) = test_host.scim(&host, "POST", "/Users", user("later")).await.unwrap();
    assert_eq!(status, 201, "{point}: {later}");
}

#[tokio::test]
async fn a_host_killed_while_its_log_is_moved_into_the_database_loses_nothing() {
    for point in ["log-copy", "log-copied", "log-restart", "log-restarted"] {
        for passage in [1, 2] {
            let point = format!("{point}:{passage}");
            let test_host = TestHost::with_roster().await;
            // The next start finds no log, so the host dies when it serves.
            let host = test_host.spawn_with_short_log(None);
            assert_eq!(test_host.people(&host).await, 0);
            assert!(stop(host));
            let mut dying = test_host.spawn_with_short_log(Some(&point));
            let acknowledged = create_until_death(&test_host, &dying, 200).await;
            assert!(acknowledged < 200, "{point}: the host should have died");
            assert!(!dying.child.wait().unwrap().success(), "{point}");
            has_users(&test_host, acknowledged, &point).await;
        }
    }
}

#[tokio::test]
async fn a_host_killed_while_it_closes_its_database_loses_nothing() {
    for point in ["log-empty:1", "log-emptied:1"] {
        let test_host = TestHost::with_roster().await;
        let dying = test_host.spawn_with_short_log(Some(point));
        assert_eq!(create_until_death(&test_host, &dying, 20).await, 20);
        assert!(!stop(dying), "{point}");
        has_users(&test_host, 20, point).await;
    }
}
