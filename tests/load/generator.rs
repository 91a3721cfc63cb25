//! The generator: as many requests as a server answers, from a number of connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::connection::{Connection, Request};
use crate::directory::Directory;
use crate::operation::{Operation, Seat, id, join};
use crate::process::Process;

/// Members that one request adds while a group is filled.
const CHUNK: usize = 5000;
/// How long after its end a slice may still be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server under load.
#[derive(Debug)]
pub(crate) struct Server {
    /// What it is called in progress and reports.
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    /// What stands before `/Users`.
    pub(crate) prefix: String,
    pub(crate) token: String,
    pub(crate) directory: Arc<Directory>,
    /// Removed when the process is gone.
    pub(crate) _folder: TempDir,
}

/// How long something is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    After(Duration),
    Requests(usize),
}

/// What was done in what time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    requests: usize,
    took: Duration,
    processor: Duration,
}

impl Pace {
    /// Requests per second.
    pub(crate) fn rate(self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// Microseconds of processor time that each request took from the server.
    pub(crate) fn micros(self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.requests as f64
    }
}

impl Server {
    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.process.address, &self.prefix, &self.token)
            .await
            .with_context(|| self.name)
    }

    /// Makes users until there are so many, and counts them.
    pub(crate) async fn fill(&self, users: usize, connections: usize) -> anyhow::Result<()> {
        let missing = users.saturating_sub(self.directory.count());
        if missing > 0 {
            self.drive(Operation::Post, connections, Until::Requests(missing)).await?;
        }
        self.directory.count();
        Ok(())
    }

    /// Makes a group of the first so many users, which those behind them join from now on.
    pub(crate) async fn open_group(&self, members: usize) -> anyhow::Result<String> {
        let mut connection = self.connect().await?;
        let body = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Everybody","members":[]}"#;
        let request = Request { method: "POST", path: "/Groups".to_owned(), body: body.to_owned() };
        let group = id(connection.send(&request).await?.expect(201)?.body)?;
        let path = format!("/Groups/{group}");
        for people in self.directory.first(members).chunks(CHUNK) {
            let request = Request { method: "PATCH", path: path.clone(), body: join(people) };
            connection.send(&request).await?.expect(204)?;
        }
        self.directory.open_group(group.clone(), members);
        Ok(group)
    }

    /// Reads one answer whole.
    pub(crate) async fn check(&self, operation: Operation) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let turn = operation.turn(&self.directory, &mut Seat::new(0)).context("nobody is left")?;
        let answer = connection.send(&turn.request).await?;
        operation.check(&self.directory, &answer).with_context(|| format!("{operation}"))?;
        operation.heard(&self.directory, &turn, answer)
    }

    /// Sends one request after the other on each connection.
    pub(crate) async fn drive(
        &self,
        operation: Operation,
        connections: usize,
        until: Until,
    ) -> anyhow::Result<Pace> {
        let mut seats = Vec::new();
        for number in 0..connections {
            seats.push((self.connect().await?, Seat::new(number)));
        }
        let (slice, requests) = match until {
            Until::After(slice) => (slice, usize::MAX),
            Until::Requests(requests) => (Duration::from_secs(600), requests),
        };
        let before = self.process.processor_time()?;
        let begun = Instant::now();
        let left = Arc::new(AtomicUsize::new(requests));
        let mut tasks = JoinSet::new();
        for (connection, seat) in seats {
            let directory = Arc::clone(&self.directory);
            let left = Arc::clone(&left);
            tasks.spawn(repeat(connection, seat, directory, operation, begun + slice, left));
        }
        let mut requests = 0;
        let all = async {
            while let Some(done) = tasks.join_next().await {
                requests += done??;
            }
            anyhow::Ok(())
        };
        let done = tokio::time::timeout(slice + PATIENCE, all).await;
        done.context("no answer comes").flatten().with_context(|| {
            format!("{}: {operation} over {connections} connections", self.name)
        })?;
        ensure!(requests > 0, "{}: nobody is left for {operation}", self.name);
        let processor = self.process.processor_time()?.saturating_sub(before);
        Ok(Pace { requests, took: begun.elapsed(), processor })
    }
}

async fn repeat(
    mut connection: Connection,
    mut seat: Seat,
    directory: Arc<Directory>,
    operation: Operation,
    end: Instant,
    left: Arc<AtomicUsize>,
) -> anyhow::Result<usize> {
    let mut done = 0;
    let one_less = |left: usize| left.checked_sub(1);
    while Instant::now() < end
        && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    {
        let Some(turn) = operation.turn(&directory, &mut seat) else { break };
        let answer = connection.send(&turn.request).await?;
        operation.heard(&directory, &turn, answer)?;
        done += 1;
    }
    Ok(done)
}
