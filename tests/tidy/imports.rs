//! The import graph of the host's modules, and the circles in it.
//!
//! A module depends on the modules that its paths lead to. A parent's re-export of its own children
//! is a table of contents and no dependency.

use std::collections::{BTreeMap, BTreeSet};

use super::code;

/// The modules of some files, by path such as `lifecycle/operation/run`, and what each imports.
pub(super) struct ImportGraph(BTreeMap<String, BTreeSet<String>>);

impl ImportGraph {
    /// Reads the imports of these files, given by their path below `host/src`.
    pub(super) fn of<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Self {
        let files: BTreeMap<String, &str> = files
            .into_iter()
            .map(|(path, text)| (path.trim_end_matches(".rs").to_owned(), text))
            .collect();
        let imports = |(module, text): (&String, &&str)| {
            let found = paths(text, module).into_iter();
            let targets = found.filter_map(|path| resolve(&path, &files));
            (module.clone(), targets.filter(|target| target != module).collect())
        };
        Self(files.iter().map(imports).collect())
    }

    /// The imports, as pairs of modules.
    pub(super) fn edges(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(from, to)| to.iter().map(|to| (from.as_str(), to.as_str())))
    }

    /// Groups of modules that reach each other, each of two or more.
    pub(super) fn circles(&self) -> Vec<BTreeSet<&str>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.0.keys().map(|module| (module.as_str(), self.reachable(module))).collect();
        let mut circles = Vec::new();
        let mut seen = BTreeSet::new();
        for (module, reached) in &reach {
            if !seen.insert(*module) {
                continue;
            }
            let mutual = reached.iter().filter(|other| reach[**other].contains(module));
            let circle: BTreeSet<&str> = mutual.copied().chain([*module]).collect();
            if circle.len() > 1 {
                seen.extend(circle.iter().copied());
                circles.push(circle);
            }
        }
        circles
    }

    fn reachable(&self, from: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(module) = next.pop() {
            for target in self.0.get(module).into_iter().flatten() {
                if reached.insert(target.as_str()) {
                    next.push(target);
                }
            }
        }
        reached
    }
}

/// The absolute module paths that a file's code names.
fn paths(text: &str, module: &str) -> Vec<Vec<String>> {
    let code: Vec<&str> = code(text).filter(|line| !is_reexport(line)).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            let is_visibility = code[..at].ends_with("(in ");
            if !is_visibility
                && !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            {
                expand(&code[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    let children = code.lines().filter_map(|line| line.strip_prefix("use "));
    for line in children.filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())) {
        let first = line.split("::").next().unwrap_or_default();
        if !["crate", "super", "self", "std"].contains(&first) {
            expand(&format!("self::{line}"), &mut Vec::new(), &mut found);
        }
    }
    found.into_iter().map(|path| absolute(&path, module)).collect()
}

fn is_reexport(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("pub use ") || line.starts_with("pub(") && line.contains(") use ")
}

/// Follows one path, and each branch of its braces.
fn expand(text: &str, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        let word: String =
            text[at..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        at += word.len();
        if !word.is_empty() {
            prefix.push(word);
        }
        if text[at..].starts_with("::{") {
            at += 3;
            loop {
                at += text[at..].len() - text[at..].trim_start_matches([' ', '\n', ',']).len();
                if at >= text.len() || text[at..].starts_with('}') {
                    at = (at + 1).min(text.len());
                    break;
                }
                let step = expand(&text[at..], prefix, found);
                if step == 0 {
                    break;
                }
                at += step;
                at += text[at..].find([',', '}']).unwrap_or(text.len() - at);
            }
            break;
        }
        if !text[at..].starts_with("::") || text[at..].starts_with("::<") {
            found.push(prefix.clone());
            break;
        }
        at += 2;
    }
    prefix.truncate(depth);
    at
}

fn absolute(path: &[String], module: &str) -> Vec<String> {
    let mut here: Vec<String> = module.split('/').map(str::to_owned).collect();
    let mut rest = path;
    match path.first().map(String::as_str) {
        Some("crate") => {
            here.clear();
            rest = &path[1..];
        }
        Some("self") => rest = &path[1..],
        _ => {}
    }
    while rest.first().is_some_and(|part| part == "super") {
        here.pop();
        rest = &rest[1..];
    }
    here.extend(rest.iter().cloned());
    here
}

/// The longest beginning of a path that is one of the modules.
fn resolve(path: &[String], files: &BTreeMap<String, &str>) -> Option<String> {
    (1..=path.len()).rev().map(|n| path[..n].join("/")).find(|module| files.contains_key(module))
}

#[test]
fn a_circle_is_found_and_a_table_of_contents_is_none() {
    let graph = ImportGraph::of([
        ("part.rs", "mod a;\nmod b;\npub use a::A;\nuse b::{B, C};"),
        ("part/a.rs", "use super::Part;\nuse crate::part::b::{self, B};"),
        ("part/b.rs", "use super::a;\nfn f() { super::c::g() }"),
        ("part/c.rs", "use std::fmt;"),
    ]);
    let edges: Vec<_> = graph.edges().collect();
    assert_eq!(
        edges,
        [
            ("part", "part/b"),
            ("part/a", "part"),
            ("part/a", "part/b"),
            ("part/b", "part/a"),
            ("part/b", "part/c")
        ]
    );
    assert_eq!(graph.circles(), [BTreeSet::from(["part", "part/a", "part/b"])]);
}
