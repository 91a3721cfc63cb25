//! The citations in comments and prose: every file, heading and fixture that they name exists.

use std::fs;
use std::path::{Path, PathBuf};

use super::{files, root};

/// Documents that are not in the repository, and so cannot be cited.
const UNCITABLE: [&str; 5] =
    ["checklist", "design §", "design, section", "field notes", "field-notes"];

const SOURCES: &str = "tests/fixtures/conversations/SOURCES.md";

#[test]
fn every_citation_resolves() {
    let sources = fs::read_to_string(root().join(SOURCES)).unwrap();
    let headings = headings(&sources);
    let mut wrong = Vec::new();
    for (path, text) in citing_files() {
        let flowed = flowed(&text);
        let mut report = |what: &str| wrong.push(format!("{}: {what}", path.display()));
        for document in UNCITABLE.iter().filter(|it| flowed.to_lowercase().contains(**it)) {
            report(&format!("cites {document:?}, which is not in the repository"));
        }
        for cited in cited_paths(&flowed).filter(|cited| !resolves(&path, cited)) {
            report(&format!("names {cited}, which does not exist"));
        }
        for link in relative_links(&path, &text).filter(|link| !beside(&path, link).exists()) {
            report(&format!("links to {link}, which does not exist"));
        }
        for heading in cited_headings(&flowed).filter(|it| !headings.contains(it)) {
            report(&format!("cites {heading:?}, which is not a heading of {SOURCES}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_link_to_a_heading_leads_to_one() {
    let mut wrong = Vec::new();
    let is_page = |path: &Path| path.extension().is_some_and(|it| it == "md");
    for (path, text) in citing_files().iter().filter(|(path, _)| is_page(path)) {
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for (page, fragment) in links.filter_map(|link| link.split_once('#')) {
            if page.contains("://") {
                continue;
            }
            let target = if page.is_empty() { path.clone() } else { beside(path, page) };
            let target = fs::read_to_string(target).unwrap_or_default();
            if !headings(&target).iter().any(|heading| anchor(heading) == fragment) {
                wrong.push(format!("{}: {page}#{fragment}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_manual_lists_all_of_its_pages() {
    let folder = root().join("host/docs/src");
    for list in ["SUMMARY.md", "introduction.md"] {
        let text = fs::read_to_string(folder.join(list)).unwrap();
        for (path, _) in files(&folder, "md") {
            let page = path.file_name().unwrap().to_str().unwrap();
            let is_list = ["SUMMARY.md", "introduction.md"].contains(&page);
            assert!(is_list || text.contains(&format!("]({page})")), "{list} lacks {page}");
        }
    }
}

#[test]
fn the_threat_model_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("host/docs/src/threat-model.md")).unwrap();
    let named = |it: &&str| it.matches('_').count() > 1 && !it.contains(|c: char| !is_name(c));
    let named: Vec<_> = page.split('`').skip(1).step_by(2).filter(named).collect();
    assert!(named.len() > 30, "{named:?}");
    let mut sources = files(&root().join("tests"), "rs");
    sources.extend(files(&root().join("host/src"), "rs"));
    sources.extend(files(&root().join("connectors"), "rs"));
    let is_test =
        |name: &str| sources.iter().any(|(_, text)| text.contains(&format!("fn {name}(")));
    let missing: Vec<_> = named.into_iter().filter(|name| !is_test(name)).collect();
    assert!(missing.is_empty(), "no tests: {missing:?}");
}

fn is_name(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
}

#[test]
fn each_leniency_names_a_conversation_that_exists() {
    let leniencies = leniencies();
    assert_eq!(leniencies.len(), muster::scim::Leniency::ALL.len());
    for (leniency, conversations) in leniencies {
        assert!(!conversations.is_empty(), "{leniency} names no conversation");
        for conversation in conversations {
            let file = root().join("tests/fixtures/conversations").join(&conversation);
            assert!(file.exists(), "{leniency} names {conversation}, which does not exist");
        }
    }
}

/// Each leniency, in the form of its rule name, with the conversations that its comment names.
pub(crate) fn leniencies() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string(root().join("host/src/scim/leniency.rs")).unwrap();
    let (_, variants) = text.split_once("pub enum Leniency {").expect("the enum is in this file");
    let (variants, _) = variants.split_once("\n}").expect("the enum ends");
    let (mut found, mut comment) = (Vec::new(), String::new());
    for line in variants.lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(',').filter(|_| !line.starts_with("///")) {
            let named = cited_paths(&comment)
                .filter_map(|cited| cited.strip_prefix("tests/fixtures/conversations/"))
                .map(str::to_owned);
            found.push((kebab(name), named.collect()));
            comment.clear();
        } else {
            comment.push_str(line);
            comment.push('\n');
        }
    }
    found
}

fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (at, character) in name.char_indices() {
        if at > 0 && character.is_uppercase() {
            text.push('-');
        }
        text.extend(character.to_lowercase());
    }
    text
}

/// Files whose comments and prose may cite others. This one is left out: it names the forbidden ones.
fn citing_files() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        if path.is_dir() && ["connectors", "host", "tests", "wit"].contains(&name) {
            for ending in ["js", "md", "py", "rs", "sql", "toml", "wit"] {
                found.extend(files(&path, ending));
            }
        } else if ["md", "toml"].contains(&extension) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found.retain(|(path, _)| !path.ends_with("tests/tidy/citations.rs"));
    found
}

/// The text with each block of comment lines as one line, so that citations are not broken.
fn flowed(text: &str) -> String {
    let mut flowed = String::new();
    for line in text.lines().map(str::trim) {
        let comment = ["//!", "///", "//", "#", "--"].iter().find_map(|it| line.strip_prefix(it));
        match comment {
            Some(words) => flowed.push_str(words),
            None => {
                flowed.push_str(line);
                flowed.push('\n');
            }
        }
    }
    flowed
}

/// The Markdown files and fixtures that a text names. Addresses on the web are left out.
fn cited_paths(text: &str) -> impl Iterator<Item = &str> {
    let in_path = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    text.split(move |c: char| !in_path(c)).filter_map(|word| {
        let word = word.trim_end_matches(['.', ':']);
        let fixture = word.find("tests/fixtures/").map(|at| &word[at..]);
        fixture.or_else(|| (word.ends_with(".md") && !word.contains("//")).then_some(word))
    })
}

fn resolves(path: &Path, cited: &str) -> bool {
    root().join(cited).exists() || beside(path, cited).exists()
}

fn beside(path: &Path, relative: &str) -> PathBuf {
    path.parent().expect("a file is in a folder").join(relative)
}

/// The relative links of a Markdown file, without fragments.
fn relative_links<'t>(path: &Path, text: &'t str) -> impl Iterator<Item = &'t str> {
    let markdown = path.extension().is_some_and(|it| it == "md");
    let links = text.split("](").skip(1).filter(move |_| markdown);
    let targets = links.filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|it| !it.is_empty() && !it.contains("://") && !it.starts_with("mailto:"))
}

/// The headings of [`SOURCES`] that a text cites: in quotes, after the path in backticks.
fn cited_headings(text: &str) -> impl Iterator<Item = &str> {
    text.split("conversations/SOURCES.md`").skip(1).flat_map(|rest| {
        let mut rest = rest;
        std::iter::from_fn(move || {
            let quoted = ["", ",", " and"].iter().find_map(|separator| {
                rest.strip_prefix(separator)?.trim_start().strip_prefix('"')
            })?;
            let (heading, after) = quoted.split_once('"')?;
            rest = after;
            Some(heading)
        })
    })
}

/// The fragment by which GitHub and mdBook find a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn headings(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|it| it.starts_with('#'))
        .map(|it| it.trim_start_matches(['#', ' ']))
        .collect()
}
