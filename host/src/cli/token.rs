//! `muster token`: creates, lists and revokes the tokens that a tenant's identity provider presents.

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::admin::{Admin, segment};
use super::output::{self, FAINT, Format, NAME};
use crate::admin_api::{Page, TokenView};
use crate::clock::Clock;
use crate::lifecycle::{NewTenantToken, TokenSpec};
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
    Add {
        /// The tenant's name.
        tenant: String,
        /// The user name for Basic authentication, of which the token is the password. Without it,
        /// the token is a bearer token.
        #[arg(long)]
        user: Option<String>,
        /// The user of the tenant that `/Me` stands for, by userName or SCIM id. Without it, `/Me` is
        /// answered with 501.
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
        /// When the token ends, in RFC 3339, such as 2031-01-31T00:00:00Z: after now, and before
        /// 9999-12-31. Without it, the token is valid until it is revoked.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// List a tenant's tokens.
    List {
        /// The tenant's name.
        tenant: String,
    },
    /// Revoke a token at once.
    Revoke {
        /// The tenant's name.
        tenant: String,
        /// The token's id, as `list` shows it.
        id: String,
    },
}

pub(super) async fn run(args: TokenArgs) -> anyhow::Result<()> {
    let TokenArgs { command, admin, format } = args;
    let path = |tenant: &str| format!("/tenants/{}/tokens", segment(tenant));
    match command {
        Command::Add { tenant, user, owner, expires } => {
            let spec = TokenSpec { user, owner, expires };
            let token: NewTenantToken = admin.post(&path(&tenant), &spec).await?;
            format.print(&token, print_new);
        }
        Command::List { tenant } => {
            let tokens: Page<TokenView> = admin.list(&path(&tenant), &(), None).await?;
            format.print_page(
                &tokens,
                &[
                    ("token", |token| token.id.clone()),
                    ("kind", |token| token.kind.clone()),
                    ("user", |token| output::optional(&token.user)),
                    ("owner", |token| output::optional(&token.owner)),
                    ("created", |token| token.created.clone()),
                    ("ends", ends),
                    ("last used", |token| output::optional(&token.last_used)),
                    ("failed sign-ins", failed_sign_ins),
                ],
            );
        }
        Command::Revoke { tenant, id } => {
            admin.delete(&format!("{}/{}", path(&tenant), segment(&id))).await?;
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

/// When a token ends or ended.
fn ends(token: &TokenView) -> String {
    let end = token.expires.as_deref().and_then(|it| it.parse::<Timestamp>().ok());
    let expired = end.is_some_and(|end| end <= Clock::system().now());
    format!("{}{}", output::optional(&token.expires), if expired { " (expired)" } else { "" })
}

fn print_new(token: &NewTenantToken) {
    terminal::println!("base URL  {NAME}{}{NAME:#}", token.base_url);
    terminal::println!("token     {NAME}{}{NAME:#}", token.token);
    if let Some(owner) = &token.owner {
        terminal::println!("owner     {NAME}{owner}{NAME:#}, whom /Me stands for");
    }
    terminal::println!("{FAINT}The token is not shown again.{FAINT:#}");
}
