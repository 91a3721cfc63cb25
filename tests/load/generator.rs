//! The load generator: sends requests over a number of connections, each as fast as the server
//! answers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::connection::{Connection, Request};
use crate::directory::Directory;
use crate::operation::{ClientState, Operation, add_members, resource_id};
use crate::process::Process;

/// Members that one request adds while a group is filled.
const CHUNK: usize = 5000;
/// How long the responses may take after the end of a time slice.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The programs that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Muster,
    /// The reference server, which only stores: an upper limit for this machine.
    Limit,
    /// The reference server with a decision and a row of a journal for each write.
    Baseline,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Muster => "muster",
            Self::Limit => "limit",
            Self::Baseline => "baseline",
        })
    }
}

/// A server under load.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) process: Arc<Process>,
    /// The base path of SCIM, before `/Users`.
    pub(crate) prefix: String,
    pub(crate) token: String,
    pub(crate) directory: Arc<Directory>,
    /// Removed after the process has ended.
    pub(crate) folder: Arc<TempDir>,
}

/// When the generator stops sending.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After this number of requests.
    Requests(usize),
}

/// The number of requests, the time that they took, and the processor time of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throughput {
    requests: usize,
    elapsed: Duration,
    processor: Duration,
    /// Half of the requests took at most this, then 99 %, 99.9 %, and all of them.
    times: [Duration; 4],
}

impl Throughput {
    /// Requests per second.
    pub(crate) fn rate(self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The time that 99 of 100 requests took at most.
    pub(crate) fn p99(self) -> Duration {
        self.times[1]
    }

    /// The time that half of the requests took at most, 99 %, 99.9 %, and all of them.
    pub(crate) fn times(self) -> [Duration; 4] {
        self.times
    }

    /// The number of requests.
    pub(crate) fn requests(self) -> usize {
        self.requests
    }

    /// Processor time of the server for each request, in microseconds.
    pub(crate) fn micros(self) -> f64 {
        self.processor.as_secs_f64() * 1e6 / self.requests as f64
    }
}

impl Server {
    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.process.address, &self.prefix, &self.token)
            .await
            .with_context(|| self.program)
    }

    /// Creates users until there are `users`, and counts them.
    pub(crate) async fn fill(&self, users: usize, connections: usize) -> anyhow::Result<()> {
        let missing = users.saturating_sub(self.directory.count());
        if missing > 0 {
            self.drive(Operation::Post, connections, Until::Requests(missing)).await?;
        }
        self.directory.count();
        Ok(())
    }

    /// Creates a group of the first `members` users; later `Group` operations add the users after
    /// them. Returns its id.
    pub(crate) async fn open_group(&self, members: usize) -> anyhow::Result<String> {
        let mut connection = self.connect().await?;
        let body = r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Everyone","members":[]}"#;
        let request = Request { method: "POST", path: "/Groups".to_owned(), body: body.to_owned() };
        let group = resource_id(connection.send(&request).await?.expect(201)?.body)?;
        let path = format!("/Groups/{group}");
        for people in self.directory.first(members).chunks(CHUNK) {
            let request =
                Request { method: "PATCH", path: path.clone(), body: add_members(people) };
            connection.send(&request).await?.expect(204)?;
        }
        self.directory.open_group(group.clone(), members);
        Ok(group)
    }

    /// Sends one request and checks the whole response, which [`drive`](Self::drive) does not.
    pub(crate) async fn check(&self, operation: Operation) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let mut client = ClientState::new(0);
        let prepared =
            operation.prepare(&self.directory, &mut client).context("no user is left")?;
        let response = connection.send(&prepared.request).await?;
        operation.check(&self.directory, &response).with_context(|| format!("{operation}"))?;
        operation.record(&self.directory, &prepared, response)
    }

    /// Sends requests over `connections` connections, one after another on each.
    pub(crate) async fn drive(
        &self,
        operation: Operation,
        connections: usize,
        until: Until,
    ) -> anyhow::Result<Throughput> {
        let mut clients = Vec::new();
        for number in 0..connections {
            clients.push((self.connect().await?, ClientState::new(number)));
        }
        let (slice, requests) = match until {
            Until::Elapsed(slice) => (slice, usize::MAX),
            Until::Requests(requests) => (Duration::from_secs(600), requests),
        };
        let before = self.process.processor_time()?;
        let begun = Instant::now();
        let left = Arc::new(AtomicUsize::new(requests));
        let mut tasks = JoinSet::new();
        for (connection, client) in clients {
            let directory = Arc::clone(&self.directory);
            let left = Arc::clone(&left);
            tasks.spawn(repeat(connection, client, directory, operation, begun + slice, left));
        }
        let mut times = Vec::new();
        let all = async {
            while let Some(done) = tasks.join_next().await {
                times.extend(done??);
            }
            anyhow::Ok(())
        };
        let done = tokio::time::timeout(slice + TIMEOUT, all).await;
        done.context("no response before the timeout").flatten().with_context(|| {
            format!("{}: {operation} over {connections} connections", self.program)
        })?;
        let (elapsed, requests) = (begun.elapsed(), times.len());
        ensure!(requests > 0, "{}: no user is left for {operation}", self.program);
        let processor = self.process.processor_time()?.saturating_sub(before);
        times.sort_unstable();
        let times =
            [500, 990, 999, 1000].map(|thousandth| times[(requests - 1) * thousandth / 1000]);
        Ok(Throughput { requests, elapsed, processor, times })
    }
}

/// Sends requests one after another. How long each took.
async fn repeat(
    mut connection: Connection,
    mut client: ClientState,
    directory: Arc<Directory>,
    operation: Operation,
    end: Instant,
    left: Arc<AtomicUsize>,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    let one_less = |left: usize| left.checked_sub(1);
    while Instant::now() < end
        && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    {
        let Some(prepared) = operation.prepare(&directory, &mut client) else { break };
        let begun = Instant::now();
        let response = connection.send(&prepared.request).await?;
        operation.record(&directory, &prepared, response)?;
        times.push(begun.elapsed());
    }
    Ok(times)
}
