//! `kill -9` while connectors are pushed, promoted, rolled back and retired: each is wholly done or
//! not at all, somebody decides in any case, and the same again goes well.

use serde_json::{Value, json};

use crate::support::guests::guest;
use crate::support::house::{Answered, House, Running};

/// What an operator does.
#[derive(Clone, Copy)]
enum Deed {
    Push,
    Promote,
    PromoteForTenant,
    PutApp,
    RollBack,
    Retire,
}

impl Deed {
    async fn done(self, house: &House, host: &Running) -> Option<Answered> {
        let next = json!({ "connector": "roster@0.2.0" });
        let (method, path, body) = match self {
            Self::Push => return house.push(host, guest("roster-next")).await,
            Self::Promote => ("POST", "/apps/people/promote", next),
            Self::PromoteForTenant => {
                let some = json!({ "connector": "roster@0.2.0", "tenants": ["people"] });
                ("POST", "/apps/people/promote", some)
            }
            Self::PutApp => {
                let app = json!({ "connector": "roster@0.2.0", "reply": "when-recorded" });
                ("PUT", "/apps/people", app)
            }
            Self::RollBack => ("POST", "/apps/people/rollback", Value::Null),
            Self::Retire => ("POST", "/connectors/roster@0.2.0/retire", Value::Null),
        };
        house.ask(host, method, path, body).await
    }

    /// What has to be there before it.
    async fn prepared(self) -> House {
        let house = House::of_roster().await;
        let host = house.start(None);
        let before: &[Self] = match self {
            Self::Push => &[],
            Self::RollBack => &[Self::Push, Self::Promote],
            _ => &[Self::Push],
        };
        for deed in before {
            let (status, answer) = deed.done(&house, &host).await.unwrap();
            assert!(status < 300, "{answer}");
        }
        house
    }

    /// The host is killed at this point of it; what is there before and after.
    async fn killed_at(self, point: &str) -> (House, Running, Value, Value) {
        let house = self.prepared().await;
        let before = house.versions(&house.start(None)).await;
        let mut dying = house.start(Some(point));
        assert_eq!(self.done(&house, &dying).await, None, "{point}: the host was to die");
        assert!(!dying.child.wait().unwrap().success(), "{point}");
        let host = house.start(None);
        let after = house.versions(&host).await;
        (house, host, before, after)
    }
}

/// Whoever the app names decides.
async fn serves(house: &House, host: &Running, name: &str) {
    let decides = house.decides(host, name).await;
    let tenant = house.admin(host, "GET", "/tenants/people", Value::Null).await;
    assert_eq!(decides, tenant["version"]);
}

async fn is_done_wholly_or_not_at_all(deed: Deed) {
    let (house, host, before, after) = deed.killed_at("journal:1").await;
    assert_eq!(after, before);
    serves(&house, &host, "ada").await;
    let (status, answer) = deed.done(&house, &host).await.unwrap();
    assert!(status < 300, "the same again: {answer}");
    let done = house.versions(&host).await;
    assert_ne!(done, before);
    serves(&house, &host, "bob").await;

    let (house, host, _, after) = deed.killed_at("journal-done:1").await;
    assert_eq!(after, done);
    serves(&house, &host, "ada").await;
    if !matches!(deed, Deed::RollBack) {
        let (status, answer) = deed.done(&house, &host).await.unwrap();
        assert!(status < 300, "the same again: {answer}");
        assert_eq!(house.versions(&host).await, done);
    }
}

#[tokio::test]
async fn a_push_is_there_wholly_or_not_at_all() {
    is_done_wholly_or_not_at_all(Deed::Push).await;
}

#[tokio::test]
async fn a_promotion_is_there_wholly_or_not_at_all() {
    is_done_wholly_or_not_at_all(Deed::Promote).await;
    is_done_wholly_or_not_at_all(Deed::PromoteForTenant).await;
}

#[tokio::test]
async fn a_changed_app_is_there_wholly_or_not_at_all() {
    is_done_wholly_or_not_at_all(Deed::PutApp).await;
}

#[tokio::test]
async fn a_rollback_is_there_wholly_or_not_at_all() {
    is_done_wholly_or_not_at_all(Deed::RollBack).await;
}

#[tokio::test]
async fn a_retirement_is_there_wholly_or_not_at_all() {
    is_done_wholly_or_not_at_all(Deed::Retire).await;
}

#[tokio::test]
async fn a_host_killed_while_it_keeps_machine_code_leaves_none_that_is_not_whole() {
    let house = House::of_roster().await;
    let whole = house.compiled();
    let mut dying = house.start(Some("keep:1"));
    assert_eq!(house.push(&dying, guest("roster-next")).await, None);
    assert!(!dying.child.wait().unwrap().success());
    assert_eq!(house.compiled().len(), whole.len() + 1, "it was being written");

    let host = house.start(None);
    assert_eq!(house.compiled(), whole, "it is swept away");
    assert_eq!(house.push(&host, guest("roster-next")).await.unwrap().0, 201);
    assert_eq!(house.compiled().len(), whole.len() + 1);
}
