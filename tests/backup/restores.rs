//! Restores: nothing changes before the backup is verified, and then all of it changes or nothing,
//! wherever the command is killed.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use data_encoding::HEXLOWER;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{add, backed_up, backup, failed, names, restore, run, start, succeeded};
use crate::command_line::muster;
use crate::support::test_host::{HostProcess, TestHost};

/// The key of [`other_host`].
const OTHER_KEY: [u8; 32] = [9; 32];

/// A host that was killed, with another key and other people than [`backed_up`]: two. Its newest changes
/// are in its log.
async fn other_host() -> TestHost {
    let other = TestHost::with_roster().await;
    let database = Connection::open(other.data.path().join("muster.db")).unwrap();
    database.execute("DELETE FROM host_key", []).unwrap();
    drop(database);
    fs::write(other.data.path().join("host.key"), OTHER_KEY).unwrap();
    let host = other.spawn(None);
    for name in ["bob", "eve"] {
        add(&other, &host, name).await;
    }
    other
}

fn copy_of(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(folder.join(".")).arg(copy.path()).status();
    assert!(copied.unwrap().success());
    copy
}

#[tokio::test]
async fn a_restore_that_is_killed_leaves_the_old_state_or_the_new_one() {
    let (backed, host, _folder, file) = backed_up().await;
    drop(host);
    let other = other_host().await;
    let (mut old, mut new) = (0, 0);
    for n in 1.. {
        let copy = copy_of(other.data.path());
        let data = copy.path();
        let mut command = restore(data, &file);
        command.arg("--replace").env("MUSTER_DIE_AT", format!("restore:{n}"));
        if run(&mut command).await.status.success() {
            break;
        }
        let host = HostProcess::start(data, None);
        let is_old = fs::read(data.join("host.key")).unwrap() == OTHER_KEY;
        let (test_host, people) = if is_old { (&other, 2) } else { (&backed, 1) };
        assert_eq!(test_host.people(&host).await, people, "killed at {n}");
        if is_old {
            assert_eq!(new, 0, "killed at {n}: a later step has the earlier state");
            old += 1;
        } else {
            new += 1;
        }
        drop(host);
        // What was begun and not decided is removed by the next restore, which works.
        let mut command = restore(data, &file);
        let said = succeeded(&run(command.arg("--replace")).await);
        assert!(said.contains("what was there before is in"), "{said}");
        let left: Vec<String> = names(data)
            .into_iter()
            .filter(|it| it.starts_with(".restore-") || it == "restored" || it == "muster.db-wal")
            .collect();
        assert!(left.is_empty(), "killed at {n}: {left:?}");
    }
    assert!(old > 0 && new > 5, "{old} ends with the old state, {new} with the new one");
}

#[tokio::test]
async fn a_restore_that_was_interrupted_is_finished_by_the_next_one() {
    let (_backed, host, folder, file) = backed_up().await;
    drop(host);
    let data = folder.path().join("data");
    let output = run(restore(&data, &file).env("MUSTER_DIE_AT", "restore:4")).await;
    assert!(!output.status.success());
    let said = failed(&run(&mut backup(&data, &folder.path().join("no"))).await);
    assert!(said.contains("no database") || said.contains("was interrupted"), "{said}");
    let said = failed(&run(&mut restore(&data, &file)).await);
    assert!(said.contains("was interrupted, and is finished now"), "{said}");
    assert_eq!(names(&data), ["host.key", "muster.db", "muster.db.lock"]);
}

#[tokio::test]
async fn a_restore_refuses_a_host_that_runs_and_data_that_it_was_not_told_to_replace() {
    let (test_host, host, folder, file) = backed_up().await;
    let data = test_host.data.path();
    let said = failed(&run(restore(data, &file).arg("--replace")).await);
    assert!(said.contains("another muster is using"), "{said}");
    assert_eq!(test_host.people(&host).await, 1);
    add(&test_host, &host, "bob").await;
    drop(host);

    let before = names(data);
    let said = failed(&run(&mut restore(data, &file)).await);
    assert!(said.contains("--replace restores all the same"), "{said}");
    assert_eq!(names(data), before);

    let said = succeeded(&run(restore(data, &file).arg("--replace")).await);
    let kept = said.lines().find(|it| it.contains("what was there before is in")).unwrap();
    let kept = Path::new(kept.split_whitespace().last().unwrap());
    assert_eq!(
        names(kept),
        ["admin.token", "host.key", "muster.db", "muster.db-shm", "muster.db-wal"]
    );
    for (path, expected) in
        [(kept.to_owned(), 0o700), (data.join("muster.db"), 0o600), (data.join("host.key"), 0o600)]
    {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, expected, "{}", path.display());
    }
    // The files that were there are a data directory by themselves.
    let host = start(kept);
    assert_eq!(test_host.people(&host).await, 2);
    drop(host);
    let host = test_host.spawn(None);
    assert_eq!(test_host.people(&host).await, 1);
    drop((host, folder));
}

