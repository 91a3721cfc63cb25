//! A host with one tenant: replays its journal, and changes its connector version under load.

mod many;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use muster::cli::local_environment::{LocalEnvironment, LocalEnvironmentConfig};
use muster::lifecycle::{NewTenantToken, Promotion, ReplaySpec, ReplayUpdate};
use muster::store::{OperationFilter, OperationRow};
use serde_json::json;

use crate::guests::guest;
use crate::{print_figure, quantile};

/// Measurements of the replay; the median is reported.
const ROUNDS: usize = 3;

/// A host with one tenant on the roster connector.
pub(crate) struct ServingHost {
    pub(crate) stage: LocalEnvironment,
    tenant: NewTenantToken,
    /// Number of users created so far.
    people: Arc<AtomicUsize>,
}

impl ServingHost {
    pub(crate) async fn start() -> Self {
        let compiler = env!("CARGO_BIN_EXE_muster").into();
        let stage = LocalEnvironment::start(LocalEnvironmentConfig {
            compiler,
            ..LocalEnvironmentConfig::default()
        })
        .await
        .unwrap();
        let tenant = stage.tenant("acme", "roster", "okta", "acme").await.unwrap();
        stage.host.versions.push(guest("roster-next")).await.unwrap();
        Self { stage, tenant, people: Arc::default() }
    }

    /// Records `decisions` decisions, and replays them with the same version.
    pub(crate) async fn replay(&self, decisions: usize, connections: usize) {
        let enough = Arc::clone(&self.people);
        let done = move || enough.load(Ordering::Relaxed) >= decisions;
        let (_, failed) = self.create(connections, done).await;
        assert_eq!(failed, 0);
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let spec = ReplaySpec { connector: "roster@0.1.0".to_owned(), ..ReplaySpec::default() };
            let mut messages = self.stage.host.versions.replay("roster", spec).await.unwrap();
            while let Some(message) = messages.recv().await {
                if let ReplayUpdate::Report(report) = message {
                    assert!(report.alike, "{report:?}");
                    #[expect(clippy::cast_precision_loss, reason = "a rate")]
                    rates.push(report.decisions as f64 / report.seconds);
                }
            }
        }
        rates.sort_by(f64::total_cmp);
        print_figure(
            "replay of recorded decisions (goal: 20,000 a second)",
            &format!("{:.0} a second", rates[rates.len() / 2]),
        );
    }

    /// Changes the version every second under load, after the same time of load without changes.
    pub(crate) async fn swap(&self, time: Duration, connections: usize) {
        let until = |time| {
            let end = Instant::now() + time;
            move || Instant::now() >= end
        };
        let (mut unchanged, failed) = self.create(connections, until(time)).await;
        let first = self.newest().await;
        let swaps = async {
            let done = until(time);
            let mut swaps = 0;
            while !done() {
                let connector = if swaps % 2 == 0 { "roster@0.2.0" } else { "roster@0.1.0" };
                let connector = connector.to_owned();
                let promotion = Promotion { connector, accept: true, ..Promotion::default() };
                self.stage.host.versions.promote("roster", &promotion).await.unwrap();
                swaps += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            swaps
        };
        let ((mut changing, failed_changing), swaps) =
            tokio::join!(self.create(connections, until(time)), swaps);
        let (before, during) = (quantile(&mut unchanged, 0.99), quantile(&mut changing, 0.99));
        let ratio = during.as_secs_f64() / before.as_secs_f64();
        print_figure("version changes under load", &format!("{swaps}"));
        let failed = failed + failed_changing;
        print_figure("failed requests (goal: none)", &format!("{failed}"));
        print_figure(
            "p99 during the changes ÷ p99 before (goal: 2)",
            &format!("{ratio:.2} times, {before:.1?} and {during:.1?}"),
        );
        let (named, wrong) = self.named_since(&first).await;
        let figure = format!("{named}; with another version: {wrong}");
        print_figure("operations with the version that decided", &figure);
    }

    /// Creates users over this many connections until `done`. Returns the time of each request, and
    /// the number of failed ones.
    async fn create(
        &self,
        connections: usize,
        done: impl Fn() -> bool + Clone + Send + 'static,
    ) -> (Vec<Duration>, usize) {
        let clients = (0..connections).map(|_| {
            let (done, people) = (done.clone(), Arc::clone(&self.people));
            let (url, token) =
                (format!("{}/Users", self.tenant.base_url), self.tenant.token.clone());
            tokio::spawn(async move {
                let http = reqwest::Client::new();
                let (mut times, mut failed) = (Vec::new(), 0);
                while !done() {
                    let n = people.fetch_add(1, Ordering::Relaxed);
                    let begun = Instant::now();
                    let request = http.post(&url).bearer_auth(&token).body(person(n));
                    let created = request.send().await.is_ok_and(|it| it.status() == 201);
                    times.push(begun.elapsed());
                    failed += usize::from(!created);
                }
                (times, failed)
            })
        });
        let clients: Vec<_> = clients.collect();
        let mut all = (Vec::new(), 0);
        for client in join_all(clients).await {
            let (times, failed) = client.unwrap();
            all.0.extend(times);
            all.1 += failed;
        }
        all
    }

    /// The id of the newest operation; empty if there is none.
    async fn newest(&self) -> String {
        let filter = OperationFilter { limit: 1, ..OperationFilter::default() };
        let rows = self.stage.host.store.operations(&filter).await.unwrap();
        rows.first().map(|row| row.id.clone()).unwrap_or_default()
    }

    /// The operations after this one, oldest first, 1,000 at most.
    async fn since(&self, operation: &str) -> Vec<OperationRow> {
        let filter = OperationFilter {
            before: Some(operation.to_owned()),
            limit: 1000,
            oldest_first: true,
            ..OperationFilter::default()
        };
        self.stage.host.store.operations(&filter).await.unwrap()
    }

    /// The numbers of operations since this one that name the version that decided, and that name
    /// another one. The note tells which version decided.
    async fn named_since(&self, first: &str) -> (usize, usize) {
        let versions = self.stage.host.versions.by_digest().await.unwrap();
        let (mut named, mut wrong, mut before) = (0, 0, first.to_owned());
        loop {
            let rows = self.since(&before).await;
            let Some(last) = rows.last() else { return (named, wrong) };
            before.clone_from(&last.id);
            for row in rows {
                let version = row.connector.and_then(|digest| versions.get(&digest));
                let expected =
                    if row.note.as_deref() == Some("Decided by 0.2.") { "0.2.0" } else { "0.1.0" };
                match version.is_some_and(|version| version.version == expected) {
                    true => named += 1,
                    false => wrong += 1,
                }
            }
        }
    }
}

fn person(n: usize) -> String {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": format!("p{n}@acme.example"),
        "name": { "givenName": "Person", "familyName": format!("{n}") },
        "emails": [{ "primary": true, "value": format!("p{n}@acme.example"), "type": "work" }],
        "externalId": format!("00u-{n}"),
        "active": true,
    })
    .to_string()
}
