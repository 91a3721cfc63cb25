//! Patience: a grant that was answered "come back", and that the identity provider never asks for
//! again, ends after a time, or when an operator cancels it, and leaves no account behind.

use muster::sample::Fault;
use serde_json::json;

use super::{
    activate_with_title, create_group, eventually, operations_on, people_in, place, quick, remove,
    shown, sizes, start, stop_answering, unshare,
};
use crate::support::{Muster, Tenant, user};

/// The only open operation of the tenant.
async fn open_operation(muster: &Muster, tenant: &Tenant) -> String {
    let path = format!("/operations?state=open&tenant={}", tenant.name);
    let listed = muster.admin("GET", &path, None).await.expect(200).body;
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{listed}");
    assert!(items[0]["kind"] == "create" && items[0]["due"].is_string(), "{listed}");
    items[0]["id"].as_str().unwrap().to_owned()
}

/// Starts a creation that the app carries out without saying so, and is then silent about.
async fn lost_creation(muster: &Muster) -> Tenant {
    let tenant = muster.tenant("three-state").await;
    unshare(muster, "three-state").await;
    let create = format!("POST {}", place(&tenant, "accounts"));
    muster.stage.sample.fail(Fault { times: 1, ..Fault::cut(&create) });
    stop_answering(muster, &create);
    muster.post(&tenant, "/Users", user("ada")).await.expect(429);
    assert_eq!(people_in(muster, &tenant), ["ada"], "the app has made the account");
    tenant
}

async fn has_no_account(muster: &Muster, tenant: &Tenant) {
    let gone = async || muster.stage.sample.accounts(&tenant.organization).is_empty();
    eventually("the grant has left an account behind", gone).await;
    muster.settled().await;
    assert_eq!(muster.get(tenant, "/Users").await.body["totalResults"], 0);
}

#[tokio::test]
async fn a_grant_that_an_operator_cancels_leaves_no_account_behind() {
    let muster = start().await;
    let tenant = lost_creation(&muster).await;
    let id = open_operation(&muster, &tenant).await;
    let dropped = muster.admin("POST", &format!("/operations/{id}/drop"), None).await.expect(200);
    assert_eq!(dropped.body["state"], "dropped");
    muster.stage.sample.heal();
    has_no_account(&muster, &tenant).await;
    muster.person(&tenant, "ada").await;
}

#[tokio::test]
async fn an_activation_that_an_operator_cancels_leaves_the_person_out() {
    let muster = start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.set_active(&tenant, &ada, false).await.expect(200);
    stop_answering(&muster, "PATCH /users");
    activate_with_title(&muster, &tenant, &ada, "Countess").await.expect(429);
    assert_eq!(people_in(&muster, &tenant), ["ada"], "the app has accepted the membership");
    let operation = operations_on(&muster, &ada).await.pop().unwrap();
    let path = format!("/operations/{}/drop", operation["id"].as_str().unwrap());
    muster.admin("POST", &path, None).await.expect(200);
    let out = async || people_in(&muster, &tenant).is_empty();
    eventually("a cancelled activation has left the person in the app", out).await;
    muster.settled().await;
    muster.stage.sample.heal();
    assert_eq!(shown(&muster, &tenant, &ada).await["active"], false);
}

#[tokio::test]
async fn a_grant_that_is_never_asked_for_again_ends_and_leaves_no_account_behind() {
    let muster = Muster::start_with(quick()).await;
    let tenant = lost_creation(&muster).await;
    let id = open_operation(&muster, &tenant).await;
    let ended = async || {
        let path = format!("/operations/{id}");
        muster.admin("GET", &path, None).await.expect(200).body["state"] == "dropped"
    };
    eventually("the host's patience with a grant has no end", ended).await;
    muster.stage.sample.heal();
    has_no_account(&muster, &tenant).await;
}

#[tokio::test]
async fn a_removal_from_a_group_that_is_never_asked_for_again_is_carried_out() {
    let muster = Muster::start_with(quick()).await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let group = create_group(&muster, &tenant, &[&ada]).await.expect(201).id();
    stop_answering(&muster, format!("DELETE {}", place(&tenant, "teams")));
    remove(&muster, &tenant, &group, &ada).await.expect(429);
    // Longer than the patience with a grant.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let states: Vec<_> = operations_on(&muster, &group).await;
    assert!(states.iter().all(|operation| operation["state"] != "dropped"), "{states:?}");
    muster.stage.sample.heal();
    eventually("ada should be out of the team", async || {
        sizes(&muster, &tenant, &group).await == (0, 0)
    })
    .await;
}

#[tokio::test]
async fn creations_that_replace_each_other_and_are_given_up_leave_no_account_behind() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    unshare(&muster, "three-state").await;
    let create = format!("POST {}", place(&tenant, "accounts"));
    muster.stage.sample.fail(Fault { times: 1, ..Fault::cut(&create) });
    // The later ones certainly change nothing.
    muster.stage.sample.fail(Fault::status(&create, 429, 1_000_000));
    for title in ["Lady", "Countess", "Enchantress"] {
        let mut ada = user("ada");
        ada["title"] = json!(title);
        muster.post(&tenant, "/Users", ada).await.expect(429);
    }
    assert_eq!(people_in(&muster, &tenant), ["ada"], "the app has made the account");
    muster.stage.sample.heal();
    muster.stage.sample.fail(Fault::status(&create, 429, 1_000_000));
    let gone = async || muster.stage.sample.accounts(&tenant.organization).is_empty();
    eventually("the account of the first creation is left behind", gone).await;
    muster.settled().await;
}
