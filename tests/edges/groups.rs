//! Groups: names that must be unique, members that the directory does not have, and `members.display`.

use serde_json::{Value, json};

use super::{bulk, create, version_one};
use crate::support::{Muster, Tenant};

async fn group(muster: &Muster, tenant: &Tenant, name: &str) -> String {
    let body = json!({ "displayName": name, "externalId": format!("of {name}") });
    muster.post(tenant, "/Groups", body).await.expect(201).id()
}

async fn rule(muster: &Muster, tenant: &Tenant, name: &str, value: &str) {
    let path = format!("/tenants/{}", tenant.name);
    let changed = muster.admin("PATCH", &path, Some(json!({ name: value }))).await;
    assert_eq!(changed.expect(200).body[name], value);
}

fn add(members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    json!([{ "op": "add", "path": "members", "value": members }])
}

async fn members(muster: &Muster, tenant: &Tenant, group: &str) -> Vec<String> {
    let shown = muster.get(tenant, &format!("/Groups/{group}")).await.expect(200).body;
    let members = shown["members"].as_array().unwrap().iter();
    members.map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_second_group_of_a_name_is_a_conflict_at_every_door_where_the_dialect_expects_it() {
    let muster = Muster::start().await;
    for connector in ["roster", "two-state", "three-state"] {
        for dialect in ["entra", "generic"] {
            let tenant = muster.tenant_with(connector, dialect).await;
            let first = group(&muster, &tenant, "Caf\u{e9}").await;
            let other = group(&muster, &tenant, "Bar").await;
            for name in ["Caf\u{e9}", "CAFE\u{301}"] {
                let body = json!({ "displayName": name });
                let conflict = muster.post(&tenant, "/Groups", body.clone()).await.expect(409);
                assert_eq!(conflict.body["scimType"], "uniqueness");
                let one = version_one(&tenant);
                muster.scim(&one, "POST", "/Groups", Some(body.clone())).await.expect(409);
                let operation =
                    json!({ "method": "POST", "path": "/Groups", "bulkId": "1", "data": body });
                bulk(&muster, &tenant, operation).await.expect(409);
                let path = format!("/Groups/{other}");
                muster.scim(&tenant, "PUT", &path, Some(body.clone())).await.expect(409);
                let with_path = json!([{ "op": "replace", "path": "displayName", "value": name }]);
                muster.patch(&tenant, &path, with_path).await.expect(409);
                let without = json!([{ "op": "replace", "value": body }]);
                muster.patch(&tenant, &path, without).await.expect(409);
                // A group keeps its own name, in any case.
                let path = format!("/Groups/{first}");
                muster.scim(&tenant, "PUT", &path, Some(body)).await.expect(200);
            }
            assert_eq!(muster.get(&tenant, "/Groups").await.body["totalResults"], 2);
            // The name is free when its group has another one, or is gone.
            let rename = json!([{ "op": "replace", "path": "displayName", "value": "Bistro" }]);
            let renamed = muster.patch(&tenant, &format!("/Groups/{first}"), rename).await;
            assert!((200..300).contains(&renamed.status), "{}", renamed.body);
            let again = group(&muster, &tenant, "Caf\u{e9}").await;
            muster.scim(&tenant, "DELETE", &format!("/Groups/{again}"), None).await.expect(204);
            group(&muster, &tenant, "Caf\u{e9}").await;
        }
    }
}

#[tokio::test]
async fn a_conflict_and_the_journal_show_a_name_as_it_was_sent() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "entra").await;
    group(&muster, &tenant, "Team").await;
    let refused = muster.post(&tenant, "/Groups", json!({ "displayName": "TEAM" })).await;
    let detail = refused.expect(409).body["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail, "a group with the displayName TEAM exists already");
    let user = json!({ "userName": "Ada" });
    muster.post(&tenant, "/Users", user.clone()).await.expect(201);
    muster.post(&tenant, "/Users", user).await.expect(409);
    let listed = muster.admin("GET", "/operations", None).await.expect(200).body;
    let names: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|it| &it["subject"]).collect();
    assert_eq!(names, ["Ada", "Team"]);
}

