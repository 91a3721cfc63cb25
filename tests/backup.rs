//! Backups of a running host: what was acknowledged before a backup began is in it, and a restored host
//! serves it with the same tokens and the same key. A backup that was not finished has no name.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::command_line::muster;
use crate::support::test_host::{HostProcess, TestHost, share_compiled};
use crate::support::user;

mod host_keys;
mod restores;
mod secrets;

/// Runs `muster backup` or `muster restore` to its end.
async fn run(command: &mut Command) -> Output {
    let mut command = std::mem::replace(command, Command::new("true"));
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn backup(data: &Path, file: &Path) -> Command {
    let mut command = muster(&["backup"]);
    command.arg(file).arg("--data").arg(data);
    command
}

fn restore(data: &Path, file: &Path) -> Command {
    let mut command = muster(&["restore"]);
    command.arg(file).arg("--data").arg(data);
    command
}

/// Both outputs of a command that succeeded.
#[track_caller]
fn succeeded(output: &Output) -> String {
    let text = words(output);
    assert!(output.status.success(), "{text}");
    text
}

/// What a command said that failed.
#[track_caller]
fn failed(output: &Output) -> String {
    let text = words(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    text
}

fn words(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

/// Starts a host with this data directory, whose key is that of [`TestHost`].
fn start(data: &Path) -> HostProcess {
    share_compiled(data);
    HostProcess::start(data, None)
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Adds a user, whose creation must be acknowledged.
async fn add(test_host: &TestHost, host: &HostProcess, name: &str) {
    let (status, created) = test_host.scim(host, "POST", "/Users", user(name)).await.unwrap();
    assert_eq!(status, 201, "{created}");
}

/// A host with Ada, and a backup of it that was made while it ran.
async fn backed_up() -> (TestHost, HostProcess, TempDir, PathBuf) {
    let test_host = TestHost::with_roster_and_shared_cache().await;
    let host = test_host.spawn(None);
    add(&test_host, &host, "ada").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("muster.backup");
    succeeded(&run(&mut backup(test_host.data.path(), &file)).await);
    (test_host, host, folder, file)
}

/// Makes the database larger, so that a backup takes some time.
fn enlarge(data: &Path, megabytes: u32) {
    let database = Connection::open(data.join("muster.db")).unwrap();
    database.execute_batch("CREATE TABLE filler (block BLOB)").unwrap();
    for _ in 0..megabytes {
        database.execute("INSERT INTO filler VALUES (randomblob(1048576))", []).unwrap();
    }
}

/// Writes users from several connections until it is told to stop. `acknowledged` grows with each
/// 2xx, in the order of names of each connection.
async fn load(
    test_host: Arc<TestHost>,
    host: Arc<HostProcess>,
    acknowledged: Arc<[AtomicU32; 4]>,
    stop: Arc<AtomicBool>,
) {
    let writers = (0..4).map(|writer| {
        let (test_host, host) = (Arc::clone(&test_host), Arc::clone(&host));
        let (acknowledged, stop) = (Arc::clone(&acknowledged), Arc::clone(&stop));
        tokio::spawn(async move {
            for n in 0.. {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                add(&test_host, &host, &format!("w{writer}-{n}")).await;
                acknowledged[writer].store(n + 1, Ordering::SeqCst);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// The user names of the directory, from all pages.
async fn user_names(test_host: &TestHost, host: &HostProcess) -> HashSet<String> {
    let mut found = HashSet::new();
    loop {
        let path = format!("/Users?count=200&startIndex={}", found.len() + 1);
        let (status, page) = test_host.scim(host, "GET", &path, Value::Null).await.unwrap();
        assert_eq!(status, 200, "{page}");
        let resources = page["Resources"].as_array().unwrap();
        if resources.is_empty() {
            return found;
        }
        found.extend(resources.iter().map(|it| it["userName"].as_str().unwrap().to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_under_load_has_everything_that_was_acknowledged_before_it_began() {
    let test_host = Arc::new(TestHost::with_roster_and_shared_cache().await);
    enlarge(test_host.data.path(), 48);
    let host = Arc::new(test_host.spawn(None));
    let acknowledged: Arc<[AtomicU32; 4]> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let (a, s) = (Arc::clone(&acknowledged), Arc::clone(&stop));
    let load = tokio::spawn(load(Arc::clone(&test_host), Arc::clone(&host), a, s));
    let counts = || acknowledged.each_ref().map(|it| it.load(Ordering::SeqCst));
    while counts().iter().sum::<u32>() < 50 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("muster.backup");
    let before = counts();
    let output = run(backup(test_host.data.path(), &file).arg("--json")).await;
    let meanwhile = counts().iter().sum::<u32>() - before.iter().sum::<u32>();
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(meanwhile > 0, "nothing was written while the backup was made");
    // The host ends in the middle of its work.
    stop.store(true, Ordering::SeqCst);
    load.await.unwrap();
    drop(Arc::into_inner(host).unwrap());

    let restored = folder.path().join("restored");
    succeeded(&run(&mut restore(&restored, &file)).await);
    // Else the start would make another one, and end that of before.
    fs::copy(test_host.data.path().join("admin.token"), restored.join("admin.token")).unwrap();
    let host = start(&restored);
    let names = user_names(&test_host, &host).await;
    for (writer, count) in before.iter().enumerate() {
        for n in 0..*count {
            let name = format!("w{writer}-{n}@acme.example");
            assert!(
                names.contains(&name),
                "{name} was acknowledged before the backup, and is lost"
            );
        }
    }
    assert_eq!(manifest["resources"], names.len(), "{manifest}");
    // It serves: with the admin token of before as well.
    add(&test_host, &host, "afterwards").await;
    let tenants = test_host.admin(&host, "GET", "/tenants", Value::Null).await;
    assert_eq!(tenants["items"][0]["id"], "people");
}

#[tokio::test]
async fn a_stopped_host_and_a_killed_one_are_backed_up_with_what_is_in_their_log() {
    let (test_host, host, folder, _) = backed_up().await;
    add(&test_host, &host, "bob").await;
    // Killed: the newest changes are in the log alone.
    drop(host);
    assert!(fs::metadata(test_host.data.path().join("muster.db-wal")).unwrap().len() > 0);
    let file = folder.path().join("killed");
    succeeded(&run(&mut backup(test_host.data.path(), &file)).await);
    let restored = folder.path().join("restored");
    succeeded(&run(&mut restore(&restored, &file)).await);
    let host = start(&restored);
    assert_eq!(test_host.people(&host).await, 2);

    let process = rustix::process::Pid::from_child(&host.child);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    tokio::task::spawn_blocking(move || { host }.child.wait().unwrap()).await.unwrap();
    let file = folder.path().join("stopped");
    let said = succeeded(&run(&mut backup(&restored, &file)).await);
    assert!(said.contains("2 users and groups"), "{said}");
}

#[tokio::test]
async fn a_backup_is_for_its_owner_alone_and_overwrites_nothing_unless_told_so() {
    let (test_host, _host, folder, file) = backed_up().await;
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let first = fs::read(&file).unwrap();
    let data = test_host.data.path();
    let said = failed(&run(&mut backup(data, &file)).await);
    assert!(said.contains("exists; --force overwrites it"), "{said}");
    assert!(fs::read(&file).unwrap() == first);
    let said = failed(&run(&mut backup(data, folder.path())).await);
    assert!(said.contains("is a directory"), "{said}");
    let said = failed(&run(&mut backup(folder.path(), &folder.path().join("other"))).await);
    assert!(said.contains("no database in"), "{said}");

    // What is not sealed is called so, and can be read with the tools of every system.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let said = succeeded(&run(backup(data, &file).arg("--force")).await);
    assert!(said.contains("the backup is not sealed, and holds the host key"), "{said}");
    assert_eq!(mode(), 0o600);
    let listed = Command::new("tar").arg("tf").arg(&file).output().unwrap();
    assert_eq!(words(&listed), "manifest.json\nhost.key\nmuster.db\n");
    assert_eq!(names(folder.path()), ["muster.backup"]);

    // The temporary copy lies where it is told to, and goes.
    let mut command = backup(data, &file);
    succeeded(&run(command.arg("--force").arg("--scratch").arg(folder.path())).await);
    assert_eq!(names(folder.path()), ["muster.backup"]);
    let mut command = backup(data, &file);
    let said = failed(&run(command.args(["--force", "--scratch", "/nowhere"])).await);
    assert!(said.contains("reading the directory /nowhere"), "{said}");
}

#[tokio::test]
async fn a_killed_backup_leaves_no_backup_and_the_next_one_is_whole() {
    let (test_host, _host, folder, file) = backed_up().await;
    let first = fs::read(&file).unwrap();
    let data = test_host.data.path();
    let before = names(data);
    for n in 1.. {
        let mut command = backup(data, &folder.path().join("new"));
        let output = run(command.env("MUSTER_DIE_AT", format!("backup:{n}"))).await;
        if output.status.success() {
            assert!(n > 2, "there are two points at least");
            break;
        }
        assert!(!folder.path().join("new").exists(), "{n}");
    }
    succeeded(&run(restore(data, &folder.path().join("new")).arg("--check")).await);
    assert_eq!(names(data), before, "copies of killed backups are removed");
    // One that overwrites leaves what was there.
    let mut command = backup(data, &file);
    run(command.arg("--force").env("MUSTER_DIE_AT", "backup:2")).await;
    assert!(fs::read(&file).unwrap() == first);
}

/// A command that may write files of at most this many bytes, as on a full disk.
fn on_a_full_disk(command: &Command, bytes: u32) -> Command {
    let mut limited = Command::new("bash");
    limited.args(["-c", &format!(r#"ulimit -f {} && exec "$0" "$@""#, bytes / 1024)]);
    limited.arg(command.get_program()).args(command.get_args());
    limited
}

#[tokio::test]
async fn a_full_disk_ends_a_backup_and_a_restore_and_changes_nothing() {
    let (test_host, host, folder, file) = backed_up().await;
    drop(host);
    let data = test_host.data.path();
    let (first, before) = (fs::read(&file).unwrap(), names(data));
    let size = u32::try_from(first.len()).unwrap();
    // The copy does not fit, or the copy fits and the file, which is larger, does not.
    for most in [size / 2, size - 2048] {
        let mut command = on_a_full_disk(backup(data, &file).arg("--force"), most);
        let said = failed(&run(&mut command).await);
        assert!(said.contains("copying the database") || said.contains("writing"), "{said}");
        assert!(fs::read(&file).unwrap() == first);
        assert_eq!(names(folder.path()), ["muster.backup"]);
        assert_eq!(names(data), before);
    }
    let database = fs::read(data.join("muster.db")).unwrap();
    failed(&run(&mut on_a_full_disk(restore(data, &file).arg("--replace"), size / 2)).await);
    assert!(fs::read(data.join("muster.db")).unwrap() == database);
    assert_eq!(names(data), before);
    let host = test_host.spawn(None);
    assert_eq!(test_host.people(&host).await, 1);
}

#[tokio::test]
async fn a_damaged_database_is_not_backed_up_as_if_it_were_whole() {
    let (test_host, host, folder, _) = backed_up().await;
    drop(host);
    let database = Connection::open(test_host.data.path().join("muster.db")).unwrap();
    let page: u64 = database
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'operation'", [], |row| {
            row.get::<_, u32>(0).map(u64::from)
        })
        .unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(database);
    let file = fs::File::options().write(true).open(test_host.data.path().join("muster.db"));
    std::os::unix::fs::FileExt::write_all_at(&file.unwrap(), &[9; 4096], (page - 1) * 4096)
        .unwrap();
    let new = folder.path().join("new");
    let said = failed(&run(&mut backup(test_host.data.path(), &new)).await);
    assert!(said.contains("damaged") || said.contains("malformed"), "{said}");
    assert!(!new.exists());
}

#[tokio::test]
async fn a_backup_that_is_interrupted_leaves_nothing() {
    let (test_host, host, folder, _) = backed_up().await;
    drop(host);
    enlarge(test_host.data.path(), 64);
    let before = names(test_host.data.path());
    let mut command = backup(test_host.data.path(), &folder.path().join("new"));
    let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let copying =
        || names(test_host.data.path()).iter().any(|it| it.starts_with(".muster-backup-"));
    while child.try_wait().unwrap().is_none() && !copying() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(names(folder.path()), ["muster.backup"]);
    // SQLite leaves an empty log beside a database that was only read.
    let mut left = names(test_host.data.path());
    left.retain(|it| !["muster.db-wal", "muster.db-shm"].contains(&it.as_str()));
    assert_eq!(left, before);
}
