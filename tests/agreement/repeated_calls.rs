//! Calls that the app carries out and answers with an error, and whose repetition it refuses: the host
//! repeats a call that was answered 5xx, and the refusal of the repetition says nothing of the call
//! before. In the end the app has what the directory says.

use muster::sample::Fault;
use serde_json::json;

use super::{
    add, assert_refused, create_group, delete, eventually, people_in, place, refuse, set_title,
    shown, sizes, start, team_in, title_in,
};
use crate::support::{Muster, Tenant, user};

/// The statuses with which an app, or a gateway before it, fails after the effect, so that the host
/// repeats the call.
const FAILURES: [u16; 4] = [500, 502, 503, 504];

/// Makes the app carry the next matching call out and answer it with the first status, and refuse its
/// repetition with the second.
fn refuse_again(muster: &Muster, pattern: impl Into<String>, failure: u16, refusal: u16) {
    let pattern = pattern.into();
    muster.stage.sample.fail(Fault::status_after(&pattern, failure));
    refuse(muster, pattern, refusal, 1);
}

/// An inactive person, for whom the app has a member or an account that is out.
async fn leaver(muster: &Muster, tenant: &Tenant, name: &str) -> String {
    let id = muster.person(tenant, name).await;
    muster.set_active(tenant, &id, false).await.expect(200);
    id
}

async fn assert_out(muster: &Muster, tenant: &Tenant, about: &str) {
    let failure = format!("{about}: the app has a person whom the directory does not have active");
    eventually(&failure, async || people_in(muster, tenant).is_empty()).await;
}

