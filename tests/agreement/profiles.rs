//! Profiles in doubt: the app has the attributes that the directory has, and none that only a call told
//! it which was refused, superseded or dropped; and one stray answer does not make an account another's.

use muster::sample::Fault;
use serde_json::json;

use super::groups::APPS;
use super::{
    ALWAYS, assert_refused, eventually, operations_on, people_in, place, refuse, set_title, shown,
    start, title_in,
};
use crate::support::{Answer, Muster, Tenant, user};

/// The calls that change a profile.
fn update(tenant: &Tenant, app: &str) -> String {
    match app {
        "two-state" => "PATCH /users".to_owned(),
        _ => format!("PATCH {}", place(tenant, "accounts")),
    }
}

/// A tenant of the app with Ada, by her id and the name in her address.
async fn with_ada(muster: &Muster, app: &str) -> (Tenant, String, String) {
    let tenant = muster.tenant(app).await;
    let name = format!("ada-{app}");
    let ada = muster.person(&tenant, &name).await;
    (tenant, ada, name)
}

/// Makes the app carry out the calls of this beginning and fail after that, until it is healed.
fn fail_after(muster: &Muster, pattern: &str) {
    muster.stage.sample.fail(Fault { times: ALWAYS, ..Fault::status_after(pattern, 503) });
}

#[track_caller]
fn assert_title(muster: &Muster, tenant: &Tenant, name: &str, title: &str) {
    assert_eq!(title_in(muster, tenant, name).as_deref(), Some(title), "{name}");
}

async fn has_no_title(muster: &Muster, tenant: &Tenant, name: &str) {
    let failure = format!("{name}: the app has a title that the directory does not have");
    eventually(&failure, async || title_in(muster, tenant, name).is_none()).await;
    muster.settled().await;
    assert_eq!(title_in(muster, tenant, name), None);
}

#[tokio::test]
async fn an_attribute_that_a_refused_change_added_is_taken_back() {
    let muster = start().await;
    for app in APPS {
        let tenant = muster.tenant(app).await;
        for refusal in [400, 404, 409, 422] {
            let name = format!("ada{refusal}-{app}");
            let ada = muster.person(&tenant, &name).await;
            muster.stage.sample.fail(Fault::status_after(update(&tenant, app), 500));
            refuse(&muster, update(&tenant, app), refusal, 1);
            let answer = set_title(&muster, &tenant, &ada, "Countess").await;
            // After a 404 the connector looks for the account, and finds it.
            if refusal == 404 {
                eventually("the title is told", async || {
                    set_title(&muster, &tenant, &ada, "Countess").await.status == 200
                })
                .await;
                muster.settled().await;
                assert_title(&muster, &tenant, &name, "Countess");
                continue;
            }
            assert_refused(&answer);
            assert_eq!(shown(&muster, &tenant, &ada).await.get("title"), None);
            has_no_title(&muster, &tenant, &name).await;
        }
    }
}

#[tokio::test]
async fn an_attribute_that_a_newer_request_removed_is_taken_back() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, name) = with_ada(&muster, app).await;
        fail_after(&muster, &update(&tenant, app));
        set_title(&muster, &tenant, &ada, "Countess").await.expect(429);
        assert_title(&muster, &tenant, &name, "Countess");
        muster.stage.sample.heal();
        let remove = json!([{ "op": "remove", "path": "title" }]);
        muster.patch(&tenant, &format!("/Users/{ada}"), remove).await.expect(200);
        has_no_title(&muster, &tenant, &name).await;
    }
}

#[tokio::test]
async fn an_attribute_of_a_dropped_operation_is_taken_back() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, name) = with_ada(&muster, app).await;
        fail_after(&muster, &update(&tenant, app));
        set_title(&muster, &tenant, &ada, "Countess").await.expect(429);
        let open = operations_on(&muster, &ada).await.pop().unwrap();
        let path = format!("/operations/{}/drop", open["id"].as_str().unwrap());
        muster.admin("POST", &path, None).await.expect(200);
        muster.stage.sample.heal();
        has_no_title(&muster, &tenant, &name).await;
    }
}

