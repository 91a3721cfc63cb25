//! Refusals of the app: a refused request changes nothing in the end, also if the app had accepted a
//! part of it, and access that shall be taken away is taken away in the end.

use muster::sample::Fault;
use serde_json::{Value, json};

use super::{
    ALWAYS, activate_with_title, add, assert_refused, create_group, delete, eventually,
    operations_on, people_in, place, push, refuse, retry, set_title, shown, sizes, start,
    stop_answering, team_in, title_in,
};

/// The statuses with which an app refuses a call for good.
const REFUSALS: [u16; 4] = [400, 402, 409, 422];

#[tokio::test]
async fn a_person_whose_profile_is_refused_after_they_joined_is_taken_out_again() {
    let muster = start().await;
    for status in REFUSALS {
        let tenant = muster.tenant("two-state").await;
        let ada = muster.person(&tenant, &format!("ada{status}")).await;
        muster.set_active(&tenant, &ada, false).await.expect(200);
        refuse(&muster, "PATCH /users", status, 1);
        let answer = activate_with_title(&muster, &tenant, &ada, "Countess").await;
        assert_refused(&answer);
        let user = shown(&muster, &tenant, &ada).await;
        assert_eq!((&user["active"], &user["title"]), (&json!(false), &Value::Null));
        let failure = format!("after {status}: the app still has a person who is inactive");
        eventually(&failure, async || people_in(&muster, &tenant).is_empty()).await;
    }
    muster.settled().await;
}

