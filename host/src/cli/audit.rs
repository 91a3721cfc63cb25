//! `muster audit`: lists what operators changed.

use clap::Args;
use serde_json::{Map, Value};

use super::admin::{Admin, Named};
use super::connector::moment;
use super::output::{self, Format};
use crate::admin_api::{AuditQuery, AuditView, Page};

/// Examples, for the help text.
const EXAMPLES: &str = "\
Rows are written with the change that they are about, and are never changed or removed.

Examples:
  muster audit --tenant acme --since 7d
  muster audit --by deploy --limit 200 --json";

/// Options of `muster audit`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct AuditArgs {
    /// Only changes of this tenant and of what belongs to it; the tenant may have been removed.
    #[arg(long)]
    tenant: Option<String>,
    /// Only changes by the admin token with this name or id.
    #[arg(long, value_name = "TOKEN")]
    by: Option<String>,
    /// Only changes at this moment or later: RFC 3339, a date, or how long ago, such as `30d` or `12h`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only changes before this moment.
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
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: AuditArgs) -> anyhow::Result<()> {
    let AuditArgs { tenant, by, since, until, limit, admin, format } = args;
    let filter = AuditQuery {
        tenant,
        by,
        since: since.map(|since| anyhow::Ok(moment(&since)?.parse()?)).transpose()?,
        until: until.map(|until| anyhow::Ok(moment(&until)?.parse()?)).transpose()?,
    };
    let of = [Named::tenant(filter.tenant.as_deref())];
    let page: Page<AuditView> = admin.list_of("/audit", &filter, Some(limit), &of).await?;
    format.print_page(
        &page,
        &[
            ("at", |it| it.at.clone()),
            ("by", |it| it.by.clone()),
            ("action", |it| it.action.clone()),
            ("changed", |it| format!("{} {}", it.kind, it.subject)),
            ("tenant", |it| output::optional(&it.tenant)),
            ("how", change),
        ],
    );
    Ok(())
}

/// What a row says in a line; `--json` has all of it.
fn change(row: &AuditView) -> String {
    match (&row.before, &row.after) {
        (None, _) => "created".to_owned(),
        (_, None) => "removed".to_owned(),
        (Some(before), Some(after)) => changes(before, after),
    }
}

fn changes(before: &Map<String, Value>, after: &Map<String, Value>) -> String {
    let new = after.iter().map(|(name, new)| {
        let old = before.get(name).unwrap_or(&Value::Null);
        format!("{name}: {} → {}", output::text(old), output::text(new))
    });
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let gone = gone.map(|name| format!("{name}: removed"));
    new.chain(gone).collect::<Vec<_>>().join(", ")
}