#[tokio::test]
async fn of_two_groups_that_are_named_alike_at_once_one_gets_the_name() {
    let muster = Muster::start().await;
    for connector in ["roster", "three-state"] {
        let tenant = muster.tenant_with(connector, "generic").await;
        let ids = [group(&muster, &tenant, "a").await, group(&muster, &tenant, "b").await];
        let rename = json!([{ "op": "replace", "path": "displayName", "value": "same" }]);
        let paths = ids.map(|id| format!("/Groups/{id}"));
        let body = json!({ "displayName": "same" });
        let (one, other, new) = tokio::join!(
            muster.patch(&tenant, &paths[0], rename.clone()),
            muster.patch(&tenant, &paths[1], rename),
            muster.post(&tenant, "/Groups", body),
        );
        let all = [one.status, other.status, new.status];
        let taken = all.iter().filter(|status| **status == 409).count();
        assert_eq!(taken, 2, "{connector}: {all:?}");
        muster.settled().await;
        let named = muster.get(&tenant, "/Groups?filter=displayName%20eq%20%22same%22").await;
        assert_eq!(named.expect(200).body["totalResults"], 1);
    }
}

#[tokio::test]
async fn an_operator_chooses_whether_group_names_are_unique() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "okta").await;
    let first = group(&muster, &tenant, "Sales").await;
    group(&muster, &tenant, "Sales").await;
    rule(&muster, &tenant, "group_names", "unique").await;
    // Groups that share a name already can be changed.
    let body = json!({ "displayName": "SALES", "externalId": "x" });
    let path = format!("/Groups/{first}");
    muster.scim(&tenant, "PUT", &path, Some(body.clone())).await.expect(200);
    muster.post(&tenant, "/Groups", body.clone()).await.expect(409);
    rule(&muster, &tenant, "group_names", "any").await;
    muster.post(&tenant, "/Groups", body).await.expect(201);
    let (status, shown) = muster.command(&["tenant", "show", &tenant.name]).await;
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.contains("any") && shown.contains("default (skip)"), "{shown}");
    let set = ["tenant", "set", &tenant.name, "--group-names", "default"];
    let (status, shown) = muster.command(&set).await;
    assert!(status == Some(0) && shown.contains("default (any)"), "{shown}");
    muster.command(&["tenant", "set", &tenant.name, "--group-names", "both"]).await.0.unwrap();
}

#[tokio::test]
async fn a_group_is_not_emptied_by_members_of_whom_none_is_known() {
    let muster = Muster::start().await;
    for connector in ["roster", "three-state"] {
        let tenant = muster.tenant_with(connector, "okta").await;
        let ids = [
            create(&muster, &tenant, "ada", true).await,
            create(&muster, &tenant, "bob", true).await,
        ];
        let group = group(&muster, &tenant, "Sales").await;
        let path = format!("/Groups/{group}");
        let all = json!({
            "displayName": "Sales",
            "members": [{ "value": ids[0] }, { "value": ids[1] }],
        });
        muster.scim(&tenant, "PUT", &path, Some(all)).await.expect(200);
        let text = format!("[{{\"value\":\"{}\"}}]", ids[0]);
        let upper = ids[0].to_uppercase();
        let garbage = [
            json!(text),
            json!("one,two"),
            json!(["garbage"]),
            json!([{ "value": 5 }]),
            json!([{ "value": upper }]),
        ];
        for members in garbage {
            let body = json!({ "displayName": "Sales", "members": members });
            muster.scim(&tenant, "PUT", &path, Some(body)).await.expect(400);
            let replace = json!([{ "op": "replace", "path": "members", "value": members }]);
            muster.patch(&tenant, &path, replace).await.expect(400);
            let v1 = version_one(&tenant);
            let body = json!({ "schemas": ["urn:scim:schemas:core:1.0"], "displayName": "Sales", "members": members });
            muster.scim(&v1, "PUT", &path, Some(body)).await.expect(400);
            let bulk = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [{
                    "method": "PUT", "path": path,
                    "data": { "displayName": "Sales", "members": members },
                }],
            });
            let answer = muster.post(&tenant, "/Bulk", bulk).await.expect(200).body;
            assert_eq!(answer["Operations"][0]["status"], "400", "{answer}");
            let now = muster.get(&tenant, &path).await.expect(200).body;
            assert_eq!(now["members"].as_array().map(Vec::len), Some(2), "{members}: {now}");
        }
        // One who is known stays, and an empty list empties the group.
        let one = json!({ "displayName": "Sales", "members": [{ "value": "gone" }, { "value": ids[0] }] });
        muster.scim(&tenant, "PUT", &path, Some(one)).await.expect(200);
        assert_eq!(members(&muster, &tenant, &group).await, [ids[0].clone()]);
        let none = json!({ "displayName": "Sales", "members": [] });
        muster.scim(&tenant, "PUT", &path, Some(none)).await.expect(200);
        assert!(members(&muster, &tenant, &group).await.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_is_recognised_does_not_change_the_rules_for_groups() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    group(&muster, &tenant, "Sales").await;
    let okta = [("user-agent", "Okta SCIM Client 1.0.0")];
    muster.scim_with(&tenant, "GET", "/ServiceProviderConfig", &okta, None).await.expect(200);
    let body = json!({ "displayName": "Sales" });
    muster.post(&tenant, "/Groups", body).await.expect(409);
    let body = json!({ "displayName": "Other", "members": [{ "value": "gone" }] });
    muster.post(&tenant, "/Groups", body).await.expect(400);
}

