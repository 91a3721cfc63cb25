//! Jobs: long pieces of work over many resources of a tenant, done in the background.
//!
//! A job's row has the request, the preview that was shown before it, the progress and the result,
//! so that a job goes on after a restart. A tenant has at most one unfinished job of a kind. A state
//! of the tenant that belongs to a state of the job is written in the same transaction.

use std::fmt;
use std::str::FromStr;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row};
use utoipa::ToSchema;

use super::account::USERS_TO_DISCONNECT;
use super::tenant::{self, TenantRow};
use super::{AuditSubject, Store, name};
use crate::clock::rfc3339;

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// The id; ids are in the order of time.
    pub id: String,
    /// What the job does.
    pub kind: JobKind,
    /// The tenant; none if the job is about more than one tenant.
    pub tenant: Option<String>,
    /// The app; none if the job is about more than one app.
    pub app: Option<String>,
    /// How far it is.
    pub state: JobState,
    /// The parameters of the request, a JSON object.
    pub parameters: String,
    /// The preview that the job made before its first step, JSON.
    pub preview: Option<String>,
    /// How much of it is done.
    pub progress: JobProgress,
    /// Why it is blocked, or its result in a sentence.
    pub note: Option<String>,
    /// Why the last try that failed did.
    pub last_error: Option<String>,
    /// Its result, JSON.
    pub result: Option<String>,
    /// The operator who requested it.
    pub requested_by: Option<String>,
    /// When it was requested.
    pub created: String,
    /// When its row last changed.
    pub updated: String,
    /// When it reached a final state.
    pub finished: Option<String>,
}

/// How much of a job is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobProgress {
    /// The number of resources that the job is about.
    pub total: u64,
    /// How many of them are done. Operations of the job count themselves when they are committed; a job
    /// never writes this.
    pub done: u64,
    /// How many of them could not be done yet, and are tried again.
    pub waiting: u64,
    /// How many of them it gave up.
    pub failed: u64,
    /// Where the job goes on after a restart; its meaning depends on the kind of job.
    pub cursor: Option<String>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Ends the integration of a tenant.
    Disconnect,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 1] = [Self::Disconnect];

    /// The name in the database and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disconnect => "disconnect",
        }
    }
}

impl FromStr for JobKind {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        name::named("kind of job", Self::ALL, Self::name, text)
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// It makes progress.
    Running,
    /// It waits for an operator.
    Blocked,
    /// All of it is done.
    Succeeded,
    /// An operator ended it early.
    Cancelled,
    /// It ended early by an error.
    Failed,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Blocked, Self::Succeeded, Self::Cancelled, Self::Failed];

    /// The name in the database and in the admin API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Blocked => "blocked",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether the state is final. Jobs in a final state have the time when they finished.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cancelled | Self::Failed)
    }
}

impl FromStr for JobState {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        name::named("state of a job", Self::ALL, Self::name, text)
    }
}

/// Which jobs are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only jobs of this tenant.
    pub tenant: Option<String>,
    /// Only jobs of this kind.
    pub kind: Option<JobKind>,
    /// Only jobs in this state.
    pub state: Option<JobState>,
}

/// Why a job was not inserted. Nothing was written.
#[derive(Debug)]
pub enum InsertJobError {
    /// The tenant has an unfinished job of the kind.
    Unfinished {
        /// The id of that job.
        job: String,
    },
    /// The database failed.
    Internal(anyhow::Error),
}