/// Both kinds of a backup of the same host.
async fn both_kinds() -> (TempDir, [Vec<u8>; 2]) {
    let (test_host, _host, folder, file) = backed_up().await;
    let sealed = folder.path().join("sealed");
    let mut command = backup(test_host.data.path(), &sealed);
    succeeded(&run(command.env("MUSTER_BACKUP_PASSPHRASE", "a passphrase")).await);
    let files = [fs::read(file).unwrap(), fs::read(sealed).unwrap()];
    (folder, files)
}

#[tokio::test]
async fn a_damaged_backup_and_a_foreign_file_are_refused_and_nothing_is_restored() {
    let (folder, kinds) = both_kinds().await;
    let data = folder.path().join("data");
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for (kind, whole) in kinds.iter().enumerate() {
        for length in [0, 100, 512, 700, 5000, whole.len() / 2, whole.len() - 9000] {
            cases.push((format!("{kind} cut at {length}"), whole[..length].to_vec()));
        }
        for at in [0, 520, 2600, 5000, whole.len() / 2, whole.len() - 9000] {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            cases.push((format!("{kind} changed at {at}"), changed));
        }
    }
    let database = folder.path().join("foreign.db");
    Connection::open(&database).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    cases.push(("a database".to_owned(), fs::read(&database).unwrap()));
    cases.push(("a text".to_owned(), b"not a backup\n".repeat(1000)));
    let tar = Command::new("tar").args(["c", "-C", "/etc", "passwd"]).output().unwrap();
    cases.push(("another archive".to_owned(), tar.stdout));
    let file = folder.path().join("case");
    for (case, bytes) in cases {
        fs::write(&file, bytes).unwrap();
        for check in [true, false] {
            let mut command = restore(&data, &file);
            command.env("MUSTER_BACKUP_PASSPHRASE", "a passphrase");
            if check {
                command.arg("--check");
            }
            let said = failed(&run(&mut command).await);
            let known = ["damaged", "cut off", "not a backup of muster"];
            assert!(known.iter().any(|it| said.contains(it)), "{case}: {said}");
            assert!(!data.exists(), "{case}");
        }
    }
    for (path, expected) in [("/", "is not a file"), ("/nowhere", "reading the backup /nowhere")] {
        let said = failed(&run(&mut restore(&data, Path::new(path))).await);
        assert!(said.contains(expected), "{said}");
    }
}

/// A backup that is whole and of no use: it was put together from parts of two hosts.
#[tokio::test]
async fn a_check_finds_all_that_a_restore_refuses() {
    let (_test_host, _host, folder, file) = backed_up().await;
    let unpacked = folder.path().join("unpacked");
    succeeded(&run(&mut restore(&unpacked, &file)).await);
    let (part, data) = (folder.path().join("part"), folder.path().join("data"));
    let mut entries = Vec::new();
    for entry in tar::Archive::new(fs::File::open(&file).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let (mut header, mut bytes) = (entry.header().clone(), Vec::new());
        entry.read_to_end(&mut bytes).unwrap();
        let sha256 = |bytes: &[u8]| HEXLOWER.encode(&Sha256::digest(bytes));
        if entry.path().unwrap() == Path::new("manifest.json") {
            let manifest = String::from_utf8(bytes).unwrap();
            bytes = manifest.replace(&sha256(&[7; 32]), &sha256(&[9; 32])).into_bytes();
        } else if bytes.len() == 32 {
            bytes = vec![9; 32];
        }
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        entries.push((header, bytes));
    }
    let mut archive = tar::Builder::new(fs::File::create(&part).unwrap());
    entries.iter().for_each(|(header, bytes)| archive.append(header, &bytes[..]).unwrap());
    archive.finish().unwrap();
    for check in [&["--check"][..], &[]] {
        let said = failed(&run(restore(&data, &part).args(check)).await);
        assert!(said.contains("the host key in the backup is not that of its database"), "{said}");
        assert!(!data.exists());
    }
    // What an operator keeps in a folder of that name stays.
    fs::create_dir(unpacked.join("restored")).unwrap();
    fs::write(unpacked.join("restored/precious"), "").unwrap();
    drop(start(&unpacked));
    assert!(unpacked.join("restored/precious").exists());
}

