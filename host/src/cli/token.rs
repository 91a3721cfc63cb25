//! `muster token`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::admin::{Admin, segment};
use super::output::{self, FAINT, Format, NAME};

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
    /// Make a token and show it, once. A tenant has at most two, so that they can be rotated.
    Add {
        /// The tenant's name.
        tenant: String,
        /// For Basic authentication: the user name; the token is the password.
        #[arg(long)]
        user: Option<String>,
        /// Whom `/Me` leads to: a user of the tenant, by userName or SCIM id. Without, it is 501.
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
        /// When it ends, in RFC 3339, such as 2027-01-31T00:00:00Z.
        #[arg(long)]
        expires: Option<String>,
    },
    /// List a tenant's tokens.
    List {
        /// The tenant's name.
        tenant: String,
    },
    /// End a token at once.
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
            let spec = json!({ "user": user, "owner": owner, "expires": expires });
            let token = admin.post(&path(&tenant), spec).await?;
            format.print(&token, |token| {
                anstream::println!("base URL  {NAME}{}{NAME:#}", output::text(&token["base_url"]));
                anstream::println!("token     {NAME}{}{NAME:#}", output::text(&token["token"]));
                if let Some(owner) = token["owner"].as_str() {
                    anstream::println!("owner     {NAME}{owner}{NAME:#}, whom /Me leads to");
                }
                anstream::println!("{FAINT}It is not shown again.{FAINT:#}");
            });
        }
        Command::List { tenant } => {
            let tokens = admin.get(&path(&tenant)).await?;
            format.print(&tokens, |tokens| {
                let columns = [
                    ("token", "id"),
                    ("kind", "kind"),
                    ("user", "user"),
                    ("owner", "owner"),
                    ("made", "created"),
                    ("ends", "expires"),
                    ("last used", "last_used"),
                ];
                output::table(&tokens["tokens"], &columns);
            });
        }
        Command::Revoke { tenant, id } => {
            let gone = admin.delete(&format!("{}/{}", path(&tenant), segment(&id))).await?;
            format.print(&gone, |_| anstream::println!("token {id} is revoked"));
        }
    }
    Ok(())
}
