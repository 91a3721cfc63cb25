//! RFC 7643 and 7644, assertion by assertion, through the front door. The assertions are data, in
//! `tests/fixtures/rfc`; each is checked in a tenant of its own, in the generic dialect and in the
//! strict one where it does not say which.

mod logs;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::support::Muster;
use crate::support::replay::{Client, Conversation, Place, Step, replay};

/// What must hold, and how that shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Assertion {
    /// In the list of all assertions about a SCIM server.
    number: u32,
    section: String,
    says: String,
    #[serde(default = "both")]
    dialects: Vec<String>,
    steps: Vec<Step>,
}

/// What other tests show, and where `ARCHITECTURE.md` says why it is not kept.
const ELSEWHERE: [(u32, &str); 11] = [
    (1, "ARCHITECTURE.md: TLS ends before muster"),
    (3, "lifecycle::a_protected_account_is_never_deprovisioned"),
    (8, "logs::the_log_holds_nothing_personal"),
    (9, "authorization::another_tenants_token_and_ids_are_worth_nothing"),
    (17, "query::versions"),
    (44, "query::versions"),
    (45, "query"),
    (76, "bulk"),
    (81, "outages::a_long_outage_tells_okta_to_come_back_and_its_retry_joins"),
    (82, "bad_input::bad_bodies"),
    (85, "authorization::another_tenants_token_and_ids_are_worth_nothing"),
];

/// The files of the sections A, B, C, E and F; D and G are about queries.
const FILES: [&str; 5] = [
    "transport",
    "common-attributes",
    "create-and-read",
    "replace-and-patch",
    "discovery-and-errors",
];

#[test]
fn every_assertion_is_shown_somewhere() {
    let shown = FILES.iter().flat_map(|file| assertions(file)).map(|it| it.number);
    let shown: BTreeSet<u32> = shown.chain(ELSEWHERE.map(|(number, _)| number)).collect();
    let missing: Vec<u32> = (1..=45).chain(62..=85).filter(|it| !shown.contains(it)).collect();
    assert_eq!(missing, [0; 0]);
}

fn both() -> Vec<String> {
    vec!["generic".to_owned(), "strict".to_owned()]
}

fn assertions(file: &str) -> Vec<Assertion> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/rfc");
    let text = fs::read_to_string(folder.join(file).with_extension("json")).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Checks every assertion of a file, and shows all that do not hold.
async fn check(file: &str) {
    let muster = Muster::start().await;
    let mut wrong = Vec::new();
    for assertion in assertions(file) {
        let Assertion { number, section, says, dialects, steps } = assertion;
        let conversation = Conversation::new(&format!("{number}, {section}: {says}"), steps);
        for dialect in dialects {
            let tenant = muster.tenant_with("roster", &dialect).await;
            let client = Client::standard(&dialect);
            let place =
                Place { base_url: &tenant.base_url, token: &tenant.token, connector: "roster" };
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
