//! The directory and the app agree: each app object has one owner, people of a name are told apart,
//! organisations that share an app do not harm each other, and what a refused request has done to
//! the app is undone.
//!
//! The tests look at the answers, at the directory as GET shows it, and at the app's own state.

use std::cell::Cell;
use std::time::Duration;

use muster::cli::local_environment::LocalEnvironmentConfig;
use muster::clock::Clock;
use muster::lifecycle::BackOff;
use muster::lifecycle::snapshot::ReplyMode;
use muster::sample::Status;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use crate::support::meddler::Meddler;
use crate::support::{Answer, Muster, Tenant, client, user};

mod answers;
mod connecting;
mod killed;
mod organizations;
mod overlaps;
mod owners;
mod ownership;
mod people;
mod removal;
mod teams;
mod undo;

/// How long these tests wait for an agreement: longer than several back-offs.
const LONG: Duration = Duration::from_secs(15);

/// A host, a proxy between it and the app, and the tenant `acme`.
struct Scene {
    muster: Muster,
    meddler: Meddler,
    clock: Clock,
    /// How far the clock was set forward.
    ahead: Cell<Duration>,
    acme: Tenant,
}

impl Scene {
    /// An app of this connector with default settings. Requests are answered when they are done, or
    /// after a short time.
    async fn start(connector: &str) -> Self {
        Self::with(connector, json!({})).await
    }

    /// The same with settings of the connector.
    async fn with(connector: &str, settings: Value) -> Self {
        Self::start_with(connector, settings, ReplyMode::WhenDone).await
    }

    /// An app of this connector whose requests are answered when they are recorded.
    async fn recording(connector: &str) -> Self {
        Self::start_with(connector, json!({}), ReplyMode::WhenRecorded).await
    }

    /// An app of this connector for which the host waits long between two tries.
    async fn patient(connector: &str) -> Self {
        let back_off = BackOff { first: Duration::from_secs(20), longest: Duration::from_secs(60) };
        Self::configured(connector, json!({}), ReplyMode::WhenDone, back_off).await
    }

    async fn start_with(connector: &str, settings: Value, reply: ReplyMode) -> Self {
        let back_off =
            BackOff { first: Duration::from_millis(200), longest: Duration::from_secs(2) };
        Self::configured(connector, settings, reply, back_off).await
    }

    async fn configured(
        connector: &str,
        settings: Value,
        reply: ReplyMode,
        back_off: BackOff,
    ) -> Self {
        let clock = Clock::adjustable();
        let config = LocalEnvironmentConfig {
            reply,
            clock: clock.clone(),
            answer_within: Duration::from_millis(800),
            job_pause: Duration::from_millis(50),
            back_off,
            ..LocalEnvironmentConfig::default()
        };
        let mut muster = Muster::start_with(config).await;
        let meddler = Meddler::before(&mut muster).await;
        let settings: Map<String, Value> = serde_json::from_value(settings).unwrap();
        muster.stage.app_with("shared", connector, settings, ["app"]).await.unwrap();
        let acme = muster.tenant_named("acme", "shared", "okta", "acme").await;
        Self { muster, meddler, clock, ahead: Cell::default(), acme }
    }

    /// Another tenant of the same app, with an organisation of its own.
    async fn beta(&self) -> Tenant {
        self.muster.tenant_named("beta", "shared", "okta", "beta").await
    }

    async fn create(&self, user: Value) -> Answer {
        self.muster.post(&self.acme, "/Users", user).await
    }

    async fn person(&self, name: &str) -> String {
        self.muster.person(&self.acme, name).await
    }

    async fn delete(&self, id: &str) -> Answer {
        self.muster.scim(&self.acme, "DELETE", &format!("/Users/{id}"), None).await
    }

    async fn set_active(&self, id: &str, active: bool) -> Answer {
        self.muster.set_active(&self.acme, id, active).await
    }

    async fn set_title(&self, id: &str, title: &str) -> Answer {
        let operations = json!([{ "op": "replace", "path": "title", "value": title }]);
        self.muster.patch(&self.acme, &format!("/Users/{id}"), operations).await
    }

    /// The user as GET shows it.
    async fn shown(&self, id: &str) -> Value {
        self.muster.get(&self.acme, &format!("/Users/{id}")).await.expect(200).body
    }

    /// The number of users of a tenant.
    async fn users(&self, tenant: &Tenant) -> u64 {
        self.muster.get(tenant, "/Users").await.expect(200).body["totalResults"].as_u64().unwrap()
    }

