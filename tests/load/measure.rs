//! The sequence of measurements: for each population, fill the servers, measure each operation and
//! the memory, then compare a small group with a large one.

use std::time::{Duration, Instant};

use crate::generator::{Program, Server, Throughput, Until};
use crate::operation::Operation;
use crate::report::{GroupGrowth, OperationResult, PopulationResult, Report, Startup};
use crate::start;

/// Members of the group to which the operation `group` adds.
const GROUP: usize = 10_000;
/// Members of the small and of the large group.
const SMALL: usize = 10;
const LARGE: usize = 100_000;
/// Members added to each group per measurement: few, so that the small group stays small.
const ADDED: usize = 500;
/// Measurements of each group; the median is reported.
const ADDITIONS: usize = 8;
/// How long an operation runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(250);
/// Connections that create the users.
const FILLING: usize = 32;

/// The options of a run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) users: Vec<usize>,
    pub(crate) connections: usize,
    pub(crate) rounds: usize,
    pub(crate) slice: Duration,
    pub(crate) operations: Vec<Operation>,
    /// Whether users are created and changed in a random order.
    pub(crate) random: bool,
}

/// The servers, each with the same users.
struct Servers {
    muster: Server,
    limit: Server,
    baseline: Server,
}

pub(crate) async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let mut report = Report { connections: plan.connections, ..Report::default() };
    let most = plan.users.iter().copied().max();
    for &users in &plan.users {
        progress("starting");
        let started = start::muster(plan.random).await?;
        let startup = Startup { elapsed: started.startup, idle: started.idle };
        report.startup.get_or_insert(startup);
        let servers = Servers {
            muster: started.server,
            limit: start::reference(Program::Limit, plan.random)?,
            baseline: start::reference(Program::Baseline, plan.random)?,
        };
        report.populations.push(measure_population(plan, &servers, users).await?);
        if Some(users) == most && plan.operations.contains(&Operation::Group) {
            report.group_growth = measure_group_growth(plan, &servers, users).await?;
        }
    }
    report.elapsed = begun.elapsed();
    Ok(report)
}

async fn measure_population(
    plan: &Plan,
    servers: &Servers,
    users: usize,
) -> anyhow::Result<PopulationResult> {
    let Servers { muster, limit, baseline } = servers;
    for server in [limit, baseline, muster] {
        progress(&format!("{users} users: filling {}", server.program));
        server.fill(users, FILLING).await?;
    }
    let filled = muster.process.memory()?;
    let database =
        || Ok::<_, anyhow::Error>(muster.folder.path().join("muster.db").metadata()?.len());
    let database_when_filled = database()?;
    let mut operations = Vec::new();
    // Operations that create users or groups come last.
    let (keep, grow): (Vec<_>, Vec<_>) =
        plan.operations.iter().partition(|operation| operation.keeps_population());
    for operation in keep.into_iter().chain(grow) {
        let mut result = OperationResult::new(operation);
        for round in 0..plan.rounds {
            let mut turns = [muster, limit, baseline];
            turns.rotate_left(round % 3);
            for server in turns {
                let program = server.program;
                // A connector decides about writes only: for reads, limit and baseline are the same.
                if program == Program::Baseline && !operation.writes() {
                    continue;
                }
                let throughput = measure_slice(plan, server, operation, users).await?;
                let (rate, micros) = (throughput.rate(), throughput.micros());
                progress(&format!(
                    "{users} users: {operation} {program} {rate:.0}/s, {micros:.0} µs, p99 {:.1} ms",
                    throughput.p99().as_secs_f64() * 1000.0,
                ));
                result.rounds_of(program).push(throughput);
            }
        }
        operations.push(result);
    }
    let after = muster.process.memory()?;
    let database = [database_when_filled, database()?];
    Ok(PopulationResult { users, operations, filled, after, database })
}

/// Measures one operation on one server for one time slice.
async fn measure_slice(
    plan: &Plan,
    server: &Server,
    operation: Operation,
    users: usize,
) -> anyhow::Result<Throughput> {
    if operation == Operation::Group {
        // The users created here are added to the group.
        let group = GROUP.min(users);
        server.fill(group + 2 * GROUP, FILLING).await?;
        server.open_group(group).await?;
    }
    server.check(operation).await?;
    server.drive(operation, plan.connections, Until::Elapsed(WARM_UP)).await?;
    server.drive(operation, plan.connections, Until::Elapsed(plan.slice)).await
}

/// Measures adding members to a small and to a large group, in turns.
async fn measure_group_growth(
    plan: &Plan,
    servers: &Servers,
    users: usize,
) -> anyhow::Result<Vec<GroupGrowth>> {
    let large = LARGE.min(users);
    let mut results = Vec::new();
    for server in [&servers.muster, &servers.limit] {
        progress(&format!("{}: filling a group of {large}", server.program));
        server.fill(large + ADDED * 2 * (ADDITIONS + 1), FILLING).await?;
        let group = server.open_group(large).await?;
        let mut members = large;
        for connections in [1, plan.connections] {
            let mut growth = GroupGrowth::new(server.program, connections, large);
            for addition in 0..=ADDITIONS {
                let add = || server.drive(Operation::Group, connections, Until::Requests(ADDED));
                server.open_group(SMALL).await?;
                let at_small = add().await?.rate();
                server.directory.open_group(group.clone(), members);
                members += ADDED;
                let at_large = add().await?.rate();
                if addition > 0 {
                    growth.small_rates.push(at_small);
                    growth.large_rates.push(at_large);
                }
            }
            results.push(growth);
        }
    }
    Ok(results)
}

pub(crate) fn progress(text: &str) {
    anstream::eprintln!("load: {text}");
}
