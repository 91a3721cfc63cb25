//! Connections for pages and rare reads, each used by one caller at a time.
//!
//! Not the pool of sqlx, which pings each connection that comes back: one more trip to its thread,
//! though a file does not go away.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use super::at_once::{Connection, at_once};
use super::database;
use crate::clock::Simulation;

/// How many there are.
const CONNECTIONS: usize = 4;

/// The progress handler runs after this many instructions of SQLite's virtual machine.
const STRETCH: i32 = 100_000;

/// No query of a client takes more stretches: about what a condition on a million documents takes,
/// or a hundred conditions on ten thousand.
const MOST_STRETCHES: u32 = 250;

/// The idle connections.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    idle: flume::Receiver<Measured>,
    back: flume::Sender<Measured>,
    simulation: Option<Arc<Simulation>>,
}

/// A connection, and how many stretches are left for what runs on it.
struct Measured {
    connection: Connection,
    left: Arc<AtomicU32>,
}

impl Measured {
    async fn open(path: &Path, blocks: bool) -> Result<Self> {
        let mut connection = Connection { inner: database::reader(path).await?, blocks };
        let left = Arc::new(AtomicU32::new(u32::MAX));
        let counted = Arc::clone(&left);
        let goes_on = move || counted.fetch_sub(1, Ordering::Relaxed) > 1;
        connection.inner.lock_handle().await?.set_progress_handler(STRETCH, goes_on);
        Ok(Self { connection, left })
    }
}

impl Pool {
    pub(super) async fn open(path: &Path, simulation: Option<Arc<Simulation>>) -> Result<Self> {
        let (back, idle) = flume::bounded(CONNECTIONS);
        let blocks = simulation.is_some();
        // Calls that complete at once never need two connections.
        for _ in 0..if blocks { 1 } else { CONNECTIONS } {
            let measured = at_once(blocks, Measured::open(path, blocks)).await?;
            back.try_send(measured).ok();
        }
        Ok(Self { idle, back, simulation })
    }

    /// Waits for a connection. It goes back when it is dropped.
    pub(super) async fn take(&self) -> Result<Taken> {
        self.take_for(u32::MAX).await
    }

    /// The same for a query with a client's filter, which is interrupted if it looks at too much: see
    /// [`is_too_much`].
    pub(super) async fn take_bounded(&self) -> Result<Taken> {
        self.take_for(MOST_STRETCHES).await
    }

    async fn take_for(&self, stretches: u32) -> Result<Taken> {
        if let Some(simulation) = &self.simulation {
            simulation.delay().await;
        }
        let measured = self.idle.recv_async().await.ok().context("the store is closed")?;
        measured.left.store(stretches, Ordering::Relaxed);
        Ok(Taken { measured: Some(measured), back: self.back.clone() })
    }
}

/// Whether a query ended because it looked at too much.
pub(super) fn is_too_much(error: &sqlx::Error) -> bool {
    const INTERRUPTED: &str = "9";
    let code = error.as_database_error().and_then(|it| it.code());
    code.is_some_and(|code| code == INTERRUPTED)
}

/// A connection on loan.
pub(super) struct Taken {
    /// Some until it is dropped.
    measured: Option<Measured>,
    back: flume::Sender<Measured>,
}

impl Deref for Taken {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.measured.as_ref().expect("only a drop takes it away").connection
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.measured.as_mut().expect("only a drop takes it away").connection
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(measured) = self.measured.take() {
            // There is always room for those that were taken.
            self.back.try_send(measured).ok();
        }
    }
}
