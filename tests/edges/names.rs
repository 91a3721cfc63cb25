//! Names that are not understood: no 2xx says that something was done.

use serde_json::{Value, json};

use super::{Door, create, version_one};
use crate::support::{Muster, user};

#[tokio::test]
async fn a_request_of_which_nothing_is_known_is_refused_at_every_door() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{id}");
    for (name, value) in [
        ("user", json!({ "active": false })),
        ("shoeSize", json!(44)),
        ("enabled", json!(false)),
        ("urn:ietf:params:scim:schemas:core:2.0:User.active", json!(false)),
        ("active.value", json!(false)),
    ] {
        for door in Door::ALL {
            // A name with a colon may be an extension that the app lacks.
            let answer = door.set(&muster, &tenant, &path, name, &value).await;
            assert_eq!(answer.status, 400, "{door:?} {name}: {}", answer.body);
        }
    }
    assert_eq!(muster.get(&tenant, &path).await.body["active"], true);
}

#[tokio::test]
async fn a_name_that_resembles_the_state_is_refused_beside_known_ones() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{id}");
    for name in ["enabled", "isActive", "actvie"] {
        let beside = json!([
            { "op": "replace", "path": "title", "value": "Countess" },
            { "op": "replace", "path": name, "value": false },
        ]);
        let answer = muster.patch(&tenant, &path, beside).await.expect(400);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.ends_with("is active meant?"), "{detail}");
        let mut body = user("ada");
        body[name] = json!(false);
        body.as_object_mut().unwrap().remove("active");
        muster.scim(&tenant, "PUT", &path, Some(body.clone())).await.expect(400);
        body["userName"] = json!("bob@acme.example");
        muster.post(&tenant, "/Users", body.clone()).await.expect(400);
        // The state itself is there, so nothing is misunderstood.
        body["active"] = json!(true);
        let made = muster.post(&tenant, "/Users", body).await.expect(201);
        assert_eq!(made.body.get(name), None);
        muster.scim(&tenant, "DELETE", &format!("/Users/{}", made.id()), None).await.expect(204);
    }
    let read = muster.get(&tenant, &path).await.expect(200).body;
    assert_eq!((&read["active"], &read["title"]), (&json!(true), &Value::Null), "{read}");
}

#[tokio::test]
async fn a_name_that_resembles_members_is_refused_beside_known_ones() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let id = create(&muster, &tenant, "ada", true).await;
    let members = json!([{ "value": id }]);
    let body = json!({ "displayName": "Team", "memebers": members });
    muster.post(&tenant, "/Groups", body).await.expect(400);
    let body = json!({ "displayName": "Team" });
    let team = muster.post(&tenant, "/Groups", body).await.expect(201).id();
    let path = format!("/Groups/{team}");
    for name in ["memebers", "member", "urn:ietf:params:scim:schemas:core:2.0:Group.members"] {
        for op in ["add", "remove", "replace"] {
            let beside = json!([
                { "op": "replace", "path": "displayName", "value": "Crew" },
                { "op": op, "path": name, "value": members },
            ]);
            muster.patch(&tenant, &path, beside).await.expect(400);
        }
        for door in Door::ALL {
            let answer = door.set(&muster, &tenant, &path, name, &members).await;
            assert_eq!(answer.status, 400, "{door:?} {name}: {}", answer.body);
        }
    }
    assert_eq!(muster.get(&tenant, &path).await.body["displayName"], "Team");
}

