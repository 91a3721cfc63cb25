//! `muster tenant`: lists, shows, creates, changes and removes tenants; pauses, connects and disconnects
//! their integration; and protects accounts of single people.

use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::admin::{Admin, Named, segment};
use super::output::{self, FAINT, Format, GOOD, NAME, NOTE, STRONG};
use super::settings::{SettingArgs, SettingChangeArgs, SettingChanges};
use crate::admin_api::{BacklogView, DisconnectRequest, JobView, Page, TenantQuery, TenantView};
use crate::lifecycle::snapshot::TenantState;
use crate::lifecycle::{NewTenant, PeopleAction, Preview, TenantChange};
use crate::scim::{Dialect, GroupNames, UnknownMembers};
use crate::store::JobState;
use crate::terminal::{self, LINE_AGAIN};

mod connect;

/// Options of `muster tenant`.
#[derive(Args, Debug)]
pub(super) struct TenantArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the tenants.
    List(List),
    /// Show one tenant, and how its requests deviate from the RFCs.
    Show {
        /// The tenant's name.
        name: String,
    },
    /// Create a tenant: one customer organisation's integration with an app.
    #[command(after_long_help = CREATE_EXAMPLE)]
    Create(Create),
    /// Change a tenant: what is given changes, the rest stays.
    ///
    /// A tenant cannot change its app. `pause`, `connect` and `disconnect` change its state.
    Set(Set),
    /// Hold deprovisioning until the tenant is connected again. Cancels a disconnect.
    ///
    /// People who are deactivated or deleted are held, also those whose leaving is open. Everything
    /// else goes on: people who join or return, changes, and groups with their members.
    Pause {
        /// The tenant's name.
        name: String,
    },
    /// Connect a tenant that was paused or disconnected. Cancels a disconnect.
    ///
    /// After a pause, --held says what becomes of the people whose leaving is held. After a disconnect,
    /// the people who were released are managed again, unless --leave-released is given.
    Connect(Connect),
    /// End the integration: first a preview, then with --proceed.
    Disconnect(Disconnect),
    /// Protect an account: it is never deactivated or deleted.
    Protect {
        /// The tenant's name.
        name: String,
        /// The SCIM id of the person.
        id: String,
    },
    /// Lift the protection of an account. If the directory says that its person shall be out, they leave
    /// the app now.
    Unprotect {
        /// The tenant's name.
        name: String,
        /// The SCIM id of the person.
        id: String,
    },
    /// Make an existing account the tenant's own, which was linked by its address: its profile is brought to
    /// what the directory says, and it can be deleted. For an account that you know to be the tenant's.
    Adopt {
        /// The tenant's name.
        name: String,
        /// The SCIM id of the person.
        id: String,
    },
    /// Remove a tenant that is disconnected, with its directory and tokens. The journal stays.
    ///
    /// If another tenant of its name is created, the journal is kept under `NAME (before TIME)`.
    Remove {
        /// The tenant's name.
        name: String,
    },
}

const CREATE_EXAMPLE: &str = "\
Example:
  muster tenant create acme --app crm --dialect okta --set organization=acme
  muster token add acme";

