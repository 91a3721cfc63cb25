//! An absent `primary` is false (RFC 7643 §2.4), for each kind of query and in each kind of PATCH.

use serde_json::{Value, json};

use super::{bulk, version_one};
use crate::support::{Muster, Tenant, patch_op, user};

/// A filter, and whether it finds the person with `p@m`, which is primary, and `s@m`, which does not
/// say so.
const FILTERS: [(&str, bool); 14] = [
    ("emails[primary eq false]", true),
    ("emails[primary ne true]", true),
    ("emails[primary eq \"False\"]", true),
    ("emails[value eq \"s@m\" and primary eq false]", true),
    ("emails[value eq \"s@m\" and not (primary eq true)]", true),
    ("emails[primary eq false].value eq \"s@m\"", true),
    ("emails.primary eq false", true),
    ("emails.primary ne true", true),
    ("emails[value eq \"p@m\" and primary eq false]", false),
    ("emails[value eq \"s@m\" and primary ne false]", false),
    ("emails[value eq \"s@m\" and primary pr]", false),
    ("not (emails.primary eq false)", false),
    ("phoneNumbers.primary eq false", false),
    ("phoneNumbers.primary ne true", true),
];

async fn person(muster: &Muster, tenant: &Tenant) -> String {
    let mut body = user("ada");
    body["emails"] = json!([{ "value": "p@m", "primary": true }, { "value": "s@m" }]);
    muster.post(tenant, "/Users", body).await.expect(201).id()
}

#[tokio::test]
async fn each_kind_of_query_finds_a_value_that_does_not_say_primary_as_not_primary() {
    let muster = Muster::start().await;
    for dialect in ["strict", "generic"] {
        let tenant = muster.tenant_with("roster", dialect).await;
        person(&muster, &tenant).await;
        for (filter, found) in FILTERS {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            let query = query.append_pair("filter", filter).finish();
            let body = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter,
            });
            for answer in [
                muster.get(&tenant, &format!("/Users?{query}")).await,
                muster.get(&tenant, &format!("/?{query}")).await,
                muster.get(&version_one(&tenant), &format!("/Users?{query}")).await,
                muster.post(&tenant, "/Users/.search", body.clone()).await,
                muster.post(&tenant, "/.search", body.clone()).await,
            ] {
                let total = u64::from(found);
                assert_eq!(answer.expect(200).body["totalResults"], total, "{dialect}: {filter}");
            }
        }
    }
}

#[tokio::test]
async fn a_path_chooses_a_value_that_does_not_say_primary_as_not_primary() {
    let muster = Muster::start().await;
    let primary = json!({ "value": "p@m", "primary": true });
    let cases = [
        (
            json!({ "op": "replace", "path": "emails[primary eq false].value", "value": "n@m" }),
            json!([primary, { "value": "n@m" }]),
        ),
        (
            json!({ "op": "add", "path": "emails[value eq \"s@m\" and primary ne true].type", "value": "home" }),
            json!([primary, { "value": "s@m", "type": "home" }]),
        ),
        (json!({ "op": "remove", "path": "emails[primary eq false]" }), json!([primary])),
        (
            json!({ "op": "remove", "path": "emails[primary ne false]" }),
            json!([{ "value": "s@m" }]),
        ),
    ];
    for dialect in ["strict", "generic"] {
        for (operation, emails) in &cases {
            for in_bulk in [false, true] {
                let tenant = muster.tenant_with("roster", dialect).await;
                let path = format!("/Users/{}", person(&muster, &tenant).await);
                let body = patch_op(Value::Array(vec![operation.clone()]));
                let answer = if in_bulk {
                    let operation = json!({ "method": "PATCH", "path": path, "data": body });
                    bulk(&muster, &tenant, operation).await
                } else {
                    muster.scim(&tenant, "PATCH", &path, Some(body)).await
                };
                assert!(matches!(answer.status, 200 | 204), "{operation}: {answer:?}");
                let after = muster.get(&tenant, &path).await.expect(200).body;
                assert_eq!(after["emails"], *emails, "{dialect}: {operation}");
            }
        }
    }
}