impl fmt::Display for InsertJobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished { job } => {
                write!(f, "the tenant has an unfinished job of this kind: {job}")
            }
            Self::Internal(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<anyhow::Error> for InsertJobError {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl Store {
    /// The job of this id.
    pub async fn job(&self, id: &str) -> Result<Option<JobRow>> {
        let found = sqlx::query("SELECT * FROM job WHERE id = $1").bind(id);
        let row = found.fetch_optional(&mut *self.pool.take().await?).await?;
        row.as_ref().map(job).transpose()
    }

    /// The jobs that match, newest first, from the one before the job of this id.
    pub async fn job_page(
        &self,
        filter: &JobFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<JobRow>> {
        let conditions = [
            ("tenant = ", filter.tenant.as_deref()),
            ("kind = ", filter.kind.map(JobKind::name)),
            ("state = ", filter.state.map(JobState::name)),
            ("id < ", before),
        ];
        let mut sql = "SELECT * FROM job WHERE true".to_owned();
        let mut values = Vec::new();
        for (condition, value) in conditions {
            if let Some(value) = value {
                values.push(value);
                sql += &format!(" AND {condition}${}", values.len());
            }
        }
        sql += &format!(" ORDER BY id DESC LIMIT ${} + 0", values.len() + 1);
        let query = values
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, value| query.bind(value.to_owned()));
        let rows = query.bind(limit).fetch_all(&mut *self.pool.take().await?).await?;
        rows.iter().map(job).collect()
    }

    /// Every job that is running or blocked, oldest first.
    pub async fn unfinished_jobs(&self) -> Result<Vec<JobRow>> {
        let rows = sqlx::query("SELECT * FROM job WHERE finished IS NULL ORDER BY id")
            .fetch_all(&mut *self.pool.take().await?)
            .await?;
        rows.iter().map(job).collect()
    }

    /// Inserts a job and writes this tenant as [`Store::put_tenant`] does, both or neither.
    pub async fn insert_job(
        &self,
        job: &JobRow,
        tenant: Option<&TenantRow>,
    ) -> Result<(), InsertJobError> {
        let (job, tenant) = (job.clone(), tenant.cloned());
        let subjects = subjects(&job, tenant.as_ref());
        let unfinished =
            self.change(subjects, |connection| Box::pin(insert(connection, job, tenant))).await?;
        match unfinished {
            None => Ok(()),
            Some(job) => Err(InsertJobError::Unfinished { job }),
        }
    }

    /// Changes an unfinished job and writes this tenant as [`Store::put_tenant`] does, both or
    /// neither. Kind, tenant, app, `done`, `requested_by` and `created` stay as they are.
    ///
    /// False, with nothing written, if there is no such job or it is finished already.
    pub async fn update_job(&self, job: &JobRow, tenant: Option<&TenantRow>) -> Result<bool> {
        let (job, tenant) = (job.clone(), tenant.cloned());
        let subjects = subjects(&job, tenant.as_ref());
        self.change(subjects, |connection| Box::pin(update(connection, job, tenant))).await
    }

    /// Writes the progress of an unfinished job, but for `done`, and why its last try that failed did;
    /// false if there is no such job or it is finished already.
    pub async fn advance_job(
        &self,
        id: &str,
        progress: &JobProgress,
        last_error: Option<&str>,
    ) -> Result<bool> {
        let (id, progress, now) = (id.to_owned(), progress.clone(), rfc3339(self.clock.now()));
        let last_error = last_error.map(str::to_owned);
        self.writer
            .configure(|connection| Box::pin(advance(connection, id, progress, last_error, now)))
            .await
    }

    /// How many people of a tenant its disconnect has done, and how many are left, at one moment.
    pub async fn disconnect_counts(&self, job: &str, tenant: &str) -> Result<(u64, u64)> {
        let sql = format!(
            "SELECT (SELECT done FROM job WHERE id = $2) AS done, ({USERS_TO_DISCONNECT}) AS left"
        );
        let tenant = self.reader.number(tenant).await?;
        let found = sqlx::query(AssertSqlSafe(sql)).bind(tenant).bind(job);
        let row = found.fetch_one(&mut *self.pool.take().await?).await?;
        let done = row.try_get::<Option<i64>, _>("done")?.unwrap_or_default();
        Ok((u64::try_from(done)?, u64::try_from(row.try_get::<i64, _>("left")?)?))
    }
}

/// What changes with a job.
fn subjects(job: &JobRow, tenant: Option<&TenantRow>) -> Vec<AuditSubject> {
    let tenant = tenant.map(|tenant| AuditSubject::Tenant(tenant.id.clone()));
    let job = AuditSubject::Job { tenant: job.tenant.clone(), id: job.id.clone() };
    std::iter::once(job).chain(tenant).collect()
}

/// The id of the unfinished job that stands in the way; none if the job was inserted.
async fn insert(
    connection: &mut SqliteConnection,
    job: JobRow,
    tenant: Option<TenantRow>,
) -> Result<Option<String>> {
    let inserted = sqlx::query(
        "INSERT INTO job (id, kind, tenant, app, state, parameters, preview, total, done, waiting,
                          failed, cursor, note, last_error, result, requested_by, created, updated,
                          finished)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT (kind, tenant) WHERE finished IS NULL DO NOTHING",
    )
    .bind(job.id)
    .bind(job.kind.name())
    .bind(&job.tenant)
    .bind(job.app)
    .bind(job.state.name())
    .bind(job.parameters)
    .bind(job.preview)
    .bind(count(job.progress.total))
    .bind(count(job.progress.waiting))
    .bind(count(job.progress.failed))
    .bind(job.progress.cursor)
    .bind(job.note)
    .bind(job.last_error)
    .bind(job.result)
    .bind(job.requested_by)
    .bind(job.created)
    .bind(job.updated)
    .bind(job.finished)
    .execute(&mut *connection)
    .await?;
    if inserted.rows_affected() == 0 {
        let unfinished =
            sqlx::query("SELECT id FROM job WHERE kind = $1 AND tenant = $2 AND finished IS NULL");
        let unfinished = unfinished.bind(job.kind.name()).bind(job.tenant);
        return Ok(Some(unfinished.fetch_one(connection).await?.try_get(0)?));
    }
    if let Some(tenant) = tenant {
        tenant::put(connection, tenant).await?;
    }
    Ok(None)
}

async fn update(
    connection: &mut SqliteConnection,
    job: JobRow,
    tenant: Option<TenantRow>,
) -> Result<bool> {
    let updated = sqlx::query(
        "UPDATE job SET state = $2, parameters = $3, preview = $4, total = $5, waiting = $6,
             failed = $7, cursor = $8, note = $9, last_error = $10, result = $11, updated = $12,
             finished = $13
         WHERE id = $1 AND finished IS NULL",
    )
    .bind(job.id)
    .bind(job.state.name())
    .bind(job.parameters)
    .bind(job.preview)
    .bind(count(job.progress.total))
    .bind(count(job.progress.waiting))
    .bind(count(job.progress.failed))
    .bind(job.progress.cursor)
    .bind(job.note)
    .bind(job.last_error)
    .bind(job.result)
    .bind(job.updated)
    .bind(job.finished)
    .execute(&mut *connection)
    .await?;
    if updated.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(tenant) = tenant {
        tenant::put(connection, tenant).await?;
    }
    Ok(true)
}

async fn advance(
    connection: &mut SqliteConnection,
    id: String,
    progress: JobProgress,
    last_error: Option<String>,
    now: String,
) -> Result<bool> {
    let advanced = sqlx::query(
        "UPDATE job SET total = $2, waiting = $3, failed = $4, cursor = $5, last_error = $6,
             updated = $7
         WHERE id = $1 AND finished IS NULL",
    )
    .bind(id)
    .bind(count(progress.total))
    .bind(count(progress.waiting))
    .bind(count(progress.failed))
    .bind(progress.cursor)
    .bind(last_error)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(advanced.rows_affected() > 0)
}

/// A number as SQLite has it.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn job(row: &SqliteRow) -> Result<JobRow> {
    let count = |column: &str| anyhow::Ok(u64::try_from(row.try_get::<i64, _>(column)?)?);
    Ok(JobRow {
        id: row.try_get("id")?,
        kind: name::of_column(row, "id", "kind")?,
        tenant: row.try_get("tenant")?,
        app: row.try_get("app")?,
        state: name::of_column(row, "id", "state")?,
        parameters: row.try_get("parameters")?,
        preview: row.try_get("preview")?,
        progress: JobProgress {
            total: count("total")?,
            done: count("done")?,
            waiting: count("waiting")?,
            failed: count("failed")?,
            cursor: row.try_get("cursor")?,
        },
        note: row.try_get("note")?,
        last_error: row.try_get("last_error")?,
        result: row.try_get("result")?,
        requested_by: row.try_get("requested_by")?,
        created: row.try_get("created")?,
        updated: row.try_get("updated")?,
        finished: row.try_get("finished")?,
    })
}
