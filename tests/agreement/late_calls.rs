//! Late calls: a call of an attempt that has ended reaches the app after newer ones, also across a kill
//! of the host. In the end the app has what the directory says.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{LONG, eventually, people_in, shown, start};
use crate::support::meddler::{Held, Meddler, Rule};
use crate::support::test_host::{HostProcess, TestHost};
use crate::support::{Muster, Tenant, patch_op, user};

/// The configuration of the host processes: short answers, back-offs and calls.
const CONFIG: &str = "\
answer_within_seconds = 1
first_back_off_seconds = 1
longest_back_off_seconds = 1
longest_call_seconds = 3
";

const JOIN: &str = "PUT /organizations";
const LEAVE: &str = "DELETE /organizations";

/// A host process on a two-state app behind a meddler, with the inactive user Ada.
struct Late {
    test_host: TestHost,
    meddler: Meddler,
    ada: String,
}

impl Late {
    async fn start() -> (Self, HostProcess) {
        let mut meddler = None;
        let test_host = TestHost::of_embedded("two-state", CONFIG, async |sample| {
            meddler.insert(Meddler::start(&sample.base_url()).await).url()
        })
        .await;
        let host = test_host.spawn(None);
        let mut inactive = user("ada");
        inactive["active"] = json!(false);
        let (status, created) = test_host.scim(&host, "POST", "/Users", inactive).await.unwrap();
        assert_eq!(status, 201, "{created}");
        let ada = created["id"].as_str().unwrap().to_owned();
        (Self { test_host, meddler: meddler.unwrap(), ada }, host)
    }

    /// Sets `active` and returns the status; `None` if the host died before it answered.
    async fn set_active(&self, host: &HostProcess, active: bool) -> Option<u16> {
        let operations = json!([{ "op": "replace", "value": { "active": active } }]);
        let (path, body) = (format!("/Users/{}", self.ada), patch_op(operations));
        Some(self.test_host.scim(host, "PATCH", &path, body).await?.0)
    }

    /// Sets `active`, again as long as the answer is to come back.
    async fn set_active_at_last(&self, host: &HostProcess, active: bool) {
        for _ in 0..10 {
            match self.set_active(host, active).await {
                Some(429) => sleep(Duration::from_millis(200)).await,
                answer => return assert_eq!(answer, Some(200)),
            }
        }
        panic!("the request was answered 429 ten times");
    }

    fn is_in(&self) -> bool {
        !self.test_host.sample.members("people").is_empty()
    }

    /// Waits until the app and the directory both say this.
    async fn agrees(&self, host: &HostProcess, active: bool) {
        let path = format!("/Users/{}", self.ada);
        let agree = async || {
            let (_, shown) = self.test_host.scim(host, "GET", &path, Value::Null).await.unwrap();
            self.is_in() == active && shown["active"] == active
        };
        eventually("the app differs from the directory after a late call", agree).await;
        self.test_host.settled(host).await;
        assert!(agree().await, "the app and the directory agreed, and do not any more");
    }
}

#[tokio::test]
async fn a_join_that_lands_after_a_kill_and_a_leave_is_undone() {
    let (late, host) = Late::start().await;
    let mut join = late.meddler.hold_before(JOIN);
    tokio::select! {
        _ = late.set_active(&host, true) => panic!("the join should be held"),
        () = join.arrived() => {}
    }
    late.meddler.apply(Rule::refuse(JOIN, 503, "down").always());
    drop(host);
    let host = late.test_host.spawn(None);
    late.set_active(&host, false).await.unwrap();
    join.release().await;
    assert!(late.is_in(), "the late call should have landed");
    late.meddler.heal();
    late.agrees(&host, false).await;
}

/// A host that is killed while a leave of an active person is under way. Its next attempts at the leave
/// fail.
async fn killed_while_ada_leaves() -> (Late, Held) {
    let (late, host) = Late::start().await;
    late.set_active_at_last(&host, true).await;
    let mut leave = late.meddler.hold_before(LEAVE);
    tokio::select! {
        _ = late.set_active(&host, false) => panic!("the leave should be held"),
        () = leave.arrived() => {}
    }
    late.meddler.apply(Rule::refuse(LEAVE, 503, "down").always());
    (late, leave)
}

#[tokio::test]
async fn a_leave_that_lands_after_a_kill_and_a_return_is_made_up_for() {
    let (late, leave) = killed_while_ada_leaves().await;
    let host = late.test_host.spawn(None);
    // Acknowledged, or to come back for until no late call is possible.
    late.set_active(&host, true).await.unwrap();
    leave.release().await;
    assert!(!late.is_in(), "the late call should have landed");
    late.meddler.heal();
    late.agrees(&host, true).await;
    late.set_active_at_last(&host, true).await;
}

