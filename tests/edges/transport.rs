//! Addresses with slashes too many, compressed bodies, and the headers of answers.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::{create, version_one};
use crate::support::{Answer, Muster, Tenant, client, user};

#[tokio::test]
async fn a_base_url_with_slashes_too_many_works() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = create(&muster, &tenant, "ada", true).await;
    for tenant in [tenant.clone(), version_one(&tenant)] {
        let doubled = tenant.base_url.replace("/t/", "//t//");
        for base_url in [format!("{}/", tenant.base_url), doubled] {
            let pasted = Tenant { base_url, ..tenant.clone() };
            for path in ["/Users/", "/Users/?filter=userName%20sw%20%22ada%22", "//Users"] {
                let list = muster.get(&pasted, path).await.expect(200).body;
                assert_eq!(list["totalResults"], 1, "{path}");
            }
            muster.get(&pasted, &format!("/Users/{id}/")).await.expect(200);
            muster.get(&pasted, "/Schemas/").await.expect(200);
            let made = muster.post(&pasted, "/Users/", user("bob")).await.expect(201);
            // The address of the resource has no such slash.
            let location = format!("{}/Users/{}", tenant.base_url, made.id());
            assert_eq!(made.headers["location"], location);
            let path = format!("/Users//{}/", made.id());
            muster.scim(&pasted, "DELETE", &path, None).await.expect(204);
        }
    }
    let root = Tenant { base_url: format!("{}/", tenant.base_url), ..tenant.clone() };
    assert_eq!(muster.get(&root, "/").await.expect(200).body["totalResults"], 1);
    // Without a token nothing is told about a path.
    let probed = client().get(format!("{}//Users//", tenant.base_url)).send().await.unwrap();
    assert_eq!(probed.status(), 401);
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

async fn post_encoded(tenant: &Tenant, coding: &str, body: Vec<u8>) -> u16 {
    let request = client().post(format!("{}/Users", tenant.base_url)).bearer_auth(&tenant.token);
    let request = request.header("content-type", "application/scim+json");
    let response = request.header("content-encoding", coding).body(body).send().await.unwrap();
    response.status().as_u16()
}

#[tokio::test]
async fn a_body_by_gzip_is_read_within_the_limit() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let text = user("ada").to_string();
    assert_eq!(post_encoded(&tenant, "gzip", gzip(text.as_bytes())).await, 201);
    assert_eq!(post_encoded(&version_one(&tenant), "gzip", gzip(text.as_bytes())).await, 409);
    let spaces = vec![b' '; 50 << 20];
    assert_eq!(post_encoded(&tenant, "gzip", gzip(&spaces)).await, 413);
    assert_eq!(post_encoded(&tenant, "gzip", text.clone().into()).await, 400);
    for other in ["br", "deflate", "zstd", "gzip, gzip"] {
        assert_eq!(post_encoded(&tenant, other, gzip(text.as_bytes())).await, 415, "{other}");
    }
}

#[tokio::test]
async fn each_answer_with_one_resource_has_its_address() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = create(&muster, &tenant, "ada", true).await;
    let team = muster.post(&tenant, "/Groups", json!({ "displayName": "Team" })).await.id();
    for tenant in [tenant.clone(), version_one(&tenant)] {
        let user_path = format!("/Users/{id}");
        let has = |answer: Answer, path: &str| {
            let location = format!("{}{path}", tenant.base_url);
            assert_eq!(answer.headers["location"], location, "{}", answer.body);
        };
        has(muster.get(&tenant, &user_path).await.expect(200), &user_path);
        let body = user("ada");
        has(muster.scim(&tenant, "PUT", &user_path, Some(body)).await.expect(200), &user_path);
        let title = json!({
            "schemas": ["urn:scim:schemas:core:1.0", super::PATCH], "title": "Countess",
            "Operations": [{ "op": "replace", "path": "title", "value": "Countess" }],
        });
        has(muster.scim(&tenant, "PATCH", &user_path, Some(title)).await.expect(200), &user_path);
        let group_path = format!("/Groups/{team}");
        has(muster.get(&tenant, &group_path).await.expect(200), &group_path);
        let schema = muster.get(&tenant, "/Schemas").await.expect(200).body["Resources"][0].clone();
        let path = schema["meta"]["location"].as_str().unwrap();
        let path = path.strip_prefix(&tenant.base_url).unwrap().to_owned();
        has(muster.get(&tenant, &path).await.expect(200), &path);
    }
    for path in ["/ResourceTypes/User", "/ServiceProviderConfig"] {
        let answer = muster.get(&tenant, path).await.expect(200);
        assert_eq!(answer.headers["location"], format!("{}{path}", tenant.base_url));
    }
}

#[tokio::test]
async fn a_plus_is_a_plus_in_a_query_whose_spaces_are_encoded_otherwise() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "strict").await;
    muster.post(&tenant, "/Users", user("ada+1")).await.expect(201);
    for query in [
        "userName%20eq%20%22ada+1@acme.example%22",
        "userName%20eq%20%22ada%2B1@acme.example%22",
        "userName+eq+%22ada%2B1%40acme.example%22",
    ] {
        let found = muster.get(&tenant, &format!("/Users?filter={query}")).await.expect(200);
        assert_eq!(found.body["totalResults"], 1, "{query}");
        let found = muster.get(&version_one(&tenant), &format!("/Users?filter={query}")).await;
        assert_eq!(found.expect(200).body["totalResults"], 1, "{query}");
    }
}

#[tokio::test]
async fn the_media_type_has_parameters_only_in_scim_1_1() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    for path in ["/Users", "/Users/7", "/Schemas", "/ServiceProviderConfig", "/nothing"] {
        let answer = muster.get(&tenant, path).await;
        assert_eq!(answer.headers["content-type"], "application/scim+json", "{path}");
        let answer = muster.get(&version_one(&tenant), path).await;
        assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8", "{path}");
    }
}
