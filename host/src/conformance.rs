//! Okta's published suites, run against any SCIM server.
//!
//! What is asked and asserted is data (`conformance/suites`); the code here only knows how to send,
//! compare and report. It knows nothing of muster, so that its verdict on muster is worth something.

mod args;
mod assertion;
mod client;
mod property;
mod report;
mod runner;
mod seed;
mod suite;
mod variables;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

pub use args::ConformanceArgs;
pub use report::{Excerpt, Report, StepReport, SuiteReport, Verdict};
pub use suite::SuiteName;

use client::Client;
use suite::Suite;
use variables::Variables;

/// What to run, and against what.
#[derive(Clone, Debug)]
pub struct Options {
    /// The SCIM base URL; a query string on it is kept on every request.
    pub url: String,
    /// The whole `Authorization` value, such as `Bearer …` or `Basic …`; a value without a space
    /// is taken as a bearer token.
    pub token: String,
    /// Whether `token` is sent as it stands, as Okta's header authentication does.
    pub raw_token: bool,
    /// The suites, in the order in which they run.
    pub suites: Vec<SuiteName>,
    /// How long to wait between steps, for servers that need a while until a write can be read.
    pub pause: Duration,
}

/// `muster conformance`: runs the suites and prints the report.
///
/// The status is 0 if every required step passed.
pub async fn main(args: ConformanceArgs) -> anyhow::Result<ExitCode> {
    let json = args.json;
    let report = run(args.into()).await?;
    if json {
        anstream::println!("{}", report.to_json());
    } else {
        anstream::print!("{report}");
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the suites one after another.
///
/// It fails only where there is no verdict: the URL is none, or nobody answers there. Whatever the
/// server answers is a matter for the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let client = Client::new(&options.url)?;
    let auth = authorization(&options);
    let mut report = Report::new(&options.url);
    let legacy = options.suites.iter().all(|suite| suite.is_legacy());
    let seed = seed::Seed { client: &client, auth: &auth, legacy };
    seed.sow(&mut report.notes).await.with_context(|| format!("no answer from {}", options.url))?;
    for name in options.suites {
        let suite = Suite::embedded(name);
        let mut variables = Variables::generate(&suite.variables)?;
        variables.set("auth", auth.clone());
        report.suites.push(runner::run(&client, &suite, &mut variables, options.pause).await);
    }
    report.notes.push("The suites leave what they created behind.".to_owned());
    Ok(report)
}

fn authorization(options: &Options) -> String {
    let token = options.token.trim();
    if options.raw_token || token.contains(' ') {
        token.to_owned()
    } else {
        format!("Bearer {token}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(token: &str, raw_token: bool, expected: &str) {
        let options = Options {
            url: String::new(),
            token: token.to_owned(),
            raw_token,
            suites: Vec::new(),
            pause: Duration::ZERO,
        };
        assert_eq!(authorization(&options), expected);
    }

    #[test]
    fn a_token_without_a_scheme_is_a_bearer_token_unless_told_otherwise() {
        check("abc", false, "Bearer abc");
        check(" abc\n", false, "Bearer abc");
        check("Bearer abc", false, "Bearer abc");
        check("Basic YTpi", false, "Basic YTpi");
        check("abc", true, "abc");
    }
}