#[tokio::test]
async fn an_unknown_member_is_refused_or_skipped_as_the_tenant_has_it() {
    let muster = Muster::start().await;
    for (n, connector) in ["roster", "three-state"].into_iter().enumerate() {
        let tenant = muster.tenant_with(connector, "entra").await;
        let ada = create(&muster, &tenant, "ada", true).await;
        let sales = group(&muster, &tenant, "Sales").await;
        let path = format!("/Groups/{sales}");
        for skips in [false, true] {
            let status = |accepted: u16| if skips { accepted } else { 400 };
            rule(&muster, &tenant, "unknown_members", if skips { "skip" } else { "refuse" }).await;
            let expected: &[&str] = if skips { &[&ada] } else { &[] };
            let body = json!({
                "displayName": format!("{connector} {skips}"),
                "members": [{ "value": "gone" }, { "value": ada }],
            });
            let made = muster.post(&tenant, "/Groups", body.clone()).await.expect(status(201));
            assert_eq!(made.body["members"].as_array().map_or(0, Vec::len), expected.len());
            muster.patch(&tenant, &path, add(&["gone", &ada])).await.expect(status(204));
            assert_eq!(members(&muster, &tenant, &sales).await, expected);
            let mut whole = body;
            whole["displayName"] = json!("Sales");
            muster.scim(&tenant, "PUT", &path, Some(whole)).await.expect(status(200));
            assert_eq!(members(&muster, &tenant, &sales).await, expected);
            let operation = json!({
                "method": "PATCH", "path": path,
                "data": { "schemas": [super::PATCH], "Operations": add(&["gone"]) },
            });
            bulk(&muster, &tenant, operation).await.expect(status(200));
        }
        muster.settled().await;
        let told = muster.operations(muster::store::OperationState::Done).await;
        let skipped: Vec<_> = told.iter().filter(|(.., note)| note.contains("skipped")).collect();
        // The Bulk request, of which nothing is left, makes no operation.
        assert_eq!(skipped.len(), 3 * (n + 1), "{told:?}");
        let why = "skipped 1 member that is no user or group of this directory: gone";
        assert!(skipped.iter().all(|(.., note)| note.ends_with(why)), "{skipped:?}");
        let shown = muster.admin("GET", &format!("/tenants/{}", tenant.name), None).await.body;
        let rules = shown["deviations"].as_array().unwrap();
        assert!(rules.iter().any(|it| it["rule"] == "unknown-member"), "{shown}");
    }
}

#[tokio::test]
async fn a_members_display_is_returned_as_it_was_sent_with_the_write_and_on_request() {
    let muster = Muster::start().await;
    for connector in ["roster", "two-state", "three-state"] {
        let tenant = muster.tenant_with(connector, "generic").await;
        let ada = create(&muster, &tenant, "ada", true).await;
        let bob = create(&muster, &tenant, "bob", true).await;
        let eve = create(&muster, &tenant, "eve", true).await;
        let body = json!({
            "displayName": "Sales",
            "members": [{ "value": ada, "display": "Ada L." }, { "value": bob }],
        });
        let made = muster.post(&tenant, "/Groups", body).await.expect(201);
        let sales = made.id();
        let display = |body: &Value, id: &str| -> Value {
            let members = body["members"].as_array().unwrap();
            members.iter().find(|it| it["value"] == id).unwrap()["display"].clone()
        };
        assert_eq!(display(&made.body, &ada), "Ada L.");
        assert_eq!(display(&made.body, &bob), "bob@acme.example");
        let path = format!("/Groups/{sales}");
        let named = format!("{path}?attributes=members.display,members.value");
        let operations = json!([{
            "op": "add", "path": "members", "value": [{ "value": eve, "display": "Eve" }],
        }]);
        let patched = muster.patch(&tenant, &path, operations).await.expect(200).body;
        let read = muster.get(&tenant, &named).await.expect(200).body;
        for body in [&patched, &read] {
            assert_eq!(display(body, &eve), "Eve");
            assert_eq!(display(body, &ada), "Ada L.");
        }
        let plain = muster.get(&tenant, &path).await.expect(200).body;
        assert_eq!(display(&plain, &eve), Value::Null, "only on request (RFC 7643 §7)");
        let without = muster.patch(&tenant, &path, add(&[&eve])).await.expect(200).body;
        assert_eq!(display(&without, &eve), Value::Null);
    }
}