#[tokio::test]
async fn an_account_that_the_app_denies_once_stays_the_persons_own() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, name) = with_ada(&muster, app).await;
        muster.stage.sample.fail(Fault::status(update(&tenant, app), 404, 1));
        set_title(&muster, &tenant, &ada, "Lady").await.expect(200);
        assert_title(&muster, &tenant, &name, "Lady");
        set_title(&muster, &tenant, &ada, "Countess").await.expect(200);
        assert_title(&muster, &tenant, &name, "Countess");
        muster.settled().await;
    }
}

#[tokio::test]
async fn a_leaver_is_out_although_an_app_that_failed_denied_once_to_have_them() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, _) = with_ada(&muster, app).await;
        let leave = match app {
            "two-state" => format!("DELETE {}", place(&tenant, "members")),
            _ => format!("POST {}", place(&tenant, "accounts")),
        };
        muster.stage.sample.fail(Fault::status(&leave, 503, 1));
        muster.stage.sample.fail(Fault::status(&leave, 404, 1));
        muster.set_active(&tenant, &ada, false).await.expect(200);
        let failure = format!("{app}: a leaver is in the app");
        eventually(&failure, async || people_in(&muster, &tenant).is_empty()).await;
        muster.settled().await;
    }
}

/// Creates Ada with this title.
async fn create(muster: &Muster, tenant: &Tenant, name: &str, title: &str, active: bool) -> Answer {
    let mut ada = user(name);
    (ada["title"], ada["active"]) = (json!(title), json!(active));
    muster.post(tenant, "/Users", ada).await
}

/// The last call of a creation.
fn last_call(tenant: &Tenant, app: &str) -> String {
    match app {
        "two-state" => format!("PUT {}", place(tenant, "members")),
        _ => format!("POST {}", place(tenant, "accounts")),
    }
}

#[tokio::test]
async fn an_account_that_an_unanswered_creation_made_is_the_persons_own_whatever_is_sent_next() {
    let muster = start().await;
    for app in APPS {
        let tenant = muster.tenant(app).await;
        let name = format!("ada-{app}");
        fail_after(&muster, &last_call(&tenant, app));
        create(&muster, &tenant, &name, "Lady", true).await.expect(429);
        muster.stage.sample.heal();
        let created = create(&muster, &tenant, &name, "Dame", true).await.expect(201);
        assert_eq!(created.body["title"], "Dame");
        assert_title(&muster, &tenant, &name, "Dame");
        set_title(&muster, &tenant, &created.id(), "Countess").await.expect(200);
        assert_title(&muster, &tenant, &name, "Countess");
        let all = muster.get(&tenant, "/Users").await.expect(200);
        assert_eq!(all.body["totalResults"], 1);
        assert_eq!(people_in(&muster, &tenant), [name]);
        muster.settled().await;
    }
}

#[tokio::test]
async fn an_unanswered_creation_is_not_carried_on_for_a_person_who_shall_be_out() {
    let muster = start().await;
    for app in APPS {
        let tenant = muster.tenant(app).await;
        let name = format!("ada-{app}");
        super::stop_answering(&muster, last_call(&tenant, app));
        create(&muster, &tenant, &name, "Lady", true).await.expect(429);
        let calls = muster.app_calls(&tenant).await.len();
        muster.stage.sample.heal();
        create(&muster, &tenant, &name, "Lady", false).await.expect(201);
        muster.settled().await;
        assert_eq!(people_in(&muster, &tenant), [""; 0], "{app}");
        let calls = muster.app_calls(&tenant).await.split_off(calls);
        let joins = calls.iter().filter(|call| call.method == "PUT").count();
        assert_eq!(joins, 0, "{app}: {calls:?}");
    }
}

#[tokio::test]
async fn a_creation_that_the_app_does_not_accept_is_replaced_by_one_that_it_does() {
    let muster = start().await;
    for app in APPS {
        let tenant = muster.tenant(app).await;
        let name = format!("ada-{app}");
        let pattern = if app == "two-state" { "POST /users" } else { "POST /organizations" };
        muster.stage.sample.fail(Fault {
            containing: Some("Lady".to_owned()),
            ..Fault::status(pattern, 500, ALWAYS)
        });
        create(&muster, &tenant, &name, "Lady", true).await.expect(429);
        let again = async || create(&muster, &tenant, &name, "Dame", true).await.status == 201;
        eventually("a creation waits for one that is never accepted", again).await;
        assert_title(&muster, &tenant, &name, "Dame");
        muster.stage.sample.heal();
        muster.settled().await;
    }
}
