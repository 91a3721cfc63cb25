//! Latency: how long changes take over a longer time, in which the log is moved into the database many
//! times.

use std::time::Duration;

use crate::generator::Until;
use crate::measure::progress;
use crate::operation::Operation;
use crate::start;

/// Connections that create the users.
const FILLING: usize = 32;

/// Fills a tenant, and prints how long the changes of its users take.
pub(crate) async fn run(
    users: usize,
    random: bool,
    connections: usize,
    time: Duration,
) -> anyhow::Result<()> {
    let server = start::muster(random).await?.server;
    progress(&format!("filling a tenant with {users} users"));
    server.fill(users, FILLING).await?;
    anstream::println!("| connections | changes | a second | p50 | p99 | p99.9 | longest |");
    anstream::println!("|---|---|---|---|---|---|---|");
    let driven = server.drive(Operation::Patch, connections, Until::Elapsed(time)).await?;
    let [p50, p99, p999, longest] = driven.times().map(|it| it.as_secs_f64() * 1000.0);
    anstream::println!(
        "| {connections} | {} | {:.0} | {p50:.1} ms | {p99:.1} ms | {p999:.1} ms | {longest:.1} ms |",
        driven.requests(),
        driven.rate(),
    );
    Ok(())
}
