//! A candidate is tried on the past: it is asked what others were asked, with the answers that the
//! app gave then, and every difference is told. Nothing is called and nothing is written.

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

pub use difference::DifferenceKind;
pub use report::{
    DifferenceGroup, Example, ReplayProgress, ReplayReport, ReplayUpdate, RewordedDecisions,
};
pub use timing::Timing;

use super::Versions;
use crate::clock::first_id_of;
use crate::connector::{Aside, Budget, Connector, Failure};
use crate::lifecycle::error::Error;
use crate::scim;
use crate::store::{RecordedFilter, RecordedPage};
use difference::DecisionComparison;
use recorded::RecordedDecision;
use report::ReplayTotals;
use timing::TimedDecision;

/// Decisions that are read, and decided again, at once.
const PAGE: u32 = 64;
/// Of fewer decisions than this, more are timed.
const FEW: u64 = 4000;
/// How often somebody who waits is told how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// A candidate that computes for ever so often is not asked any more: each time costs a tenth of a
/// second.
const MAX_DEADLINES: u64 = 20;

/// What is replayed, as an operator asks for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaySpec {
    /// The candidate: a connector's name, `name@version`, or digest.
    pub connector: String,
    /// Only decisions since this moment, RFC 3339.
    pub since: Option<String>,
    /// Only so many, the newest.
    pub last: Option<u64>,
    /// Only this tenant's.
    pub tenant: Option<String>,
}

/// A replay that can begin.
struct ReplayPlan {
    candidate: Arc<Connector>,
    /// What a decision may take.
    budget: Budget,
    /// Who decides now, to compare how long both take.
    active: Option<Arc<Connector>>,
    filter: RecordedFilter,
    last: u64,
    about: u64,
    /// One of so many decisions is timed.
    timed: usize,
}

impl Versions {
    /// Tries a connector on the decisions that the journal has of an app. It ends early where nobody
    /// listens any more.
    pub async fn replay(
        self: &Arc<Self>,
        app: &str,
        spec: ReplaySpec,
    ) -> Result<mpsc::Receiver<ReplayUpdate>, Error> {
        let plan = Arc::new(self.replay_plan(app, spec).await?);
        let (news, heard) = mpsc::channel(4);
        let versions = Arc::clone(self);
        self.tasks.spawn(async move {
            let ended = tokio::select! {
                ended = versions.replay_all(&plan, &news) => ended,
                () = versions.tasks.stopped() => Err(anyhow::anyhow!("the host is stopping")),
            };
            let last = match ended {
                Ok(report) => ReplayUpdate::Report(Box::new(report)),
                Err(error) => ReplayUpdate::Failed(format!("{error:#}")),
            };
            // Whoever asked may have left.
            news.send(last).await.ok();
        });
        Ok(heard)
    }

    async fn replay_plan(&self, app: &str, spec: ReplaySpec) -> Result<ReplayPlan, Error> {
        self.config.app_row(app).await?;
        if let Some(tenant) = &spec.tenant {
            let row = self.config.tenant_row(tenant).await?;
            if row.app != app {
                let why = format!("tenant {tenant} belongs to app {}, not to {app}", row.app);
                return Err(scim::Error::new(422, why).into());
            }
        }
        let since = match &spec.since {
            None => None,
            Some(text) => Some(first_id_of(text.parse().map_err(|_| {
                scim::Error::new(422, format!("since: {text:?} is no moment in RFC 3339"))
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
        // Against itself, nobody is slower.
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
        news: &mpsc::Sender<ReplayUpdate>,
    ) -> anyhow::Result<ReplayReport> {
        let begun = Instant::now();
        let mut told = begun;
        let mut totals = ReplayTotals::default();
        let tried = self
            .recorded_pages(plan)
            .map(|page| {
                let (versions, plan) = (Arc::clone(self), Arc::clone(plan));
                async move { versions.try_page(plan, page?).await }
            })
            // Some are read while others are decided.
            .buffer_unordered(self.config.options().deciding_threads + 1);
        tokio::pin!(tried);
        while let Some(page) = tried.next().await {
            totals.add(page?);
            if totals.deadlines >= MAX_DEADLINES {
                totals.stopped = true;
                break;
            }
            if told.elapsed() >= PROGRESS_INTERVAL {
                told = Instant::now();
                let progress = ReplayUpdate::Progress(totals.progress(plan.about));
                anyhow::ensure!(news.send(progress).await.is_ok(), "nobody listens any more");
            }
        }
        let candidate = self.config.connectors().version(&plan.candidate.digest).await?;
        Ok(totals.report(&plan.filter, candidate, begun.elapsed()))
    }

    /// What the journal has, newest first.
    fn recorded_pages(
        &self,
        plan: &Arc<ReplayPlan>,
    ) -> impl Stream<Item = anyhow::Result<RecordedPage>> + use<> {
        let beginning = (self.store.clone(), Arc::clone(plan), None::<String>, plan.last);
        stream::try_unfold(beginning, |(store, plan, before, left)| async move {
            let limit = u32::try_from(left).unwrap_or(u32::MAX).min(PAGE);
            if limit == 0 {
                return Ok(None);
            }
            let page = store.recorded(&plan.filter, before.as_deref(), limit).await?;
            let Some(page) = page else { return Ok(None) };
            let last = page.last()?.to_owned();
            Ok(Some((page, (store, plan, Some(last), left - u64::from(limit)))))
        })
    }

    /// Decides a page again. It is taken apart on a thread for that, and decided on a connector's.
    async fn try_page(
        &self,
        plan: Arc<ReplayPlan>,
        page: RecordedPage,
    ) -> anyhow::Result<ReplayTotals> {
        let read = tokio::task::spawn_blocking(
            move || -> anyhow::Result<Vec<Option<RecordedDecision>>> {
                page.decisions().map(|recorded| RecordedDecision::read(recorded?)).collect()
            },
        );
        let past = read.await??;
        let tried = self.config.connectors().runtime().aside(plan.budget, move |aside| {
            let mut totals = ReplayTotals::default();
            totals.forgotten = past.iter().filter(|past| past.is_none()).count() as u64;
            for (n, past) in past.into_iter().flatten().enumerate() {
                if totals.deadlines >= MAX_DEADLINES {
                    break;
                }
                try_one(&plan, aside, past, n % plan.timed == 0, &mut totals);
            }
            totals
        });
        Ok(tried.await)
    }
}

/// Decides one operation again, step by step, as far as it goes as it went.
fn try_one(
    plan: &ReplayPlan,
    aside: &Aside<'_>,
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
        let decided = aside.decide(&plan.candidate, &past.question(n));
        totals.deadlines += u64::from(decided.answer == Err(Failure::Deadline));
        comparison = past.compare(n, &decided.answer);
        if comparison != DecisionComparison::Alike {
            break;
        }
    }
    if let (true, Some(active)) = (timed && comparison.is_alike(), &plan.active) {
        totals.timed.extend(TimedDecision::run(aside, active, &plan.candidate, &past));
    }
    totals.count(&past, comparison);
}
