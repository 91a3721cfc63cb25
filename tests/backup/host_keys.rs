//! The host key: a host does not start with a database that needs another one, and says what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use super::{add, backed_up, backup, failed, names, run, succeeded};
use crate::command_line::muster;
use crate::support::test_host::TestHost;

/// What a host says that does not start.
async fn refused(data: &Path) -> String {
    let mut command = muster(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    failed(&run(command.arg(data).stdin(Stdio::null())).await)
}

#[tokio::test]
async fn a_host_does_not_start_without_the_key_that_its_database_needs() {
    let (test_host, host, folder, _) = backed_up().await;
    drop(host);
    let data = test_host.data.path();
    let key = data.join("host.key");
    let kept = folder.path().join("host.key");
    fs::rename(&key, &kept).unwrap();
    let said = refused(data).await;
    for part in ["host.key is missing", "in every backup", "muster restore", "host-key replace"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!key.exists(), "no other key was made");
    let no = folder.path().join("no");
    let said = failed(&run(&mut backup(data, &no)).await);
    assert!(said.contains("host.key is missing"), "{said}");

    // Another one, and one that is none.
    fs::write(&key, [8; 32]).unwrap();
    let said = refused(data).await;
    assert!(said.contains("is not the key of the database beside it"), "{said}");
    assert!(said.contains("host-key replace"), "{said}");
    let said = failed(&run(&mut backup(data, &no)).await);
    assert!(said.contains("is not the key"), "{said}");
    fs::write(&key, b"short").unwrap();
    let said = refused(data).await;
    assert!(said.contains("must hold 32 bytes") && said.contains("host-key replace"), "{said}");
    assert!(!no.exists());

    fs::rename(&kept, &key).unwrap();
    let host = test_host.spawn(None);
    assert_eq!(test_host.people(&host).await, 1);
}

#[tokio::test]
async fn a_copy_of_the_database_alone_is_not_taken_for_an_empty_one() {
    let test_host = TestHost::with_roster().await;
    let _host = test_host.spawn(None);
    let copy = tempfile::tempdir().unwrap();
    fs::copy(test_host.data.path().join("muster.db"), copy.path().join("muster.db")).unwrap();
    let said = refused(copy.path()).await;
    assert!(said.contains("host.key is missing"), "{said}");
}

/// Identity providers would create their people again in an empty host.
#[tokio::test]
async fn a_host_does_not_start_without_the_database_that_its_key_or_log_is_of() {
    let (test_host, host, folder, _) = backed_up().await;
    drop(host);
    let data = test_host.data.path();
    let (database, log, key) =
        (data.join("muster.db"), data.join("muster.db-wal"), data.join("host.key"));
    let whole = fs::read(&database).unwrap();
    let log_length = fs::metadata(&log).unwrap().len();
    assert!(log_length > 0, "a killed host leaves a log");
    let kept_log = folder.path().join("log");
    fs::copy(&log, &kept_log).unwrap();
    for (content, has_log, has_key, says) in [
        (None, true, true, "muster.db is missing or empty, and the log"),
        (None, true, false, "muster.db is missing or empty, and the log"),
        (None, false, true, "muster.db is missing or empty, and the host key"),
        (Some(0), false, true, "muster.db is missing or empty, and the host key"),
        (Some(4096), false, true, "muster.db has no tables, since its log"),
    ] {
        let kept_key = folder.path().join("host.key");
        match content {
            Some(length) => fs::write(&database, &whole[..length]).unwrap(),
            None => drop(fs::remove_file(&database)),
        }
        if !has_log {
            drop(fs::remove_file(&log));
        }
        if !has_key {
            fs::rename(&key, &kept_key).unwrap();
        }
        let said = refused(data).await;
        assert!(said.contains(says) && said.contains("muster restore"), "{says}: {said}");
        if has_log {
            assert_eq!(fs::metadata(&log).unwrap().len(), log_length, "the log is as it was");
        }
        if !has_key {
            fs::rename(&kept_key, &key).unwrap();
        }
    }
    fs::write(&database, "no database").unwrap();
    let said = refused(data).await;
    assert!(said.contains("is not a SQLite database") && said.contains("muster restore"), "{said}");
    fs::remove_file(&database).unwrap();
    fs::create_dir(&database).unwrap();
    let said = refused(data).await;
    assert!(said.contains("is not a SQLite database"), "{said}");
    fs::remove_dir(&database).unwrap();

    fs::write(&database, &whole).unwrap();
    fs::copy(&kept_log, &log).unwrap();
    let host = test_host.spawn(None);
    assert_eq!(test_host.people(&host).await, 1);
}

#[tokio::test]
async fn a_key_that_is_lost_is_replaced_and_the_host_says_what_is_lost_with_it() {
    // The cache is of one key.
    let test_host = TestHost::with_roster().await;
    let data = test_host.data.path();
    let replace = || {
        let mut command = muster(&["host-key", "replace", "--data"]);
        command.arg(data);
        command
    };
    let host = test_host.spawn(None);
    add(&test_host, &host, "ada").await;
    let said = failed(&run(&mut replace()).await);
    assert!(said.contains("another muster is using"), "{said}");
    drop(host);
    let said = failed(&run(&mut replace()).await);
    assert!(said.contains("has the key that it needs"), "{said}");

    // One that cannot be read may be the right one.
    let key = data.join("host.key");
    let kept = data.join("kept");
    fs::rename(&key, &kept).unwrap();
    fs::create_dir(&key).unwrap();
    let said = failed(&run(&mut replace()).await);
    assert!(said.contains("the key is kept"), "{said}");
    let said = refused(data).await;
    assert!(said.contains("must belong to the user") && !said.contains("replace"), "{said}");
    fs::remove_dir(&key).unwrap();
    fs::rename(&kept, &key).unwrap();

    fs::remove_file(&key).unwrap();
    let said = succeeded(&run(&mut replace()).await);
    assert!(said.contains("made another host key") && said.contains("0 passwords"), "{said}");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let host = test_host.spawn(None);
    // Tokens do not depend on the key.
    add(&test_host, &host, "bob").await;
    drop(host);

    // A key that does not fit is not thrown away.
    fs::write(&key, [8; 32]).unwrap();
    succeeded(&run(&mut replace()).await);
    let kept = names(data).into_iter().find(|it| it.starts_with("host.key.before-")).unwrap();
    assert_eq!(fs::read(data.join(kept)).unwrap(), [8; 32]);
    assert_eq!(test_host.people(&test_host.spawn(None)).await, 2);

    let empty = tempfile::tempdir().unwrap();
    let mut command = muster(&["host-key", "replace", "--data"]);
    let said = failed(&run(command.arg(empty.path())).await);
    assert!(said.contains("no database in"), "{said}");
    assert!(names(empty.path()).is_empty());
}
