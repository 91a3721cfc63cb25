//! Connections for pages and for what is read rarely, each used by one at a time.
//!
//! Not sqlx's own pool: that asks each connection whether it still lives whenever it comes back,
//! which is one more trip to its thread, and a file does not go away.

use std::ops::{Deref, DerefMut};
use std::path::Path;

use anyhow::{Context, Result};
use sqlx::sqlite::SqliteConnection;

use super::database;

/// How many there are.
const CONNECTIONS: usize = 4;

/// The connections that nobody uses just now.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    idle: flume::Receiver<SqliteConnection>,
    back: flume::Sender<SqliteConnection>,
}

impl Pool {
    pub(super) async fn open(path: &Path) -> Result<Self> {
        let (back, idle) = flume::bounded(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            back.try_send(database::reader(path).await?).ok();
        }
        Ok(Self { idle, back })
    }

    /// Waits for a connection. It goes back when it is dropped.
    pub(super) async fn take(&self) -> Result<Taken> {
        let connection = self.idle.recv_async().await.ok().context("the store is closed")?;
        Ok(Taken { connection: Some(connection), back: self.back.clone() })
    }
}

/// A connection on loan.
pub(super) struct Taken {
    /// Some until it is dropped.
    connection: Option<SqliteConnection>,
    back: flume::Sender<SqliteConnection>,
}

impl Deref for Taken {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect("only a drop takes it away")
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
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
