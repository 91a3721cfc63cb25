//! The command line of `muster conformance`.

use std::time::Duration;

use clap::Args;

use super::{Options, SuiteName};

/// Run Okta's published SCIM suites against a server.
///
/// Runs Okta's SPEC suite for SCIM 2.0, which a server must pass before it is submitted to the Okta
/// Integration Network, and the assertions of Okta's CRUD suite as the SCIM calls that Okta makes.
/// Against a URL that ends in `/v1` it runs Okta's SPEC suite for SCIM 1.1.
///
/// Prints one line for each step, and ends with status 0 only if every required step passed. The
/// server may be any SCIM server. The suites create users there and do not delete them: point it
/// at a tenant that is for testing.
#[derive(Args, Clone, Debug)]
pub struct ConformanceArgs {
    /// The SCIM base URL, such as `https://muster.example.com/t/acme/scim/v2`.
    #[arg(long, value_name = "URL")]
    pub url: String,

    /// The token: a bearer token, or a whole `Authorization` value such as "Basic dXNlcjpwYXNz".
    ///
    /// A value without a space is sent as `Bearer <TOKEN>`.
    #[arg(long, value_name = "TOKEN", env = "MUSTER_CONFORMANCE_TOKEN", hide_env_values = true)]
    pub token: String,

    /// Send the token alone, without `Bearer`, as Okta's header authentication does.
    #[arg(long)]
    pub raw_token: bool,

    /// Run this suite only; may be given more than once. Without it those of the URL's version
    /// run.
    #[arg(long = "suite", value_name = "SUITE", value_enum)]
    pub suites: Vec<SuiteName>,

    /// Seconds to wait between steps, for a server whose writes take a while to be seen.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub pause: u64,

    /// Print the report as one line of JSON.
    #[arg(long)]
    pub json: bool,
}

impl From<ConformanceArgs> for Options {
    fn from(args: ConformanceArgs) -> Self {
        let suites =
            if args.suites.is_empty() { SuiteName::of_url(&args.url) } else { args.suites };
        Self {
            url: args.url,
            token: args.token,
            raw_token: args.raw_token,
            suites,
            pause: Duration::from_secs(args.pause),
        }
    }
}
