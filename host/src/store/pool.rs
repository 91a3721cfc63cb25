//! Connections that read the configuration, each used by one caller at a time.
//!
//! Not the pool of sqlx, which pings each connection that comes back: one more trip to its thread,
//! though a file does not go away.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::at_once::{Connection, at_once};
use super::database;
use crate::clock::Simulation;

/// How many there are.
const CONNECTIONS: usize = 2;

/// The idle connections.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    idle: flume::Receiver<Connection>,
    back: flume::Sender<Connection>,
    simulation: Option<Arc<Simulation>>,
}

impl Pool {
    pub(super) async fn open(path: &Path, simulation: Option<Arc<Simulation>>) -> Result<Self> {
        let (back, idle) = flume::bounded(CONNECTIONS);
        let blocks = simulation.is_some();
        // Calls that complete at once never need two connections.
        for _ in 0..if blocks { 1 } else { CONNECTIONS } {
            let inner = at_once(blocks, database::configuration_reader(path)).await?;
            back.try_send(Connection { inner, blocks }).ok();
        }
        Ok(Self { idle, back, simulation })
    }

    /// Waits for a connection. It goes back when it is dropped.
    pub(super) async fn take(&self) -> Result<Taken> {
        if let Some(simulation) = &self.simulation {
            simulation.delay().await;
        }
        let connection = self.idle.recv_async().await.ok().context("the store is closed")?;
        Ok(Taken { connection: Some(connection), back: self.back.clone() })
    }
}

/// A connection on loan.
pub(super) struct Taken {
    /// Some until it is dropped.
    connection: Option<Connection>,
    back: flume::Sender<Connection>,
}

impl Deref for Taken {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("only a drop takes it away")
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("only a drop takes it away")
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // There is always room for those that were taken.
            self.back.try_send(connection).ok();
        }
    }
}
