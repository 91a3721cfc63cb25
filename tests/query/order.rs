//! Sorting (RFC 7644 §3.4.2.3).

use serde_json::{Value, json};

use crate::support::{Answer, Muster, Tenant};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Five people with distinct initials.
async fn directory(muster: &Muster) -> Tenant {
    let tenant = muster.tenant_with("roster", "generic").await;
    let mails = |first: &str, second: &str| json!([{ "value": first, "type": "home" }, { "value": second, "primary": true }]);
    for body in [
        json!({ "userName": "dora", "title": "b", "emails": mails("a@x", "Z@x"), "active": false }),
        json!({ "userName": "Anna", "title": "Ä", "emails": [{ "value": "m@x" }] }),
        json!({ "userName": "carl", "name": { "familyName": "zorn" }, "externalId": "b" }),
        json!({ "userName": "Émile", "title": "a", "externalId": "B", "name": { "familyName": "Abel" } }),
        json!({ "userName": "bert", "emails": mails("z@x", "b@x"), ENTERPRISE: { "employeeNumber": "2" } }),
    ] {
        muster.post(&tenant, "/Users", body).await.expect(201);
    }
    tenant
}

fn initials(answer: &Answer) -> String {
    let resources = answer.body["Resources"].as_array().unwrap();
    let initial = |it: &Value| it["userName"].as_str().unwrap().chars().next().unwrap();
    resources.iter().map(initial).collect()
}

async fn check(muster: &Muster, tenant: &Tenant, by: &str, ascending: &str) {
    let sorted = async |order: &str, rest: &str| {
        let path = format!("/Users?sortBy={by}&sortOrder={order}{rest}");
        muster.get(tenant, &path).await.expect(200)
    };
    assert_eq!(initials(&sorted("ascending", "").await), ascending, "{by}");
    let filtered = sorted("", "&filter=userName+pr").await;
    assert_eq!(initials(&filtered), ascending, "{by}, with a filter");
    let descending: String = ascending.chars().rev().collect();
    assert_eq!(initials(&sorted("DESCENDING", "").await), descending, "{by}");
    for filter in ["", "&filter=userName+pr"] {
        let mut seen = String::new();
        for start in 1..=5 {
            let page = format!("{filter}&count=1&startIndex={start}");
            seen += &initials(&sorted("ascending", &page).await);
        }
        assert_eq!(seen, ascending, "{by}, page by page");
        let (mut seen, mut cursor) = (String::new(), String::new());
        loop {
            let page = sorted("descending", &format!("{filter}&count=2&cursor={cursor}")).await;
            assert_eq!(page.body["totalResults"], 5);
            seen += &initials(&page);
            match page.body["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, descending, "{by}, by cursor{filter}");
    }
}

/// Assertion 59: sorted by type and `caseExact`, by the primary value or the first; missing values
/// come last, equal ones by age.
#[tokio::test]
async fn rfc7644_3_4_2_3_resources_are_sorted_by_any_attribute() {
    let muster = Muster::start().await;
    let tenant = directory(&muster).await;
    for (by, ascending) in [
        ("userName", "AbcdÉ"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:USERNAME", "AbcdÉ"),
        ("title", "ÉdAcb"),
        ("name.familyName", "ÉcdAb"),
        // `caseExact`
        ("externalId", "ÉcdAb"),
        ("emails.value", "bAdcÉ"),
        ("emails", "bAdcÉ"),
        ("emails.type", "dAcÉb"),
        ("active", "dAcÉb"),
        ("meta.created", "dAcÉb"),
        ("meta.lastModified", "dAcÉb"),
        ("meta.resourceType", "dAcÉb"),
        (&format!("{ENTERPRISE}:employeeNumber"), "bdAcÉ"),
        ("schemas", "dAcÉb"),
        ("nickName", "dAcÉb"),
    ] {
        check(&muster, &tenant, by, ascending).await;
    }
    // `sortOrder` without `sortBy` has no effect.
    let plain = muster.get(&tenant, "/Users?sortOrder=descending").await.expect(200);
    assert_eq!(initials(&plain), "dAcÉb");
    let config = muster.get(&tenant, "/ServiceProviderConfig").await.expect(200);
    assert_eq!(config.body["sort"], json!({ "supported": true }));
}

#[tokio::test]
async fn rfc7644_3_4_2_3_an_attribute_without_an_order_is_refused() {
    let muster = Muster::start().await;
    let tenant = directory(&muster).await;
    for by in ["name", "shoeSize", "groups.value", "meta.location", "a%20b", ENTERPRISE] {
        let refused = muster.get(&tenant, &format!("/Users?sortBy={by}")).await.expect(400);
        assert_eq!(refused.body["scimType"], "invalidPath", "{by}");
        assert!(refused.body["detail"].as_str().unwrap().starts_with("sortBy"), "{by}");
    }
    let path = "/Users?sortBy=userName&sortOrder=sideways";
    assert_eq!(muster.get(&tenant, path).await.expect(400).body["scimType"], "invalidValue");
    let groups = muster.get(&tenant, "/Groups?sortBy=displayName").await.expect(200);
    assert_eq!(groups.body["totalResults"], 0);
}
