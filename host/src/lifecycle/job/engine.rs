//! The engine of jobs: runs a job in passes over the people of its tenant, until it is finished,
//! blocked or cancelled, or the host stops.
//!
//! Each pass takes a step for every person who is left. After several passes without progress the
//! job is blocked with the reason, and an operator decides whether to run it again. Open operations
//! are retried all the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Jobs;
use super::preview::Preview;
use crate::clock::rfc3339;
use crate::lifecycle::error::Error;
use crate::panics;
use crate::scim;
use crate::store::{AccountRow, JobKind, JobProgress, JobRow, JobState, TenantRow};

/// The most people whose steps run at the same time.
const CONCURRENT_STEPS: usize = 16;
/// The number of accounts in a page. Progress is written after each page.
pub(super) const PAGE: u32 = 500;
/// The number of passes without progress after which a job is blocked.
const MAX_FUTILE_PASSES: u32 = 6;
/// The reason for another pass although no person is left.
const UNFINISHED: &str = "requests that were accepted before are not finished";
/// The interval at which progress is written within a page.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// The reason that an operator reads after an internal error.
pub(super) const INTERNAL: &str = "internal error; see the server log";

/// The result of one pass over the people.
struct PassResult {
    /// How many are left.
    left: u64,
    /// Why the last step that failed did.
    why: Option<String>,
}

/// One pass over the people, while it runs.
struct Pass<'p> {
    tenant: String,
    stopped: &'p CancellationToken,
    /// Where the page begins that the pass is at.
    cursor: Option<String>,
    /// How many people waited for another try when the pass began.
    waited: u64,
    /// How many steps of this pass have failed.
    failed: u64,
    /// Why the last of them did.
    why: Option<String>,
    /// When the progress was last written.
    written: Instant,
}

impl Pass<'_> {
    fn note(&mut self, step: Result<Option<String>, JoinError>) {
        if let Some(why) = step.unwrap_or_else(|_| Some(INTERNAL.to_owned())) {
            self.failed += 1;
            self.why = Some(why);
        }
    }
}

impl Jobs {
    /// Runs a job as a background task.
    pub(super) fn run_in_background(self: &Arc<Self>, id: String) {
        let stopped = self.running.start(&id);
        let jobs = Arc::clone(self);
        self.tasks.run_until_done("job", move || {
            let (jobs, id, stopped) = (Arc::clone(&jobs), id.clone(), stopped.clone());
            async move {
                jobs.run(&id, &stopped).await;
                jobs.running.ended(&id, &stopped);
            }
        });
    }

    /// Resumes the jobs that were running when the host stopped or was killed.
    pub(in crate::lifecycle) async fn resume(self: &Arc<Self>) -> anyhow::Result<()> {
        for job in self.store.unfinished_jobs().await? {
            if job.state == JobState::Running {
                self.run_in_background(job.id);
            }
        }
        Ok(())
    }

    /// Cancels a job that is not finished. Its completed steps are not undone.
    pub async fn cancel(&self, id: &str) -> Result<JobRow, Error> {
        let _changing = self.config.lock().await;
        let mut job = self.job(id).await?;
        let tenant = match job.kind {
            JobKind::Disconnect => self.paused_row(&job).await?,
        };
        let mut note = "cancelled by an operator; completed steps are not undone".to_owned();
        if tenant.is_some() {
            note += ", all others are dropped; the tenant is paused, so that leavers of its identity \
                     provider are held";
        }
        job.note = Some(note);
        if !self.end(&mut job, JobState::Cancelled, tenant.as_ref()).await? {
            let state = self.job(id).await?.state.name();
            let detail = format!("job {id} has ended already: it is {state}");
            return Err(scim::Error::new(409, detail).into());
        }
        self.job(id).await
    }