#[tokio::test]
async fn an_account_whose_profile_is_refused_after_it_resumed_is_suspended_again() {
    let muster = start().await;
    for status in REFUSALS {
        let tenant = muster.tenant("three-state").await;
        let ada = muster.person(&tenant, "ada").await;
        muster.set_active(&tenant, &ada, false).await.expect(200);
        refuse(&muster, format!("PATCH {}", place(&tenant, "accounts")), status, 1);
        let answer = activate_with_title(&muster, &tenant, &ada, "Countess").await;
        assert_refused(&answer);
        assert_eq!(shown(&muster, &tenant, &ada).await["active"], false);
        let failure = format!("after {status}: the app has an active account of an inactive user");
        eventually(&failure, async || people_in(&muster, &tenant).is_empty()).await;
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_deactivation_after_a_refused_activation_waits_until_the_person_is_out() {
    let muster = start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.set_active(&tenant, &ada, false).await.expect(200);
    refuse(&muster, "PATCH /users", 422, 1);
    stop_answering(&muster, format!("DELETE {}", place(&tenant, "members")));
    assert_refused(&activate_with_title(&muster, &tenant, &ada, "Countess").await);
    assert_eq!(people_in(&muster, &tenant), ["ada"], "the app has accepted the membership");
    // The directory says inactive already, but the app does not.
    muster.set_active(&tenant, &ada, false).await.expect(429);
    muster.stage.sample.heal();
    muster.set_active(&tenant, &ada, false).await.expect(200);
    assert_eq!(people_in(&muster, &tenant), [""; 0]);
    muster.settled().await;
}

#[tokio::test]
async fn joiners_of_a_group_of_whom_one_is_refused_are_all_left_out() {
    let muster = start().await;
    for status in REFUSALS {
        let tenant = muster.tenant("three-state").await;
        let ada = muster.person(&tenant, "ada").await;
        let bob = muster.person(&tenant, "bob").await;
        let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
        let joins = format!("PUT {}", place(&tenant, "teams"));
        muster.stage.sample.fail(Fault::pass(&joins, 1));
        refuse(&muster, joins, status, 1);
        assert_refused(&add(&muster, &tenant, &group, &[&ada, &bob]).await);
        let failure = format!("after {status}: the team differs from the group");
        eventually(&failure, async || sizes(&muster, &tenant, &group).await == (0, 0)).await;
    }
    muster.settled().await;
}

#[tokio::test]
async fn leavers_of_a_group_of_whom_one_is_refused_are_in_the_team_exactly_if_in_the_group() {
    let muster = start().await;
    for status in REFUSALS {
        let tenant = muster.tenant("three-state").await;
        let ada = muster.person(&tenant, "ada").await;
        let bob = muster.person(&tenant, "bob").await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        let leaves = format!("DELETE {}", place(&tenant, "teams"));
        muster.stage.sample.fail(Fault::pass(&leaves, 1));
        refuse(&muster, leaves, status, 1);
        let answer = push(&muster, &tenant, &group, &[]).await;
        assert!(answer.status >= 400, "{}: {}", answer.status, answer.body);
        // Refused: both stay members. To come back for: both leave in the end.
        let size = if answer.status == 429 { 0 } else { 2 };
        let failure = format!("after {status}: the team differs from the group");
        let agree = async || sizes(&muster, &tenant, &group).await == (size, size);
        eventually(&failure, agree).await;
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_refused_new_member_of_a_new_group_leaves_no_team_behind() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    refuse(&muster, format!("PUT {}", place(&tenant, "teams")), 422, 1);
    assert_refused(&create_group(&muster, &tenant, &[&ada]).await);
    assert_eq!(muster.get(&tenant, "/Groups").await.body["totalResults"], 0);
    let gone = async || team_in(&muster, &tenant, "Compilers").is_none();
    eventually("the app has a team without a group", gone).await;
    muster.settled().await;
}

#[tokio::test]
async fn a_profile_that_was_told_before_a_newer_one_was_refused_is_taken_back() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    set_title(&muster, &tenant, &ada, "One").await.expect(200);
    let update = format!("PATCH {}", place(&tenant, "accounts"));
    let of = |title: &str, fault: Fault| Fault { containing: Some(title.to_owned()), ..fault };
    // The app carries the second title out and does not say so; it refuses the third.
    muster.stage.sample.fail(of("Two", Fault { times: 1, ..Fault::cut(&update) }));
    muster.stage.sample.fail(of("Two", Fault::status(&update, 503, ALWAYS)));
    muster.stage.sample.fail(of("Three", Fault::status(&update, 422, ALWAYS)));
    set_title(&muster, &tenant, &ada, "Two").await.expect(429);
    assert_eq!(title_in(&muster, &tenant, "ada").as_deref(), Some("Two"));
    assert_refused(&set_title(&muster, &tenant, &ada, "Three").await);
    assert_eq!(shown(&muster, &tenant, &ada).await["title"], "One");
    let back = async || title_in(&muster, &tenant, "ada").as_deref() == Some("One");
    eventually("the app keeps a title that the directory does not have", back).await;
    muster.stage.sample.heal();
    muster.settled().await;
}

#[tokio::test]
async fn a_refused_deactivation_is_answered_come_back_with_the_apps_words_and_stays_open() {
    let muster = start().await;
    for (dialect, status) in [("okta", 429), ("entra", 503)] {
        let tenant = muster.tenant_with("three-state", dialect).await;
        let ada = muster.person(&tenant, "ada").await;
        refuse(&muster, format!("POST {}", place(&tenant, "accounts")), 422, ALWAYS);
        let answer = muster.set_active(&tenant, &ada, false).await.expect(status);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains("the seats are taken"), "{detail}");
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(shown(&muster, &tenant, &ada).await["active"], true);
        muster.stage.sample.heal();
        let gone = async || people_in(&muster, &tenant).is_empty();
        eventually("a deactivation was given up", gone).await;
        muster.settled().await;
        assert_eq!(shown(&muster, &tenant, &ada).await["active"], false);
    }
}

#[tokio::test]
async fn a_refused_deletion_is_answered_come_back_and_stays_open() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    refuse(&muster, format!("DELETE {}", place(&tenant, "accounts")), 422, ALWAYS);
    delete(&muster, &tenant, &ada).await.expect(429);
    // The next request of the identity provider does not end it either.
    delete(&muster, &tenant, &ada).await.expect(429);
    muster.stage.sample.heal();
    let gone = async || muster.stage.sample.accounts(&tenant.organization).is_empty();
    eventually("a deletion was given up", gone).await;
    muster.settled().await;
    muster.get(&tenant, &format!("/Users/{ada}")).await.expect(404);
}

#[tokio::test]
async fn an_operators_retry_of_a_refused_deactivation_deactivates() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    refuse(&muster, format!("POST {}", place(&tenant, "accounts")), 422, ALWAYS);
    for _ in 0..2 {
        muster.set_active(&tenant, &ada, false).await.expect(429);
    }
    muster.stage.sample.heal();
    let operations = operations_on(&muster, &ada).await;
    retry(&muster, operations.last().unwrap()).await;
    let gone = async || people_in(&muster, &tenant).is_empty();
    eventually("the operator's retry has kept a leaver", gone).await;
    muster.settled().await;
    assert_eq!(shown(&muster, &tenant, &ada).await["active"], false);
}
