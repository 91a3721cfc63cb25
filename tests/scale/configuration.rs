//! The cost of configuration with many tenants: creating and changing a tenant, starting the host,
//! and memory for each tenant.
//!
//! The release binary runs as a process, once with few tenants and once with many, all of one app.
//! One tenant and its token are created through the admin API; the others are copies of these rows
//! (`copies.rs`), written to the database before the host is started again. None of them has users.
//! The two hosts are measured in turns, so that other work on the machine affects both alike.

mod copies;
mod host;

use anyhow::ensure;
use clap::Args;
use comfy_table::Table;
use serde_json::json;

use self::host::ConfiguredHost;
use crate::connection::Request;
use crate::{median, table};

/// The app of all tenants.
const APP: &str = "people";
/// Measurements that only warm up.
const WARM_UP: usize = 2;
/// The goal for the start with many tenants.
const START_GOAL: &str = "< 3 s";
/// The goal for the memory of a tenant without requests.
const MEMORY_GOAL: &str = "< 4 KiB";

#[derive(Debug, Args)]
pub(crate) struct ConfigurationArgs {
    /// Tenants of the small configuration.
    #[arg(long, default_value_t = 100)]
    few_tenants: usize,
    /// Tenants of the large configuration.
    #[arg(long, default_value_t = 100_000)]
    many_tenants: usize,
    /// Tenants that are created, and tenants that are changed; the median is reported.
    #[arg(long, default_value_t = 25)]
    changes: usize,
}

/// The request that creates the n-th new tenant.
fn create_new(n: usize) -> Request {
    create_tenant(&format!("new-{n}"))
}

/// The request that creates a tenant.
fn create_tenant(id: &str) -> Request {
    let body = json!({ "id": id, "app": APP, "dialect": "okta" }).to_string();
    Request { method: "POST", path: "/tenants".to_owned(), body }
}

/// The request that changes an existing tenant, a different one for each n.
fn change_tenant(n: usize) -> Request {
    let body = json!({ "dialect": "entra" }).to_string();
    Request { method: "PATCH", path: format!("/tenants/{}", copies::tenant(n + 1)), body }
}

pub(crate) async fn measure(args: &ConfigurationArgs) -> anyhow::Result<()> {
    ensure!(args.few_tenants < args.many_tenants, "--many-tenants must be the larger number");
    ensure!(args.few_tenants > args.changes + WARM_UP, "--few-tenants must exceed --changes");
    let hosts = [
        ConfiguredHost::start(args.few_tenants).await?,
        ConfiguredHost::start(args.many_tenants).await?,
    ];
    let mut table = table([
        "configuration".to_owned(),
        format!("with {} tenants", hosts[0].tenants),
        format!("with {} tenants", hosts[1].tenants),
        "ratio".to_owned(),
        "goal".to_owned(),
    ]);
    let create = measure_request(&hosts, create_new, args.changes).await?;
    add_row(&mut table, "create a tenant, ms", create, 2, "");
    let change = measure_request(&hosts, change_tenant, args.changes).await?;
    add_row(&mut table, "change a tenant, ms", change, 2, "");
    let startup = hosts.each_ref().map(|host| host.startup.as_secs_f64() * 1e3);
    add_row(&mut table, "start to first response, ms", startup, 0, START_GOAL);
    let idle = hosts.each_ref().map(|host| host.started_memory as f64);
    add_row(&mut table, "memory after the start, MB", idle.map(megabytes), 1, "");
    let requested = memory_after_requests(&hosts).await?;
    let name = "memory after one request to each tenant, MB";
    add_row(&mut table, name, requested.map(megabytes), 1, "");
    anstream::println!("{table}\n");

    let tenants = (args.many_tenants - args.few_tenants) as f64;
    let per_tenant = |[few, many]: [f64; 2]| (many - few) / tenants / 1024.0;
    anstream::println!(
        "memory for each tenant: {:.2} KiB without requests (goal: {MEMORY_GOAL}), {:.2} KiB after \
         one request to each tenant",
        per_tenant(idle),
        per_tenant(requested),
    );
    for host in hosts {
        host.stop()?;
    }
    Ok(())
}

/// The median times of a request to the admin API on both hosts, in milliseconds.
async fn measure_request(
    hosts: &[ConfiguredHost; 2],
    request: fn(usize) -> Request,
    rounds: usize,
) -> anyhow::Result<[f64; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    for n in 0..WARM_UP + rounds {
        for (host, times) in hosts.iter().zip(&mut times) {
            let time = host.time(&request(n)).await?;
            if n >= WARM_UP {
                times.push(time.as_secs_f64() * 1e3);
            }
        }
    }
    Ok(times.map(median))
}

/// The resident memory of both hosts in bytes, after one request to each tenant.
async fn memory_after_requests(hosts: &[ConfiguredHost; 2]) -> anyhow::Result<[f64; 2]> {
    let mut memory = [0.0; 2];
    for (host, memory) in hosts.iter().zip(&mut memory) {
        anstream::eprintln!("scale: one request to each of {} tenants", host.tenants);
        host.request_each_tenant().await?;
        *memory = host.idle_memory().await? as f64;
    }
    Ok(memory)
}

/// Adds a row with the figures of both hosts and their ratio.
fn add_row(table: &mut Table, name: &str, figures: [f64; 2], decimals: usize, goal: &str) {
    let [few, many] = figures;
    anstream::eprintln!("scale: {name}: {few:.decimals$}, {many:.decimals$}");
    table.add_row([
        name.to_owned(),
        format!("{few:.decimals$}"),
        format!("{many:.decimals$}"),
        format!("{:.2}", many / few),
        goal.to_owned(),
    ]);
}

fn megabytes(bytes: f64) -> f64 {
    bytes / 1e6
}
