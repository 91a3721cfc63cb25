//! A host killed with `kill -9` while a connector is pushed, promoted, rolled back or retired: after
//! a restart the action is completely done or not done at all, a connector decides either way, and
//! the action can be repeated.

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::test_host::{HostProcess, StatusAndBody, TestHost};

/// An action of an operator.
#[derive(Clone, Copy)]
enum AdminAction {
    Push,
    Promote,
    PromoteForTenant,
    PromoteAndSet,
    RollBack,
    Retire,
}

impl AdminAction {
    async fn perform(self, test_host: &TestHost, host: &HostProcess) -> Option<StatusAndBody> {
        let next = json!({ "connector": "roster@0.2.0" });
        let (method, path, body) = match self {
            Self::Push => return test_host.push(host, guest("roster-next")).await,
            Self::Promote => ("POST", "/apps/people/promote", next),
            Self::PromoteForTenant => {
                let for_tenant = json!({ "connector": "roster@0.2.0", "tenants": ["people"] });
                ("POST", "/apps/people/promote", for_tenant)
            }
            Self::PromoteAndSet => {
                let set = json!({ "reply": "when-recorded" });
                let both = json!({ "connector": "roster@0.2.0", "set": set });
                ("POST", "/apps/people/promote", both)
            }
            Self::RollBack => ("POST", "/apps/people/rollback", Value::Null),
            Self::Retire => ("POST", "/connectors/roster@0.2.0/retire", Value::Null),
        };
        test_host.try_admin(host, method, path, body).await
    }

    /// A host that is ready for the action.
    async fn prepare(self) -> TestHost {
        let test_host = TestHost::with_roster().await;
        let host = test_host.spawn(None);
        let before: &[Self] = match self {
            Self::Push => &[],
            Self::RollBack => &[Self::Push, Self::Promote],
            _ => &[Self::Push],
        };
        for action in before {
            let (status, answer) = action.perform(&test_host, &host).await.unwrap();
            assert!(status < 300, "{answer}");
        }
        test_host
    }

    /// Kills the host at this point of the action. Returns the versions before and after it.
    async fn killed_at(self, point: &str) -> (TestHost, HostProcess, Value, Value) {
        let test_host = self.prepare().await;
        let before = test_host.versions(&test_host.spawn(None)).await;
        let mut dying = test_host.spawn(Some(point));
        assert_eq!(
            self.perform(&test_host, &dying).await,
            None,
            "{point}: the host should have died"
        );
        assert!(!dying.child.wait().unwrap().success(), "{point}");
        let host = test_host.spawn(None);
        let after = test_host.versions(&host).await;
        (test_host, host, before, after)
    }
}

/// The version that the tenant shows decides.
async fn assert_serves(test_host: &TestHost, host: &HostProcess, name: &str) {
    let version = test_host.deciding_version(host, name).await;
    let tenant = test_host.admin(host, "GET", "/tenants/people", Value::Null).await;
    assert_eq!(version, tenant["version"]);
}

async fn assert_atomic(action: AdminAction) {
    let (test_host, host, before, after) = action.killed_at("journal:1").await;
    assert_eq!(after, before);
    assert_serves(&test_host, &host, "ada").await;
    let (status, answer) = action.perform(&test_host, &host).await.unwrap();
    assert!(status < 300, "repeating the action: {answer}");
    let done = test_host.versions(&host).await;
    assert_ne!(done, before);
    assert_serves(&test_host, &host, "bob").await;

    let (test_host, host, _, after) = action.killed_at("journal-done:1").await;
    assert_eq!(after, done);
    assert_serves(&test_host, &host, "ada").await;
    if !matches!(action, AdminAction::RollBack) {
        let (status, answer) = action.perform(&test_host, &host).await.unwrap();
        assert!(status < 300, "repeating the action: {answer}");
        assert_eq!(test_host.versions(&host).await, done);
    }
}

#[tokio::test]
async fn a_push_is_done_completely_or_not_at_all() {
    assert_atomic(AdminAction::Push).await;
}

#[tokio::test]
async fn a_promotion_is_done_completely_or_not_at_all() {
    assert_atomic(AdminAction::Promote).await;
    assert_atomic(AdminAction::PromoteForTenant).await;
}

#[tokio::test]
async fn a_change_of_an_app_is_done_completely_or_not_at_all() {
    assert_atomic(AdminAction::PromoteAndSet).await;
}

#[tokio::test]
async fn a_rollback_is_done_completely_or_not_at_all() {
    assert_atomic(AdminAction::RollBack).await;
}

#[tokio::test]
async fn a_retirement_is_done_completely_or_not_at_all() {
    assert_atomic(AdminAction::Retire).await;
}

#[tokio::test]
async fn a_host_killed_while_it_writes_a_compiled_connector_leaves_no_incomplete_file() {
    let test_host = TestHost::with_roster().await;
    let complete = test_host.compiled();
    let mut dying = test_host.spawn(Some("keep:1"));
    assert_eq!(test_host.push(&dying, guest("roster-next")).await, None);
    assert!(!dying.child.wait().unwrap().success());
    assert_eq!(test_host.compiled().len(), complete.len() + 1, "one file was being written");

    let host = test_host.spawn(None);
    assert_eq!(test_host.compiled(), complete, "the start removes it");
    assert_eq!(test_host.push(&host, guest("roster-next")).await.unwrap().0, 201);
    assert_eq!(test_host.compiled().len(), complete.len() + 1);
}
