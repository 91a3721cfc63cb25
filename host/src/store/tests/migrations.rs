//! Migrations that are interrupted, tried with a second one that is made up: a killed or a full host has
//! the schema from before or the one after, and nothing in between.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::migrate::Migration;

use super::*;

/// Names the database for the process that migrates it.
const DATABASE: &str = "MUSTER_TEST_MIGRATES";
const USERS: usize = 200;
/// The rows of the new table: several megabytes, more than SQLite keeps in memory.
const ROWS: i64 = 100_000;

/// A table with many rows, a column, and a change of each row that is there.
const SECOND: &str = "
    CREATE TABLE made_up (n INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL);
    CREATE INDEX made_up_name ON made_up (name);
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 100000)
        INSERT INTO made_up SELECT n, 'made up, number ' || n FROM counted;
    ALTER TABLE resource ADD COLUMN made_up INTEGER;
    UPDATE resource SET made_up = seq;";

/// The number of the migration that is made up: the one after the newest.
const MADE_UP: i64 = 3;

fn second(sql: &'static str) -> Vec<Migration> {
    let mut all = database::migrations();
    all.push(database::migration(MADE_UP, "made up", sql));
    all
}

/// A migration is a promise: databases have it in the form in which it was released. What is to change goes
/// into a new one, whose checksum is added here.
#[test]
fn no_migration_is_edited() {
    const CHECKSUMS: [&str; 2] = [
        "69016baedcf36923e81e200de496d60b6523efbd2a3ced3a\
         1a9b7cc25b268543212a491c6b4733708624e7b288b5a3eb",
        "5f86f0890b673cef4df35290ed152036d2660c4dc52f5f7f\
         54d5d5f9620520e70f5ed930cf3d025acb1a32b152de9d56",
    ];
    let migrations = database::migrations();
    let versions: Vec<_> = migrations.iter().map(|it| it.version).collect();
    let released = &migrations[..CHECKSUMS.len()];
    let checksums = released.iter().map(|it| hex(&it.checksum));
    assert_eq!(versions, (1..MADE_UP).collect::<Vec<i64>>());
    assert_eq!(checksums.collect::<Vec<_>>(), CHECKSUMS);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_second_migration_brings_a_database_up_to_date() {
    // The other tests run this one as a process that can be killed.
    if let Some(path) = std::env::var_os(DATABASE) {
        database::migrated_to(Path::new(&path), 0, second(SECOND)).await.unwrap();
        return;
    }
    let (_directory, path) = copied(&first().await);
    drop(database::migrated_to(&path, 0, second(SECOND)).await.unwrap());
    assert_eq!(schema(&path), MADE_UP);
}

/// The process, with so many blocks of 512 bytes for each file that it writes.
fn process(path: &Path, blocks: &str) -> Command {
    // Without the signal, a write beyond the limit fails as on a full disk.
    let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut process = Command::new("sh");
    process.args(["-c", &limited]).arg(std::env::current_exe().unwrap());
    let test = "store::tests::migrations::a_second_migration_brings_a_database_up_to_date";
    process.args(["--exact", test]);
    process.env(DATABASE, path).stdout(Stdio::null()).stderr(Stdio::null());
    process
}

/// A database of the first schema, closed.
async fn first() -> TempDir {
    let bench = Bench::new().await;
    bench.users("acme", USERS).await;
    bench.store.close().await.unwrap();
    bench.directory
}

/// A copy of a closed database.
fn copied(from: &TempDir) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("muster.db");
    std::fs::copy(from.path().join("muster.db"), &path).unwrap();
    (directory, path)
}

/// The schema of a database, all of which is there.
fn schema(path: &Path) -> i64 {
    let connection = Connection::open(path).unwrap();
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let check: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    assert_eq!(number("SELECT count(*) FROM resource"), i64::try_from(USERS).unwrap());
    let schema = number("SELECT max(version) FROM _sqlx_migrations WHERE success");
    let table = number("SELECT count(*) FROM sqlite_schema WHERE tbl_name = 'made_up'");
    let column = "SELECT count(*) FROM pragma_table_info('resource') WHERE name = 'made_up'";
    match schema {
        ..MADE_UP => assert_eq!((table, number(column)), (0, 0), "half a migration"),
        _ => {
            assert_eq!((schema, table, number(column)), (MADE_UP, 2, 1), "half a migration");
            assert_eq!(number("SELECT count(*) FROM made_up"), ROWS);
            assert_eq!(number("SELECT count(*) FROM resource WHERE made_up IS NOT seq"), 0);
        }
    }
    schema
}

#[tokio::test]
async fn a_migration_that_is_killed_has_happened_or_not_and_is_made_again() {
    let first = first().await;
    let mut left = Vec::new();
    for bytes in [0, 1, 500_000, 2_000_000, 5_000_000] {
        let (_directory, path) = copied(&first);
        let log = path.with_file_name("muster.db-wal");
        let mut process = process(&path, "unlimited").spawn().unwrap();
        // Until the log has so much of the migration.
        let begun = Instant::now();
        while std::fs::metadata(&log).map_or(0, |it| it.len()) < bytes {
            assert!(begun.elapsed() < Duration::from_secs(60), "the migration does not begin");
            if process.try_wait().unwrap().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        process.kill().unwrap();
        process.wait().unwrap();
        left.push(schema(&path));
        // The version before goes on if its schema is there.
        if left.last() == Some(&(MADE_UP - 1)) {
            let store = Store::open(&path, clock()).await.unwrap();
            store.close().await.unwrap();
        }
        drop(database::migrated_to(&path, 0, second(SECOND)).await.unwrap());
        assert_eq!(schema(&path), MADE_UP);
    }
    assert!(left[..3].contains(&(MADE_UP - 1)), "no kill met a migration: {left:?}");
}

#[tokio::test]
async fn a_migration_on_a_full_disk_leaves_the_schema_of_before_and_is_made_again() {
    let first = first().await;
    let size = std::fs::metadata(first.path().join("muster.db")).unwrap().len();
    for blocks in [size / 512 + 8, size / 512 + 2_000, 8_000] {
        let (_directory, path) = copied(&first);
        assert!(!process(&path, &blocks.to_string()).status().unwrap().success(), "{blocks}");
        assert_eq!(schema(&path), MADE_UP - 1, "{blocks}");
        Store::open(&path, clock()).await.unwrap().close().await.unwrap();
        assert!(process(&path, "unlimited").status().unwrap().success());
        assert_eq!(schema(&path), MADE_UP);
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_schema_of_before_and_says_which_it_was() {
    const FAILS: &str = "
        CREATE TABLE made_up (n INTEGER NOT NULL PRIMARY KEY);
        INSERT INTO made_up VALUES (1), (2), (1);";
    let (_directory, path) = copied(&first().await);
    let error = database::migrated_to(&path, 0, second(FAILS)).await.expect_err("it succeeded");
    let error = format!("{error:#}");
    for said in ["muster.db", "schema", "UNIQUE"] {
        assert!(error.contains(said), "{said}: {error}");
    }
    assert_eq!(schema(&path), MADE_UP - 1);
}