#[tokio::test]
async fn a_group_is_not_filled_again_by_members_of_whom_none_is_known() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "okta").await;
    let ada = create(&muster, &tenant, "ada", true).await;
    let bob = create(&muster, &tenant, "bob", true).await;
    let sales = group(&muster, &tenant, "Sales").await;
    let path = format!("/Groups/{sales}");
    let list =
        |ids: &[&str]| -> Vec<Value> { ids.iter().map(|id| json!({ "value": id })).collect() };
    let put = |ids: &[&str]| json!({ "op": "replace", "path": "members", "value": list(ids) });
    let more = |ids: &[&str]| json!({ "op": "add", "path": "members", "value": list(ids) });
    let none = json!({ "op": "remove", "path": "members" });
    // An empty group may be given members of whom none is known.
    muster.patch(&tenant, &path, json!([put(&["gone"])])).await.expect(204);
    muster.patch(&tenant, &path, json!([none, more(&["gone"])])).await.expect(204);
    for operations in [
        json!([put(&["gone"])]),
        json!([put(&["gone"]), more(&[&bob])]),
        json!([more(&[&bob]), put(&["gone"])]),
        json!([none, more(&["gone"])]),
        json!([none, more(&["gone"]), more(&["lost"])]),
        json!([put(&[]), more(&["gone"])]),
        json!([put(&[]), put(&["gone"])]),
    ] {
        muster.patch(&tenant, &path, json!([put(&[&ada])])).await.expect(204);
        let answer = muster.patch(&tenant, &path, operations.clone()).await;
        assert_eq!(answer.status, 400, "{operations}");
        assert_eq!(members(&muster, &tenant, &sales).await, [ada.as_str()]);
    }
    for (operations, left) in [
        (json!([put(&["gone", &bob])]), vec![&bob]),
        (json!([none, more(&["gone", &bob])]), vec![&bob]),
        (json!([more(&["gone"])]), vec![&ada]),
        (json!([put(&["gone"]), more(&[&ada])]), vec![&ada]),
        (json!([put(&["gone"]), put(&[])]), vec![]),
        (json!([none]), vec![]),
    ] {
        muster.patch(&tenant, &path, json!([put(&[&ada])])).await.expect(204);
        muster.patch(&tenant, &path, operations.clone()).await.expect(204);
        let shown = muster.get(&tenant, &path).await.expect(200).body;
        let present = shown["members"].as_array().cloned().unwrap_or_default();
        let present: Vec<_> = present.iter().map(|it| it["value"].as_str().unwrap()).collect();
        assert_eq!(present, left, "{operations}");
    }
}

#[tokio::test]
async fn a_member_is_removed_by_its_id_in_any_case_as_filters_find_it() {
    let muster = Muster::start().await;
    for connector in ["roster", "three-state"] {
        let tenant = muster.tenant_with(connector, "entra").await;
        let ada = create(&muster, &tenant, "ada", true).await;
        let sales = group(&muster, &tenant, "Sales").await;
        let path = format!("/Groups/{sales}");
        let upper = ada.to_uppercase();
        for removal in [
            json!([{ "op": "remove", "path": format!("members[value eq \"{upper}\"]") }]),
            json!([{ "op": "remove", "path": "members", "value": [{ "value": upper }] }]),
            json!([
                { "op": "remove", "path": "members[type eq \"Group\"]" },
                { "op": "remove", "path": format!("members[value eq \"{upper}\"]") },
            ]),
        ] {
            muster.patch(&tenant, &path, add(&[&ada])).await.expect(204);
            let query = format!("/Groups?filter=members.value+eq+%22{upper}%22");
            let found = muster.get(&tenant, &query).await.expect(200).body;
            assert_eq!(found["totalResults"], 1);
            muster.patch(&tenant, &path, removal).await.expect(204);
            let shown = muster.get(&tenant, &path).await.expect(200).body;
            assert!(shown["members"].as_array().is_none_or(Vec::is_empty), "{shown}");
        }
    }
}
