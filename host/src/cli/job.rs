//! `muster job`: lists and shows jobs, the long work of a host over many people, and cancels one.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::admin::{Admin, Named, segment};
use super::output::{self, Format};
use crate::admin_api::{JobQuery, JobView, Page};
use crate::store::{JobKind, JobState};
use crate::terminal;

/// Options of `muster job`.
#[derive(Args, Debug)]
pub(super) struct JobArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List jobs, the newest first.
    List(List),
    /// Show one job: its request, its requester and its progress.
    Show {
        /// The job's id.
        id: String,
    },
    /// Cancel a job that is running or blocked. What it has done stays done.
    Cancel {
        /// The job's id.
        id: String,
    },
}

#[derive(Args, Debug)]
struct List {
    /// Only the jobs of this tenant, which may have been removed.
    #[arg(long)]
    tenant: Option<String>,
    /// Only the jobs of this kind.
    #[arg(long, value_parser = PossibleValuesParser::new(JobKind::ALL.map(JobKind::name)))]
    kind: Option<String>,
    /// Only the jobs in this state.
    #[arg(long, value_parser = PossibleValuesParser::new(JobState::ALL.map(JobState::name)))]
    state: Option<String>,
    /// At most this many.
    #[arg(
        long,
        default_value_t = 50,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    limit: u32,
}

pub(super) async fn run(args: JobArgs) -> anyhow::Result<()> {
    let JobArgs { command, admin, format } = args;
    match command {
        Command::List(args) => list(&admin, format, args).await?,
        Command::Show { id } => {
            let job: JobView = admin.get(&format!("/jobs/{}", segment(&id))).await?;
            format.print(&job, |job| output::members(&serde_json::json!(job)));
        }
        Command::Cancel { id } => {
            let job: JobView = admin.act(&format!("/jobs/{}/cancel", segment(&id))).await?;
            format.print(&job, |job| {
                let note = output::optional(&job.note);
                terminal::println!("job {} is {}: {note}", job.id, job.state.name());
            });
        }
    }
    Ok(())
}

/// The note of a job; until it has one, why its last try that failed did.
fn note(job: &JobView) -> String {
    output::optional(if job.note.is_some() { &job.note } else { &job.last_error })
}

async fn list(admin: &Admin, format: Format, args: List) -> anyhow::Result<()> {
    let filter = JobQuery {
        tenant: args.tenant,
        kind: args.kind.map(|kind| serde_json::from_value(Value::from(kind))).transpose()?,
        state: args.state.map(|state| serde_json::from_value(Value::from(state))).transpose()?,
    };
    let of = [Named::tenant(filter.tenant.as_deref())];
    let jobs: Page<JobView> = admin.list_of("/jobs", &filter, Some(args.limit), &of).await?;
    format.print_page(
        &jobs,
        &[
            ("job", |job| job.id.clone()),
            ("kind", |job| job.kind.name().to_owned()),
            ("tenant", |job| output::optional(&job.tenant)),
            ("state", |job| job.state.name().to_owned()),
            ("done", |job| format!("{} of {}", job.done, job.total)),
            ("waiting", |job| job.waiting.to_string()),
            ("failed", |job| job.failed.to_string()),
            ("note", note),
        ],
    );
    Ok(())
}
