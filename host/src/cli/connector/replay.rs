//! `muster connector replay`: compares a version's decisions with recorded ones.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::cli::admin::{Admin, segment};
use crate::cli::output::{self, BAD, FAINT, Format, GOOD, NAME, NOTE, STRONG};
use crate::clock::{Clock, rfc3339};
use crate::lifecycle::{DifferenceGroup, Example, ReplayReport, ReplaySpec, ReplayUpdate, Timing};
use crate::terminal;

/// The exit status if a decision differs; 1 is an error.
const DIFFERS: u8 = 2;

const STATUS: &str = "\
Exit status: 0 if all decisions are the same, 2 if some differ, 1 if the replay failed.";

/// Replay an app's recorded decisions with another version. No app is called, nothing is changed, and
/// the host continues to serve.
///
/// The version gets the same events, and the same responses of the app, as in the journal. Decisions
/// that differ from the recorded ones are reported, each kind of difference with an example operation.
#[derive(Args, Debug)]
#[command(after_help = STATUS)]
pub(super) struct ReplayArgs {
    /// The version: a connector's name, `name@version`, or a digest.
    connector: String,
    /// The app's name.
    #[arg(long)]
    app: String,
    /// Only decisions since this time: a date, a time in RFC 3339, or how long ago, such as `30d` or
    /// `12h` [default: all that are kept].
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only this many decisions, the newest ones [default: all].
    #[arg(long, value_name = "N")]
    last: Option<u64>,
    /// Only decisions for this tenant [default: all tenants of the app].
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let since = args.since.as_deref().map(moment).transpose()?;
    let (connector, last, tenant) = (args.connector, args.last, args.tenant);
    let spec = ReplaySpec { connector, since, last, tenant };
    let report = replay(&args.admin, &args.app, spec).await?;
    args.format.print(&report, print);
    Ok(if report.alike { ExitCode::SUCCESS } else { ExitCode::from(DIFFERS) })
}

/// Runs a replay on the host, and shows its progress on a terminal.
pub(super) async fn replay(
    admin: &Admin,
    app: &str,
    spec: ReplaySpec,
) -> anyhow::Result<ReplayReport> {
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {human_pos} of about {human_len} decisions, {per_sec}, {msg}",
    )?);
    let mut result = None;
    let path = format!("/apps/{}/replay", segment(app));
    let lines = admin.lines(&path, &spec, |line| {
        match line {
            ReplayUpdate::Progress(progress) => {
                bar.set_length(progress.about);
                bar.set_position(progress.decisions);
                bar.set_message(format!("{} differ", progress.different));
            }
            ReplayUpdate::Report(report) => result = Some(*report),
            ReplayUpdate::Failed(why) => bail!("the replay failed: {why}"),
        }
        Ok(())
    });
    let lines = lines.await;
    bar.finish_and_clear();
    lines?;
    result.context("the host closed the connection before the end of the replay")
}

/// Prints the report.
pub(super) fn print(report: &ReplayReport) {
    let candidate = &report.candidate;
    let scope = match &report.tenant {
        Some(tenant) => format!("tenant {tenant} of app {}", report.app),
        None => format!("app {}", report.app),
    };
    terminal::println!(
        "{NAME}{}@{}{NAME:#} on {} recorded decisions of {scope} {FAINT}in {:.1} s{FAINT:#}",
        candidate.name,
        candidate.version,
        report.decisions,
        report.seconds,
    );
    let alike = report.decisions - report.different;
    terminal::println!("  {GOOD}{alike:>8}{GOOD:#} are decided alike");
    if let Some(reworded) = &report.reworded {
        terminal::println!("  {FAINT}{:>8}{FAINT:#} of them with other texts", reworded.count);
        example(&reworded.example);
    }
    report.differences.iter().for_each(difference);
    if report.unlisted > 0 {
        terminal::println!("  {NOTE}{:>8}{NOTE:#} differ in further ways", report.unlisted);
    }
    if let Some(timing) = &report.pace {
        print_timing(timing);
    }
    if report.forgotten > 0 {
        let forgotten = report.forgotten;
        terminal::println!(
            "  {FAINT}{forgotten:>8} more cannot be replayed: the app's responses are no longer \
             kept{FAINT:#}"
        );
    }
    if report.stopped {
        terminal::println!("  {BAD}stopped{BAD:#}: too many decisions exceed the time limit");
    }
}

fn difference(difference: &DifferenceGroup) {
    let DifferenceGroup { kind, event, what, count, example: newest } = difference;
    let kind = output::text(&json!(kind));
    terminal::println!(
        "  {BAD}{count:>8}{BAD:#} differ: {STRONG}{}{STRONG:#}, {kind}: {what}",
        event.name()
    );
    example(newest);
}

fn example(example: &Example) {
    let Example { operation, recorded, candidate } = example;
    terminal::println!("           {FAINT}muster operation explain {operation}{FAINT:#}");
    terminal::println!("           {FAINT}then{FAINT:#} {}", terminal::shown(recorded));
    terminal::println!("           {FAINT}now {FAINT:#} {}", terminal::shown(candidate));
}

fn print_timing(timing: &Timing) {
    let Timing { active_micros, candidate_micros, ratio, slower, example, .. } = timing;
    let style = if *slower { BAD } else { FAINT };
    let word = if *slower { "slower" } else { "as fast" };
    terminal::println!(
        "  {style}{word}{style:#}: {candidate_micros} µs for a decision, the version in use takes \
         {active_micros} µs ({ratio} times)"
    );
    if *slower {
        terminal::println!("           {FAINT}muster operation explain {example}{FAINT:#}");
    }
}

/// The time that an option such as `--since` means: a date, a time, or how long ago.
pub(in crate::cli) fn moment(text: &str) -> anyhow::Result<String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(rfc3339(at));
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let at = day.to_zoned(jiff::tz::TimeZone::UTC).context("no such day")?;
        return Ok(rfc3339(at.timestamp()));
    }
    let ago = duration(text).with_context(|| {
        format!(
            "--since {text:?} is not a time: give a date such as 2026-11-01, a time such as \
             2026-11-01T12:00:00Z, or how long ago, such as 30d or 12h"
        )
    })?;
    Ok(rfc3339(Clock::system().now().checked_sub(ago).unwrap_or(Timestamp::MIN)))
}

/// A duration such as `30d` or `12h`.
pub(in crate::cli) fn duration(text: &str) -> Option<SignedDuration> {
    let duration = days(text).or_else(|| text.parse().ok());
    duration.filter(|duration| !duration.is_negative())
}

/// A duration in days or weeks. In calendars a day has no fixed length; here it has 24 hours.
fn days(text: &str) -> Option<SignedDuration> {
    let (number, hours) = match text.strip_suffix('d') {
        Some(days) => (days, 24),
        None => (text.strip_suffix('w')?, 24 * 7),
    };
    let number: i32 = number.parse().ok()?;
    SignedDuration::from_hours(hours).checked_mul(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_date_a_time_or_how_long_ago() {
        assert_eq!(moment("2026-11-01").ok().as_deref(), Some("2026-11-01T00:00:00.000Z"));
        let exact = moment("2026-11-01T12:00:00+01:00");
        assert_eq!(exact.ok().as_deref(), Some("2026-11-01T11:00:00.000Z"));
        let now = rfc3339(Clock::system().now());
        for ago in ["30d", "2w", "12h", "1h 30m"] {
            assert!(moment(ago).is_ok_and(|at| at < now), "{ago}");
        }
        for nonsense in ["", "yesterday", "-3d", "d"] {
            assert!(moment(nonsense).is_err(), "{nonsense}");
        }
    }
}
