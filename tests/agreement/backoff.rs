//! Back-off: it counts the host's own attempts in time, an app that answers again is asked within
//! seconds, leavers first, and deprovisioning always finds room.

use std::time::Duration;

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::clock::Clock;
use muster::lifecycle::BackOff;
use tokio::time::sleep;

use super::{eventually, people_in, place, quick, set_title, stop_answering, within};
use crate::support::{Muster, user};

/// A host whose back-offs begin with this one and double without an end, and that does not give up
/// what is not asked for again.
async fn start_with_back_off(first: Duration) -> Muster {
    let back_off = BackOff { first, longest: Duration::from_secs(3600) };
    let grant_patience = Duration::from_secs(3600);
    Muster::start_with(LocalEnvironmentConfig { back_off, grant_patience, ..quick() }).await
}

/// What an operator calls "within seconds".
const SECONDS: Duration = Duration::from_secs(4);

/// Longer than the pauses within one try, and shorter than those between tries.
const LONGEST_TRY: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn requests_during_an_outage_do_not_delay_what_waits_for_the_app() {
    let muster = start_with_back_off(Duration::from_secs(1)).await;
    let tenant = muster.tenant("three-state").await;
    stop_answering(&muster, format!("POST {}", place(&tenant, "accounts")));
    for _ in 0..8 {
        muster.post(&tenant, "/Users", user("ada")).await.expect(429);
    }
    muster.stage.sample.heal();
    let created = async || people_in(&muster, &tenant) == ["ada"];
    within(SECONDS, "the requests have delayed the creation", created).await;
    muster.settled().await;
}

#[tokio::test]
async fn requests_during_an_outage_do_not_exhaust_the_attempts_at_a_recorded_change() {
    let muster = super::start_recording().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.settled().await;
    stop_answering(&muster, format!("PATCH {}", place(&tenant, "accounts")));
    for n in 0..30 {
        set_title(&muster, &tenant, &ada, &format!("Title {}", n % 2)).await.expect(200);
    }
    muster.stage.sample.heal();
    let told = async || super::title_in(&muster, &tenant, "ada").as_deref() == Some("Title 1");
    within(SECONDS, "the requests have exhausted the attempts", told).await;
    muster.settled().await;
}

#[tokio::test]
async fn what_waits_for_an_app_is_tried_when_it_answers_again_and_leavers_are_first() {
    let muster = start_with_back_off(Duration::from_secs(60)).await;
    let tenant = muster.tenant("three-state").await;
    let eve = muster.person(&tenant, "eve").await;
    let sue = muster.person(&tenant, "sue").await;
    stop_answering(&muster, format!("POST {}", place(&tenant, "accounts")));
    // Repeated, so that back-offs of each have grown.
    for _ in 0..3 {
        for name in ["ada", "bob"] {
            muster.post(&tenant, "/Users", user(name)).await.expect(429);
        }
        muster.set_active(&tenant, &eve, false).await.expect(429);
    }
    // What is being tried when the app answers again is in no order.
    let mut calls = 0;
    while calls != muster.stage.sample.log().len() {
        calls = muster.stage.sample.log().len();
        sleep(LONGEST_TRY).await;
    }
    muster.stage.sample.heal();
    let healed = muster.stage.sample.log().len();
    set_title(&muster, &tenant, &sue, "Lady").await.expect(200);
    let agree = async || people_in(&muster, &tenant) == ["ada", "bob", "sue"];
    within(SECONDS, "the app answers again, and is not asked", agree).await;
    muster.settled().await;
    let calls = muster.stage.sample.log().split_off(healed);
    let first = calls.iter().find(|call| call.method == "POST").unwrap();
    assert!(first.path.ends_with("/suspend"), "the leaver should be first: {first:?}");
}

#[tokio::test]
async fn a_clock_that_was_set_back_costs_the_longest_back_off_at_most() {
    let clock = Clock::adjustable();
    clock.set_ahead(Duration::from_secs(48 * 3600));
    let config = LocalEnvironmentConfig { clock: clock.clone(), ..quick() };
    let muster = Muster::start_with(config).await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    stop_answering(&muster, format!("POST {}", place(&tenant, "accounts")));
    muster.set_active(&tenant, &ada, false).await.expect(429);
    // It is due two days from now.
    clock.set_ahead(Duration::ZERO);
    muster.stage.sample.heal();
    let out = async || people_in(&muster, &tenant).is_empty();
    eventually("a leaver waits for a time that is days ahead", out).await;
    muster.settled().await;
}

#[tokio::test]
async fn a_clock_that_was_set_forward_does_not_end_what_was_just_asked_for() {
    let clock = Clock::adjustable();
    let config = LocalEnvironmentConfig { clock: clock.clone(), ..quick() };
    let muster = Muster::start_with(config).await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    stop_answering(&muster, format!("POST {}", place(&tenant, "accounts")));
    muster.set_active(&tenant, &ada, false).await.expect(429);
    clock.set_ahead(Duration::from_secs(48 * 3600));
    muster.stage.sample.heal();
    let out = async || people_in(&muster, &tenant).is_empty();
    eventually("a leaver was forgotten when the clock was set forward", out).await;
    muster.settled().await;
}

#[tokio::test]
async fn a_leaver_finds_room_in_a_tenant_that_is_full_of_open_creations() {
    let config = LocalEnvironmentConfig { open_operations: 2, ..quick() };
    let muster = Muster::start_with(config).await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let bob = muster.person(&tenant, "bob").await;
    stop_answering(&muster, format!("POST {}", place(&tenant, "accounts")));
    for name in ["eve", "sue"] {
        muster.post(&tenant, "/Users", user(name)).await.expect(429);
    }
    let full = muster.post(&tenant, "/Users", user("zoe")).await.expect(429);
    assert!(full.body["detail"].as_str().unwrap().contains("too many"), "{}", full.body);
    // The app does not suspend either, for now: the request is journaled.
    muster.set_active(&tenant, &ada, false).await.expect(429);
    let listed = muster.admin("GET", &format!("/operations?resource={ada}&state=open"), None).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1, "{}", listed.body);
    // It deletes, and this is carried out.
    super::delete(&muster, &tenant, &bob).await.expect(204);
    muster.stage.sample.heal();
    let agree = async || people_in(&muster, &tenant) == ["eve", "sue"];
    eventually("a leaver found no room", agree).await;
    muster.settled().await;
}
