//! A watched folder, look after look, while its files are written, replaced and renamed.

use std::os::unix::fs::symlink;

use super::*;

/// A folder, and looks at it one after the other.
struct Bench {
    scratch: tempfile::TempDir,
    folder: Folder,
}

impl Bench {
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

    /// What one look tells, each change in a word and the name of its file.
    fn look(&mut self) -> Vec<String> {
        let look = look(&self.folder.path);
        let told = |change| match change {
            Change::Written(it) => format!("written {}", name(&it.path)),
            Change::Unfit(path, _) => format!("unfit {}", name(&path)),
            Change::Gone(path) => format!("gone {}", name(&path)),
            Change::Closed(_) => "closed".to_owned(),
            Change::Open => "open".to_owned(),
        };
        self.folder.compared(look).into_iter().map(told).collect()
    }

    /// What is told once all rests, and that it is told once.
    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        assert_eq!(self.look(), [""; 0], "what may be half written is left alone");
        assert_eq!(self.look(), expected);
        assert_eq!(self.look(), [""; 0], "what was told is not told again");
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn whatever_is_done_to_a_file_is_found() {
    let mut bench = Bench::new();
    bench.write("a.wasm", "one");
    bench.write("notes.txt", "no connector");
    bench.write(".a.wasm", "half of it");
    bench.check(&["written a.wasm"]);
    bench.write("a.wasm", "second");
    bench.check(&["written a.wasm"]);
    // As editors and compilers do it: written beside, and renamed.
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
fn a_file_that_is_being_written_waits() {
    let mut bench = Bench::new();
    bench.look();
    for part in ["a", "ab", "abc"] {
        bench.write("a.wasm", part);
        assert_eq!(bench.look(), [""; 0]);
    }
    assert_eq!(bench.look(), ["written a.wasm"]);
}

#[test]
fn a_file_that_is_away_for_a_moment_is_not_gone() {
    let mut bench = Bench::new();
    bench.write("a.wasm", "one");
    bench.check(&["written a.wasm"]);
    fs::remove_file(bench.at("a.wasm")).unwrap();
    assert_eq!(bench.look(), [""; 0]);
    bench.write("a.wasm", "second");
    bench.check(&["written a.wasm"]);
}

#[test]
fn what_is_no_file_is_told_and_a_link_is_followed() {
    let mut bench = Bench::new();
    fs::create_dir(bench.at("folder.wasm")).unwrap();
    symlink(bench.scratch.path().join("elsewhere"), bench.at("link.wasm")).unwrap();
    bench.check(&["unfit folder.wasm", "unfit link.wasm"]);
    fs::write(bench.scratch.path().join("elsewhere"), "one").unwrap();
    bench.check(&["written link.wasm"]);
    fs::write(bench.scratch.path().join("elsewhere"), "second").unwrap();
    bench.check(&["written link.wasm"]);
}

#[test]
fn a_folder_that_vanishes_is_told_and_its_return_is_no_news_of_its_files() {
    let mut bench = Bench::new();
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
fn what_changes_while_it_is_read_is_not_taken() {
    let bench = Bench::new();
    bench.write("a.wasm", "one");
    let path = bench.at("a.wasm");
    let written = Written { stamp: Stamp::of(&fs::metadata(&path).unwrap()), path };
    assert_eq!(written.read().unwrap(), Some(b"one".to_vec()));
    bench.write("a.wasm", "another");
    assert_eq!(written.read().unwrap(), None);
}

#[test]
fn a_file_of_any_size_is_not_read_into_memory() {
    let bench = Bench::new();
    let path = bench.at("a.wasm");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let written = Written { stamp: Stamp::of(&fs::metadata(&path).unwrap()), path };
    let why = written.read().unwrap_err().to_string();
    assert!(why.contains("the limit is"), "{why}");
}

#[test]
fn a_folder_has_to_be_there_at_first() {
    let scratch = tempfile::tempdir().unwrap();
    let missing = Folder::open(scratch.path().join("missing"));
    let why = missing.err().map(|error| format!("{error:#}")).unwrap_or_default();
    assert!(why.contains("it has to be a folder"), "{why}");
}
