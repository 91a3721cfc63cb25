//! Operations that end those before them, and the attempts of one operation.

use super::*;
use OperationState::{Done, Failed, Held, Open, Superseded};

fn journaled(id: &str, resource: &str, state: OperationState) -> Commit {
    let mut row = OperationRow { state, ..operation(id, "acme", resource) };
    row.due = (state == Open).then(|| "2026-11-22T08:01:00.000Z".to_owned());
    row.finished = (state == Done).then(|| "2026-11-22T08:02:00.000Z".to_owned());
    Commit { operation: Some(row), ..Commit::default() }
}

fn superseding(commit: Commit, resources: &[&str]) -> Commit {
    let supersedes = resources.iter().map(|it| (*it).to_owned()).collect();
    let now = Some("2026-11-22T08:03:00.000Z".to_owned());
    Commit { supersedes, now, ..commit }
}

async fn read(bench: &Bench, id: &str) -> OperationRow {
    bench.store.operation(id).await.unwrap().unwrap().0
}

#[tokio::test]
async fn a_resource_has_at_most_one_unfinished_operation() {
    let bench = Bench::new().await;
    bench.store.commit(journaled("o1", "u1", Open)).await.unwrap();
    for state in [Open, Failed] {
        let second = bench.store.commit(journaled("o2", "u1", state)).await;
        assert!(matches!(second, Err(CommitError::Stale)), "{state:?}: {second:?}");
        assert!(bench.store.operation("o2").await.unwrap().is_none());
    }
    for (id, state) in [("o3", Done), ("o4", Held), ("o5", Held)] {
        bench.store.commit(journaled(id, "u1", state)).await.unwrap();
    }
    bench.store.commit(journaled("o6", "u2", Failed)).await.unwrap();
    let other = OperationRow { tenant: "globex".to_owned(), ..operation("o7", "globex", "u1") };
    let other = Commit { operation: Some(other), ..Commit::default() };
    bench.store.commit(other).await.unwrap();
    // It can change its own state, and another can begin as soon as it is done.
    for state in [Failed, Open, Done] {
        bench.store.commit(journaled("o1", "u1", state)).await.unwrap();
    }
    bench.store.commit(journaled("o8", "u1", Open)).await.unwrap();
}

#[tokio::test]
async fn a_newer_operation_supersedes_those_that_are_not_over() {
    let bench = Bench::new().await;
    for (id, resource, state) in [
        ("o1", "u1", Held),
        ("o2", "u1", Open),
        ("o3", "u1", Done),
        ("o4", "u2", Failed),
        ("o5", "u3", Open),
    ] {
        bench.store.commit(journaled(id, resource, state)).await.unwrap();
    }
    let other = OperationRow { tenant: "globex".to_owned(), ..operation("o6", "globex", "u1") };
    let other = Commit { operation: Some(other), ..Commit::default() };
    bench.store.commit(other).await.unwrap();
    let newer = journaled("o7", "u1", Open);
    bench.store.commit(superseding(newer, &["u1", "u2"])).await.unwrap();

    for id in ["o1", "o2", "o4"] {
        let row = read(&bench, id).await;
        assert_eq!((row.state, row.successor.as_deref()), (Superseded, Some("o7")), "{id}");
        assert_eq!((row.due, row.sealed), (None, None), "{id}");
        assert_eq!(row.finished.as_deref(), Some("2026-11-22T08:03:00.000Z"), "{id}");
    }
    for (id, state) in [("o3", Done), ("o5", Open), ("o6", Open), ("o7", Open)] {
        let row = read(&bench, id).await;
        assert_eq!((row.state, row.successor), (state, None), "{id}");
    }
    // Written again, it does not supersede itself.
    let again = journaled("o7", "u1", Done);
    bench.store.commit(superseding(again, &["u1"])).await.unwrap();
    assert_eq!(read(&bench, "o7").await.state, Done);
    assert_eq!(read(&bench, "o2").await.successor.as_deref(), Some("o7"));
}

