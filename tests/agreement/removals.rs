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
        let open = operations_on(&muster, &group).await;
        let failed = open.iter().rfind(|it| it["state"] == "failed" || it["state"] == "open");
        if let Some(operation) = failed {
            let path = format!("/operations/{}/retry", operation["id"].as_str().unwrap());
            muster.admin("POST", &path, None).await.expect(200);
        }
        let joined = async || team_in(&muster, &tenant, "Compilers").unwrap() == both;
        eventually("the join was not retried", joined).await;
        muster.settled().await;
    }
}