#[tokio::test]
async fn a_backup_of_a_newer_muster_is_refused_in_words() {
    let (test_host, host, folder, _) = backed_up().await;
    drop(host);
    let database = Connection::open(test_host.data.path().join("muster.db")).unwrap();
    database
        .execute_batch(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (99, 'later', 1, x'00', 0)",
        )
        .unwrap();
    drop(database);
    let file = folder.path().join("newer");
    succeeded(&run(&mut backup(test_host.data.path(), &file)).await);
    let data = folder.path().join("data");
    for check in [&["--check"][..], &[]] {
        let said = failed(&run(restore(&data, &file).args(check)).await);
        assert!(said.contains("made by a newer muster") && said.contains("schema is 99"), "{said}");
    }
    assert!(!data.exists());
}

#[tokio::test]
async fn a_backup_goes_to_no_file_of_the_host_and_not_to_standard_output() {
    let (test_host, host, _folder, _) = backed_up().await;
    let data = test_host.data.path();
    for name in ["muster.db", "host.key", "backup.tar"] {
        let said = failed(&run(backup(data, &data.join(name)).arg("--force")).await);
        assert!(said.contains("is in the data directory, whose files are the host's"), "{said}");
        let said =
            failed(&run(backup(data, Path::new(name)).arg("--force").current_dir(data)).await);
        assert!(said.contains("is in the data directory"), "{said}");
    }
    let said = failed(&run(&mut backup(data, Path::new("-"))).await);
    assert!(said.contains("not to standard output"), "{said}");
    assert_eq!(test_host.people(&host).await, 1);
}

#[tokio::test]
async fn a_name_that_is_no_unicode_is_as_good_as_any() {
    let (test_host, _host, folder, _) = backed_up().await;
    let file = folder.path().join(OsStr::from_bytes(b"file\xff"));
    let data = folder.path().join("data");
    for format in [&["--json"][..], &["--force"]] {
        succeeded(&run(backup(test_host.data.path(), &file).args(format)).await);
    }
    succeeded(&run(restore(&data, &file).arg("--check")).await);
    succeeded(&run(&mut restore(&data, &file)).await);
}

#[tokio::test]
async fn a_backup_follows_a_link_and_replaces_no_pipe() {
    let (test_host, _host, folder, _) = backed_up().await;
    let data = test_host.data.path();
    let [target, link, lost, pipe] =
        ["target", "link", "lost", "pipe"].map(|name| folder.path().join(name));
    fs::write(&target, "older").unwrap();
    symlink(&target, &link).unwrap();
    succeeded(&run(backup(data, &link).arg("--force")).await);
    assert!(link.is_symlink() && fs::metadata(&target).unwrap().len() > 1000);
    symlink(folder.path().join("nothing"), &lost).unwrap();
    let said = failed(&run(backup(data, &lost).arg("--force")).await);
    assert!(said.contains("following the link") && lost.is_symlink(), "{said}");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for special in [&pipe, Path::new("/dev/null")] {
        let said = failed(&run(backup(data, special).arg("--force")).await);
        assert!(said.contains("is a pipe, a device or the like"), "{said}");
        assert!(special.exists() && !special.is_file());
    }
}

#[test]
fn the_commands_are_explained_with_examples() {
    for command in ["backup", "restore"] {
        let help = muster(&[command, "--help"]).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let example = help.split("Examples:").nth(1).expect("there are examples");
        assert!(example.contains(&format!("muster {command} /backup/")), "{help}");
        assert!(help.contains("MUSTER_BACKUP_PASSPHRASE"), "{help}");
    }
}