#[tokio::test]
async fn a_leave_that_lands_while_the_return_is_confirmed_is_made_up_for() {
    let (late, leave) = killed_while_ada_leaves().await;
    // The app carries the confirming join out, and does not answer yet.
    let mut join = late.meddler.hold_after(JOIN);
    let host = late.test_host.spawn(None);
    let landed = async {
        // The host may also wait with the join until no late call is possible.
        drop(timeout(Duration::from_secs(1), join.arrived()).await);
        leave.release().await;
        assert!(!late.is_in(), "the late call should have landed");
        timeout(LONG, join.release()).await.expect("a return should have been carried out");
    };
    tokio::join!(late.set_active(&host, true), landed);
    late.meddler.heal();
    late.agrees(&host, true).await;
    late.set_active_at_last(&host, true).await;
}

/// A host in the process of the test, behind a meddler.
async fn behind_a_meddler() -> (Muster, Meddler, Tenant) {
    let mut muster = start().await;
    let meddler = Meddler::before(&mut muster).await;
    muster.stage.app("meddled", "two-state").await.unwrap();
    let tenant = muster.tenant_named("late", "meddled", "okta", "late").await;
    (muster, meddler, tenant)
}

#[tokio::test]
async fn a_leave_under_way_does_not_land_after_the_return_that_replaced_it() {
    let (muster, meddler, tenant) = behind_a_meddler().await;
    let ada = muster.person(&tenant, "ada").await;
    let mut leave = meddler.hold_before(LEAVE);
    muster.set_active(&tenant, &ada, false).await.expect(429);
    leave.arrived().await;
    let returned = muster.set_active(&tenant, &ada, true).await;
    assert!([200, 429].contains(&returned.status), "{returned:?}");
    leave.release().await;
    let agree = async || {
        people_in(&muster, &tenant) == ["ada"]
            && shown(&muster, &tenant, &ada).await["active"] == true
    };
    eventually("a leave has landed after the return that replaced it", agree).await;
    muster.settled().await;
    assert!(agree().await, "the app and the directory agreed, and do not any more");
    muster.set_active(&tenant, &ada, true).await.expect(200);
}

#[tokio::test]
async fn a_join_under_way_does_not_land_after_the_leave_that_replaced_it() {
    let (muster, meddler, tenant) = behind_a_meddler().await;
    let ada = muster.person(&tenant, "ada").await;
    muster.set_active(&tenant, &ada, false).await.expect(200);
    let mut join = meddler.hold_before(JOIN);
    muster.set_active(&tenant, &ada, true).await.expect(429);
    join.arrived().await;
    let left = muster.set_active(&tenant, &ada, false).await;
    assert!([200, 429].contains(&left.status), "{left:?}");
    join.release().await;
    let agree = async || {
        people_in(&muster, &tenant).is_empty()
            && shown(&muster, &tenant, &ada).await["active"] == false
    };
    eventually("a join has landed after the leave that replaced it", agree).await;
    muster.settled().await;
    assert!(agree().await, "the app and the directory agreed, and do not any more");
}

#[tokio::test]
async fn a_request_does_not_wait_for_an_attempt_in_the_background_beyond_its_own_time() {
    let (muster, meddler, tenant) = behind_a_meddler().await;
    let mut inactive = user("ada");
    inactive["active"] = json!(false);
    let created = muster.post(&tenant, "/Users", inactive).await.expect(201);
    let ada = created.body["id"].as_str().unwrap().to_owned();
    meddler.apply(Rule::refuse(JOIN, 503, "down"));
    meddler.apply(Rule::refuse(JOIN, 503, "down").always());
    muster.set_active(&tenant, &ada, true).await.expect(429);
    meddler.heal();
    let mut join = meddler.hold_before(JOIN);
    join.arrived().await;
    let began = tokio::time::Instant::now();
    let title = json!([{ "op": "replace", "path": "title", "value": "Analyst" }]);
    let path = format!("/Users/{ada}");
    let later = muster.patch(&tenant, &path, title.clone()).await.expect(429);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(later.body["detail"].as_str().unwrap().contains("older change"), "{}", later.body);
    join.release().await;
    eventually("the title should be taken", async || {
        muster.patch(&tenant, &path, title.clone()).await.status == 200
    })
    .await;
}