#[derive(Args, Debug)]
struct List {
    /// Only the tenants of this app.
    #[arg(long)]
    app: Option<String>,
    /// Only the tenants in this state.
    #[arg(long, value_parser = states())]
    state: Option<String>,
    /// Only the tenants whose name begins with this.
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// At most this many [default: all].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

#[derive(Args, Debug)]
struct Create {
    /// The tenant's name, which is part of its base URL: 1 to 63 lower-case letters, digits and
    /// hyphens.
    name: String,
    /// The app. A tenant belongs to its app for good.
    #[arg(long)]
    app: String,
    /// The identity provider. With `generic`, every harmless deviation from the RFCs is accepted, and
    /// Okta and Entra are recognised when they call; with `strict`, none is.
    #[arg(long, default_value = "generic", value_parser = dialects())]
    dialect: String,
    #[command(flatten)]
    rules: GroupRuleArgs,
    /// How many requests in a second are answered; beyond, after a burst, they get 429. 0 is no limit
    /// [default: as `muster serve` has it].
    #[arg(long, value_name = "N")]
    requests_per_second: Option<u32>,
    /// An e-mail domain that is the tenant's own, for which you vouch: existing accounts with an address in it
    /// are the tenant's. May be given more than once. A subdomain is another domain.
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<String>,
    #[command(flatten)]
    settings: SettingArgs,
}

#[derive(Args, Debug)]
struct Set {
    /// The tenant's name.
    name: String,
    /// The identity provider.
    #[arg(long, value_parser = dialects())]
    dialect: Option<String>,
    #[command(flatten)]
    rules: GroupRuleArgs,
    /// How many requests in a second are answered; beyond, after a burst, they get 429. 0 is no limit,
    /// and `default` what `muster serve` has.
    #[arg(long, value_name = "N")]
    requests_per_second: Option<String>,
    /// The e-mail domains that are the tenant's own, for which you vouch, in place of those that it has:
    /// existing accounts with an address in them are the tenant's. May be given more than once. A subdomain is
    /// another domain.
    #[arg(long, value_name = "DOMAIN")]
    domain: Vec<String>,
    /// No e-mail domain is the tenant's own.
    #[arg(long, conflicts_with = "domain")]
    no_domains: bool,
    #[command(flatten)]
    settings: SettingChangeArgs,
    /// Refused by the host, which says why.
    #[arg(long, hide = true)]
    app: Option<String>,
}

/// Rules for groups, which each dialect has a default for.
#[derive(Args, Debug)]
struct GroupRuleArgs {
    /// Whether two groups may have one displayName: a second one is answered with 409 (`unique`) or
    /// accepted (`any`). By default `unique` with the dialects entra and generic, else `any`.
    #[arg(long, value_name = "RULE", value_parser = ["unique", "any", "default"])]
    group_names: Option<String>,
    /// What becomes of a request that names an unknown member of a group: it is answered with 400
    /// (`refuse`), or the member is left out and named in the operation (`skip`). By default `skip`
    /// with the dialect okta, else `refuse`.
    #[arg(long, value_name = "RULE", value_parser = ["refuse", "skip", "default"])]
    unknown_members: Option<String>,
}

#[derive(Args, Debug)]
struct Connect {
    /// The tenant's name.
    name: String,
    /// What becomes of the people whose deactivation or deletion is held: `carry-out` brings each to
    /// what the directory says by now, `drop` leaves each account in the app, unmanaged.
    #[arg(long, value_parser = ["carry-out", "drop"])]
    held: Option<String>,
    /// People who were released stay unmanaged; writes about them are refused.
    #[arg(long, conflicts_with = "manage_released")]
    leave_released: bool,
    /// People who were released are managed again although the tenant was not disconnected.
    #[arg(long)]
    manage_released: bool,
    /// Only show whom it is about.
    #[arg(long)]
    preview: bool,
}

#[derive(Args, Debug)]
struct Disconnect {
    /// The tenant's name.
    name: String,
    /// What happens to the people's accounts: `release` leaves every account as it is, `deactivate`
    /// and `remove` take the people's access away.
    #[arg(long, default_value = "release", value_parser = ["release", "deactivate", "remove"])]
    people: String,
    /// Disconnect. Without this, only the preview is shown.
    #[arg(long)]
    proceed: bool,
    /// Do not wait until the disconnect is finished.
    #[arg(long)]
    no_wait: bool,
}

fn dialects() -> PossibleValuesParser {
    PossibleValuesParser::new(Dialect::ALL.map(Dialect::name))
}

fn states() -> PossibleValuesParser {
    PossibleValuesParser::new(TenantState::ALL.map(TenantState::name))
}

fn dialect(name: &str) -> anyhow::Result<Dialect> {
    Ok(serde_json::from_value(Value::from(name))?)
}

/// A rule for groups by its name; the dialect's with `default`.
fn rule<T: FromStr<Err = anyhow::Error>>(
    name: Option<String>,
) -> anyhow::Result<Option<Option<T>>> {
    let read = |name: String| match name.as_str() {
        "default" => Ok(None),
        name => name.parse().map(Some),
    };
    name.map(read).transpose()
}

/// A number of requests in a second; the host's with `default`.
fn rate(text: &str) -> anyhow::Result<Option<u32>> {
    if text == "default" {
        return Ok(None);
    }
    let number = text.parse().with_context(|| {
        format!("--requests-per-second {text}: give a number, 0 for no limit, or `default`")
    })?;
    Ok(Some(number))
}

pub(super) async fn run(args: TenantArgs) -> anyhow::Result<()> {
    let TenantArgs { command, admin, format } = args;
    match command {
        Command::List(args) => list(&admin, format, args).await?,
        Command::Show { name } => {
            format.print(&admin.get(&path(&name, "")).await?, print_tenant);
        }
        Command::Create(args) => {
            let tenant = NewTenant {
                id: args.name,
                app: args.app,
                dialect: dialect(&args.dialect)?,
                group_names: rule(args.rules.group_names)?.flatten(),
                unknown_members: rule(args.rules.unknown_members)?.flatten(),
                requests_per_second: args.requests_per_second,
                domains: args.domain,
                settings: args.settings.read()?,
            };
            format.print(&admin.post("/tenants", &tenant).await?, print_tenant);
        }
        Command::Set(args) => {
            let path = path(&args.name, "");
            format.print(&admin.patch(&path, &change(args)?).await?, print_tenant);
        }
        Command::Pause { name } => {
            format.print(&admin.act(&path(&name, "/pause")).await?, print_state);
        }
        Command::Connect(args) => connect::run(&admin, format, args).await?,
        Command::Disconnect(args) => disconnect(&admin, format, &args).await?,
        Command::Protect { name, id } => {
            let path = path(&name, &format!("/people/{}/protect", segment(&id)));
            let (): () = admin.act(&path).await?;
            format.print(&(), |()| terminal::println!("{id} is protected"));
        }
        Command::Unprotect { name, id } => {
            let path = path(&name, &format!("/people/{}/unprotect", segment(&id)));
            let (): () = admin.act(&path).await?;
            format.print(&(), |()| {
                terminal::println!(
                    "{id} is not protected any more: the app is brought to what the directory says"
                );
            });
        }
        Command::Adopt { name, id } => {
            let path = path(&name, &format!("/people/{}/adopt", segment(&id)));
            let (): () = admin.act(&path).await?;
            format.print(&(), |()| {
                terminal::println!(
                    "{id} is the tenant's own: the account is brought to what the directory says"
                );
            });
        }
        Command::Remove { name } => {
            admin.delete(&path(&name, "")).await?;
            format.print(&(), |()| terminal::println!("tenant {name} is removed"));
        }
    }
    Ok(())
}

async fn list(admin: &Admin, format: Format, args: List) -> anyhow::Result<()> {
    let state = args.state.map(|state| serde_json::from_value(Value::from(state))).transpose()?;
    let filter = TenantQuery { app: args.app, state, prefix: args.prefix };
    let of = [Named::app(filter.app.as_deref())];
    let tenants: Page<TenantView> = admin.list_of("/tenants", &filter, args.limit, &of).await?;
    format.print_page(
        &tenants,
        &[
            ("tenant", |tenant| tenant.id.clone()),
            ("app", |tenant| tenant.app.clone()),
            ("dialect", |tenant| tenant.dialect.to_string()),
            ("state", |tenant| tenant.state.name().to_owned()),
            ("base URL", |tenant| tenant.base_url.clone()),
        ],
    );
    Ok(())
}

fn change(args: Set) -> anyhow::Result<TenantChange> {
    let SettingChanges { settings, set_settings, unset_settings } = args.settings.changes()?;
    let change = TenantChange {
        dialect: args.dialect.as_deref().map(dialect).transpose()?.map(Some),
        group_names: rule(args.rules.group_names)?,
        unknown_members: rule(args.rules.unknown_members)?,
        requests_per_second: args.requests_per_second.map(|text| rate(&text)).transpose()?,
        domains: (args.no_domains || !args.domain.is_empty()).then_some(Some(args.domain)),
        settings,
        set_settings,
        unset_settings,
        app: args.app.map(Some),
    };
    if serde_json::to_value(&change)? == Value::Object(Map::new()) {
        bail!("nothing to change; `muster tenant set --help` shows what can be changed");
    }
    Ok(change)
}

fn print_state(tenant: &TenantView) {
    terminal::println!("tenant {} is {}", tenant.id, tenant.state.name());
}

/// A tenant, and below it how its requests deviate from the RFCs.
fn print_tenant(tenant: &TenantView) {
    let mut facts = serde_json::json!(tenant);
    if let Some(facts) = facts.as_object_mut() {
        facts.remove("deviations");
        facts.insert("backlog".to_owned(), Value::from(backlog(tenant.backlog)));
        let spoken = tenant.dialect.or_recognised(tenant.recognised);
        let default = |rule: &dyn Display| Value::from(format!("default ({rule})"));
        if tenant.group_names.is_none() {
            facts.insert("group_names".to_owned(), default(&GroupNames::of(spoken)));
        }
        if tenant.unknown_members.is_none() {
            facts.insert("unknown_members".to_owned(), default(&UnknownMembers::of(spoken)));
        }
        if tenant.requests_per_second.is_none() {
            facts.insert("requests_per_second".to_owned(), Value::from("default"));
        }
        if let Some(job) = &tenant.disconnect {
            facts.insert("disconnect".to_owned(), Value::from(disconnect_line(job)));
        }
    }
    output::members(&facts);
    if tenant.deviations.is_empty() {
        return;
    }
    terminal::println!(
        "\n{STRONG}Accepted deviations from the RFCs since the host started{STRONG:#}"
    );
    output::list(
        &tenant.deviations,
        &[
            ("rule", |it| output::text(&serde_json::json!(it.rule))),
            ("times", |it| it.times.to_string()),
            ("what the requests do", |it| it.what.clone()),
        ],
    );
}

/// A disconnect in one line; `muster job show` has the rest.
fn disconnect_line(job: &JobView) -> String {
    let JobView { id, state, total, done, failed, note, .. } = job;
    let mut line = format!("job {id} {}: {done} of {total} people done", state.name());
    if *failed > 0 {
        line.push_str(&format!(", {failed} not yet"));
    }
    if let Some(note) = note {
        line.push_str(&format!("; {note}"));
    }
    line
}

fn backlog(backlog: BacklogView) -> String {
    let BacklogView { open, held, failed, in_doubt } = backlog;
    let open = output::count(open, "operation", "operations");
    let in_doubt = output::count(in_doubt, "account", "accounts");
    format!("{open} open, {held} held, {failed} failed; {in_doubt} in doubt")
}

fn path(tenant: &str, rest: &str) -> String {
    format!("/tenants/{}{rest}", segment(tenant))
}

async fn disconnect(admin: &Admin, format: Format, args: &Disconnect) -> anyhow::Result<()> {
    let path = path(&args.name, "/disconnect");
    let people: PeopleAction = serde_json::from_value(Value::from(args.people.as_str()))?;
    if !args.proceed {
        let question = DisconnectRequest { people, preview: true };
        format.print(&admin.post(&path, &question).await?, print_preview);
        return Ok(());
    }
    let request = DisconnectRequest { people, preview: false };
    let mut job: JobView = admin.post(&path, &request).await?;
    let at = format!("/jobs/{}", segment(&job.id));
    let shows_progress = !format.json && stderr().is_terminal();
    let mut told = false;
    while !args.no_wait && job.state == JobState::Running {
        // Once: the reasons of others differ in names only, and `muster job show` has the last one.
        if let Some(why) = job.last_error.as_ref().filter(|_| !told && !format.json) {
            let (waiting, why) = (job.waiting, terminal::shown(why));
            terminal::eprintln!("{NOTE}{waiting} wait for another try: {why}{NOTE:#}");
            told = true;
        }
        if shows_progress {
            let left = output::count(job.total.saturating_sub(job.done), "person", "people");
            terminal::eprint!("{LINE_AGAIN}{FAINT}{left} still connected …{FAINT:#}");
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        job = admin.get(&at).await?;
        if shows_progress {
            terminal::eprint!("{LINE_AGAIN}");
        }
    }
    let name = &args.name;
    match job.state {
        JobState::Running => format.print(&job, |job| {
            terminal::println!("disconnecting tenant {name}: `muster job show {}`", job.id);
        }),
        JobState::Succeeded => format.print(&job, |job| {
            let note = output::optional(&job.note);
            terminal::println!("{GOOD}tenant {name} is disconnected{GOOD:#}: {note}");
        }),
        JobState::Blocked => bail!(
            "the disconnect needs your decision, since {} could not be let go ({}). \
             `muster operation list --tenant {name}` shows what was tried. Then run it again, \
             also with another --people, or call it off with `muster tenant connect {name}`",
            output::count(job.failed, "person", "people"),
            output::optional(&job.note),
        ),
        JobState::Cancelled | JobState::Failed => {
            bail!("the disconnect was not finished: {}", output::optional(&job.note))
        }
    }
    Ok(())
}

fn print_preview(preview: &Preview) {
    terminal::println!(
        "{STRONG}Disconnecting {}{STRONG:#} would {NAME}{}{NAME:#} {}, {} of them active.",
        preview.tenant,
        output::text(&serde_json::json!(preview.people)),
        output::count(preview.total, "person", "people"),
        preview.active,
    );
    if preview.refused != 0 {
        terminal::println!(
            "{NOTE}The connector refuses to decide for {} of them.{NOTE:#}",
            preview.refused
        );
    }
    output::list(
        &preview.named,
        &[
            ("person", |it| it.user_name.clone()),
            ("active", |it| it.active.to_string()),
            ("what would happen", |it| it.decision.clone()),
        ],
    );
    terminal::println!("Nothing was changed. To go on, give --proceed.");
}
