//! A job as the admin API shows it, with its progress, and the filter of the list of jobs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::store::{JobKind, JobState};

/// Which job.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct JobPath {
    /// The job's id.
    pub id: String,
}

/// Which jobs are listed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Only the jobs of this tenant, which may have been removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Only the jobs of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<JobKind>,
    /// Only the jobs in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Job)]
pub struct JobView {
    /// The id; ids are in the order of time.
    pub id: String,
    /// What the job does.
    pub kind: JobKind,
    /// The tenant, which may have been removed since; `null` if the job is about more than one.
    pub tenant: Option<String>,
    /// The app; `null` if the job is about more than one.
    pub app: Option<String>,
    /// How far the job is: `running`; `blocked`, which waits for an operator; or at its end:
    /// `succeeded`, `cancelled` by an operator, `failed`.
    pub state: JobState,
    /// The parameters of the request.
    #[schema(value_type = Object)]
    pub parameters: Map<String, Value>,
    /// The preview of the job from before it began.
    pub preview: Option<Value>,
    /// How many people the job is about.
    pub total: u64,
    /// How many of them are done.
    pub done: u64,
    /// How many of them could not be done yet, and are tried again by a job that is running.
    pub waiting: u64,
    /// How many of them a job that is blocked has given up.
    pub failed: u64,
    /// Why the job is blocked, or its result in a sentence.
    pub note: Option<String>,
    /// Why the last try that failed did; `null` if none has failed, or all are done.
    pub last_error: Option<String>,
    /// Its result.
    pub result: Option<Value>,
    /// The id of the admin token of the request.
    pub requested_by: Option<String>,
    /// When the job was requested, RFC 3339.
    pub created: String,
    /// When the job last changed, RFC 3339.
    pub updated: String,
    /// When the job ended, RFC 3339.
    pub finished: Option<String>,
}
