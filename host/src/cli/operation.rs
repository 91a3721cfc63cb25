//! `muster operation`.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::admin::{Admin, segment};
use super::output::{self, BAD, FAINT, Format, GOOD, NAME, NOTE, STRONG};

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
    /// List operations, newest first.
    List(List),
    /// Show one operation.
    Show {
        /// The operation's id.
        id: String,
    },
    /// Tell what happened in one operation, step by step, and why.
    Explain {
        /// The operation's id.
        id: String,
    },
    /// Try an operation again now: one that is open, held or failed.
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

#[derive(Args, Debug)]
struct List {
    /// Only this tenant's.
    #[arg(long)]
    tenant: Option<String>,
    /// Only those about this SCIM id.
    #[arg(long)]
    resource: Option<String>,
    /// Only those in this state: open, held, done, refused, failed or dropped.
    #[arg(long)]
    state: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

pub(super) async fn run(args: OperationArgs) -> anyhow::Result<()> {
    let OperationArgs { command, admin, format } = args;
    let path = |id: &str, rest: &str| format!("/operations/{}{rest}", segment(id));
    match command {
        Command::List(list) => {
            let operations = admin.get(&query(&list)).await?;
            format.print(&operations, |operations| {
                let columns = [
                    ("operation", "id"),
                    ("tenant", "tenant"),
                    ("event", "kind"),
                    ("who", "subject"),
                    ("state", "state"),
                    ("decided by", "version"),
                    ("note", "note"),
                ];
                output::table(&operations["operations"], &columns);
            });
        }
        Command::Show { id } => {
            format.print(&admin.get(&path(&id, "")).await?, output::object);
        }
        Command::Explain { id } => {
            format.print(&admin.get(&path(&id, "")).await?, explain);
        }
        Command::Retry { id } => {
            format.print(&admin.post(&path(&id, "/retry"), Value::Null).await?, explain);
        }
        Command::Drop { id } => {
            format.print(&admin.post(&path(&id, "/drop"), Value::Null).await?, explain);
        }
    }
    Ok(())
}

fn query(list: &List) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &list.limit.to_string());
    let wanted = [("tenant", &list.tenant), ("resource", &list.resource), ("state", &list.state)];
    for (name, value) in wanted {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("/operations?{}", query.finish())
}

/// The operation as a story.
fn explain(operation: &Value) {
    let word = |value: &Value| output::text(value);
    let (kind, subject) = (word(&operation["kind"]), word(&operation["subject"]));
    anstream::println!(
        "{STRONG}{kind}{STRONG:#} of {NAME}{subject}{NAME:#} in tenant {} {FAINT}{}{FAINT:#}",
        word(&operation["tenant"]),
        word(&operation["created"]),
    );
    let changes = word(&operation["event"]["changes"]);
    if !changes.is_empty() {
        anstream::println!("  changed: {changes}");
    }
    anstream::println!(
        "  decided by {} {FAINT}{}{FAINT:#}",
        word(&operation["version"]),
        word(&operation["connector"])
    );
    for exchange in operation["exchanges"].as_array().into_iter().flatten() {
        let request = &exchange["request"];
        anstream::println!(
            "  {}. {} {}  →  {}",
            exchange["n"].as_u64().map_or(0, |n| n + 1),
            word(&request["method"]),
            word(&request["path"]),
            came_back(&exchange["response"]),
        );
    }
    for line in operation["log"].as_array().into_iter().flatten() {
        anstream::println!("  {FAINT}log: {}{FAINT:#}", word(line));
    }
    let used = &operation["used"];
    if let (Some(micros), Some(memory)) = (used["micros"].as_u64(), used["memory"].as_u64()) {
        let calls = used["calls"].as_u64().unwrap_or_default();
        if calls > 0 && operation["exchanges"].as_array().is_none_or(Vec::is_empty) {
            anstream::println!("  {FAINT}its calls are no longer kept{FAINT:#}");
        }
        anstream::println!(
            "  {FAINT}used {micros} µs in {} decisions, {} KiB of memory at most, {calls} calls{FAINT:#}",
            used["decisions"],
            memory / 1024,
        );
    }
    let state = word(&operation["state"]);
    let style = match state.as_str() {
        "done" => GOOD,
        "open" | "held" => NOTE,
        _ => BAD,
    };
    anstream::println!("  {style}{state}{style:#}: {}", word(&operation["note"]));
    if operation["due"].is_string() {
        anstream::println!(
            "  tried {} times; again at {}",
            operation["attempts"],
            word(&operation["due"])
        );
    }
}

fn came_back(response: &Value) -> String {
    match (&response["Ok"]["status"], &response["Err"]) {
        (Value::Number(status), _) => status.to_string(),
        (_, Value::String(why)) => format!("unreachable: {why}"),
        _ => "no answer yet".to_owned(),
    }
}
