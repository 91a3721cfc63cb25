//! The write-ahead log: how long it becomes, and what keeps it long.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use super::*;
use crate::store::reader::ReadKind;

const BOUNDS: LogBounds = LogBounds { step: 50, restart: 200, most: 1000 };

/// Counts without an end.
const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                       SELECT count(*) FROM n, (SELECT count(*) FROM resource)";

fn endless(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row(ENDLESS, [], |row| row.get(0).map(i64::unsigned_abs))
}

impl Bench {
    /// The size of the log's file, in pages.
    fn log_file(&self) -> u64 {
        let path = self.directory.path().join("muster.db-wal");
        fs::metadata(path).map_or(0, |it| it.len() / 4096)
    }

    /// Writes users from this number on, until the log's file is longer than that or all are written.
    async fn fill(&self, from: usize, count: usize, until_longer_than: u64) -> usize {
        for n in from..from + count {
            self.insert(user("acme", &format!("w{n}"), &format!("w{n}@x.example"))).await.unwrap();
            if self.log_file() > until_longer_than {
                return n - from;
            }
        }
        count
    }

    async fn is_true_within_seconds(&self, seconds: u32, check: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..seconds * 50 {
            if check(self) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_short_under_writes_without_reads() {
    let bench = Bench::with_log(BOUNDS).await;
    let written = bench.fill(0, 1500, 2 * u64::from(BOUNDS.most)).await;
    assert_eq!(written, 1500, "the log has {} pages", bench.log_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_short_under_writes_and_slow_reads_of_every_kind() {
    let bench = Bench::with_log(BOUNDS).await;
    let mut reads = tokio::task::JoinSet::new();
    for kind in [ReadKind::Scan, ReadKind::List, ReadKind::Host] {
        let reader = bench.store.reader.clone();
        reads.spawn(async move {
            loop {
                // Interrupted at a limit, or for the log.
                reader.read(kind, "slow", |it: &reader::ReadConnection| endless(it)).await.ok();
            }
        });
    }
    // Far less than all that is written, and more than is written until interrupted reads end.
    let bound = 12 * u64::from(BOUNDS.most);
    let written = bench.fill(0, 2000, bound).await;
    assert_eq!(written, 2000, "the log has {} pages", bench.log_file());
    reads.shutdown().await;
    let kept = BOUNDS.kept_bytes() / 4096 + 2;
    bench.fill(10_000, 100, u64::MAX).await;
    let is_short = bench.is_true_within_seconds(20, |it| it.log_file() <= kept).await;
    assert!(is_short, "the log has {} pages", bench.log_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_short_again_when_a_long_read_of_another_process_ends() {
    let bench = Bench::with_log(BOUNDS).await;
    bench.fill(0, 10, u64::MAX).await;
    // A connection of its own, of which the store knows nothing.
    let other = Connection::open(bench.path()).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM resource").unwrap();
    let long = u64::from(BOUNDS.most) * 2;
    assert!(bench.fill(10, 5000, long).await < 5000);
    let seen: u32 = other.query_row("SELECT count(*) FROM resource", [], |row| row.get(0)).unwrap();
    assert_eq!(seen, 10);

    other.execute_batch("COMMIT").unwrap();
    let kept = BOUNDS.kept_bytes() / 4096 + 2;
    let is_short = bench.is_true_within_seconds(20, |it| it.log_file() <= kept).await;
    assert!(is_short, "the log has {} pages", bench.log_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_keeps_the_log_long_is_made_again() {
    let bench = Bench::with_log(BOUNDS).await;
    let tries = Arc::new(AtomicU32::new(0));
    let read = {
        let tries = Arc::clone(&tries);
        move |connection: &Connection| match tries.fetch_add(1, Ordering::SeqCst) {
            0 => endless(connection),
            _ => Ok(7),
        }
    };
    let reader = bench.store.reader.clone();
    let read = tokio::spawn(async move { reader.host(read).await });
    assert!(bench.is_true_within_seconds(20, |_| tries.load(Ordering::SeqCst) == 1).await);
    bench.fill(0, 5000, 2 * u64::from(BOUNDS.most)).await;
    assert_eq!(read.await.unwrap().unwrap(), 7);
    assert_eq!(tries.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_keeps_the_log_long_each_time_is_refused() {
    let bench = Arc::new(Bench::with_log(BOUNDS).await);
    let is_over = Arc::new(AtomicBool::new(false));
    let writes = {
        let (bench, is_over) = (Arc::clone(&bench), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut n = 0;
            while !is_over.load(Ordering::SeqCst) {
                n += bench.fill(n, 100, u64::MAX).await;
            }
        })
    };
    let error = bench.store.reader.host(endless).await.unwrap_err();
    is_over.store(true, Ordering::SeqCst);
    writes.await.unwrap();
    assert_eq!(error.downcast_ref(), Some(&ReadError::Interrupted), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_process_reads_can_be_closed_and_keeps_its_log() {
    let bench = Bench::with_log(BOUNDS).await;
    bench.fill(0, 10, u64::MAX).await;
    let other = Connection::open(bench.path()).unwrap();
    other.execute_batch("BEGIN; SELECT count(*) FROM resource").unwrap();
    bench.fill(10, 10, u64::MAX).await;
    let bench = bench.reopen().await;
    assert!(bench.log_file() > 0);
    for n in 0..20 {
        assert_eq!(bench.version("acme", "User", &format!("w{n}")).await, Some(1), "{n}");
    }
}