    /// The people who have access in an organisation of the app: its members, and its active accounts.
    fn people_in(&self, organization: &str) -> Vec<String> {
        let sample = &self.muster.stage.sample;
        let members = sample.members(organization).into_iter().map(|it| it.profile.email);
        let accounts = sample.accounts(organization).into_iter();
        let active = accounts.filter(|it| it.status == Status::Active).map(|it| it.profile.email);
        let mut names: Vec<_> = members.chain(active).map(|email| name_of(&email)).collect();
        names.sort();
        names
    }

    /// The names of the people in a team of `acme` in the app; none if there is no such team.
    fn team_in(&self, team: &str) -> Option<Vec<String>> {
        let sample = &self.muster.stage.sample;
        let people = sample.people();
        let team = sample.teams("acme").into_iter().find(|it| it.name == team)?;
        let here = people.iter().filter(|it| team.members.contains(&it.id));
        Some(here.map(|it| name_of(&it.profile.email)).collect())
    }

    /// Waits until the app's organisation has exactly these people, and no operation changes that any
    /// more, also when late calls are over.
    #[track_caller]
    fn agrees(&self, organization: &str, people: &[&str]) -> impl Future<Output = ()> {
        let failure = format!("{organization} should have {people:?}");
        async move {
            self.late_calls_are_over();
            eventually(&failure, async || self.people_in(organization) == people).await;
            self.rests().await;
            assert_eq!(self.people_in(organization), people, "{failure}, and keep them");
        }
    }

    /// Waits until no operation is open, and none is begun any more.
    async fn rests(&self) {
        for _ in 0..2 {
            self.muster.settled().await;
            sleep(Duration::from_millis(150)).await;
        }
        self.muster.settled().await;
    }

    /// Repeats a request as an identity provider does, until it is not asked to come back.
    async fn insist(&self, request: impl AsyncFn() -> Answer) -> Answer {
        let begun = Instant::now();
        for n in 1.. {
            let answer = request().await;
            if answer.status != 429 {
                return answer;
            }
            if n == 3 {
                self.late_calls_are_over();
            }
            assert!(begun.elapsed() < LONG, "still asked to come back: {}", answer.body);
            sleep(Duration::from_millis(100)).await;
        }
        unreachable!("the loop ends with a response or a panic")
    }

    /// Sets the clock forward by more than the longest life of a call, so that the host expects no late
    /// call any more.
    fn late_calls_are_over(&self) {
        self.ahead.set(self.ahead.get() + Duration::from_secs(600));
        self.clock.set_ahead(self.ahead.get());
    }

    /// Sends a call to the app from elsewhere, past the proxy: a change by hand.
    async fn by_hand(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.muster.stage.sample.base_url());
        let request = client().request(method.parse().unwrap(), url);
        let request = request.bearer_auth("sample-app-token").body(body.to_string());
        let answer = request.header("content-type", "application/json").send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {answer:?}");
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    /// The operations on a resource as operators see them, the newest first.
    async fn operations_on(&self, resource: &str) -> Vec<Value> {
        let path = format!("/operations?limit=100&resource={resource}");
        let listed = self.muster.admin("GET", &path, None).await.expect(200).body;
        listed["items"].as_array().unwrap().clone()
    }

    /// Runs a command of `muster tenant` about `acme`, which must succeed. Returns its output.
    async fn tenant_command(&self, args: &[&str]) -> String {
        let (status, output) = self.muster.command(&[&["tenant"], args].concat()).await;
        assert_eq!(status, Some(0), "{output}");
        output
    }

    /// The state of the tenant `acme`.
    async fn state(&self) -> String {
        let shown = self.muster.admin("GET", "/tenants/acme", None).await.expect(200).body;
        shown["state"].as_str().unwrap().to_owned()
    }
}

/// Waits until the condition holds; panics with the message if it does not.
async fn eventually(failure: &str, mut condition: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < LONG, "{failure}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The name of a person in an e-mail address.
fn name_of(email: &str) -> String {
    email.split('@').next().unwrap().to_owned()
}

/// A user with some attributes replaced.
fn user_with(name: &str, changes: Value) -> Value {
    let mut user = user(name);
    let changes: Map<String, Value> = serde_json::from_value(changes).unwrap();
    user.as_object_mut().unwrap().extend(changes);
    user
}

/// Another user with the e-mail address of `ada`.
fn countess() -> Value {
    user_with("ada", json!({ "userName": "countess@acme.example", "externalId": "00u-countess" }))
}

/// Asserts a refusal: a 4xx that does not ask the identity provider to come back.
#[track_caller]
fn assert_refused(answer: &Answer) {
    let refused = (400..500).contains(&answer.status) && answer.status != 429;
    assert!(refused, "{}: {}", answer.status, answer.body);
}

/// Asserts that the host did not claim success: it refused, or asked to come back.
#[track_caller]
fn assert_not_done(answer: &Answer) {
    assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.body);
}