    /// Ends a job in a final state, together with its tenant's row. False if it has ended already.
    ///
    /// Steps of a cancelled job whose calls are under way are completed, and count when they are.
    pub(super) async fn end(
        &self,
        job: &mut JobRow,
        state: JobState,
        tenant: Option<&TenantRow>,
    ) -> anyhow::Result<bool> {
        let now = rfc3339(self.clock.now());
        (job.state, job.finished, job.updated) = (state, Some(now.clone()), now);
        job.progress.waiting = 0;
        let ended = self.store.update_job(job, tenant).await?;
        if ended {
            self.running.stop(&job.id);
            if let Some(tenant) = tenant {
                self.config.reload_tenant(&tenant.id).await?;
            }
            if let (JobState::Cancelled, Some(tenant)) = (state, &job.tenant) {
                self.operations.attempt_all_of(tenant);
            }
            tracing::info!(job = job.id, state = state.name(), "job: ended");
        }
        Ok(ended)
    }

    async fn run(self: &Arc<Self>, id: &str, stopped: &CancellationToken) {
        let (mut fewest, mut futile) = (None, 0);
        while !self.is_interrupted(stopped) {
            let passed = panics::contained(self.pass_or_conclude(id, stopped)).await.flatten();
            let why = match passed {
                Ok(None) => return,
                Ok(Some(PassResult { left, why })) => {
                    tracing::warn!(job = id, left, "job: people are left after a pass");
                    futile = if fewest.is_none_or(|fewest| left < fewest) { 1 } else { futile + 1 };
                    fewest = Some(fewest.map_or(left, |fewest: u64| fewest.min(left)));
                    why
                }
                Err(error) => {
                    tracing::error!(job = id, error = format!("{error:#}"), "job: internal error");
                    futile += 1;
                    Some(INTERNAL.to_owned())
                }
            };
            if let Some(why) = &why {
                self.note_error(id, why).await;
            }
            if futile >= MAX_FUTILE_PASSES && !self.is_interrupted(stopped) {
                match self.block(id, fewest, why).await {
                    Ok(()) => return,
                    Err(error) => {
                        let error = format!("{error:#}");
                        tracing::error!(job = id, error, "job: internal error");
                    }
                }
            }
            // Apps that cannot be reached now may answer after a longer pause.
            let pause =
                self.config.options().job_pause * (1 << (futile - 1).min(MAX_FUTILE_PASSES));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.tasks.stopped() => {}
                () = stopped.cancelled() => {}
            }
        }
    }

    /// Whether the job was cancelled or the host is stopping.
    fn is_interrupted(&self, stopped: &CancellationToken) -> bool {
        self.tasks.are_stopping() || stopped.is_cancelled()
    }

    /// One pass over the people, and the end of the job if none is left. None if the job has ended or
    /// was interrupted.
    async fn pass_or_conclude(
        self: &Arc<Self>,
        id: &str,
        stopped: &CancellationToken,
    ) -> anyhow::Result<Option<PassResult>> {
        let Some(mut job) = self.store.job(id).await? else { return Ok(None) };
        if job.state != JobState::Running {
            return Ok(None);
        }
        if job.preview.is_none() && !self.add_preview(&mut job).await? {
            return Ok(None);
        }
        let pass = self.pass(&mut job, stopped).await?;
        if self.is_interrupted(stopped) {
            return Ok(None);
        }
        if pass.left > 0 {
            return Ok(Some(pass));
        }
        let concluded = match job.kind {
            JobKind::Disconnect => self.conclude_disconnect(id).await?,
        };
        Ok((!concluded).then(|| PassResult { left: pass.left, why: Some(UNFINISHED.to_owned()) }))
    }

    /// Adds a preview of what the job does, made before it does anything. False if the job has ended.
    async fn add_preview(&self, job: &mut JobRow) -> anyhow::Result<bool> {
        let preview: Preview = match job.kind {
            JobKind::Disconnect => self.preview_of(job).await?,
        };
        job.progress.total = preview.total;
        job.preview = Some(serde_json::to_string(&preview)?);
        job.updated = rfc3339(self.clock.now());
        self.store.update_job(job, None).await
    }

    /// One pass over the people, continued where the pass before was interrupted.
    async fn pass(
        self: &Arc<Self>,
        job: &mut JobRow,
        stopped: &CancellationToken,
    ) -> anyhow::Result<PassResult> {
        let mut pass = Pass {
            tenant: job.tenant.clone().unwrap_or_default(),
            stopped,
            cursor: job.progress.cursor.take(),
            waited: job.progress.waiting,
            failed: 0,
            why: None,
            written: Instant::now(),
        };
        loop {
            let (page, next) = self.people(&pass.tenant, pass.cursor.as_deref()).await?;
            if next.is_none() {
                break;
            }
            self.steps(job, &mut pass, page).await?;
            if self.is_interrupted(stopped) {
                break;
            }
            pass.cursor = next;
            self.advance(job, &mut pass).await?;
        }
        let left = self.store.users_to_disconnect(&pass.tenant).await?;
        if pass.cursor.is_some() && !self.is_interrupted(stopped) {
            pass.cursor = None;
            self.advance(job, &mut pass).await?;
        }
        Ok(PassResult { left, why: pass.why })
    }

    /// Takes the step for each person of a page, and writes the progress now and then.
    async fn steps(
        self: &Arc<Self>,
        job: &mut JobRow,
        pass: &mut Pass<'_>,
        page: Vec<AccountRow>,
    ) -> anyhow::Result<()> {
        let mut steps = JoinSet::new();
        for account in page {
            if self.is_interrupted(pass.stopped) {
                break;
            }
            if steps.len() >= CONCURRENT_STEPS
                && let Some(step) = steps.join_next().await
            {
                pass.note(step);
            }
            self.advance_in_time(job, pass).await?;
            let (jobs, job, stopped) = (Arc::clone(self), job.clone(), pass.stopped.clone());
            steps.spawn(async move {
                match job.kind {
                    JobKind::Disconnect => {
                        jobs.disconnect_person(&job, &account.resource, &stopped).await
                    }
                }
            });
        }
        while let Some(step) = steps.join_next().await {
            pass.note(step);
            self.advance_in_time(job, pass).await?;
        }
        Ok(())
    }

    /// Writes the progress of a job if it was not written lately.
    async fn advance_in_time(&self, job: &mut JobRow, pass: &mut Pass<'_>) -> anyhow::Result<()> {
        match pass.written.elapsed() >= PROGRESS_INTERVAL {
            true => self.advance(job, pass).await,
            false => Ok(()),
        }
    }

    /// Writes the progress of a job, and why the last step that failed did.
    async fn advance(&self, job: &mut JobRow, pass: &mut Pass<'_>) -> anyhow::Result<()> {
        pass.written = Instant::now();
        let (done, left) = self.store.disconnect_counts(&job.id, &pass.tenant).await?;
        let waiting = pass.waited.max(pass.failed).min(left);
        let cursor = pass.cursor.clone();
        job.progress = JobProgress { total: done + left, done, waiting, failed: 0, cursor };
        job.last_error = pass.why.clone().or_else(|| job.last_error.take()).filter(|_| left > 0);
        self.store.advance_job(&job.id, &job.progress, job.last_error.as_deref()).await?;
        Ok(())
    }

    /// Writes why a pass did not finish the job.
    async fn note_error(&self, id: &str, why: &str) {
        let noted = async {
            match self.store.job(id).await? {
                Some(job) if job.last_error.as_deref() != Some(why) => {
                    self.store.advance_job(id, &job.progress, Some(why)).await.map(drop)
                }
                _ => anyhow::Ok(()),
            }
        };
        if let Err(error) = noted.await {
            tracing::error!(job = id, error = format!("{error:#}"), "job: internal error");
        }
    }

    /// Blocks a job that makes no progress, with the reason.
    async fn block(&self, id: &str, left: Option<u64>, why: Option<String>) -> anyhow::Result<()> {
        let _changing = self.config.lock().await;
        let Some(mut job) = self.store.job(id).await? else { return Ok(()) };
        if job.state != JobState::Running {
            return Ok(());
        }
        job.state = JobState::Blocked;
        job.progress.failed = left.unwrap_or(job.progress.waiting);
        job.progress.waiting = 0;
        job.note = Some(why.unwrap_or_else(|| "other changes interfered".to_owned()));
        job.last_error.clone_from(&job.note);
        job.updated = rfc3339(self.clock.now());
        tracing::error!(job = id, left, "job: blocked, an operator must decide");
        self.store.update_job(&job, None).await?;
        Ok(())
    }
}
