//! The invariants of ARCHITECTURE.md, as rules that run.

use std::fs;
use std::path::{Path, PathBuf};

mod citations;
mod imports;

pub(crate) use citations::leniencies;
use imports::ImportGraph;

/// What may be named only in certain parts of the host, and in which.
const KEPT_TO: [(&str, &[&str]); 9] = [
    ("axum", &["http.rs", "http", "sample.rs", "sample"]),
    ("hyper", &["http"]),
    ("hyper_util", &["http"]),
    ("rusqlite", &["store.rs", "store"]),
    ("sqlx", &["store.rs", "store"]),
    ("utoipa_axum", &["http"]),
    ("wasmtime", &["connector.rs", "connector"]),
    ("wit_component", &["connector.rs", "connector"]),
    ("reqwest", &["delivery.rs", "delivery", "conformance.rs", "conformance", "cli"]),
];

/// What each part of the host may not know.
const UNKNOWN_TO: [(&str, &[&str]); 8] = [
    (
        "scim",
        &["store", "connector", "delivery", "lifecycle", "kit", "http", "cli", "decision", "tokio"],
    ),
    (
        "decision",
        &["scim", "store", "connector", "delivery", "lifecycle", "kit", "http", "cli", "tokio"],
    ),
    ("store", &["connector", "delivery", "lifecycle", "kit", "http", "cli"]),
    ("connector", &["store", "delivery", "lifecycle", "kit", "http", "cli"]),
    ("delivery", &["store", "connector", "lifecycle", "kit", "http", "cli", "scim"]),
    ("lifecycle", &["admin_api", "kit", "http", "cli", "sample"]),
    ("kit", &["admin_api", "store", "http", "cli", "sample"]),
    ("admin_api", &["kit", "http", "cli", "sample", "tokio"]),
];

/// The pure part of `lifecycle`.
const PURE: [&str; 7] = [
    "lifecycle/operation/admission.rs",
    "lifecycle/operation/comparison.rs",
    "lifecycle/operation/disposition.rs",
    "lifecycle/operation/effects.rs",
    "lifecycle/operation/event.rs",
    "lifecycle/operation/typed_view.rs",
    "lifecycle/versions/replay/difference.rs",
];

/// The parts of `lifecycle`, and which of the others each may import.
const PARTS: [(&str, &[&str]); 5] = [
    ("config", &[]),
    ("directory", &["config", "operation"]),
    ("job", &["config", "operation"]),
    ("operation", &["config"]),
    ("versions", &["config", "operation"]),
];

/// No circle of imports inside one part spans more files.
const LARGEST_CIRCLE: usize = 3;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file with this ending below a folder, with its text. Links are not followed.
fn files(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() && !["target", "node_modules", ".venv"].iter().any(|f| path.ends_with(f)) {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    ["host", "connectors", "tests"].iter().flat_map(|f| files(&root().join(f), "rs")).collect()
}

/// The host's sources, by their path below `host/src`.
fn host() -> Vec<(String, String)> {
    let src = root().join("host/src");
    let relative = |path: PathBuf| path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
    files(&src, "rs").into_iter().map(|(path, text)| (relative(path), text)).collect()
}

/// The lines of code, without comments, and what comes after the first test.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// Whether a line names a crate or a module of ours as the beginning of a path.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = &line[at + path.len()..];
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            && (after.starts_with("::") || after.starts_with(';') && line.contains("use "))
    })
}

#[test]
fn each_outside_thing_is_named_in_its_own_place_only() {
    for (path, text) in host() {
        for (thing, places) in KEPT_TO {
            let at_home =
                places.iter().any(|place| path == *place || path.starts_with(&format!("{place}/")));
            let named = code(&text).find(|line| names(line, thing));
            assert!(
                at_home || named.is_none(),
                "{path} names {thing}: {}",
                named.unwrap_or_default()
            );
        }
    }
}

#[test]
fn dependencies_run_one_way() {
    for (path, text) in host() {
        let Some((_, unknown)) = UNKNOWN_TO.iter().find(|(part, _)| {
            path == format!("{part}.rs") || path.starts_with(&format!("{part}/"))
        }) else {
            continue;
        };
        for thing in *unknown {
            let named = code(&text).find(|line| {
                line.contains(&format!("crate::{thing}::"))
                    || line.contains(&format!("crate::{thing};"))
                    || *thing == "tokio" && names(line, "tokio")
            });
            assert!(named.is_none(), "{path} knows {thing}: {}", named.unwrap_or_default());
        }
    }
}

