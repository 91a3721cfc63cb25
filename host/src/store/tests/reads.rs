//! Reads that are long: they do not delay others, and end when their callers leave.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::*;
use crate::store::reader::{ReadConnection, ReadKind};

/// Less than the deadline of a read, and far more than a short one takes.
const SOON: Duration = Duration::from_secs(30);

/// Counts without an end.
fn endless(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
               SELECT count(*) FROM n";
    connection.query_row(sql, [], |row| row.get(0).map(i64::unsigned_abs))
}

fn one(connection: &Connection) -> rusqlite::Result<u32> {
    connection.query_row("SELECT 1", [], |row| row.get(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_ends_when_its_caller_leaves() {
    let bench = Bench::new().await;
    let begun = Arc::new(AtomicU32::new(0));
    let mut callers = tokio::task::JoinSet::new();
    // As many as there are threads for them, so that the next one waits for the end of one.
    for _ in 0..2 {
        let (reader, begun) = (bench.store.reader.clone(), Arc::clone(&begun));
        let read = move |connection: &Connection| {
            begun.fetch_add(1, Ordering::SeqCst);
            endless(connection)
        };
        callers.spawn(async move { reader.host(read).await });
    }
    while begun.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    callers.shutdown().await;
    let next = tokio::time::timeout(SOON, bench.store.reader.host(one)).await;
    assert_eq!(next.expect("a thread is free soon").unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn short_reads_are_answered_while_scans_and_lists_wait() {
    let bench = Bench::new().await;
    bench.users("quiet", 3).await;
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..100 {
        let reader = bench.store.reader.clone();
        let kind = if n % 2 == 0 { ReadKind::Scan } else { ReadKind::List };
        callers.spawn(
            async move { reader.read(kind, "loud", |it: &ReadConnection| endless(it)).await },
        );
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answered = async {
        for _ in 0..20 {
            bench.store.check().await.unwrap();
            assert_eq!(bench.version("quiet", "User", "u00001").await, Some(1));
            assert_eq!(bench.store.reader.host(one).await.unwrap(), 1);
            assert_eq!(bench.store.all_of("quiet", "User").await.unwrap().len(), 3);
        }
    };
    tokio::time::timeout(SOON, answered).await.expect("short reads do not wait for long ones");
    assert!(!callers.is_empty(), "scans waited all the time");
    callers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_longer_than_its_kind_allows_is_made_by_a_thread_for_longer_ones() {
    let bench = Bench::new().await;
    let threads = Arc::new(Mutex::new(Vec::new()));
    let read = {
        let threads = Arc::clone(&threads);
        move |connection: &Connection| {
            threads.lock().unwrap().push(thread::current().name().unwrap_or("").to_owned());
            endless(connection)
        }
    };
    let error = bench.store.reader.point_of("acme", read).await.unwrap_err();
    assert!(format!("{error:#}").contains("interrupted"), "{error:#}");
    let threads = threads.lock().unwrap();
    assert_eq!(threads.len(), 3, "{threads:?}");
    assert_eq!(threads[1..], ["muster-list", "muster-scan"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_filter_matches_more_than_it_shows_is_made_by_a_thread_for_scans() {
    let bench = Bench::new().await;
    let threads_for = async |count: u64| {
        let threads = Arc::new(Mutex::new(Vec::new()));
        let made = Arc::clone(&threads);
        let read = move |connection: &ReadConnection| {
            made.lock().unwrap().push(thread::current().name().unwrap_or("").to_owned());
            // About 200,000 instructions.
            let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 15000)
                       SELECT count(*) FROM n";
            connection.query_row(sql, [], |row| row.get::<_, u32>(0))
        };
        assert_eq!(bench.store.reader.page(count, "acme", read).await.unwrap(), 15_000);
        threads.lock().unwrap().clone()
    };
    assert_eq!(threads_for(10).await, ["muster-list", "muster-scan"]);
    assert_eq!(threads_for(1000).await, ["muster-list"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_very_many_waiting_reads_is_refused_and_others_are_not() {
    let bench = Bench::new().await;
    let scan = async |tenant: &'static str| {
        bench.store.reader.read(ReadKind::Scan, tenant, |it: &ReadConnection| endless(it)).await
    };
    // The futures begin to wait in this order, and the last ones are refused at once.
    let mut waiting: futures_util::stream::FuturesUnordered<_> =
        (0..300).map(|_| scan("loud")).collect();
    let first = futures_util::StreamExt::next(&mut waiting).await.unwrap().unwrap_err();
    assert_eq!(first.downcast_ref(), Some(&ReadError::TooManyWait), "{first:#}");
    let other = scan("quiet").await.unwrap_err();
    assert_eq!(other.downcast_ref::<ReadError>(), None, "{other:#}");
}
