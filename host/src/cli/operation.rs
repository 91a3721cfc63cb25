//! `muster operation`: the journal for operators. Lists and explains operations, retries one, or gives one
//! up. The states and what each needs are in its help.

use anyhow::bail;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::admin::{Admin, Named, segment};
use super::connector::moment;
use super::output::{self, BAD, FAINT, Format, GOOD, NAME, NOTE, STRONG};
use crate::admin_api::{
    AccountView, AttemptView, ExchangeView, OperationDetail, OperationQuery, OperationSummary, Page,
};
use crate::decision::EventKind;
use crate::store::OperationState;
use crate::terminal;

/// What each state means, and what it needs.
const STATES: &str = "\
An operation brings one account, or one group, in the app to what the directory says. At most one is
open or failed for a user or group; a newer request takes its place. Its states:

  open        The host tries it: when it is due, when the app answers again, and when the identity
              provider repeats its request. What grants or changes access ends after a day without a
              repetition (grant_patience_hours); what takes access away is never given up.
              Needs nothing. `retry` tries it now, `drop` gives it up.
  held        Acknowledged and not carried out, since the tenant is paused or disconnecting. Needs
              a decision: `muster tenant connect NAME --held carry-out` or `--held drop` for all,
              `retry` or `drop` for one.
  failed      Acknowledged, and then refused in four tries, or out of reach for twenty; or the
              connector failed. It keeps its place, and a newer request supersedes it. Needs the
              cause to be removed, and then `retry`; or `drop`.
  done        Carried out. Needs nothing.
  refused     The connector or the app said no. The directory was not changed. The identity provider
              has that answer, or gets it when it asks again. Needs nothing.
  superseded  A newer operation took its place, which it names. Needs nothing.
  dropped     Given up, by an operator, by the end of an integration, or since the identity provider
              did not ask again. Needs nothing.

An account is in doubt if a call may have had an effect and its outcome is not known. Needs nothing:
the host brings it to what the directory says, with an operation of its own.

`retry` carries out what the resource shall be by now, never what an old request said. `drop` leaves
the directory as it is, and the app is brought back to it: calls already made are undone, and an
acknowledged change is carried out by another operation. The account of a held operation stays in
the app, unmanaged.";

/// Options of `muster operation`.
#[derive(Args, Debug)]
#[command(after_long_help = STATES)]
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
    /// Explain one operation step by step: the event, the attempts with their calls to the app, the
    /// outcome, and whether the account is in doubt.
    Explain {
        /// The operation's id.
        id: String,
    },
    /// Try an operation again now: one that is open, held or failed.
    ///
    /// What is carried out is what the user or group shall be by now. A held operation ends as
    /// superseded by the one that does so.
    Retry {
        /// The operation's id.
        id: String,
    },
    /// Give an operation up: one that is open, held or failed. The directory stays as it is.
    ///
    /// The app is brought back to what the directory says: calls already made are undone, and an
    /// acknowledged change is carried out by another operation. The account of a held operation stays
    /// in the app as it is, and is not managed any more.
    Drop {
        /// The operation's id.
        id: String,
    },
}

const LIST_EXAMPLE: &str = "\
Examples:
  muster operation list --tenant acme --state failed --since 7d
  muster operation list --tenant acme --name ada@acme.example --since 2026-11-24 --until 2026-11-25";

#[derive(Args, Debug)]
struct List {
    /// Only the operations of this tenant, which may have been removed.
    #[arg(long)]
    tenant: Option<String>,
    /// Only the operations on users that had this `userName` and on groups that had this `displayName` then.
    /// All operations of --tenant since --since are looked through, a million in some seconds.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
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
    /// Only the operations that began before this moment.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
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
    if let Some(resource) = args.resource.as_deref().filter(|it| uuid::Uuid::parse_str(it).is_err())
    {
        bail!("{resource:?} is not a SCIM id: for a userName or a displayName, give --name");
    }
    let filter = OperationQuery {
        tenant: args.tenant,
        resource: args.resource,
        state: args.state.map(|state| serde_json::from_value(Value::from(state))).transpose()?,
        kind: args.kind.map(|kind| serde_json::from_value(Value::from(kind))).transpose()?,
        since: args.since.map(|since| anyhow::Ok(moment(&since)?.parse()?)).transpose()?,
        until: args.until.map(|until| anyhow::Ok(moment(&until)?.parse()?)).transpose()?,
        name: args.name,
    };
    let of = [Named::tenant(filter.tenant.as_deref())];
    let operations: Page<OperationSummary> =
        admin.list_of("/operations", &filter, Some(args.limit), &of).await?;
    format.print_page(
        &operations,
        &[
            ("operation", |it| it.id.clone()),
            ("tenant", |it| it.tenant.clone()),
            ("event", |it| it.kind.name().to_owned()),
            ("subject", |it| it.subject.clone()),
            ("state", |it| it.state.name().to_owned()),
            ("decided by", |it| output::optional(&it.version)),
            ("begun", |it| second(&it.created)),
            ("next try", |it| output::optional(&it.due.as_deref().map(second))),
            ("note", |it| note(it, false)),
        ],
    );
    Ok(())
}

