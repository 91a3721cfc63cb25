//! The quiet tenant: reads and deactivations at a steady pace, and how long each takes from the moment at
//! which it was due.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::connection::{Connection, Request};
use crate::tenant::{Tenant, id};

/// Reads in a second, and as many deactivations. With the activations between them they are below what a
/// tenant may send by default.
const PACE: usize = 15;
/// Connections for each kind of request.
const CONNECTIONS: usize = 4;

/// How long each request of a kind took, sorted.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// The time that so many thousandths of all requests took at most.
    pub(crate) fn at(&self, thousandth: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * thousandth / 1000).copied().unwrap_or_default()
    }
}

/// What was measured in one half of a round.
#[derive(Debug)]
pub(crate) struct Latencies {
    reads: Times,
    deactivations: Times,
}

type OfKind = fn(&Latencies) -> &Times;

/// The kinds of requests, by name.
pub(crate) const REQUESTS: [(&str, OfKind); 2] =
    [("read a user", |it| &it.reads), ("deactivate", |it| &it.deactivations)];

/// A tenant and the ids of its users.
pub(crate) struct Quiet {
    tenant: Tenant,
    users: Arc<Vec<String>>,
    /// The next user, of all.
    next: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum Kind {
    Read,
    Deactivate,
}

impl Quiet {
    pub(crate) async fn new(tenant: &Tenant) -> anyhow::Result<Self> {
        let mut connection = tenant.connect().await?;
        let mut users = Vec::new();
        loop {
            let path = format!("/Users?count=100&startIndex={}", users.len() + 1);
            let page = connection.send(&Request::get(path)).await?.expect(200)?.json()?;
            let resources = page["Resources"].as_array().context("a page without resources")?;
            if resources.is_empty() {
                break;
            }
            for user in resources {
                users.push(id(user)?);
            }
        }
        Ok(Self { tenant: tenant.clone(), users: Arc::new(users), next: Arc::default() })
    }

    /// Sends both kinds of requests for so long.
    pub(crate) async fn measure(&self, slice: Duration) -> anyhow::Result<Latencies> {
        let [reads, deactivations] =
            tokio::try_join!(self.paced(Kind::Read, slice), self.paced(Kind::Deactivate, slice))
                .map(|(reads, deactivations)| [reads, deactivations])?;
        Ok(Latencies { reads, deactivations })
    }

    async fn paced(&self, kind: Kind, slice: Duration) -> anyhow::Result<Times> {
        let begun = Instant::now();
        let pause = Duration::from_secs(1) / u32::try_from(PACE)?;
        let all = usize::try_from(slice.as_millis() / pause.as_millis())?;
        let mut tasks = JoinSet::new();
        for first in 0..CONNECTIONS {
            let (users, next) = (Arc::clone(&self.users), Arc::clone(&self.next));
            let mut connection = self.tenant.connect().await?;
            tasks.spawn(async move {
                let mut times = Vec::new();
                for n in (first..all).step_by(CONNECTIONS) {
                    let due = begun + pause * u32::try_from(n)?;
                    sleep_until(due).await;
                    let user = &users[next.fetch_add(1, Ordering::Relaxed) % users.len()];
                    kind.send(&mut connection, user).await?;
                    times.push(due.elapsed());
                    kind.undo(&mut connection, user).await?;
                }
                anyhow::Ok(times)
            });
        }
        let mut times = Vec::new();
        while let Some(done) = tasks.join_next().await {
            times.extend(done??);
        }
        times.sort_unstable();
        Ok(Times(times))
    }
}

impl Kind {
    async fn send(self, connection: &mut Connection, user: &str) -> anyhow::Result<()> {
        match self {
            Self::Read => {
                let request = Request::get(format!("/Users/{user}"));
                connection.send(&request).await?.expect(200).map(drop)
            }
            Self::Deactivate => set_active(connection, user, false).await,
        }
    }

    async fn undo(self, connection: &mut Connection, user: &str) -> anyhow::Result<()> {
        match self {
            Self::Read => Ok(()),
            Self::Deactivate => set_active(connection, user, true).await,
        }
    }
}

async fn set_active(connection: &mut Connection, user: &str, active: bool) -> anyhow::Result<()> {
    let body = format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{{"op":"replace","path":"active","value":{active}}}]}}"#
    );
    let request = Request { method: "PATCH", path: format!("/Users/{user}"), body };
    connection.send(&request).await?.expect(200).map(drop)
}