#[tokio::test]
async fn a_refused_person_is_not_left_in_the_organization() {
    let muster = start().await;
    for failure in FAILURES {
        let tenant = muster.tenant("two-state").await;
        for refusal in [402, 409, 422] {
            let ada = leaver(&muster, &tenant, &format!("ada{failure}{refusal}")).await;
            refuse_again(&muster, format!("PUT {}", place(&tenant, "members")), failure, refusal);
            assert_refused(&muster.set_active(&tenant, &ada, true).await);
            assert_eq!(shown(&muster, &tenant, &ada).await["active"], false);
            assert_out(&muster, &tenant, &format!("{failure}, {refusal}")).await;
        }
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_refused_account_is_not_left_active() {
    let muster = start().await;
    for failure in FAILURES {
        let tenant = muster.tenant("three-state").await;
        for refusal in [402, 422] {
            let ada = leaver(&muster, &tenant, &format!("ada{failure}{refusal}")).await;
            refuse_again(&muster, format!("POST {}", place(&tenant, "accounts")), failure, refusal);
            assert_refused(&muster.set_active(&tenant, &ada, true).await);
            assert_eq!(shown(&muster, &tenant, &ada).await["active"], false);
            assert_out(&muster, &tenant, &format!("{failure}, {refusal}")).await;
        }
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_deactivation_after_the_refusal_waits_until_the_person_is_out() {
    let muster = start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = leaver(&muster, &tenant, "ada").await;
    refuse_again(&muster, format!("PUT {}", place(&tenant, "members")), 500, 422);
    let leave = format!("DELETE {}", place(&tenant, "members"));
    super::stop_answering(&muster, leave);
    assert_refused(&muster.set_active(&tenant, &ada, true).await);
    assert_eq!(people_in(&muster, &tenant), ["ada"], "the app has carried the call out");
    muster.set_active(&tenant, &ada, false).await.expect(429);
    muster.stage.sample.heal();
    muster.set_active(&tenant, &ada, false).await.expect(200);
    assert_eq!(people_in(&muster, &tenant), [""; 0]);
    muster.settled().await;
}

#[tokio::test]
async fn a_refused_creation_leaves_nobody_in_the_app() {
    let muster = start().await;
    for failure in FAILURES {
        for (connector, call) in [("two-state", "PUT"), ("three-state", "POST")] {
            let tenant = muster.tenant(connector).await;
            refuse_again(&muster, format!("{call} {}", place(&tenant, "")), failure, 422);
            assert_refused(&muster.post(&tenant, "/Users", user("ada")).await);
            assert_eq!(muster.get(&tenant, "/Users").await.body["totalResults"], 0);
            assert_out(&muster, &tenant, &format!("{connector}, {failure}")).await;
            // The refusal is not the last word about the person.
            let again = async || muster.post(&tenant, "/Users", user("ada")).await.status == 201;
            eventually("a person whom the app accepts is refused for good", again).await;
            assert_eq!(people_in(&muster, &tenant), ["ada"]);
        }
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_person_who_is_deleted_and_refused_on_return_is_not_left_in_the_app() {
    let muster = start().await;
    for failure in FAILURES {
        for (connector, call) in [("two-state", "PUT"), ("three-state", "POST")] {
            let tenant = muster.tenant(connector).await;
            let ada = muster.person(&tenant, "ada").await;
            delete(&muster, &tenant, &ada).await.expect(204);
            refuse_again(&muster, format!("{call} {}", place(&tenant, "")), failure, 422);
            assert_refused(&muster.post(&tenant, "/Users", user("ada")).await);
            assert_out(&muster, &tenant, &format!("{connector}, {failure}")).await;
        }
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_refused_member_is_not_left_in_the_team() {
    let muster = start().await;
    for failure in FAILURES {
        let tenant = muster.tenant("three-state").await;
        let ada = muster.person(&tenant, "ada").await;
        let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
        refuse_again(&muster, format!("PUT {}", place(&tenant, "teams")), failure, 422);
        assert_refused(&add(&muster, &tenant, &group, &[&ada]).await);
        let agree = async || sizes(&muster, &tenant, &group).await == (0, 0);
        eventually(&format!("after {failure}: the team differs from the group"), agree).await;
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_refused_group_leaves_no_team_behind() {
    let muster = start().await;
    for failure in FAILURES {
        let tenant = muster.tenant("three-state").await;
        refuse_again(&muster, format!("POST {}", place(&tenant, "teams")), failure, 422);
        assert_refused(&create_group(&muster, &tenant, &[]).await);
        let gone = async || team_in(&muster, &tenant, "Compilers").is_none();
        eventually(&format!("after {failure}: the app has a team without a group"), gone).await;
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_refused_title_is_taken_back() {
    let muster = start().await;
    for failure in FAILURES {
        let tenant = muster.tenant("three-state").await;
        let ada = muster.person(&tenant, "ada").await;
        set_title(&muster, &tenant, &ada, "One").await.expect(200);
        refuse_again(&muster, format!("PATCH {}", place(&tenant, "accounts")), failure, 422);
        assert_refused(&set_title(&muster, &tenant, &ada, "Two").await);
        assert_eq!(shown(&muster, &tenant, &ada).await["title"], "One");
        let back = async || title_in(&muster, &tenant, "ada").as_deref() == Some("One");
        eventually(&format!("after {failure}: the app keeps a refused title"), back).await;
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_person_whose_activation_waits_for_the_operator_is_taken_out_by_a_deactivation() {
    let muster = start().await;
    let tenant = muster.tenant("two-state").await;
    let join = format!("PUT {}", place(&tenant, "members"));
    for refusal in [401, 403] {
        let ada = leaver(&muster, &tenant, &format!("ada{refusal}")).await;
        muster.stage.sample.fail(Fault::status_after(&join, 500));
        refuse(&muster, &join, refusal, super::ALWAYS);
        // The credentials are wrong, or lack a permission: the activation stays open.
        muster.set_active(&tenant, &ada, true).await.expect(500);
        assert_eq!(people_in(&muster, &tenant), [format!("ada{refusal}")]);
        muster.set_active(&tenant, &ada, false).await.expect(200);
        assert_out(&muster, &tenant, &refusal.to_string()).await;
        muster.stage.sample.heal();
    }
    muster.settled().await;
}

#[tokio::test]
async fn a_call_that_took_too_long_for_a_gateway_may_have_had_an_effect() {
    let muster = start().await;
    let tenant = muster.tenant("two-state").await;
    let ada = leaver(&muster, &tenant, "ada").await;
    // 408 is not repeated at once, and the identity provider comes back.
    refuse_again(&muster, format!("PUT {}", place(&tenant, "members")), 408, 422);
    muster.set_active(&tenant, &ada, true).await.expect(429);
    assert_refused(&muster.set_active(&tenant, &ada, true).await);
    assert_out(&muster, &tenant, "408").await;
    muster.settled().await;
}

#[tokio::test]
async fn a_call_that_is_carried_out_at_its_repetition_is_done() {
    let muster = start().await;
    for failure in FAILURES {
        let tenant = muster.tenant("three-state").await;
        let ada = muster.person(&tenant, &format!("ada{failure}")).await;
        let accounts = format!("DELETE {}", place(&tenant, "accounts"));
        muster.stage.sample.fail(Fault::status_after(&accounts, failure));
        refuse(&muster, accounts, 404, 1);
        delete(&muster, &tenant, &ada).await.expect(204);
        muster.get(&tenant, &format!("/Users/{ada}")).await.expect(404);
        assert_eq!(people_in(&muster, &tenant), [""; 0]);
    }
    muster.settled().await;
    assert_eq!(muster.operations(muster::store::OperationState::Failed).await, []);
}

#[tokio::test]
async fn a_refused_person_stays_in_the_other_organization_of_the_app() {
    let muster = start().await;
    let (acme, beta) = (muster.tenant("two-state").await, muster.tenant("two-state").await);
    let ada = leaver(&muster, &acme, "ada").await;
    muster.person(&beta, "ada").await;
    refuse_again(&muster, format!("PUT {}", place(&acme, "members")), 502, 422);
    assert_refused(&muster.set_active(&acme, &ada, true).await);
    assert_out(&muster, &acme, "of two").await;
    muster.settled().await;
    assert_eq!(people_in(&muster, &beta), ["ada"]);
}

#[tokio::test]
async fn a_leaver_whose_profile_the_app_refuses_has_left() {
    let muster = start().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let profile = format!("PATCH {}", place(&tenant, "accounts"));
    refuse(&muster, profile, 422, super::ALWAYS);
    let value = json!({ "active": false, "title": "Countess" });
    let both = json!([{ "op": "replace", "value": value }]);
    muster.patch(&tenant, &format!("/Users/{ada}"), both).await.expect(200);
    assert_out(&muster, &tenant, "a profile").await;
    // The host tells the profile until it gives up; the identity provider is not told of that.
    for _ in 0..20 {
        muster.set_active(&tenant, &ada, false).await.expect(200);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    muster.settled().await;
    let before = muster.app_calls(&tenant).await.len();
    muster.set_active(&tenant, &ada, false).await.expect(200);
    assert_eq!(muster.app_calls(&tenant).await.len(), before, "the person has left already");
    // What the app refused is told again when the person returns, or changes.
    muster.stage.sample.heal();
    set_title(&muster, &tenant, &ada, "Lady").await.expect(200);
    assert_eq!(title_in(&muster, &tenant, "ada").as_deref(), Some("Lady"));
    muster.settled().await;
}
