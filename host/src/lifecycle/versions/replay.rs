//! Replays: a candidate decides the recorded decisions of an app again, and each difference is
//! reported.
//!
//! The candidate gets the recorded questions with the recorded answers of the app, step by step, as
//! long as it decides as before. Nothing is called and nothing is written. Texts that people read,
//! such as a note, may differ in decisions that are alike; requests to the app, the account and the
//! visibility to the identity provider may not.
//!
//! A replay gives way to the traffic: it runs on the threads of the connectors, since it shall
//! measure the cost of decisions, but never on all of them, and before each question all waiting
//! decisions go first.

mod difference;
mod recorded;
mod report;
mod timing;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::Instant;
use utoipa::ToSchema;

pub use difference::DifferenceKind;
pub use report::{
    DifferenceGroup, Example, ReplayProgress, ReplayReport, ReplayUpdate, RewordedDecisions,
};
pub use timing::Timing;

use super::Versions;
use crate::clock::first_id_of;
use crate::connector::{BackgroundDecider, Budget, Connector, Failure};
use crate::lifecycle::error::Error;
use crate::panics;
use crate::scim;
use crate::store::{Recorded, RecordedFilter};
use difference::DecisionComparison;
use recorded::RecordedDecision;
use report::ReplayTotals;
use timing::TimedDecision;

/// The number of decisions that are read together, and decided again.
const PAGE: u32 = 64;
/// If there are fewer decisions than this, a greater part of them is timed.
const FEW: u64 = 4000;
/// The shortest time between two progress updates.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// A replay ends after so many decisions that ran into the time limit, since each costs a tenth of
/// a second.
const MAX_DEADLINES: u64 = 20;

/// A replay as an operator asks for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({ "connector": "two-state@0.2.0", "last": 10000 }))]
#[serde(deny_unknown_fields)]
pub struct ReplaySpec {
    /// The candidate: a connector's name, `name@version`, or digest.
    pub connector: String,
    /// Only decisions since this time, RFC 3339.
    pub since: Option<String>,
    /// Only so many decisions, the newest.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub last: Option<u64>,
    /// Only decisions of this tenant.
    pub tenant: Option<String>,
}

/// A replay that is ready to begin.
struct ReplayPlan {
    candidate: Arc<Connector>,
    /// The limits of one decision.
    budget: Budget,
    /// The version that decides now, to compare the times of both.
    active: Option<Arc<Connector>>,
    filter: RecordedFilter,
    last: u64,
    /// About how many decisions there are.
    about: u64,
    /// One of so many decisions is timed.
    timed: usize,
}

impl Versions {
    /// Replays the recorded decisions of an app with a connector. The replay ends early if the
    /// receiver is dropped.
    pub async fn replay(
        self: &Arc<Self>,
        app: &str,
        spec: ReplaySpec,
    ) -> Result<mpsc::Receiver<ReplayUpdate>, Error> {
        let plan = Arc::new(self.replay_plan(app, spec).await?);
        let (updates, receiver) = mpsc::channel(4);
        let versions = Arc::clone(self);
        self.tasks.spawn(async move {
            let ended = tokio::select! {
                ended = panics::contained(versions.replay_all(&plan, &updates)) => ended.flatten(),
                () = versions.tasks.stopped() => Err(anyhow::anyhow!("the host is stopping")),
            };
            let last = match ended {
                Ok(report) => ReplayUpdate::Report(Box::new(report)),
                Err(error) => ReplayUpdate::Failed(format!("{error:#}")),
            };
            // The receiver may be gone.
            updates.send(last).await.ok();
        });
        Ok(receiver)
    }

    async fn replay_plan(&self, app: &str, spec: ReplaySpec) -> Result<ReplayPlan, Error> {
        self.config.app_row(app).await?;
        if let Some(tenant) = &spec.tenant {
            // Named in the body: 404 is about what the address names.
            let row = self.store.tenant(tenant).await?;
            let row = row.ok_or_else(|| scim::Error::new(422, format!("no tenant {tenant}")))?;
            if row.app != app {
                let why = format!("tenant {tenant} belongs to app {}, not to {app}", row.app);
                return Err(scim::Error::new(422, why).into());
            }
        }
        let since = match &spec.since {
            None => None,
            Some(text) => Some(first_id_of(text.parse().map_err(|_| {
                scim::Error::new(422, format!("since: {text:?} is not a time in RFC 3339"))
            })?)),
        };
        let candidate = self
            .config
            .connectors()
            .loadable(&self.config.connectors().digest_of(&spec.connector).await?)
            .await?;
        let served = self.config.snapshot().apps.get(app).cloned();
        let budget = served.as_ref().map(|app| app.limits.decision).unwrap_or_default();
        let active = served.and_then(|app| app.connector.clone().ok());
        // A version is not compared with itself.
        let active = active.filter(|active| active.digest != candidate.digest);
        let filter = RecordedFilter { app: app.to_owned(), tenant: spec.tenant, since };
        let last = spec.last.unwrap_or(u64::MAX);
        let about = self.store.recorded_about(&filter).await?.min(last);
        let timed = if about < FEW { 4 } else { PAGE as usize };
        Ok(ReplayPlan { candidate, budget, active, filter, last, about, timed })
    }

