//! Calls: what a creation costs that is carried out in an app, here by the two-state connector in the sample
//! app, which runs in the process of the benchmark.

use std::time::Duration;

use serde_json::json;

use crate::generator::Until;
use crate::measure::progress;
use crate::operation::Operation;
use crate::start;

/// The goal for the processor time of muster for each creation, in microseconds.
const GOAL: f64 = 600.0;
const WARM_UP: Duration = Duration::from_millis(500);

/// Creates users for so long in each round, and prints what each cost.
pub(crate) async fn run(connections: usize, rounds: usize, slice: Duration) -> anyhow::Result<()> {
    let muster = start::muster(false).await?.server;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let sample = muster::sample::serve(listener, "secret")?;
    let endpoint = json!({
        "base_url": sample.base_url(),
        "auth": { "bearer": { "value": "secret" } },
        "private_addresses": true,
    });
    let server = start::tenant_with_calls(&muster, &endpoint).await?;
    server.drive(Operation::Post, connections, Until::Elapsed(WARM_UP)).await?;
    let mut costs = Vec::new();
    for _ in 0..rounds.max(1) {
        let driven = server.drive(Operation::Post, connections, Until::Elapsed(slice)).await?;
        progress(&format!("{:.0}/s, {:.0} µs", driven.rate(), driven.micros()));
        costs.push(driven.micros());
    }
    costs.sort_by(f64::total_cmp);
    let (people, created) = (sample.people().len(), server.directory.count());
    anyhow::ensure!(people == created, "{people} people in the app, {created} were created");
    anstream::println!(
        "processor time for each creation that is carried out in an app, over {connections} \
         connections: {:.0} µs [{:.0}..{:.0}] (goal: {GOAL:.0})",
        costs[costs.len() / 2],
        costs[0],
        costs[costs.len() - 1],
    );
    Ok(())
}
