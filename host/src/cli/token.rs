//! `muster token`: creates, lists and revokes the tokens that the identity provider of a tenant presents,
//! and with `--admin` those of operators.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::admin::{Admin, segment};
use super::connector::duration;
use super::output::{self, FAINT, Format, NAME};
use crate::admin_api::{AdminTokenView, Page, TokenView};
use crate::clock::{Clock, rfc3339};
use crate::lifecycle::{AdminTokenSpec, NewAdminToken, NewTenantToken, TokenSpec};
use crate::store::AdminRole;
use crate::terminal;

/// Options of `muster token`.
#[derive(Args, Debug)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a token and show it, once. A tenant has at most two valid tokens, so that they can be
    /// rotated.
    #[command(visible_alias = "create")]
    Add {
        /// The tenant's name.
        #[arg(required_unless_present = "admin")]
        tenant: Option<String>,
        /// An admin token, for an operator or a program.
        #[arg(long, conflicts_with_all = ["tenant", "user", "owner"], requires = "name", requires = "role")]
        admin: bool,
        /// The name of an admin token, which `muster audit` shows.
        #[arg(long, requires = "admin")]
        name: Option<String>,
        /// What an admin token may do.
        #[arg(long, requires = "admin")]
        role: Option<AdminRole>,
        /// The user name for Basic authentication, of which the token is the password. Without it,
        /// the token is a bearer token.
        #[arg(long)]
        user: Option<String>,
        /// The user of the tenant that `/Me` stands for, by userName or SCIM id. Without it, `/Me` is
        /// answered with 501.
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
        /// When the token ends: in RFC 3339, such as 2031-01-31T00:00:00Z, after now and before
        /// 9999-12-31, or after how long, such as `90d`. Without it, the token is valid until it is
        /// revoked.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List a tenant's tokens, or the admin tokens.
    List {
        /// The tenant's name.
        #[arg(required_unless_present = "admin")]
        tenant: Option<String>,
        /// The admin tokens.
        #[arg(long, conflicts_with = "tenant")]
        admin: bool,
    },
    /// Revoke a token at once.
    #[command(allow_missing_positional = true)]
    Revoke {
        /// The tenant's name.
        #[arg(required_unless_present = "admin")]
        tenant: Option<String>,
        /// An admin token.
        #[arg(long, conflicts_with = "tenant")]
        admin: bool,
        /// The token's id, as `list` shows it.
        id: String,
    },
}

pub(super) async fn run(args: TokenArgs) -> anyhow::Result<()> {
    let TokenArgs { command, admin, format } = args;
    match command {
        Command::Add { name: Some(name), role: Some(role), expires, .. } => {
            let spec = AdminTokenSpec { name, role, expires: expires.map(end) };
            let token: NewAdminToken = admin.post("/tokens", &spec).await?;
            format.print(&token, print_new_admin_token);
        }
        Command::Add { tenant, user, owner, expires, .. } => {
            let spec = TokenSpec { user, owner, expires: expires.map(end) };
            let token: NewTenantToken = admin.post(&path(tenant.as_deref()), &spec).await?;
            format.print(&token, print_new);
        }
        Command::List { tenant: Some(tenant), .. } => {
            let tokens: Page<TokenView> = admin.list(&path(Some(&tenant)), &(), None).await?;
            format.print_page(
                &tokens,
                &[
                    ("token", |token| token.id.clone()),
                    ("kind", |token| token.kind.clone()),
                    ("user", |token| output::optional(&token.user)),
                    ("owner", |token| output::optional(&token.owner)),
                    ("created", |token| token.created.clone()),
                    ("ends", |token| ends(&token.expires)),
                    ("last used", |token| output::optional(&token.last_used)),
                    ("failed sign-ins", failed_sign_ins),
                ],
            );
        }
        Command::List { tenant: None, .. } => {
            let tokens: Page<AdminTokenView> = admin.list(&path(None), &(), None).await?;
            format.print_page(
                &tokens,
                &[
                    ("token", |token| token.id.clone()),
                    ("name", |token| token.name.clone()),
                    ("role", |token| token.role.name().to_owned()),
                    ("created", |token| token.created.clone()),
                    ("ends", |token| ends(&token.expires)),
                    ("last used", |token| output::optional(&token.last_used)),
                ],
            );
        }
        Command::Revoke { tenant, id, .. } => {
            admin.delete(&format!("{}/{}", path(tenant.as_deref()), segment(&id))).await?;
            format.print(&(), |()| terminal::println!("token {id} is revoked"));
        }
    }
    Ok(())
}

/// How many sign-ins with a token failed, and when the last one did.
fn failed_sign_ins(token: &TokenView) -> String {
    match &token.last_failed_sign_in {
        Some(last) => format!("{}, last {last}", token.failed_sign_ins),
        None => token.failed_sign_ins.to_string(),
    }
}

/// The tokens of a tenant, or of the admin API if there is no tenant.
fn path(tenant: Option<&str>) -> String {
    tenant.map_or_else(
        || "/tokens".to_owned(),
        |tenant| format!("/tenants/{}/tokens", segment(tenant)),
    )
}

/// The end that an operator gives, as the host takes it. What is no duration is for the host to judge.
fn end(text: String) -> String {
    let end = duration(&text).and_then(|after| Clock::system().now().checked_add(after).ok());
    end.map_or(text, rfc3339)
}

/// When a token ends or ended.
fn ends(expires: &Option<String>) -> String {
    let end = expires.as_deref().and_then(|it| it.parse::<Timestamp>().ok());
    let expired = end.is_some_and(|end| end <= Clock::system().now());
    format!("{}{}", output::optional(expires), if expired { " (expired)" } else { "" })
}

fn print_new_admin_token(token: &NewAdminToken) {
    terminal::println!("name   {NAME}{}{NAME:#}", terminal::shown(&token.name));
    terminal::println!("role   {NAME}{}{NAME:#}", token.role.name());
    terminal::println!("token  {NAME}{}{NAME:#}", token.token);
    terminal::println!("{FAINT}The token is not shown again.{FAINT:#}");
}

fn print_new(token: &NewTenantToken) {
    terminal::println!("base URL  {NAME}{}{NAME:#}", token.base_url);
    terminal::println!("token     {NAME}{}{NAME:#}", token.token);
    if let Some(owner) = &token.owner {
        terminal::println!("owner     {NAME}{owner}{NAME:#}, whom /Me stands for");
    }
    terminal::println!("{FAINT}The token is not shown again.{FAINT:#}");
}