#[test]
fn the_parts_of_the_lifecycle_import_each_other_one_way() {
    let host = host();
    let graph = ImportGraph::of(host.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let part = |module: &str| {
        let below = module.strip_prefix("lifecycle/")?;
        let name = below.split('/').next()?.to_owned();
        PARTS.iter().any(|(part, _)| *part == name).then_some(name)
    };
    for (from, to) in graph.edges() {
        let (Some(here), Some(there)) = (part(from), part(to)) else { continue };
        let (_, allowed) = PARTS.iter().find(|(name, _)| *name == here).unwrap();
        assert!(here == there || allowed.contains(&there.as_str()), "{from} imports {to}");
    }
    for (from, to) in graph.edges().filter(|(_, to)| *to == "lifecycle") {
        assert!(part(from).is_none(), "{from} imports {to}, which imports all parts");
    }
}

#[test]
fn no_circle_of_imports_is_large() {
    let host = host();
    for area in ["cli", "http", "lifecycle", "store"] {
        let files = host.iter().filter(|(path, _)| path.starts_with(area));
        let graph = ImportGraph::of(files.map(|(path, text)| (path.as_str(), text.as_str())));
        let circles = graph.circles();
        let large: Vec<_> = circles.iter().filter(|it| it.len() > LARGEST_CIRCLE).collect();
        assert!(large.is_empty(), "modules that import each other: {large:#?}");
    }
}

#[test]
fn the_pure_part_of_the_lifecycle_does_no_io() {
    for (path, text) in host().iter().filter(|(path, _)| PURE.contains(&path.as_str())) {
        let impure = code(text).find(|line| {
            line.contains("async ")
                || line.contains("std::fs")
                || line.contains("std::net")
                || names(line, "tokio")
        });
        assert!(impure.is_none(), "{path}: {}", impure.unwrap_or_default());
    }
}

#[test]
fn no_connector_runs_and_no_call_leaves_while_a_transaction_is_open() {
    // Transactions exist inside the store only, and the store knows neither of the two.
    for (path, text) in host().iter().filter(|(path, _)| !path.starts_with("store")) {
        let opened = code(text).find(|line| line.contains(".begin(") || line.contains("\"BEGIN"));
        assert!(opened.is_none(), "{path} opens a transaction: {}", opened.unwrap_or_default());
    }
}

#[test]
fn every_file_says_what_it_is_for_and_is_short_enough_to_read() {
    for (path, text) in sources() {
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//!"), "{} does not begin with //!", path.display());
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
}

#[test]
fn no_file_is_a_drawer() {
    let drawers =
        ["util", "utils", "common", "helpers", "types", "models", "services", "manager", "mod"];
    for (path, _) in sources() {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(!drawers.contains(&name), "{}", path.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    for (path, text) in sources().iter().filter(|(path, _)| !path.ends_with("tests/tidy.rs")) {
        let left = text.lines().find(|line| {
            ["todo!(", "unimplemented!(", "TODO", "FIXME", "#[ignore"]
                .iter()
                .any(|mark| line.contains(mark))
        });
        assert!(left.is_none(), "{}: {}", path.display(), left.unwrap_or_default());
    }
}

#[test]
fn readme_and_architecture_are_short() {
    for name in ["README.md", "ARCHITECTURE.md"] {
        let lines = fs::read_to_string(root().join(name)).unwrap().lines().count();
        assert!(lines < 200, "{name} has {lines} lines");
    }
}

#[test]
fn sentences_name_their_subjects() {
    // In two parts, so that this file is not found.
    let words =
        [("who", "ever"), ("no", "body"), ("some", "body"), ("every", "body"), ("a", "new")];
    let words = words.map(|(one, two)| format!("{one}{two}"));
    for folder in ["host", "connectors", "tests", "wit"] {
        for ending in ["rs", "md", "wit"] {
            for (path, text) in files(&root().join(folder), ending) {
                for (n, line) in text.lines().enumerate() {
                    let lower = line.to_lowercase();
                    let mut of_line = lower.split(|c: char| !c.is_alphanumeric() && c != '_');
                    let found = of_line.find(|word| words.iter().any(|it| it == word));
                    assert_eq!(found, None, "{}:{}: {line}", path.display(), n + 1);
                }
            }
        }
    }
}

#[test]
fn the_top_level_holds_what_was_agreed() {
    let agreed = [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "clippy.toml",
        "connectors",
        "deny.toml",
        "host",
        "rust-toolchain.toml",
        "rustfmt.toml",
        "tests",
        "wit",
    ];
    let local = ["target", "muster-data"];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = name.starts_with('.')
            || agreed.contains(&name.as_str())
            || local.contains(&name.as_str());
        assert!(known, "{name} stands at the top level");
    }
}
