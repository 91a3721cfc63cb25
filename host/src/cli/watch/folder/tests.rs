//! Scans of a watched folder while its files are written, replaced and renamed.

use std::os::unix::fs::symlink;

use super::*;

/// A folder that a test scans step by step.
struct FolderBench {
    scratch: tempfile::TempDir,
    folder: Folder,
}

impl FolderBench {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("watched");
        fs::create_dir(&path).unwrap();
        Self { folder: Folder::open(path).unwrap(), scratch }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    /// The changes that one scan reports, each as a word and the name of its file.
    fn scan(&mut self) -> Vec<String> {
        let scan = scan(&self.folder.path);
        let described = |change| match change {
            FolderChange::WriteResult(it) => format!("written {}", name(&it.path)),
            FolderChange::NotAFile(path, _) => format!("not a file {}", name(&path)),
            FolderChange::Gone(path) => format!("gone {}", name(&path)),
            FolderChange::Closed(_) => "closed".to_owned(),
            FolderChange::Open => "open".to_owned(),
        };
        self.folder.changes_in(scan).into_iter().map(described).collect()
    }

    /// Checks that these changes are reported by the second scan, and only once.
    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        assert_eq!(self.scan(), [""; 0], "a file that may be half written is not reported");
        assert_eq!(self.scan(), expected);
        assert_eq!(self.scan(), [""; 0], "a reported change is not reported again");
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_change_of_a_file_is_reported() {
    let mut bench = FolderBench::new();
    bench.write("a.wasm", "one");
    bench.write("notes.txt", "no connector");
    bench.write(".a.wasm", "half of it");
    bench.check(&["written a.wasm"]);
    bench.write("a.wasm", "second");
    bench.check(&["written a.wasm"]);
    // Editors and compilers write another file and rename it.
    fs::rename(bench.at(".a.wasm"), bench.at("a.wasm")).unwrap();
    bench.check(&["written a.wasm"]);
    fs::rename(bench.at("a.wasm"), bench.at("b.wasm")).unwrap();
    bench.check(&["gone a.wasm", "written b.wasm"]);
    fs::remove_file(bench.at("b.wasm")).unwrap();
    bench.check(&["gone b.wasm"]);
    bench.write("b.wasm", "back");
    bench.check(&["written b.wasm"]);
}

#[test]
fn a_file_that_is_being_written_is_not_reported() {
    let mut bench = FolderBench::new();
    bench.scan();
    for part in ["a", "ab", "abc"] {
        bench.write("a.wasm", part);
        assert_eq!(bench.scan(), [""; 0]);
    }
    assert_eq!(bench.scan(), ["written a.wasm"]);
}

#[test]
fn a_file_that_is_missing_for_a_moment_is_not_gone() {
    let mut bench = FolderBench::new();
    bench.write("a.wasm", "one");
    bench.check(&["written a.wasm"]);
    fs::remove_file(bench.at("a.wasm")).unwrap();
    assert_eq!(bench.scan(), [""; 0]);
    bench.write("a.wasm", "second");
    bench.check(&["written a.wasm"]);
}

#[test]
fn a_folder_is_not_a_file_and_a_link_is_followed() {
    let mut bench = FolderBench::new();
    fs::create_dir(bench.at("folder.wasm")).unwrap();
    symlink(bench.scratch.path().join("elsewhere"), bench.at("link.wasm")).unwrap();
    bench.check(&["not a file folder.wasm", "not a file link.wasm"]);
    fs::write(bench.scratch.path().join("elsewhere"), "one").unwrap();
    bench.check(&["written link.wasm"]);
    fs::write(bench.scratch.path().join("elsewhere"), "second").unwrap();
    bench.check(&["written link.wasm"]);
}

#[test]
fn a_folder_that_returns_is_reported_without_its_unchanged_files() {
    let mut bench = FolderBench::new();
    bench.write("a.wasm", "one");
    bench.check(&["written a.wasm"]);
    let away = bench.scratch.path().join("away");
    fs::rename(&bench.folder.path, &away).unwrap();
    bench.check(&["closed"]);
    fs::rename(&away, &bench.folder.path).unwrap();
    bench.check(&["open"]);
    // Another folder in its place.
    fs::remove_dir_all(&bench.folder.path).unwrap();
    bench.check(&["closed"]);
    fs::create_dir(&bench.folder.path).unwrap();
    bench.check(&["open", "gone a.wasm"]);
}

#[test]
fn a_file_that_changes_before_it_is_read_is_not_loaded() {
    let bench = FolderBench::new();
    bench.write("a.wasm", "one");
    let path = bench.at("a.wasm");
    let written = WrittenFile { stamp: FileStamp::of(&fs::metadata(&path).unwrap()), path };
    assert_eq!(written.read().unwrap(), Some(b"one".to_vec()));
    bench.write("a.wasm", "another");
    assert_eq!(written.read().unwrap(), None);
}

#[test]
fn a_file_that_is_too_large_is_not_read_into_memory() {
    let bench = FolderBench::new();
    let path = bench.at("a.wasm");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let written = WrittenFile { stamp: FileStamp::of(&fs::metadata(&path).unwrap()), path };
    let why = written.read().unwrap_err().to_string();
    assert!(why.contains("the limit is"), "{why}");
}

#[test]
fn a_folder_must_exist_at_the_start() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = Folder::open(scratch.path().join("missing"));
    let why = missing.err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(why.contains("it must be a folder"), "{why}");
}