    async fn replay_all(
        self: &Arc<Self>,
        plan: &Arc<ReplayPlan>,
        updates: &mpsc::Sender<ReplayUpdate>,
    ) -> anyhow::Result<ReplayReport> {
        let begun = Instant::now();
        let mut updated = begun;
        let mut totals = ReplayTotals::default();
        let tried = self
            .recorded_pages(plan)
            .map(|page| {
                let (versions, plan) = (Arc::clone(self), Arc::clone(plan));
                async move { versions.try_page(plan, page?).await }
            })
            // Pages are read while others are decided.
            .buffer_unordered(self.config.options().deciding_threads + 1);
        tokio::pin!(tried);
        while let Some(page) = tried.next().await {
            totals.add(page?);
            if totals.deadlines >= MAX_DEADLINES {
                totals.stopped = true;
                break;
            }
            if updated.elapsed() >= PROGRESS_INTERVAL {
                updated = Instant::now();
                let progress = ReplayUpdate::Progress(totals.progress(plan.about));
                anyhow::ensure!(updates.send(progress).await.is_ok(), "the receiver is gone");
            }
        }
        let candidate = self.config.connectors().version(&plan.candidate.digest).await?;
        Ok(totals.report(&plan.filter, candidate, begun.elapsed()))
    }

    /// The recorded decisions, newest first, in pages.
    fn recorded_pages(
        &self,
        plan: &Arc<ReplayPlan>,
    ) -> impl Stream<Item = anyhow::Result<Vec<Recorded>>> + use<> {
        let beginning = (self.store.clone(), Arc::clone(plan), None::<String>, plan.last);
        stream::try_unfold(beginning, |(store, plan, before, left)| async move {
            let limit = u32::try_from(left).unwrap_or(u32::MAX).min(PAGE);
            if limit == 0 {
                return Ok(None);
            }
            let page = store.recorded(&plan.filter, before.as_deref(), limit).await?;
            let Some(last) = page.last().map(|it| it.operation.clone()) else { return Ok(None) };
            Ok(Some((page, (store, plan, Some(last), left - u64::from(limit)))))
        })
    }

    /// Decides a page again. It is parsed on a blocking thread, and decided on a connector's
    /// thread.
    async fn try_page(
        &self,
        plan: Arc<ReplayPlan>,
        page: Vec<Recorded>,
    ) -> anyhow::Result<ReplayTotals> {
        let read = tokio::task::spawn_blocking(
            move || -> anyhow::Result<Vec<Option<RecordedDecision>>> {
                page.into_iter().map(RecordedDecision::read).collect()
            },
        );
        let past = read.await??;
        let tried = self.config.connectors().runtime().in_background(plan.budget, move |decider| {
            let mut totals = ReplayTotals::default();
            totals.forgotten = past.iter().filter(|past| past.is_none()).count() as u64;
            for (n, past) in past.into_iter().flatten().enumerate() {
                if totals.deadlines >= MAX_DEADLINES {
                    break;
                }
                try_one(&plan, decider, past, n % plan.timed == 0, &mut totals);
            }
            totals
        });
        Ok(tried.await)
    }
}

/// Decides one operation again, step by step, as long as the steps are alike.
fn try_one(
    plan: &ReplayPlan,
    decider: &BackgroundDecider<'_>,
    mut past: RecordedDecision,
    timed: bool,
    totals: &mut ReplayTotals,
) {
    let features = &plan.candidate.manifest.features;
    if !features.groups && past.is_of_group() {
        return totals.count(&past, DecisionComparison::not_asked());
    }
    past.remove_ungranted(features);
    let mut comparison = DecisionComparison::Alike;
    for n in 0..=past.exchanges.len() {
        let decided = decider.decide(&plan.candidate, &past.question(n));
        totals.deadlines += u64::from(decided.answer == Err(Failure::Deadline));
        comparison = past.compare(n, &decided.answer);
        if comparison != DecisionComparison::Alike {
            break;
        }
    }
    if let (true, Some(active)) = (timed && comparison.is_alike(), &plan.active) {
        totals.timed.extend(TimedDecision::run(decider, active, &plan.candidate, &past));
    }
    totals.count(&past, comparison);
}