/// The note of an operation, perhaps after its state. That of a superseded one is from before.
fn note(operation: &OperationSummary, after_state: bool) -> String {
    let held = operation.note.as_deref().and_then(|note| note.strip_prefix("held: "));
    match (operation.state, held) {
        (OperationState::Held, Some(why)) if after_state => terminal::shown(why).into_owned(),
        (OperationState::Superseded, Some(why)) => format!("was held: {}", terminal::shown(why)),
        _ => output::optional(&operation.note),
    }
}

/// A moment to the second.
fn second(moment: &str) -> String {
    moment.split_once('.').map_or_else(|| moment.to_owned(), |(second, _)| format!("{second}Z"))
}

/// The operation step by step.
fn explain(operation: &OperationDetail) {
    let OperationDetail { summary, event, log, exchanges, ended_attempts, .. } = operation;
    terminal::println!(
        "{STRONG}{}{STRONG:#} of {NAME}{}{NAME:#} in tenant {} {FAINT}{}{FAINT:#}",
        summary.kind.name(),
        terminal::shown(&summary.subject),
        summary.tenant,
        summary.created,
    );
    let changes = output::text(&event["changes"]);
    if !changes.is_empty() {
        terminal::println!("  changed: {changes}");
    }
    terminal::println!(
        "  decided by {} {FAINT}{}{FAINT:#}",
        output::optional(&summary.version),
        output::optional(&summary.connector)
    );
    for AttemptView { attempt, note, exchanges, ended, .. } in ended_attempts {
        let note = output::optional(note);
        terminal::println!("  attempt {attempt} {FAINT}until {ended}{FAINT:#}: {note}");
        explain_exchanges(exchanges, false);
    }
    if !ended_attempts.is_empty() {
        terminal::println!("  attempt {}", summary.attempt);
    }
    explain_exchanges(exchanges, summary.finished.is_none());
    for line in log.iter().flatten() {
        terminal::println!("  {FAINT}log: {}{FAINT:#}", terminal::shown(line));
    }
    explain_usage(operation);
    let style = match summary.state {
        OperationState::Done => GOOD,
        OperationState::Open | OperationState::Held | OperationState::Superseded => NOTE,
        _ => BAD,
    };
    terminal::println!("  {style}{}{style:#}: {}", summary.state.name(), note(summary, true));
    if let Some(due) = &summary.due {
        let times = output::count(summary.tries.into(), "time", "times");
        terminal::println!("  tried {times}; next try at {due}");
    }
    if let Some(successor) = &summary.successor {
        terminal::println!("  superseded by {successor}");
    }
    explain_doubt(operation);
}

/// The calls of an attempt, and whether it goes on.
fn explain_exchanges(exchanges: &[ExchangeView], goes_on: bool) {
    for ExchangeView { n, request, response, earlier_response, .. } in exchanges {
        let (method, path) = (output::text(&request["method"]), output::text(&request["path"]));
        let answer = match (response, earlier_response) {
            (Some(response), None) => answer_of(response),
            (Some(response), Some(earlier)) => {
                format!("{}; before that: {}", answer_of(response), answer_of(earlier))
            }
            (None, Some(earlier)) if goes_on => {
                format!("{}, and is made again", answer_of(earlier))
            }
            (None, Some(earlier)) => answer_of(earlier),
            (None, None) => NO_ANSWER.to_owned(),
        };
        terminal::println!("  {}. {method} {path}  →  {answer}", n + 1);
    }
}

fn explain_doubt(operation: &OperationDetail) {
    let doubted = |account: &&AccountView| account.in_doubt && account.managed;
    let Some(account) = operation.account.as_ref().filter(doubted) else {
        return;
    };
    terminal::println!(
        "  {NOTE}the account is in doubt{NOTE:#}: a call may have had an effect, and its outcome is \
         not known"
    );
    if let Some(late_until) = &account.late_until {
        terminal::println!("  a call that was cut off may arrive until {late_until}");
    }
}

fn explain_usage(operation: &OperationDetail) {
    let Some(used) = operation.summary.used else { return };
    let ended = operation.ended_attempts.iter();
    let mut kept = operation.exchanges.iter().chain(ended.flat_map(|attempt| &attempt.exchanges));
    if used.calls > 0 && kept.next().is_none() {
        terminal::println!("  {FAINT}its calls are no longer kept{FAINT:#}");
    }
    terminal::println!(
        "  {FAINT}used {} µs in {}, {} KiB of memory at most, {}{FAINT:#}",
        used.micros,
        output::count(used.decisions.into(), "decision", "decisions"),
        used.memory / 1024,
        output::count(used.calls, "call", "calls"),
    );
}

fn answer_of(response: &Value) -> String {
    match (&response["Ok"]["status"], &response["Err"]) {
        (Value::Number(status), _) => status.to_string(),
        (_, Value::String(why)) => format!("unreachable: {}", terminal::shown(why)),
        _ => NO_ANSWER.to_owned(),
    }
}

/// A call that is under way, or was when the host stopped or an operator decided.
const NO_ANSWER: &str = "not answered";
