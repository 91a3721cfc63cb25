//! Memberships that the app may have, because the host does not know what its calls have done: they
//! follow the person's account, and are made up for when it was out in the meantime.

use muster::cli::local_environment::LocalEnvironmentConfig;
use tokio::time::sleep;

use super::groups::APPS;
use super::{add, create_group, delete, eventually, people_in, quick, recording, team_in};
use crate::support::Muster;
use crate::support::meddler::{Meddler, Rule};

/// A host whose apps are behind a proxy.
async fn behind_a_meddler(config: LocalEnvironmentConfig) -> (Muster, Meddler) {
    let mut muster = Muster::start_with(config).await;
    let meddler = Meddler::before(&mut muster).await;
    for app in APPS {
        muster.stage.app(&format!("{app}-meddled"), app).await.unwrap();
    }
    (muster, meddler)
}

#[tokio::test]
async fn a_membership_in_doubt_is_taken_back_of_a_person_who_was_deleted_and_created_again() {
    let (muster, meddler) = behind_a_meddler(recording()).await;
    for app in APPS {
        let tenant = muster.tenant_named(app, &format!("{app}-meddled"), "okta", app).await;
        let ada = muster.person(&tenant, "ada").await;
        let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
        muster.settled().await;
        // The team has Ada, and the host does not learn so.
        meddler.apply(Rule::cut_after(format!("PUT /organizations/{app}/teams")).always());
        add(&muster, &tenant, &group, &[&ada]).await.expect(204);
        let team = || team_in(&muster, &tenant, "Compilers").unwrap_or_default();
        eventually("Ada should be in the team", async || team() == ["ada"]).await;
        // Her account stays: the app does not hear of her deletion before she is back.
        meddler.down();
        delete(&muster, &tenant, &ada).await.expect(204);
        let again = muster.person(&tenant, "ada").await;
        assert_ne!(again, ada);
        meddler.heal();
        let failure = format!("{app}: the team has a person whom the group does not have");
        eventually(&failure, async || team().is_empty()).await;
        muster.settled().await;
        assert_eq!((team(), people_in(&muster, &tenant)), (Vec::new(), vec!["ada".to_owned()]));
    }
}

#[tokio::test]
async fn a_member_who_was_out_while_a_join_was_unanswered_is_in_the_team() {
    let (muster, meddler) = behind_a_meddler(quick()).await;
    muster.stage.sample.forget_teams_of_leavers();
    let tenant = muster.tenant_named("acme", "two-state-meddled", "okta", "acme").await;
    let ada = muster.person(&tenant, "ada").await;
    let group = create_group(&muster, &tenant, &[]).await.expect(201).id();
    // The first join has its effect; its repetitions do not reach the app. When one does, the app
    // answers it as the first call, without an effect.
    let joins = "PUT /organizations/acme/teams";
    meddler.apply(Rule::cut_after(joins));
    meddler.apply(Rule::refuse(joins, 503, "down").always());
    add(&muster, &tenant, &group, &[&ada]).await.expect(429);
    let team = || team_in(&muster, &tenant, "Compilers").unwrap_or_default();
    assert_eq!(team(), ["ada"]);
    // Out and in again: she has lost her teams.
    for active in [false, true] {
        let changed = async || muster.set_active(&tenant, &ada, active).await.status == 200;
        eventually("she should leave, and return", changed).await;
    }
    assert_eq!(team(), [] as [String; 0]);
    // No call of before can arrive any more.
    sleep(quick().longest_call).await;
    meddler.heal();
    eventually("a member is not in the team", async || team() == ["ada"]).await;
    muster.settled().await;
    assert_eq!(team(), ["ada"]);
}
