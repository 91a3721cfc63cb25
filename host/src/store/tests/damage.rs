//! Damaged databases.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::*;
use crate::store::damage;

/// A database with people and operations, and the root page of each of its tables and indexes.
async fn filled() -> (TempDir, PathBuf) {
    let bench = Bench::new().await;
    bench.users("acme", 300).await;
    for n in 0..300 {
        let done = OperationRow {
            state: OperationState::Done,
            ..operation(&format!("o{n:05}"), "acme", &format!("u{n:05}"))
        };
        bench.store.commit(Commit { operation: Some(done), ..Commit::default() }).await.unwrap();
    }
    let path = bench.path();
    bench.store.close().await.unwrap();
    (bench.directory, path)
}

/// Overwrites the last page of each of these tables and indexes, and what is found then.
fn damaged(path: &Path, names: &[&str]) -> String {
    let connection = Connection::open(path).unwrap();
    let size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    for name in names {
        let sql = "SELECT max(pageno) FROM dbstat WHERE name = ?";
        let page: i64 = connection.query_row(sql, [name], |row| row.get(0)).unwrap();
        file.write_all_at(&[0xff; 64], u64::try_from((page - 1) * size).unwrap()).unwrap();
    }
    drop(connection);
    let error = damage::check(&Connection::open(path).unwrap()).unwrap_err();
    format!("{error:#}")
}

#[tokio::test]
async fn damage_is_told_by_table_with_what_can_be_saved() {
    let (_directory, path) = filled().await;
    damage::check(&Connection::open(&path).unwrap()).unwrap();
    for (names, told, extent) in [
        (
            ["resource_external_id", "operation_of_tenant"].as_slice(),
            "the database is damaged; indexes: operation_of_tenant, resource_external_id. ",
            "The rows of all tables are whole.",
        ),
        (
            &["operation"],
            "; tables: operation",
            "accounts, configuration and open operations are whole",
        ),
        (&["former_account"], "; tables: former_account. ", "tables that are not named are whole"),
        (
            &["operation", "resource"],
            "; tables: operation, resource",
            "that are not named are whole",
        ),
    ] {
        let copy = path.with_file_name("copy.db");
        std::fs::copy(&path, &copy).unwrap();
        let found = damaged(&copy, names);
        assert!(found.contains(told) && found.contains(extent), "{names:?}: {found}");
        assert!(found.contains("Restore the last backup"), "{names:?}: {found}");
    }
    // The list of tables itself.
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 64], 100).unwrap();
    let error = damage::check(&Connection::open(&path).unwrap()).unwrap_err().to_string();
    assert!(error.contains("tables cannot be found: restore the last backup"), "{error}");
}

#[tokio::test]
async fn a_saved_database_without_the_names_of_its_tenants_is_refused() {
    let (_directory, path) = filled().await;
    let change = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    change("PRAGMA application_id = 0; DELETE FROM term WHERE name = 'acme'");
    let error = Store::open(&path, clock()).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("names are lost") && error.contains("restore the last backup"),
        "{error}"
    );
    let mark = "PRAGMA application_id";
    let mark: i64 = Connection::open(&path).unwrap().query_row(mark, [], |row| row.get(0)).unwrap();
    assert_eq!(mark, 0, "the next start refuses it too");
}

#[tokio::test]
async fn the_database_of_another_program_is_not_taken_for_an_empty_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("muster.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE notes (text)").unwrap();
    let error = Store::open(&path, clock()).await.unwrap_err();
    assert!(format!("{error:#}").contains("the database of another program"), "{error:#}");
    let sql = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 =
        Connection::open(&path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}
