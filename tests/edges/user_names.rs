//! Names that are equal by RFC 8265: composed and decomposed, full and half width.

use serde_json::json;

use super::{bulk, create};
use crate::support::{Muster, user};

/// One name, as keyboards and directories write it.
const SPELLINGS: [&str; 4] = [
    "j\u{f6}rg@acme.example",
    "JO\u{308}RG@acme.example",
    "\u{ff4a}\u{f6}\u{ff52}\u{ff47}@acme.example",
    "J\u{d6}rg\u{ff20}acme.example",
];

fn named(name: &str) -> serde_json::Value {
    let mut body = user("x");
    body["userName"] = name.into();
    body["externalId"] = json!(null);
    body["emails"] = json!(null);
    body
}

fn query(filter: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish()
}

#[tokio::test]
async fn a_user_is_found_by_each_spelling_of_the_name_and_is_unique_at_every_door() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = muster.post(&tenant, "/Users", named(SPELLINGS[0])).await.expect(201).id();
    let other = create(&muster, &tenant, "bob", true).await;
    let path = format!("/Users/{other}");
    for name in SPELLINGS {
        let part: String = name.chars().take(5).collect();
        let rest: String = name.chars().skip(1).collect();
        for filter in [
            format!("userName eq \"{name}\""),
            format!("userName sw \"{part}\""),
            format!("userName co \"{rest}\""),
            format!("userName ew \"{rest}\""),
            format!("userName ge \"{name}\" and userName le \"{name}\""),
        ] {
            let found = muster.get(&tenant, &format!("/Users?{}", query(&filter))).await;
            let found = found.expect(200).body;
            assert_eq!(found["totalResults"], 1, "{filter}");
            assert_eq!(found["Resources"][0]["id"], id, "{filter}");
        }
        let differs = query(&format!("userName ne \"{name}\""));
        let differs = muster.get(&tenant, &format!("/Users?{differs}")).await.expect(200).body;
        assert_eq!(differs["Resources"][0]["id"], other);
        muster.post(&tenant, "/Users", named(name)).await.expect(409);
        muster.scim(&tenant, "PUT", &path, Some(named(name))).await.expect(409);
        let rename = json!([{ "op": "replace", "path": "userName", "value": name }]);
        muster.patch(&tenant, &path, rename).await.expect(409);
        let operation =
            json!({ "method": "POST", "path": "/Users", "bulkId": "1", "data": named(name) });
        bulk(&muster, &tenant, operation).await.expect(409);
        // The same user may be spelt otherwise, and is shown as it was sent.
        let spelt = muster.scim(&tenant, "PUT", &format!("/Users/{id}"), Some(named(name))).await;
        assert_eq!(spelt.expect(200).body["userName"], name);
    }
}

#[tokio::test]
async fn a_group_is_found_by_each_spelling_of_its_name() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let body = json!({ "displayName": "Caf\u{e9}", "members": [{ "value": ada }] });
    muster.post(&tenant, "/Groups", body).await.expect(201);
    for name in ["caf\u{e9}", "Cafe\u{301}", "\u{ff23}af\u{e9}"] {
        for (endpoint, filter) in [
            ("/Groups", format!("displayName eq \"{name}\"")),
            ("/Groups", format!("displayName ew \"{name}\"")),
            ("/Users", format!("groups.display eq \"{name}\"")),
            ("/Users", format!("groups[display co \"{name}\"]")),
        ] {
            let found = muster.get(&tenant, &format!("{endpoint}?{}", query(&filter))).await;
            assert_eq!(found.expect(200).body["totalResults"], 1, "{filter}");
        }
    }
}

#[tokio::test]
async fn a_text_with_the_character_nul_is_refused() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = create(&muster, &tenant, "ada", true).await;
    muster.post(&tenant, "/Users", named("b\0b")).await.expect(400);
    let mut body = user("ada");
    body["title"] = "a\0".into();
    muster.scim(&tenant, "PUT", &format!("/Users/{id}"), Some(body)).await.expect(400);
    let title = json!([{ "op": "replace", "path": "title", "value": "\0" }]);
    muster.patch(&tenant, &format!("/Users/{id}"), title).await.expect(400);
    muster.post(&tenant, "/Groups", json!({ "displayName": "\0" })).await.expect(400);
}