#[tokio::test]
async fn a_removal_by_any_filter_on_members_removes_them_or_is_refused() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let team = muster.post(&tenant, "/Groups", json!({ "displayName": "Team" })).await.id();
    let path = format!("/Groups/{team}");
    let shown = async || {
        let group = muster.get(&tenant, &path).await.expect(200).body;
        group["members"].as_array().cloned().unwrap_or_default()
    };
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);
    muster.patch(&tenant, &path, add.clone()).await.expect(204);
    let reference = shown().await[0]["$ref"].as_str().unwrap().to_owned();
    for filter in [
        format!("$ref ew \"{ada}\""),
        format!("$ref ew \"/Users/{ada}\""),
        format!("$ref eq \"{reference}\""),
        format!("$ref co \"{ada}\" and type eq \"User\""),
        format!("value eq {ada}"),
        format!("value sw \"{}\"", &ada[..20]),
        "type eq \"user\"".to_owned(),
        "display co \"ada\"".to_owned(),
        "value pr".to_owned(),
        "not (type eq \"Group\")".to_owned(),
    ] {
        let removal = json!([{ "op": "remove", "path": format!("members[{filter}]") }]);
        muster.patch(&tenant, &path, removal).await.expect(204);
        assert_eq!(shown().await, Vec::<Value>::new(), "{filter}");
        muster.patch(&tenant, &path, add.clone()).await.expect(204);
    }
    for filter in ["colour eq \"red\"", "value gt 7 and primary eq true", "value", ""] {
        let removal = json!([{ "op": "remove", "path": format!("members[{filter}]") }]);
        muster.patch(&tenant, &path, removal).await.expect(400);
        assert_eq!(shown().await.len(), 1, "{filter}");
    }
}

#[tokio::test]
async fn what_says_two_things_is_refused() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{id}");
    let twice = json!([{ "op": "replace", "value": { "active": false, "Active": true } }]);
    muster.patch(&tenant, &path, twice).await.expect(400);
    let long = "urn:ietf:params:scim:schemas:core:2.0:User";
    for other in [json!({ "active": false, long: { "active": true } }), {
        json!({ "active": false, format!("{long}:active"): true })
    }] {
        let twice = json!([{ "op": "replace", "value": other }]);
        muster.patch(&tenant, &path, twice).await.expect(400);
    }
    assert_eq!(muster.get(&tenant, &path).await.body["active"], true);
}

#[tokio::test]
async fn a_state_in_an_unknown_object_is_refused_at_every_door() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let id = create(&muster, &tenant, "ada", true).await;
    let path = format!("/Users/{id}");
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    for name in ["user", "profile", enterprise] {
        let mut body = user("ada");
        body.as_object_mut().unwrap().remove("active");
        body[name] = json!({ "active": false });
        for tenant in [tenant.clone(), version_one(&tenant)] {
            muster.scim(&tenant, "PUT", &path, Some(body.clone())).await.expect(400);
            let mut new = body.clone();
            new["userName"] = json!("bob@acme.example");
            muster.post(&tenant, "/Users", new).await.expect(400);
        }
    }
    let core = "urn:scim:schemas:core:1.0";
    for unknown in ["urn:foo:1", "user", "meta"] {
        let body = json!({ "schemas": [core], "title": "x", unknown: { "active": false } });
        muster.scim(&version_one(&tenant), "PATCH", &path, Some(body)).await.expect(400);
    }
    assert_eq!(muster.get(&tenant, &path).await.body["active"], true);
    // The core schema by its URN is understood.
    for urn in [core, "urn:ietf:params:scim:schemas:core:2.0:User"] {
        muster.set_active(&tenant, &id, true).await.expect(200);
        let body = json!({ "schemas": [core], urn: { "active": false } });
        let left = muster.scim(&version_one(&tenant), "PATCH", &path, Some(body)).await;
        assert_eq!(left.expect(200).body["active"], false, "{urn}");
    }
}

#[tokio::test]
async fn a_member_with_an_operation_of_its_own_is_not_added() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    for name in ["operation", "op"] {
        let members = json!([{ "value": ada, name: "delete" }]);
        let body = json!({ "displayName": format!("Team {name}"), "members": members });
        muster.post(&tenant, "/Groups", body).await.expect(400);
        let body = json!({ "displayName": format!("Team {name}") });
        let team = muster.post(&tenant, "/Groups", body).await.expect(201).id();
        let path = format!("/Groups/{team}");
        let change = json!([{ "op": "replace", "value": { "members": members } }]);
        muster.patch(&tenant, &path, change).await.expect(400);
        if name == "op" {
            let body = json!({ "schemas": ["urn:scim:schemas:core:1.0"], "members": members });
            muster.scim(&version_one(&tenant), "PATCH", &path, Some(body)).await.expect(400);
        }
        assert_eq!(muster.get(&tenant, &path).await.body["members"], json!([]));
    }
}
