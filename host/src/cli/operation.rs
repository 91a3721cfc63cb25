//! `muster operation`.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::admin::{Admin, segment};
use super::connector::moment;
use super::output::{self, BAD, FAINT, Format, GOOD, NAME, NOTE, STRONG};
use crate::admin_api::{ExchangeView, OperationDetail, OperationQuery, OperationSummary, Page};
use crate::decision::EventKind;
use crate::store::OperationState;

/// Options of `muster operation`.
#[derive(Args, Debug)]
pub(super) struct OperationArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List operations, the newest first.
    #[command(after_long_help = LIST_EXAMPLE)]
    List(List),
    /// Show one operation.
    Show {
        /// The operation's id.
        id: String,
    },
    /// Explain one operation step by step: the event, the calls to the app and their responses, the
    /// outcome.
    Explain {
        /// The operation's id.
        id: String,
    },
    /// Attempt an operation again now: one that is open, held or failed.
    Retry {
        /// The operation's id.
        id: String,
    },
    /// Give an operation up; the app stays as it is.
    Drop {
        /// The operation's id.
        id: String,
    },
}

const LIST_EXAMPLE: &str = "\
Example:
  muster operation list --tenant acme --state failed --since 7d";

#[derive(Args, Debug)]
struct List {
    /// Only the operations of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only the operations on the resource with this SCIM id.
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// Only the operations in this state.
    #[arg(long, value_parser = states())]
    state: Option<String>,
    /// Only the operations of this kind.
    #[arg(long, value_parser = kinds())]
    kind: Option<String>,
    /// Only the operations that began at this moment or later: RFC 3339, a date, or how long ago,
    /// such as `30d` or `12h`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most this many.
    #[arg(
        long,
        default_value_t = 50,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    limit: u32,
}

fn states() -> PossibleValuesParser {
    PossibleValuesParser::new(OperationState::ALL.map(OperationState::name))
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(EventKind::ALL.map(EventKind::name))
}

pub(super) async fn run(args: OperationArgs) -> anyhow::Result<()> {
    let OperationArgs { command, admin, format } = args;
    let path = |id: &str, rest: &str| format!("/operations/{}{rest}", segment(id));
    match command {
        Command::List(args) => list(&admin, format, args).await?,
        Command::Show { id } => {
            let operation: OperationDetail = admin.get(&path(&id, "")).await?;
            format.print(&operation, output::members);
        }
        Command::Explain { id } => {
            format.print(&admin.get(&path(&id, "")).await?, explain);
        }
        Command::Retry { id } => {
            format.print(&admin.act(&path(&id, "/retry")).await?, explain);
        }
        Command::Drop { id } => {
            format.print(&admin.act(&path(&id, "/drop")).await?, explain);
        }
    }
    Ok(())
}

async fn list(admin: &Admin, format: Format, args: List) -> anyhow::Result<()> {
    let filter = OperationQuery {
        tenant: args.tenant,
        resource: args.resource,
        state: args.state.map(|state| serde_json::from_value(Value::from(state))).transpose()?,
        kind: args.kind.map(|kind| serde_json::from_value(Value::from(kind))).transpose()?,
        since: args.since.map(|since| anyhow::Ok(moment(&since)?.parse()?)).transpose()?,
    };
    let operations: Page<OperationSummary> =
        admin.list("/operations", &filter, Some(args.limit)).await?;
    format.print_page(
        &operations,
        &[
            ("operation", |it| it.id.clone()),
            ("tenant", |it| it.tenant.clone()),
            ("event", |it| it.kind.name().to_owned()),
            ("subject", |it| it.subject.clone()),
            ("state", |it| it.state.name().to_owned()),
            ("decided by", |it| output::optional(&it.version)),
            ("note", |it| output::optional(&it.note)),
        ],
    );
    Ok(())
}

/// The operation step by step.
fn explain(operation: &OperationDetail) {
    let OperationDetail { summary, event, log, exchanges, .. } = operation;
    anstream::println!(
        "{STRONG}{}{STRONG:#} of {NAME}{}{NAME:#} in tenant {} {FAINT}{}{FAINT:#}",
        summary.kind.name(),
        summary.subject,
        summary.tenant,
        summary.created,
    );
    let changes = output::text(&event["changes"]);
    if !changes.is_empty() {
        anstream::println!("  changed: {changes}");
    }
    anstream::println!(
        "  decided by {} {FAINT}{}{FAINT:#}",
        output::optional(&summary.version),
        output::optional(&summary.connector)
    );
    for ExchangeView { n, request, response, .. } in exchanges {
        let (method, path) = (output::text(&request["method"]), output::text(&request["path"]));
        anstream::println!("  {}. {method} {path}  →  {}", n + 1, answer_of(response.as_ref()));
    }
    for line in log.iter().flatten() {
        anstream::println!("  {FAINT}log: {line}{FAINT:#}");
    }
    explain_usage(operation);
    let style = match summary.state {
        OperationState::Done => GOOD,
        OperationState::Open | OperationState::Held => NOTE,
        _ => BAD,
    };
    let (state, note) = (summary.state.name(), output::optional(&summary.note));
    anstream::println!("  {style}{state}{style:#}: {note}");
    if let Some(due) = &summary.due {
        anstream::println!("  attempted {} times; next attempt at {due}", summary.attempts);
    }
}

fn explain_usage(operation: &OperationDetail) {
    let Some(used) = operation.summary.used else { return };
    if used.calls > 0 && operation.exchanges.is_empty() {
        anstream::println!("  {FAINT}its calls are no longer kept{FAINT:#}");
    }
    anstream::println!(
        "  {FAINT}used {} µs in {} decisions, {} KiB of memory at most, {} calls{FAINT:#}",
        used.micros,
        used.decisions,
        used.memory / 1024,
        used.calls,
    );
}

fn answer_of(response: Option<&Value>) -> String {
    let Some(response) = response else { return "no answer yet".to_owned() };
    match (&response["Ok"]["status"], &response["Err"]) {
        (Value::Number(status), _) => status.to_string(),
        (_, Value::String(why)) => format!("unreachable: {why}"),
        _ => "no answer yet".to_owned(),
    }
}
