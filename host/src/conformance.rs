//! Okta's published test suites, run against any SCIM server.
//!
//! Requests and assertions are data (`conformance/suites`); this module sends them, compares the
//! answers and reports. It uses nothing else of muster but its output, so that its result about muster is
//! independent.

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
pub use report::{ConformanceReport, Excerpt, StepReport, StepResult, SuiteReport};
pub use suite::SuiteName;

use client::SuiteClient;
use suite::SuiteDefinition;
use variables::Variables;

use crate::terminal;

/// The options of one run: which suites, and against which server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The SCIM base URL; a query string on it is kept on every request.
    pub url: String,
    /// The whole `Authorization` value, such as `Bearer …` or `Basic …`; a value without a space
    /// is taken as a bearer token.
    pub token: String,
    /// Whether `token` is sent as it is, without a scheme, as in Okta's header authentication.
    pub raw_token: bool,
    /// The suites, in the order in which they run.
    pub suites: Vec<SuiteName>,
    /// How long to wait between steps, for servers that take a while until a write can be read.
    pub pause: Duration,
}

/// `muster conformance`: runs the suites and prints the report.
///
/// The exit status is 0 if every required step passed.
pub async fn main(args: ConformanceArgs) -> anyhow::Result<ExitCode> {
    let json = args.json;
    let report = run(args.into()).await?;
    if json {
        terminal::println!("{}", report.to_json());
    } else {
        terminal::print!("{report}");
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the suites one after another.
///
/// Fails only if there is no result: `url` is not a URL, or the server does not answer. Whatever
/// the server answers is reported.
pub async fn run(options: Options) -> anyhow::Result<ConformanceReport> {
    let client = SuiteClient::new(&options.url)?;
    let auth = authorization(&options);
    let mut report = ConformanceReport::new(&options.url);
    let legacy = options.suites.iter().all(|suite| suite.is_legacy());
    let seed = seed::Seed { client: &client, auth: &auth, legacy };
    seed.create_missing(&mut report.notes)
        .await
        .with_context(|| format!("no answer from {}", options.url))?;
    for name in options.suites {
        let suite = SuiteDefinition::embedded(name);
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
    fn a_token_without_a_scheme_is_a_bearer_token_unless_it_is_raw() {
        check("abc", false, "Bearer abc");
        check(" abc\n", false, "Bearer abc");
        check("Bearer abc", false, "Bearer abc");
        check("Basic YTpi", false, "Basic YTpi");
        check("abc", true, "abc");
    }
}