#[tokio::test]
async fn nothing_is_superseded_by_a_commit_that_fails() {
    let bench = Bench::new().await;
    let row = user("acme", "u1", "ann");
    bench.insert(row.clone()).await.unwrap();
    bench.store.commit(journaled("o1", "u1", Open)).await.unwrap();
    let mut newer = superseding(journaled("o2", "u1", Done), &["u1"]);
    newer.resource = Some(next(ResourceRow { version: 7, ..row.clone() }));
    let stale = bench.store.commit(newer.clone()).await;
    assert!(matches!(stale, Err(CommitError::Stale)), "{stale:?}");
    assert_eq!(read(&bench, "o1").await.state, Open);
    assert!(bench.store.operation("o2").await.unwrap().is_none());
    // The other parts of the commit take effect along with it.
    newer.resource = Some(next(row));
    let its = AccountRow { user_name: "ann".to_owned(), ..account("acme", "u1", Some("a1")) };
    newer.account = Some(its.clone());
    newer.exchanges = vec![exchange("o2", 1, 0)];
    bench.store.commit(newer).await.unwrap();
    assert_eq!(read(&bench, "o1").await.state, Superseded);
    assert_eq!(bench.version("acme", "User", "u1").await, Some(2));
    let written = bench.store.account("acme", "u1").await.unwrap();
    assert_eq!(written, Some(its));
    assert_eq!(bench.store.operation("o2").await.unwrap().unwrap().1.len(), 1);
}

fn exchange(operation: &str, attempt: u32, n: u32) -> ExchangeRow {
    ExchangeRow {
        operation: operation.to_owned(),
        attempt,
        n,
        request: format!("[{attempt},{n}]"),
        response: Some("{}".to_owned()),
        earlier_response: None,
        at: "2026-11-22T08:00:00.000Z".to_owned(),
    }
}

#[tokio::test]
async fn ended_attempts_keep_their_facts_and_exchanges() {
    let bench = Bench::new().await;
    let mut first = journaled("o1", "u1", Open);
    first.exchanges = vec![exchange("o1", 1, 0), exchange("o1", 1, 1)];
    bench.store.commit(first).await.unwrap();
    assert_eq!(bench.store.attempts("o1").await.unwrap(), []);
    let ended = AttemptRow {
        operation: "o1".to_owned(),
        attempt: 1,
        context: r#"{"elsewhere":1}"#.to_owned(),
        event: "{}".to_owned(),
        connector: Some("digest".to_owned()),
        note: None,
        ended: "2026-11-22T08:01:00.000Z".to_owned(),
    };
    let mut second = journaled("o1", "u1", Done);
    let row = second.operation.as_mut().unwrap();
    (row.attempt, row.answer) = (2, Some("{}".to_owned()));
    second.exchanges = vec![exchange("o1", 2, 0)];
    second.ended_attempt = Some(ended.clone());
    bench.store.commit(second).await.unwrap();

    let (row, exchanges) = bench.store.operation("o1").await.unwrap().unwrap();
    assert_eq!(row.attempt, 2);
    let expected = [exchange("o1", 1, 0), exchange("o1", 1, 1), exchange("o1", 2, 0)];
    assert_eq!(exchanges, expected);
    assert_eq!(bench.store.attempts("o1").await.unwrap(), [ended]);
    assert_eq!(bench.store.attempts("o2").await.unwrap(), []);
    // A replay is given the last attempt alone.
    let filter = RecordedFilter { app: "app".to_owned(), ..RecordedFilter::default() };
    let decisions = bench.store.recorded(&filter, None, 10).await.unwrap();
    let answered = ("[2,0]".to_owned(), Some("{}".to_owned()));
    assert_eq!(decisions[0].exchanges, [answered]);
}

/// A try that still runs learns that its operation has ended, and does not make it open again.
#[tokio::test]
async fn an_operation_that_has_ended_stays_so() {
    let bench = Bench::new().await;
    bench.store.commit(journaled("o1", "u1", Open)).await.unwrap();
    bench.store.commit(superseding(journaled("o2", "u2", Done), &["u1"])).await.unwrap();
    let again =
        [journaled("o1", "u1", Open), journaled("o1", "u1", Done), journaled("o2", "u2", Done)];
    for mut commit in again {
        let row = user("acme", "u9", "ann@example.com");
        commit.resource = Some(ResourceChange::Insert(row));
        let stale = bench.store.commit(commit).await;
        assert!(matches!(stale, Err(CommitError::Stale)), "{stale:?}");
    }
    assert_eq!(read(&bench, "o1").await.state, Superseded);
    assert_eq!(bench.version("acme", "User", "u9").await, None);
    // The resource is free for another.
    bench.store.commit(journaled("o3", "u1", Open)).await.unwrap();
}
