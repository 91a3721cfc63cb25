//! The reference: what the host serves is what the repository has, and it has every route.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::{Muster, client};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

async fn served(muster: &Muster) -> String {
    let url = format!("{}/admin/v1/openapi.json", muster.stage.url);
    let response = client().get(url).send().await.unwrap();
    assert_eq!(response.status(), 200, "it needs no token");
    response.text().await.unwrap()
}

#[tokio::test]
async fn the_reference_in_the_repository_is_the_one_that_is_served() {
    let served = served(&Muster::start().await).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/admin/openapi.json");
    if std::env::var_os("MUSTER_WRITE_FIXTURES").is_some() {
        std::fs::write(&path, &served).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == served,
        "the admin API has changed; write tests/fixtures/admin/openapi.json with \
         MUSTER_WRITE_FIXTURES=1 cargo test -p muster --test system the_reference"
    );
}

#[tokio::test]
async fn the_reference_has_every_method_of_every_route() {
    let muster = Muster::start().await;
    let reference: Value = serde_json::from_str(&served(&muster).await).unwrap();
    for (path, item) in reference["paths"].as_object().unwrap() {
        let described: BTreeSet<String> = METHODS
            .iter()
            .filter(|method| item[**method].is_object())
            .map(|method| method.to_uppercase())
            .collect();
        // No route has it, so it is answered with the methods that there are.
        let refused = muster.admin("TRACE", path, None).await.expect(405);
        let allowed = refused.headers["allow"].to_str().unwrap();
        let allowed: BTreeSet<String> =
            allowed.split(',').filter(|it| *it != "HEAD").map(str::to_owned).collect();
        assert_eq!(allowed, described, "{path}");
    }
    // A route that is not made of its description would not be in the document.
    let router = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/admin.rs");
    let router = std::fs::read_to_string(router).unwrap();
    assert!(!router.contains(".route("), "use `routes!`, which describes the route as well");
}

#[tokio::test]
async fn every_operation_of_the_reference_is_described() {
    let muster = Muster::start().await;
    let reference: Value = serde_json::from_str(&served(&muster).await).unwrap();
    assert_eq!(reference["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for item in reference["paths"].as_object().unwrap().values() {
        for operation in METHODS.iter().map(|method| &item[*method]).filter(|it| it.is_object()) {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{id} is there twice");
            assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{id}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let error = &response["content"]["application/scim+json"]["schema"]["$ref"];
                let described =
                    response["$ref"].is_string() || error == "#/components/schemas/Error";
                assert!(described || status.starts_with('2'), "{id} {status}: {response}");
            }
            let open = operation["security"]
                .as_array()
                .is_some_and(|it| it[0] == Value::from(serde_json::Map::new()));
            assert!(open || operation["responses"]["401"].is_object(), "{id}");
        }
    }
    for (name, schema) in reference["components"]["schemas"].as_object().unwrap() {
        for (member, property) in schema["properties"].as_object().into_iter().flatten() {
            // A property of another schema has its description beside the reference.
            let described = property["description"].is_string()
                || property["oneOf"].as_array().is_some_and(|it| it[0]["description"].is_string());
            assert!(described, "{name}.{member} has no description: {property}");
        }
    }
}
