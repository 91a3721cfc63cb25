//! Removals from groups: no answer of the app to anything else keeps a person in a team.

use muster::sample::Fault;

use super::groups::{APPS, team_becomes, with_ada_and_bob};
use super::{
    ALWAYS, add, assert_refused, create_group, eventually, operations_on, place, push, remove,
    sizes, start, stop_answering, team_in,
};

#[tokio::test]
async fn a_removal_from_a_group_outlives_a_newer_request_that_the_app_refuses() {
    let muster = start().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let eve = muster.person(&tenant, &format!("eve-{app}")).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        stop_answering(&muster, format!("DELETE {}", place(&tenant, "teams")));
        remove(&muster, &tenant, &group, &bob).await.expect(429);
        muster.stage.sample.heal();
        let joins = format!("PUT {}", place(&tenant, "teams"));
        muster.stage.sample.fail(Fault::status(joins, 422, ALWAYS));
        let refused = add(&muster, &tenant, &group, &[&eve]).await;
        assert_refused(&refused);
        team_becomes(&muster, &tenant, &["ada"]).await;
        assert_eq!(sizes(&muster, &tenant, &group).await, (1, 1));
        muster.stage.sample.heal();
    }
}

#[tokio::test]
async fn a_removal_from_a_group_that_is_recorded_does_not_wait_for_a_refused_join() {
    let muster = super::start_recording().await;
    for app in APPS {
        let (tenant, ada, bob) = with_ada_and_bob(&muster, app).await;
        let eve = muster.person(&tenant, &format!("eve-{app}")).await;
        let group = create_group(&muster, &tenant, &[&ada, &bob]).await.expect(201).id();
        muster.settled().await;
        let joins = format!("PUT {}", place(&tenant, "teams"));
        muster.stage.sample.fail(Fault::status(joins, 422, ALWAYS));
        // In one request, and in two.
        push(&muster, &tenant, &group, &[&ada, &eve]).await.expect(200);
        let name = format!("ada-{app}");
        let left = async || team_in(&muster, &tenant, "Compilers").unwrap() == [name.clone()];
        eventually("a removal waits for a join that the app refuses", left).await;
        muster.stage.sample.heal();
        let both = [name.clone(), format!("eve-{app}")];
        let joined = async || {
            for operation in operations_on(&muster, &group).await {
                if operation["state"] == "failed" {
                    // It may have been tried in the meantime.
                    let path = format!("/operations/{}/retry", operation["id"].as_str().unwrap());
                    muster.admin("POST", &path, None).await;
                }
            }
            team_in(&muster, &tenant, "Compilers").unwrap() == both
        };
        eventually("the join was not retried", joined).await;
        muster.settled().await;
    }
}

#[tokio::test]
async fn a_group_that_is_written_while_a_new_member_is_deleted_is_answered_and_agrees() {
    let muster = super::start_recording().await;
    let tenant = muster.tenant("three-state").await;
    let ada = muster.person(&tenant, "ada").await;
    let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
    for n in 0..20 {
        let eve = muster.person(&tenant, &format!("eve{n}")).await;
        let members = [ada.as_str(), eve.as_str()];
        let (pushed, deleted) = tokio::join!(
            push(&muster, &tenant, &group, &members),
            super::delete(&muster, &tenant, &eve)
        );
        // Refused, or told to come back; never an internal error.
        assert!([200, 400, 429, 503].contains(&pushed.status), "{}", pushed.body);
        deleted.expect(204);
    }
    push(&muster, &tenant, &group, &[&ada]).await.expect(200);
    let agrees = async || team_in(&muster, &tenant, "Compilers").unwrap() == ["ada"];
    eventually("the team has people who were deleted", agrees).await;
    muster.settled().await;
}
