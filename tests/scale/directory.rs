//! The cost of requests in a large directory, compared with a small one.
//!
//! Two hosts are filled and measured in turns, one request at a time, so that other work on the
//! machine affects both alike. The ratio is the result.

use clap::Args;

use crate::filled_host::FilledHost;
use crate::question::Question;
use crate::{median, table};

/// The goal for the cost in the large directory, divided by the cost in the small one.
const GOAL: f64 = 1.2;

#[derive(Debug, Args)]
pub(crate) struct DirectoryArgs {
    /// Users of the small directory.
    #[arg(long, default_value_t = 10_000)]
    small: usize,
    /// Users of the large directory.
    #[arg(long, default_value_t = 1_000_000)]
    large: usize,
    /// Measurements of each request; the median is reported.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Requests in each measurement.
    #[arg(long, default_value_t = 400)]
    requests: usize,
}

pub(crate) async fn measure(args: &DirectoryArgs) -> anyhow::Result<()> {
    let mut small = FilledHost::fill(args.small).await?;
    let mut large = FilledHost::fill(args.large).await?;
    let mut table = table([
        "request".to_owned(),
        format!("µs with {} users", args.small),
        format!("µs with {} users", args.large),
        "cost ratio".to_owned(),
        "goal".to_owned(),
    ]);
    for question in Question::ALL {
        let mut costs = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..=args.rounds {
            let requests = if round == 0 { args.requests.min(100) } else { args.requests };
            let (at_small, at_large) = if round % 2 == 0 {
                let at_small = small.ask(question, requests).await?;
                (at_small, large.ask(question, requests).await?)
            } else {
                let at_large = large.ask(question, requests).await?;
                (small.ask(question, requests).await?, at_large)
            };
            // The first round only warms up.
            if round > 0 {
                costs[0].push(at_small);
                costs[1].push(at_large);
                costs[2].push(at_large / at_small);
            }
        }
        let [at_small, at_large, ratio] = costs.map(median);
        anstream::eprintln!("scale: {question}: {ratio:.2}");
        let row = [question.to_string(), format!("{at_small:.0}"), format!("{at_large:.0}")];
        table.add_row(row.into_iter().chain([format!("{ratio:.2}"), format!("≤ {GOAL}")]));
    }
    anstream::println!("{table}\n");
    for host in [&mut small, &mut large] {
        print_import(host).await?;
    }
    small.close().await?;
    large.close().await
}

async fn print_import(host: &mut FilledHost) -> anyhow::Result<()> {
    let import = host.import().await?;
    anstream::println!(
        "import of {} users by startIndex, {} pages: {:.1} s, {:.0} µs for each page \
         (first tenth of the pages {:.0}, last tenth {:.0})",
        host.users(),
        import.pages,
        import.elapsed.as_secs_f64(),
        import.elapsed.as_secs_f64() * 1e6 / import.pages as f64,
        import.first,
        import.last,
    );
    Ok(())
}
