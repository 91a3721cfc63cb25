//! The run: populations, operations, groups, memory, in that order.

use std::time::{Duration, Instant};

use crate::generator::{Pace, Server, Until};
use crate::operation::Operation;
use crate::report::{Figures, Grown, Load, Report, Starting};
use crate::start;

/// Members of the group that `group` adds to.
const GROUP: usize = 10_000;
/// Members of a small and of a large group.
const SMALL: usize = 10;
const LARGE: usize = 100_000;
/// Members that are added to each of the two at a time: few, so that the small one stays small.
const ADDED: usize = 500;
/// How often that is done; the median counts.
const ADDITIONS: usize = 8;
/// What a server does before it is measured.
const WARM_UP: Duration = Duration::from_millis(250);
/// Connections over which users are made.
const FILLING: usize = 32;

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) users: Vec<usize>,
    pub(crate) connections: usize,
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
    pub(crate) operations: Vec<Operation>,
}

/// The servers, each with the same people.
struct Servers {
    muster: Server,
    limit: Server,
    /// The limit, asking a sandbox and keeping a journal.
    working: Server,
}

pub(crate) async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let mut report = Report { connections: plan.connections, ..Report::default() };
    let most = plan.users.iter().copied().max();
    for &users in &plan.users {
        progress("starting");
        let fresh = start::muster().await?;
        let starting = Starting { took: fresh.start, idle: fresh.idle };
        report.starting.get_or_insert(starting);
        let servers = Servers {
            muster: fresh.server,
            limit: start::limit("limit")?,
            working: start::limit("working")?,
        };
        let load = population(plan, &servers, users).await?;
        report.loads.push(load);
        if Some(users) == most && plan.operations.contains(&Operation::Group) {
            report.grown = grown(plan, &servers, users).await?;
        }
    }
    report.took = begun.elapsed();
    Ok(report)
}

async fn population(plan: &Plan, servers: &Servers, users: usize) -> anyhow::Result<Load> {
    let Servers { muster, limit, working } = servers;
    for server in [limit, working, muster] {
        progress(&format!("{users} users: filling {}", server.name));
        server.fill(users, FILLING).await?;
    }
    let filled = muster.process.memory()?;
    let mut operations = Vec::new();
    // What makes the population grow comes last.
    let (keep, grow): (Vec<_>, Vec<_>) =
        plan.operations.iter().partition(|operation| operation.keeps_population());
    for operation in keep.into_iter().chain(grow) {
        let mut figures = Figures::of(operation);
        for round in 0..plan.rounds {
            let mut turns = [muster, limit, working];
            turns.rotate_left(round % 3);
            // Nobody decides about what is only read.
            for server in turns.into_iter().filter(|it| operation.writes() || it.name != "working")
            {
                let pace = slice(plan, server, operation, users).await?;
                let (rate, micros) = (pace.rate(), pace.micros());
                let name = server.name;
                progress(&format!("{users} users: {operation} {name} {rate:.0}/s, {micros:.0} µs"));
                figures.rounds_of(name).push(pace);
            }
        }
        operations.push(figures);
    }
    Ok(Load { users, operations, filled, after: muster.process.memory()? })
}

/// One operation on one server, over a slice of time.
async fn slice(
    plan: &Plan,
    server: &Server,
    operation: Operation,
    users: usize,
) -> anyhow::Result<Pace> {
    if operation == Operation::Group {
        // Those who were made since are the ones who join.
        let group = GROUP.min(users);
        server.fill(group + 2 * GROUP, FILLING).await?;
        server.open_group(group).await?;
    }
    server.check(operation).await?;
    server.drive(operation, plan.connections, Until::After(WARM_UP)).await?;
    server.drive(operation, plan.connections, Until::After(plan.slice)).await
}

/// Members added to a small and to a large group, by turns.
async fn grown(plan: &Plan, servers: &Servers, users: usize) -> anyhow::Result<Vec<Grown>> {
    let large = LARGE.min(users);
    let mut all = Vec::new();
    for server in [&servers.muster, &servers.limit] {
        progress(&format!("{}: filling a group of {large}", server.name));
        server.fill(large + ADDED * 2 * (ADDITIONS + 1), FILLING).await?;
        let group = server.open_group(large).await?;
        let mut joined = large;
        for connections in [1, plan.connections] {
            let mut grown = Grown { server: server.name, connections, large, ..Grown::default() };
            for addition in 0..=ADDITIONS {
                let add = || server.drive(Operation::Group, connections, Until::Requests(ADDED));
                server.open_group(SMALL).await?;
                let at_small = add().await?.rate();
                server.directory.open_group(group.clone(), joined);
                joined += ADDED;
                let at_large = add().await?.rate();
                if addition > 0 {
                    grown.small.push(at_small);
                    grown.large_rates.push(at_large);
                }
            }
            all.push(grown);
        }
    }
    Ok(all)
}

fn progress(what: &str) {
    anstream::eprintln!("load: {what}");
}
