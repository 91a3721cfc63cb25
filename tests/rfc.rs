//! RFC 7643 and 7644, assertion by assertion, over HTTP. The assertions are data, in
//! `tests/fixtures/rfc`. Each is checked in a new tenant, in the generic and the strict dialect
//! unless it names one.

mod logs;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::support::Muster;
use crate::support::replay::{Client, Conversation, ReplayTarget, Step, replay};

/// A numbered assertion about a SCIM server, and the requests that check it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Assertion {
    /// The number, from 1 to [`ALL`].
    number: u32,
    section: String,
    says: String,
    #[serde(default = "both")]
    dialects: Vec<String>,
    steps: Vec<Step>,
}

/// The number of assertions.
const ALL: u32 = 93;

/// Assertions that other tests check, with their names, or that `ARCHITECTURE.md` explains not to
/// hold.
const ELSEWHERE: [(u32, &str); 36] = [
    (1, "ARCHITECTURE.md: **TLS"),
    (3, "a_protected_account_is_never_deprovisioned"),
    (8, "the_log_holds_no_personal_data"),
    (9, "a_tenant_accepts_no_token_and_no_id_of_another_tenant"),
    (17, "rfc7643_3_1_version_and_location_are_the_same_in_body_and_headers"),
    (44, "rfc7644_3_14_a_write_for_another_version_is_412_and_changes_nothing"),
    (45, "rfc7644_3_11_me_is_the_owner_of_the_token"),
    (45, "rfc7644_3_11_me_is_not_implemented_for_a_token_without_owner"),
    (46, "rfc7644_3_4_2_a_query_without_a_match_is_answered_with_an_empty_list"),
    (47, "rfc7644_3_4_2_a_query_without_a_match_is_answered_with_an_empty_list"),
    (48, "rfc7643_7_case_matters_for_case_exact_attributes"),
    (49, "rfc7644_3_4_2_2_all_operators_and_their_precedence"),
    (50, "rfc7644_3_4_2_2_a_filter_that_makes_no_sense_is_invalid"),
    (51, "rfc7644_3_4_2_2_one_value_matches_all_of_a_value_path"),
    (52, "rfc7644_3_4_2_2_one_value_matches_all_of_a_value_path"),
    (53, "rfc7644_3_4_2_2_a_filter_that_makes_no_sense_is_invalid"),
    (54, "rfc7644_3_10_qualified_names_and_unknown_names"),
    (55, "rfc7644_3_10_qualified_names_and_unknown_names"),
    (56, "a_query_that_looks_at_too_much_is_refused_and_harms_no_other"),
    (57, "rfc7644_3_4_2_4_pages_by_index_have_exactly_the_requested_size"),
    (58, "rfc7644_3_4_2_4_pages_by_index_have_exactly_the_requested_size"),
    (59, "rfc7644_3_4_2_3_resources_are_sorted_by_any_attribute"),
    (60, "rfc7644_3_9_every_answer_shows_the_selected_attributes"),
    (61, "rfc7644_3_4_3_a_search_answers_as_get_does"),
    (76, "groups_may_refer_to_each_other_3_7_1"),
    (81, "okta_gets_429_during_a_long_outage_and_its_retry_finishes_the_same_operation"),
    (82, "bad_bodies"),
    (85, "a_tenant_accepts_no_token_and_no_id_of_another_tenant"),
    (86, "rfc9865_2_every_page_except_the_last_has_a_next_cursor"),
    (87, "rfc9865_2_1_a_cursor_is_valid_for_one_query_of_one_tenant"),
    (88, "rfc9865_4_paging_is_by_index_by_default"),
    (89, "rfc9865_4_paging_is_by_index_by_default"),
    (90, "ARCHITECTURE.md: **Security events"),
    (91, "ARCHITECTURE.md: **Security events"),
    (92, "ARCHITECTURE.md: **Security events"),
    (93, "ARCHITECTURE.md: **Security events"),
];

/// The files of the sections A, B, C, E and F.
const FILES: [&str; 5] = [
    "transport",
    "common-attributes",
    "create-and-read",
    "replace-and-patch",
    "discovery-and-errors",
];

#[test]
fn every_assertion_is_checked_or_explained() {
    let shown = FILES.iter().flat_map(|file| assertions(file)).map(|it| it.number);
    let shown: BTreeSet<u32> = shown.chain(ELSEWHERE.map(|(number, _)| number)).collect();
    let missing: Vec<u32> = (1..=ALL).filter(|it| !shown.contains(it)).collect();
    assert_eq!(missing, [0; 0]);
}

#[test]
fn the_tests_and_explanations_of_assertions_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let tests: String = sources(&root.join("tests")) + &sources(&root.join("host/src/store/tests"));
    for (number, place) in ELSEWHERE {
        let there = match place.strip_prefix("ARCHITECTURE.md: ") {
            Some(said) => architecture.contains(said),
            None => tests.contains(&format!("fn {place}()")),
        };
        assert!(there, "{number}: {place} does not exist");
    }
}

/// The text of all Rust files below a folder, without symbolic links.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() && !path.ends_with("target") {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

fn both() -> Vec<String> {
    vec!["generic".to_owned(), "strict".to_owned()]
}

fn assertions(file: &str) -> Vec<Assertion> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/rfc");
    let text = fs::read_to_string(folder.join(file).with_extension("json")).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Checks every assertion of a file, and reports all failures.
async fn check(file: &str) {
    let muster = Muster::start().await;
    let mut wrong = Vec::new();
    for assertion in assertions(file) {
        let Assertion { number, section, says, dialects, steps } = assertion;
        let conversation = Conversation::new(&format!("{number}, {section}: {says}"), steps);
        for dialect in dialects {
            let tenant = muster.tenant_with("roster", &dialect).await;
            let client = Client::standard(&dialect);
            let (base_url, token) = (tenant.base_url.as_str(), tenant.token.as_str());
            let place = ReplayTarget { base_url, token, connector: "roster", app: None };
            let nobody_is_called = async || Vec::new();
            wrong.extend(replay(&conversation, &client, place, nobody_is_called).await.err());
        }
    }
    assert!(wrong.is_empty(), "{} of {file}:\n\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn transport_media_types_and_authentication() {
    check("transport").await;
}

#[tokio::test]
async fn common_attributes_and_schemas() {
    check("common-attributes").await;
}

#[tokio::test]
async fn creating_and_reading() {
    check("create-and-read").await;
}

#[tokio::test]
async fn replacing_patching_and_deleting() {
    check("replace-and-patch").await;
}

#[tokio::test]
async fn discovery_and_errors() {
    check("discovery-and-errors").await;
}
