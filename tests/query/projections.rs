//! Projections over HTTP (RFC 7644 §3.4.2.5 and §3.9).

use serde_json::{Value, json};

use crate::support::{Muster, Tenant, patch_op, user};

#[track_caller]
fn names(resource: &Value) -> Vec<&str> {
    resource.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The answer of each operation that returns a resource, with these parameters.
async fn answers(muster: &Muster, tenant: &Tenant, query: &str, name: &str) -> Vec<Value> {
    let created =
        muster.post(tenant, &format!("/Users?{query}"), user(name)).await.expect(201).body;
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    let rename = patch_op(json!([{ "op": "replace", "path": "displayName", "value": "New" }]));
    let answer = async |method: &str, body: Option<Value>| {
        muster.scim(tenant, method, &format!("{path}?{query}"), body).await.expect(200).body
    };
    let mut answers = vec![
        created,
        answer("GET", None).await,
        answer("PATCH", Some(rename)).await,
        answer("PUT", Some(user(name))).await,
    ];
    let filter = format!("filter=userName+sw+%22{name}%22");
    let list = muster.get(tenant, &format!("/Users?{filter}&{query}")).await.expect(200).body;
    answers.push(list["Resources"][0].clone());
    answers
}

/// Assertion 60.
#[tokio::test]
async fn rfc7644_3_9_every_answer_shows_the_selected_attributes() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    for (n, (query, shown)) in [
        ("attributes=userName", &["schemas", "id", "userName"][..]),
        (
            "attributes=USERNAME,urn:ietf:params:scim:schemas:core:2.0:User:active",
            &["schemas", "id", "userName", "active"],
        ),
        ("attributes=shoeSize", &["schemas", "id"]),
        (
            "excludedAttributes=emails,name,groups,meta,id,schemas",
            &["schemas", "id", "userName", "displayName", "locale", "externalId", "active"],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        for answer in answers(&muster, &tenant, query, &format!("p{n}")).await {
            let (mut found, mut shown) = (names(&answer), shown.to_vec());
            found.sort_unstable();
            shown.sort_unstable();
            assert_eq!(found, shown, "{query}");
        }
    }
    for answer in answers(&muster, &tenant, "attributes=emails.value,name.givenName", "sub").await {
        assert_eq!(answer["emails"], json!([{ "value": "sub@acme.example" }]));
        assert_eq!(answer["name"], json!({ "givenName": "sub" }));
    }
    for answer in answers(&muster, &tenant, "excludedAttributes=emails.type", "less").await {
        assert_eq!(answer["emails"], json!([{ "value": "less@acme.example", "primary": true }]));
    }
}

#[tokio::test]
async fn rfc7644_3_9_attributes_and_excluded_attributes_exclude_each_other() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let path = format!("/Users/{}", muster.person(&tenant, "ada").await);
    for path in [&path, "/Users"] {
        let both = format!("{path}?attributes=userName&excludedAttributes=emails");
        let refused = muster.get(&tenant, &both).await.expect(400);
        assert_eq!(refused.body["scimType"], "invalidValue");
        let bracket = format!("{path}?attributes=emails%5Btype%20eq%20%22work%22%5D");
        assert_eq!(
            muster.get(&tenant, &bracket).await.expect(400).body["scimType"],
            "invalidValue"
        );
    }
}
