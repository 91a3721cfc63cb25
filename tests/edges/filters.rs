//! Filters whose strings lack their quotes.

use serde_json::json;

use super::{create, version_one};
use crate::support::Muster;

/// A filter, and whether it finds Ada, whose `externalId` is a number.
const FILTERS: [(&str, bool); 8] = [
    ("userName eq ada@acme.example", true),
    ("userName eq ADA@acme.example and active eq true", true),
    ("(externalId eq 701984)", true),
    ("emails[value eq ada@acme.example]", true),
    ("emails.value sw ada", true),
    ("userName eq adam@acme.example", false),
    ("not (userName eq ada@acme.example)", false),
    ("userName eq true", false),
];

#[tokio::test]
async fn a_string_without_quotes_is_found_by_each_kind_of_query_and_counted() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = create(&muster, &tenant, "ada", true).await;
    let number = json!([{ "op": "replace", "path": "externalId", "value": "701984" }]);
    muster.patch(&tenant, &format!("/Users/{id}"), number).await.expect(200);
    for (filter, found) in FILTERS {
        let query = form(filter);
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter,
        });
        for answer in [
            muster.get(&tenant, &format!("/Users?{query}")).await,
            muster.get(&tenant, &format!("/?{query}")).await,
            muster.get(&version_one(&tenant), &format!("/Users?{query}")).await,
            muster.post(&tenant, "/Users/.search", body).await,
        ] {
            let total = u64::from(found);
            assert_eq!(answer.expect(200).body["totalResults"], total, "{filter}");
        }
    }
    let shown = muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await.body;
    let deviations = shown["deviations"].as_array().unwrap();
    let counted = deviations.iter().find(|it| it["rule"] == "unquoted-string").unwrap();
    assert_eq!(counted["times"], 4 * FILTERS.len());
}

#[tokio::test]
async fn a_path_chooses_values_by_a_string_without_quotes() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{id}");
    let change =
        json!([{ "op": "replace", "path": "emails[type eq work].value", "value": "a@b.c" }]);
    let after = muster.patch(&tenant, &path, change).await.expect(200).body;
    assert_eq!(after["emails"][0]["value"], "a@b.c");
}

#[tokio::test]
async fn strictly_a_string_without_quotes_is_refused() {
    let muster = Muster::start().await;
    for dialect in ["strict", "interop"] {
        let tenant = muster.tenant_with("roster", dialect).await;
        for (filter, _) in FILTERS {
            let answer = muster.get(&tenant, &format!("/Users?{}", form(filter))).await.expect(400);
            assert_eq!(answer.body["scimType"], "invalidFilter", "{filter}");
        }
    }
}

#[tokio::test]
async fn other_quotes_than_those_of_json_are_refused() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    create(&muster, &tenant, "ada", true).await;
    for filter in ["userName eq 'ada'", "userName eq \u{201c}ada\u{201d}", "userName eq ada\"b"] {
        muster.get(&tenant, &format!("/Users?{}", form(filter))).await.expect(400);
    }
}

fn form(filter: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish()
}
