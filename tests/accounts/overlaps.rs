//! Creations at the same time that want the account of one person from before.

use std::time::Duration;

use muster::sample::Fault;
use muster::store::OperationState;
use serde_json::json;

use super::{Scene, user_with};

/// The account is the first creation's while its calls are under way, although its user does not exist yet.
#[tokio::test]
async fn a_creation_does_not_end_another_that_brings_the_same_person_back() {
    for (same, other) in [
        ("externalId", json!({ "userName": "carl@acme.example", "externalId": "00u-1" })),
        ("address", json!({ "userName": "carl@acme.example", "externalId": "00u-2" })),
    ] {
        let scene = Scene::with("two-state", json!({})).await;
        let ada = user_with("ada", json!({ "externalId": "00u-1" }));
        let first = scene.create(ada.clone()).await.expect(201).body["id"].clone();
        let sample = &scene.muster.stage.sample;
        sample.fail(Fault::cut("DELETE /organizations"));
        scene.delete(first.as_str().unwrap()).await;
        let slow = Fault { delay_ms: 700, ..Fault::pass("PUT /organizations/acme/members", 1) };
        sample.fail(slow);
        let emails = match same {
            "address" => ada["emails"].clone(),
            _ => json!([{ "value": "carl@acme.example", "type": "work", "primary": true }]),
        };
        let mut carl = user_with("carl", other);
        carl["emails"] = emails;
        let later = async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            scene.create(carl.clone()).await
        };
        let (back, carls) = tokio::join!(scene.create(ada.clone()), later);
        back.expect(201);
        assert!(matches!(carls.status, 201 | 409 | 429), "{same}: {} {}", carls.status, carls.body);
        sample.heal();
        scene.muster.settled().await;
        let again = scene.create(carl).await;
        assert!(matches!(again.status, 201 | 409), "{same}: {} {}", again.status, again.body);
        scene.muster.settled().await;
        for state in OperationState::UNFINISHED {
            assert_eq!(scene.muster.operations(state).await, [], "{same}");
        }
        let shown = scene.muster.get(&scene.acme, "/Users").await.expect(200).body;
        let people = sample.members("acme");
        assert_eq!(shown["totalResults"], people.len(), "{same}: {people:?}");
    }
}
