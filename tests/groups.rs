//! Groups: pushes and changes of members, also by many clients at once.

use serde_json::{Value, json};

use crate::support::{Muster, Tenant};

async fn group(muster: &Muster, tenant: &Tenant, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({ "value": id })).collect();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Compilers",
        "members": members,
    });
    muster.post(tenant, "/Groups", body).await.expect(201).id()
}

async fn members(muster: &Muster, tenant: &Tenant, group: &str) -> Vec<String> {
    let body = muster.get(tenant, &format!("/Groups/{group}")).await.expect(200).body;
    let members = body["members"].as_array().unwrap();
    members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn members_of_a_group_are_members_of_the_apps_team() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let bob = muster.person(&tenant, "bob").await;
    let id = group(&muster, &tenant, &[&ada]).await;
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] }]);
    muster.patch(&tenant, &format!("/Groups/{id}"), add).await.expect(204);
    assert_eq!(muster.stage.sample.teams(&tenant.organization)[0].members.len(), 2);

    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]);
    muster.patch(&tenant, &format!("/Groups/{id}"), remove).await.expect(204);
    assert_eq!(members(&muster, &tenant, &id).await, [bob]);
    assert_eq!(muster.stage.sample.teams(&tenant.organization)[0].members.len(), 1);
}

#[tokio::test]
async fn a_user_shows_its_groups_and_leaves_them_when_deleted() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let ada = muster.person(&tenant, "ada").await;
    let id = group(&muster, &tenant, &[&ada]).await;
    let user = muster.get(&tenant, &format!("/Users/{ada}")).await.body;
    assert_eq!(
        (&user["groups"][0]["value"], &user["groups"][0]["display"]),
        (&json!(id), &json!("Compilers"))
    );
    // A deactivated user stays a member.
    let put = muster.set_active(&tenant, &ada, false).await.expect(200);
    assert_eq!(put.body["groups"][0]["value"], json!(id));
    muster.scim(&tenant, "DELETE", &format!("/Users/{ada}"), None).await.expect(204);
    assert_eq!(members(&muster, &tenant, &id).await, [""; 0]);
}

#[tokio::test]
async fn an_unknown_user_cannot_be_added_and_can_be_removed() {
    let muster = Muster::start().await;
    let tenant = muster.tenant_with("roster", "generic").await;
    let id = group(&muster, &tenant, &[]).await;
    let path = format!("/Groups/{id}");
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": "ghost" }] }]);
    let refused = muster.patch(&tenant, &path, add).await.expect(400);
    assert!(refused.body["detail"].as_str().unwrap().contains("ghost"));
    let remove = json!([{ "op": "remove", "path": "members[value eq \"ghost\"]" }]);
    muster.patch(&tenant, &path, remove).await.expect(200);
}

#[tokio::test]
async fn twenty_clients_at_once_lose_no_member() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let mut people = Vec::new();
    for n in 0..60 {
        people.push(muster.person(&tenant, &format!("p{n}")).await);
    }
    let gone: Vec<&str> = people[..20].iter().map(String::as_str).collect();
    let id = group(&muster, &tenant, &gone).await;
    let path = format!("/Groups/{id}");
    let one = |n: usize| {
        let (muster, tenant, path, people) = (&muster, &tenant, &path, &people);
        async move {
            for member in [20 + n, 40 + n] {
                let add = json!([{ "op": "add", "path": "members", "value": [{ "value": people[member] }] }]);
                muster.patch(tenant, path, add).await.expect(204);
            }
            let remove =
                json!([{ "op": "remove", "path": "members", "value": [{ "value": people[n] }] }]);
            muster.patch(tenant, path, remove).await.expect(204);
        }
    };
    futures_util::future::join_all((0..20).map(one)).await;
    let mut left = members(&muster, &tenant, &id).await;
    left.sort();
    let mut expected = people[20..].to_vec();
    expected.sort();
    assert_eq!(left, expected);
}

/// Adds pairs of users to a group while one of each pair is deleted and the other is added again.
async fn add_members_while_others_are_deleted(connector: &str) {
    let muster = Muster::start().await;
    let tenant = muster.tenant(connector).await;
    let (mut deleted, mut kept) = (Vec::new(), Vec::new());
    for n in 0..20 {
        deleted.push(muster.person(&tenant, &format!("g{n}")).await);
        kept.push(muster.person(&tenant, &format!("s{n}")).await);
    }
    let path = format!("/Groups/{}", group(&muster, &tenant, &[]).await);
    let add = async |ids: &[&str]| {
        let value: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
        let operations = json!([{ "op": "add", "path": "members", "value": value }]);
        muster.patch(&tenant, &path, operations).await
    };
    let pair = async |n: usize| {
        let (deleted, kept) = (&*deleted[n], &*kept[n]);
        let (two, one) = ([deleted, kept], [kept]);
        let path = format!("/Users/{deleted}");
        let (pair_added, deletion, one_added) =
            tokio::join!(add(&two), muster.scim(&tenant, "DELETE", &path, None), add(&one));
        assert!([204, 400].contains(&pair_added.status), "{pair_added:?}");
        deletion.expect(204);
        one_added.expect(204);
    };
    futures_util::future::join_all((0..20).map(pair)).await;
    let id = path.trim_start_matches("/Groups/");
    let mut left = members(&muster, &tenant, id).await;
    left.sort();
    kept.sort();
    assert_eq!(left, kept, "{connector}");
}

#[tokio::test]
async fn a_user_deleted_while_being_added_does_not_affect_other_members() {
    add_members_while_others_are_deleted("roster").await;
    add_members_while_others_are_deleted("two-state").await;
}

#[tokio::test]
async fn a_large_push_is_split_into_operations_within_the_connectors_limits() {
    let muster = Muster::start().await;
    let tenant = muster.tenant("roster").await;
    let mut people = Vec::new();
    for n in 0..250 {
        people.push(muster.person(&tenant, &format!("p{n}")).await);
    }
    let id = group(&muster, &tenant, &[]).await;
    let all: Vec<Value> = people.iter().map(|id| json!({ "value": id })).collect();
    let push = json!([{ "op": "replace", "path": "members", "value": all }]);
    muster.patch(&tenant, &format!("/Groups/{id}"), push).await.expect(204);
    assert_eq!(members(&muster, &tenant, &id).await.len(), 250);
    let body = json!({ "displayName": "Everyone", "members": all });
    let created = muster.post(&tenant, "/Groups", body).await.expect(201);
    assert_eq!(created.body["members"].as_array().unwrap().len(), 250);
}
