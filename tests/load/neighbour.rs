//! Neighbours: how much of its rate a tenant keeps while another tenant of the same host sends slow
//! queries over many connections.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use tokio::task::JoinSet;

use crate::connection::{Request, encoded};
use crate::generator::{Server, Throughput, Until};
use crate::measure::progress;
use crate::operation::Operation;
use crate::start;

/// Connections of the tenant that sends slow queries.
const LOUD: usize = 32;
/// Connections that create the users.
const FILLING: usize = 32;
/// The share of its rate that a tenant keeps, at least.
const GOAL: f64 = 0.8;
/// The requests of the quiet tenant.
const OPERATIONS: [Operation; 3] = [Operation::List, Operation::Get, Operation::Patch];

/// A slow query.
#[derive(Clone, Copy, Debug)]
enum SlowQuery {
    /// A filter for which every user is looked at.
    Scan,
    /// A filter that has an index, and that every user matches.
    ManyMatches,
    /// An order that no index has.
    Sort,
}

impl SlowQuery {
    const ALL: [Self; 3] = [Self::Scan, Self::ManyMatches, Self::Sort];

    fn request(self) -> Request {
        let query = match self {
            Self::Scan => format!("filter={}", encoded(r#"name.familyName ew "zz""#)),
            Self::ManyMatches => {
                format!("filter={}", encoded(r#"meta.lastModified gt "2001-01-01T00:00:00Z""#))
            }
            Self::Sort => "sortBy=name.familyName".to_owned(),
        };
        Request::get(format!("/Users?{query}&count=10"))
    }
}

impl fmt::Display for SlowQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scan => "filters without an index",
            Self::ManyMatches => "filters that all users match",
            Self::Sort => "orders without an index",
        })
    }
}

/// Fills two tenants, and prints the rates of one, alone and beside the other.
pub(crate) async fn run(
    users: usize,
    connections: usize,
    rounds: usize,
    slice: Duration,
) -> anyhow::Result<()> {
    let quiet = start::muster(false).await?.server;
    let loud = start::another_tenant(&quiet, "loud").await?;
    for server in [&quiet, &loud] {
        progress(&format!("filling a tenant with {users} users"));
        server.fill(users, FILLING).await?;
    }
    anstream::println!("| slow queries of the neighbour | request | alone | beside | kept | p99 |");
    anstream::println!("|---|---|---|---|---|---|");
    for slow in SlowQuery::ALL {
        for operation in OPERATIONS {
            let (mut shares, mut last) = (Vec::new(), None);
            for _ in 0..rounds.max(1) {
                let drive = || quiet.drive(operation, connections, Until::Elapsed(slice));
                let alone = drive().await?;
                let queries = Queries::begin(&loud, slow).await?;
                let beside = drive().await?;
                let answered = queries.end().await?;
                progress(&format!("{slow}: {answered} answered"));
                shares.push(beside.rate() / alone.rate());
                last = Some((alone, beside));
            }
            shares.sort_by(f64::total_cmp);
            if let Some((alone, beside)) = last {
                print(slow, operation, alone, beside, shares[shares.len() / 2]);
            }
        }
    }
    Ok(())
}

fn print(slow: SlowQuery, operation: Operation, alone: Throughput, beside: Throughput, share: f64) {
    let missed = if share < GOAL { format!(" (goal: {GOAL})") } else { String::new() };
    let (before, after) = (alone.rate(), beside.rate());
    let p99 = beside.p99().as_secs_f64() * 1000.0;
    anstream::println!(
        "| {slow} | {operation} | {before:.0}/s | {after:.0}/s | {share:.2}{missed} | {p99:.1} ms |"
    );
}

/// The slow queries that are being sent.
struct Queries {
    tasks: JoinSet<anyhow::Result<()>>,
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Queries {
    async fn begin(server: &Server, slow: SlowQuery) -> anyhow::Result<Self> {
        let mut queries =
            Self { tasks: JoinSet::new(), is_over: Arc::default(), answered: Arc::default() };
        for _ in 0..LOUD {
            let mut connection = server.connect().await?;
            let (is_over, answered) = (Arc::clone(&queries.is_over), Arc::clone(&queries.answered));
            queries.tasks.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let status = connection.send(&slow.request()).await?.status;
                    // 400 if too many users would have to be looked at.
                    ensure!(matches!(status, 200 | 400 | 429), "status {status}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        Ok(queries)
    }

    /// The number of answers. Connections whose query is not answered yet are closed.
    async fn end(mut self) -> anyhow::Result<usize> {
        self.is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.try_join_next() {
            ended??;
        }
        self.tasks.shutdown().await;
        Ok(self.answered.load(Ordering::Relaxed))
    }
}
