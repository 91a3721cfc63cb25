//! Files: those that cannot be opened, and their content after a restart.

use std::fs;

use super::*;

async fn refused(path: &Path) -> String {
    let error = Store::open(path, clock()).await.expect_err("it opened");
    format!("{error:#}")
}

#[tokio::test]
async fn two_cannot_use_one_file() {
    let bench = Bench::new().await;
    let error = refused(&bench.path()).await;
    assert!(error.contains("another muster is using"), "{error}");
    assert!(error.contains("muster.db"), "{error}");
}

#[tokio::test]
async fn every_acknowledged_commit_is_there_after_a_drop() {
    let bench = Bench::new().await;
    bench.users("acme", 50).await;
    let Bench { store, directory } = bench;
    drop(store);
    let store = Store::open(&directory.path().join("muster.db"), clock()).await.unwrap();
    let bench = Bench { store, directory };
    for n in 0..50 {
        assert_eq!(bench.version("acme", "User", &format!("u{n:05}")).await, Some(1), "{n}");
    }
}

#[tokio::test]
async fn both_writing_connections_sync_the_log_with_each_commit() {
    const PRAGMAS: [&str; 2] = ["PRAGMA synchronous", "PRAGMA journal_mode"];
    const FULL: i64 = 2;
    let bench = Bench::new().await;
    let (synchronous, mode) = (bench.store.writer)
        .run(|connection| {
            let synchronous = connection.query_row(PRAGMAS[0], [], |row| row.get(0))?;
            Ok((synchronous, connection.query_row(PRAGMAS[1], [], |row| row.get(0))?))
        })
        .await
        .unwrap();
    assert_eq!((synchronous, mode), (FULL, "wal".to_owned()));
    let (synchronous, mode) = (bench.store.writer)
        .configure(|connection| {
            Box::pin(async move {
                let synchronous =
                    sqlx::query_scalar(PRAGMAS[0]).fetch_one(&mut *connection).await?;
                Ok((synchronous, sqlx::query_scalar(PRAGMAS[1]).fetch_one(connection).await?))
            })
        })
        .await
        .unwrap();
    assert_eq!((synchronous, mode), (FULL, "wal".to_owned()));
    // The thread that copies the log syncs the database before the log begins again.
    let mover = database::mover(&bench.path()).unwrap();
    let synchronous: i64 = mover.query_row(PRAGMAS[0], [], |row| row.get(0)).unwrap();
    assert_eq!(synchronous, FULL);
}

#[tokio::test]
async fn a_closed_store_is_one_file_and_takes_no_more() {
    let bench = Bench::new().await;
    bench.users("acme", 5).await;
    bench.store.close().await.unwrap();
    bench.store.close().await.unwrap();
    let result = bench.insert(user("acme", "u9", "late")).await;
    assert!(matches!(result, Err(CommitError::Internal(_))), "{result:?}");
    let log = bench.directory.path().join("muster.db-wal");
    assert_eq!(fs::metadata(log).map_or(0, |it| it.len()), 0);
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = refused(&directory.path().join("nowhere/muster.db")).await;
    assert!(error.contains("nowhere/muster.db"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("muster.db");
    let text = "this is a letter, not a database. ".repeat(100);
    fs::write(&path, &text).unwrap();
    let error = refused(&path).await;
    assert!(error.contains("not a SQLite database"), "{error}");
    assert!(error.contains("muster.db"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

async fn change_schema(bench: Bench, sql: &'static str) -> String {
    let Bench { store, directory } = bench;
    store.close().await.unwrap();
    drop(store);
    let path = directory.path().join("muster.db");
    database::writer(&path, 0).unwrap().execute_batch(sql).unwrap();
    refused(&path).await
}

#[tokio::test]
async fn a_newer_schema_is_not_touched() {
    let error = change_schema(
        Bench::new().await,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99, 'future', true, x'00', 0)",
    );
    let error = error.await;
    assert!(error.contains("newer muster: its schema is 99"), "{error}");
}

#[tokio::test]
async fn a_changed_schema_is_not_touched() {
    let error = change_schema(Bench::new().await, "UPDATE _sqlx_migrations SET checksum = x'00'");
    let error = error.await;
    assert!(error.contains("its schema 1 is not the one"), "{error}");
}

#[tokio::test]
async fn a_full_disk_fails_every_commit_and_writes_none() {
    let bench = Bench::new().await;
    bench.users("acme", 1).await;
    let limit = |pages: &'static str| {
        bench.store.writer.run(move |connection| {
            connection.query_row(pages, [], |_| Ok(()))?;
            Ok(())
        })
    };
    // The file may not grow any more, as on a disk that is full.
    limit("PRAGMA max_page_count = 1").await.unwrap();
    let big = |n: u32| {
        let mut row = user("acme", &format!("big{n}"), &format!("big{n}"));
        row.document = format!("{{\"x\":\"{}\"}}", "x".repeat(100_000));
        of(ResourceChange::Insert(row))
    };
    let commits = [1, 2].map(|n| bench.store.commit(big(n)));
    for result in futures_util::future::join_all(commits).await {
        let error = result.expect_err("there was room").into_internal();
        assert!(format!("{error:#}").contains("full"), "{error:#}");
    }
    limit("PRAGMA max_page_count = 1000000").await.unwrap();
    assert_eq!(bench.version("acme", "User", "big1").await, None);
    bench.store.commit(big(3)).await.unwrap();
    assert_eq!(bench.version("acme", "User", "big3").await, Some(1));
}
