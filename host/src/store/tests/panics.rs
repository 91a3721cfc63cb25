//! Reads and writes that panic: they fail, and the threads go on.

use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnection;

use super::*;
use crate::panics::Panicked;
use crate::store::reader::{ReadConnection, ReadKind};

fn panicking(_: &Connection) -> rusqlite::Result<()> {
    panic!("as the test wants it")
}

fn panicking_configuration(connection: &mut SqliteConnection) -> BoxFuture<'_, Result<()>> {
    Box::pin(async move {
        sqlx::query("DELETE FROM resource").execute(connection).await?;
        panic!("as the test wants it")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_panics_fails_and_its_thread_goes_on() {
    let bench = Bench::new().await;
    bench.users("acme", 1).await;
    // More often than there are threads and connections.
    for _ in 0..20 {
        let reader = &bench.store.reader;
        assert!(reader.point(panicking).await.unwrap_err().is::<Panicked>());
        for kind in [ReadKind::List, ReadKind::Scan, ReadKind::Host, ReadKind::Point] {
            let read = |it: &ReadConnection| panicking(it);
            let failed = reader.read(kind, "acme", read).await.unwrap_err();
            assert!(failed.is::<Panicked>(), "{failed:#}");
        }
    }
    assert_eq!(bench.version("acme", "User", "u00000").await, Some(1));
    bench.store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_panics_leaves_nothing_behind_and_the_writer_goes_on() {
    let bench = Bench::new().await;
    bench.users("acme", 1).await;
    let delete = |connection: &Connection| {
        connection.execute("DELETE FROM resource", [])?;
        panicking(connection).map_err(Into::into)
    };
    let failed = bench.store.writer.run(delete).await.unwrap_err();
    assert!(failed.is::<Panicked>(), "{failed:#}");
    let failed = bench.store.writer.configure(panicking_configuration).await.unwrap_err();
    assert!(failed.is::<Panicked>(), "{failed:#}");
    bench.insert(user("acme", "u1", "ada@example.com")).await.unwrap();
    let bench = bench.reopen().await;
    assert_eq!(bench.version("acme", "User", "u00000").await, Some(1));
    assert_eq!(bench.version("acme", "User", "u1").await, Some(1));
}
