//! An operator's retry of an old operation carries out the present goal, never the old document.

use serde_json::{Value, json};

use super::{
    ALWAYS, delete, eventually, operations_on, people_in, place, refuse, retry, set_title, shown,
    start, start_recording, title_in,
};
use crate::support::{Muster, Tenant};

/// The operation that the app has refused, once it was refused.
async fn refused(muster: &Muster, tenant: &Tenant, resource: &str) -> Value {
    let refused = async || muster.app_calls(tenant).await.iter().any(|call| call.status == 422);
    eventually("the app was not asked", refused).await;
    operations_on(muster, resource).await.pop().unwrap()
}

#[tokio::test]
async fn the_retry_of_an_update_does_not_undo_a_newer_one() {
    let muster = start_recording().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.settled().await;
    refuse(&muster, format!("PATCH {}", place(&tenant, "accounts")), 422, ALWAYS);
    set_title(&muster, &tenant, &ada, "Lady").await.expect(200);
    let old = refused(&muster, &tenant, &ada).await;
    muster.stage.sample.heal();
    set_title(&muster, &tenant, &ada, "Countess").await.expect(200);
    let told = async || title_in(&muster, &tenant, "ada").as_deref() == Some("Countess");
    eventually("the newer title did not reach the app", told).await;
    muster.settled().await;
    retry(&muster, &old).await;
    muster.settled().await;
    assert_eq!(title_in(&muster, &tenant, "ada").as_deref(), Some("Countess"));
    assert_eq!(shown(&muster, &tenant, &ada).await["title"], "Countess");
}

#[tokio::test]
async fn the_retry_of_an_update_that_is_still_wanted_carries_it_out() {
    let muster = start_recording().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    muster.settled().await;
    refuse(&muster, format!("PATCH {}", place(&tenant, "accounts")), 422, ALWAYS);
    set_title(&muster, &tenant, &ada, "Countess").await.expect(200);
    let old = refused(&muster, &tenant, &ada).await;
    muster.stage.sample.heal();
    retry(&muster, &old).await;
    let told = async || title_in(&muster, &tenant, "ada").as_deref() == Some("Countess");
    eventually("the title did not reach the app", told).await;
    muster.settled().await;
}

#[tokio::test]
async fn the_retry_of_an_activation_does_not_bring_back_a_person_who_left_since() {
    let muster = start_recording().await;
    for app in ["two-state", "three-state"] {
        let tenant = muster.tenant(app).await;
        let name = format!("ada-{app}");
        let ada = muster.person(&tenant, &name).await;
        muster.set_active(&tenant, &ada, false).await.expect(200);
        muster.settled().await;
        let join = if app == "two-state" {
            format!("PUT {}", place(&tenant, "members"))
        } else {
            format!("POST {}", place(&tenant, "accounts"))
        };
        refuse(&muster, join, 422, ALWAYS);
        muster.set_active(&tenant, &ada, true).await.expect(200);
        let old = refused(&muster, &tenant, &ada).await;
        muster.set_active(&tenant, &ada, false).await.expect(200);
        muster.stage.sample.heal();
        muster.settled().await;
        retry(&muster, &old).await;
        muster.settled().await;
        assert_eq!(people_in(&muster, &tenant), [""; 0], "{app}");
        assert_eq!(shown(&muster, &tenant, &ada).await["active"], false);
    }
}

#[tokio::test]
async fn the_retry_of_a_creation_does_not_bring_back_a_person_who_was_created_again_and_left() {
    let muster = start_recording().await;
    let tenant = muster.tenant("three-state").await;
    refuse(&muster, format!("POST {}", place(&tenant, "accounts")), 422, ALWAYS);
    let first = muster.person(&tenant, "ada").await;
    let old = refused(&muster, &tenant, &first).await;
    delete(&muster, &tenant, &first).await.expect(204);
    muster.stage.sample.heal();
    let again = muster.person(&tenant, "ada").await;
    assert_ne!(again, first);
    muster.settled().await;
    muster.set_active(&tenant, &again, false).await.expect(200);
    muster.settled().await;
    retry(&muster, &old).await;
    muster.settled().await;
    assert_eq!(people_in(&muster, &tenant), [""; 0]);
    assert_eq!(shown(&muster, &tenant, &again).await["active"], false);
    muster.get(&tenant, &format!("/Users/{first}")).await.expect(404);
}

/// Pauses the tenant.
async fn pause(muster: &Muster, tenant: &Tenant) {
    muster.admin("POST", &format!("/tenants/{}/pause", tenant.name), None).await.expect(200);
}

/// A person who leaves by this sequence of requests while the tenant is paused, and who is created
/// again under a new id, keeps their access whatever the operator does with the held operations.
async fn rehire(leave: impl AsyncFn(&Muster, &Tenant, &str)) {
    for app in ["two-state", "three-state"] {
        let muster = start().await;
        let tenant = muster.tenant(app).await;
        let first = muster.person(&tenant, "ada").await;
        pause(&muster, &tenant).await;
        leave(&muster, &tenant, &first).await;
        assert_eq!(people_in(&muster, &tenant), ["ada"], "{app}: a pause holds leavers");
        let again = muster.person(&tenant, "ada").await;
        assert_ne!(again, first);
        let path = format!("/tenants/{}/connect", tenant.name);
        let both = json!({ "held": "carry-out" });
        let connected = muster.admin("POST", &path, Some(both)).await;
        assert!(connected.status < 500, "{connected:?}");
        for old in operations_on(&muster, &first).await {
            retry(&muster, &old).await;
        }
        muster.settled().await;
        assert_eq!(people_in(&muster, &tenant), ["ada"], "{app}");
        assert_eq!(shown(&muster, &tenant, &again).await["active"], true);
        set_title(&muster, &tenant, &again, "Countess").await.expect(200);
        assert_eq!(title_in(&muster, &tenant, "ada").as_deref(), Some("Countess"), "{app}");
    }
}

#[tokio::test]
async fn the_retry_of_a_held_deletion_keeps_a_person_who_was_hired_again() {
    rehire(async |muster, tenant, ada| {
        delete(muster, tenant, ada).await.expect(204);
    })
    .await;
}

#[tokio::test]
async fn the_retry_of_a_held_deactivation_keeps_a_person_who_was_hired_again() {
    rehire(async |muster, tenant, ada| {
        muster.set_active(tenant, ada, false).await.expect(200);
        delete(muster, tenant, ada).await.expect(204);
    })
    .await;
}
