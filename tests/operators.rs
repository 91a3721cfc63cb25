//! Operators: their tokens and roles, the audit log, and requests of several at the same time.

mod admin_listener;
mod admin_tokens;
mod at_rest;
mod audit;
mod endpoints;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::{Answer, Muster, Tenant};

const NEXT: &str = "roster@0.2.0";

async fn promote(muster: &Muster, app: &str, version: &str) -> Answer {
    let body = json!({ "connector": version, "accept": true });
    muster.admin("POST", &format!("/apps/{app}/promote"), Some(body)).await
}

async fn retire(muster: &Muster, version: &str) -> Answer {
    muster.admin("POST", &format!("/connectors/{version}/retire"), None).await
}

async fn newest_operation(muster: &Muster, tenant: &Tenant) -> Value {
    let path = format!("/operations?tenant={}&limit=1", tenant.name);
    muster.admin("GET", &path, None).await.expect(200).body["items"][0].clone()
}

/// The same connector in a distinct file, by a custom section with a number.
fn variant(number: u8) -> Vec<u8> {
    [guest("roster-next"), vec![0, 3, 1, b'v', number]].concat()
}

#[tokio::test]
async fn of_many_files_pushed_at_once_with_one_version_one_is_accepted() {
    let muster = Muster::start().await;
    let mut statuses: Vec<u16> = join_all((0..8).map(|n| muster.push(variant(n))))
        .await
        .iter()
        .map(|it| it.status)
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    let all = muster.admin("GET", "/connectors", None).await.body;
    let accepted = all["items"].as_array().unwrap().iter().filter(|it| it["version"] == "0.2.0");
    assert_eq!(accepted.count(), 1);
}

#[tokio::test]
async fn a_version_promoted_and_retired_at_once_is_either_promoted_or_retired() {
    let muster = Muster::start().await;
    for n in 0..12 {
        // Pushing the file again restores the version if the previous round retired it.
        let pushed = muster.push(guest("roster-next")).await;
        assert!(pushed.status < 300, "{pushed:?}");
        let app = format!("app-{n}");
        let path = format!("/apps/{app}");
        let spec = json!({ "name": app, "connector": "roster@0.1.0" });
        muster.admin("POST", "/apps", Some(spec)).await.expect(201);
        let both = tokio::join!(promote(&muster, &app, NEXT), retire(&muster, NEXT));
        let row = muster.admin("GET", &path, None).await.body;
        let detail = muster.admin("GET", &format!("/connectors/{NEXT}"), None).await.body;
        match (both.0.status, both.1.status) {
            (200, 409) => assert!(row["version"] == NEXT && detail["retired"].is_null()),
            (409, 200) => {
                assert!(row["version"] == "roster@0.1.0" && detail["retired"].is_string());
            }
            other => panic!("{other:?}: {both:?}"),
        }
        muster.admin("DELETE", &path, None).await.expect(204);
    }
}

#[tokio::test]
async fn a_version_promoted_during_its_push_either_decides_or_is_not_found() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let push = muster.push(guest("roster-next"));
    let (pushed, promoted) = tokio::join!(push, promote(&muster, "roster", NEXT));
    assert_eq!(pushed.status, 201);
    let expected = match promoted.status {
        200 => NEXT,
        404 => "roster@0.1.0",
        other => panic!("{other}: {promoted:?}"),
    };
    muster.person(&tenant, "ada").await;
    assert_eq!(newest_operation(&muster, &tenant).await["version"], expected);
}

#[tokio::test]
async fn what_happened_to_a_person_is_found_by_name_and_time() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.person(&tenant, "bob").await;
    muster.scim(&tenant, "DELETE", &format!("/Users/{ada}"), None).await.expect(204);
    // Another account of the same name.
    muster.person(&tenant, "ada").await;
    let staff = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Staff",
    });
    muster.post(&tenant, "/Groups", staff).await.expect(201);
    let found = async |query: &str| {
        let path = format!("/operations?tenant={}&{query}", tenant.name);
        let page = muster.admin("GET", &path, None).await.expect(200).body;
        let kinds = page["items"].as_array().unwrap().iter().map(|it| it["kind"].to_string());
        kinds.collect::<Vec<_>>().join(" ").replace('"', "")
    };
    let ada = "name=ADA@acme.example";
    assert_eq!(found(ada).await, "create delete create");
    assert_eq!(found(&format!("{ada}&limit=2")).await, "create delete");
    assert_eq!(found(&format!("{ada}&kind=delete")).await, "delete");
    assert_eq!(found(&format!("{ada}&until=2020-01-01T00:00:00Z")).await, "");
    assert_eq!(found(&format!("{ada}&until=2999-01-01T00:00:00Z")).await, "create delete create");
    assert_eq!(found("name=staff").await, "group-create");
    assert_eq!(found("name=carol@acme.example").await, "");
    let all = muster.admin("GET", "/operations?name=ada@acme.example", None).await.expect(200).body;
    assert_eq!(all["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn pushing_a_retired_file_again_restores_its_version() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let pushed = muster.push(guest("roster-next")).await.expect(201).body;
    muster.push(guest("planted")).await.expect(201);
    promote(&muster, "roster", NEXT).await.expect(200);
    muster.person(&tenant, "ada").await;
    let ada = newest_operation(&muster, &tenant).await;
    for version in ["roster@0.1.1", "roster@0.1.0"] {
        promote(&muster, "roster", version).await.expect(200);
    }
    retire(&muster, NEXT).await.expect(200);
    promote(&muster, "roster", NEXT).await.expect(409);
    // Another file with the same version is refused.
    muster.push(variant(0)).await.expect(409);

    let again = muster.push(guest("roster-next")).await.expect(201).body;
    assert_eq!(again["digest"], pushed["digest"]);
    let detail = muster.admin("GET", &format!("/connectors/{NEXT}"), None).await.body;
    assert!(detail["retired"].is_null() && detail["size"].as_u64() > Some(0), "{detail}");
    let path = format!("/operations/{}", ada["id"].as_str().unwrap());
    let shown = muster.admin("GET", &path, None).await.body;
    assert_eq!((&shown["version"], &shown["connector"]), (&json!(NEXT), &pushed["digest"]));
    promote(&muster, "roster", NEXT).await.expect(200);
    muster.person(&tenant, "bob").await;
    assert_eq!(newest_operation(&muster, &tenant).await["version"], NEXT);
}
