//! The one connection that writes: everything that waits goes into one transaction.
//!
//! A commit is a row of a temporary view, and triggers on the view (`entry.sql`) carry it out. Each
//! statement that ends costs a message between threads, so a batch of commits is one `INSERT`: one
//! round trip, one transaction, rows taking effect one after the other. If the batch fails, each
//! commit is inserted by itself and fails by itself.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use super::at_once::at_once;
use super::commit::{Commit, CommitError, Receipt};
use super::database::Lock;
use super::disk::DiskError;
use super::walk::Walks;
use crate::clock::Simulation;

mod entry;
mod failure;

use entry::MOST;
use failure::WriteError;

/// The longest queue; beyond it, `enqueue` waits.
const QUEUE: usize = 1024;

type CommitReply = oneshot::Sender<Result<(), CommitError>>;

/// Something rare that is written in a transaction of its own.
type Errand = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<()>> + Send>;

enum WriteRequest {
    Commit(Box<Commit>, CommitReply),
    Errand(Errand, oneshot::Sender<Result<()>>),
    Close(oneshot::Sender<Result<()>>),
}

/// Takes work to the writing connection.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    requests: mpsc::Sender<WriteRequest>,
    simulation: Option<Arc<Simulation>>,
}

impl Writer {
    pub(super) async fn start(
        mut connection: SqliteConnection,
        lock: Lock,
        walks: Arc<Walks>,
        simulation: Option<Arc<Simulation>>,
    ) -> Result<Self> {
        let blocks = simulation.is_some();
        let prepared = at_once(blocks, entry::prepare(&mut connection)).await;
        prepared.context("preparing to write")?;
        let (requests, waiting) = mpsc::channel(QUEUE);
        let desk = Desk { connection, walks, blocks };
        tokio::spawn(desk.serve(waiting, lock));
        Ok(Self { requests, simulation })
    }

    async fn delay(&self) {
        if let Some(simulation) = &self.simulation {
            simulation.delay().await;
        }
    }

    pub(super) async fn enqueue(&self, commit: Commit) -> Result<Receipt, CommitError> {
        self.delay().await;
        let (answer, answered) = oneshot::channel();
        let sent = self.requests.send(WriteRequest::Commit(Box::new(commit), answer)).await;
        sent.map_err(|_| CommitError::Internal(anyhow!("the store is closed")))?;
        Ok(Receipt(answered))
    }

    /// Runs something in a transaction of its own, in its turn. All of it is on disk afterwards, or
    /// nothing.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        errand: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>>
        + Send
        + 'static,
    ) -> Result<T> {
        self.delay().await;
        let (found, result) = oneshot::channel();
        let errand: Errand = Box::new(move |connection| {
            Box::pin(async move {
                found.send(errand(connection).await?).ok();
                Ok(())
            })
        });
        let (answer, answered) = oneshot::channel();
        self.requests
            .send(WriteRequest::Errand(errand, answer))
            .await
            .ok()
            .context("the store is closed")?;
        answered.await.context("the store is closed")??;
        result.await.context("the store is closed")
    }

    /// Writes what waits, moves everything into the database file, and ends.
    pub(super) async fn close(&self) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        if self.requests.send(WriteRequest::Close(answer)).await.is_err() {
            return Ok(());
        }
        answered.await.context("the store is closed")?
    }
}

/// The writing connection and what it remembers.
struct Desk {
    connection: SqliteConnection,
    walks: Arc<Walks>,
    blocks: bool,
}

impl Desk {
    async fn serve(mut self, mut waiting: mpsc::Receiver<WriteRequest>, lock: Lock) {
        let mut requests = Vec::with_capacity(MOST);
        while waiting.recv_many(&mut requests, MOST).await > 0 {
            let (mut commits, blocks) = (Vec::new(), self.blocks);
            for request in requests.drain(..) {
                match request {
                    WriteRequest::Commit(commit, answer) => commits.push((commit, answer)),
                    WriteRequest::Errand(errand, answer) => {
                        at_once(blocks, self.write(std::mem::take(&mut commits))).await;
                        answer.send(at_once(blocks, self.errand(errand)).await).ok();
                    }
                    WriteRequest::Close(answer) => {
                        at_once(blocks, self.write(std::mem::take(&mut commits))).await;
                        waiting.close();
                        let closed = at_once(blocks, self.close()).await;
                        drop(lock);
                        answer.send(closed).ok();
                        return;
                    }
                }
            }
            at_once(blocks, self.write(commits)).await;
        }
        if let Err(error) = at_once(self.blocks, self.close()).await {
            tracing::warn!(error = format!("{error:#}"), "store: closing the database failed");
        }
    }

    /// Writes commits and answers each.
    async fn write(&mut self, waiting: Vec<(Box<Commit>, CommitReply)>) {
        if waiting.is_empty() {
            return;
        }
        let (commits, answers): (Vec<Box<Commit>>, Vec<CommitReply>) = waiting.into_iter().unzip();
        let results = match self.together(&commits).await {
            Ok(()) => commits.iter().map(|_| Ok(())).collect(),
            Err(failure) if commits.len() == 1 => vec![Err(failure.into())],
            Err(_) => self.one_by_one(&commits).await,
        };
        // Before the replies, so that no page begins at a place whose row is gone.
        self.walks.changed(commits.iter().map(|commit| &**commit));
        for (answer, result) in answers.into_iter().zip(results) {
            answer.send(result).ok();
        }
    }

    /// One statement, for when nothing goes wrong. It is a transaction by itself.
    async fn together(&mut self, commits: &[Box<Commit>]) -> Result<(), WriteError> {
        fail::fail_point!("journal");
        entry::write(&mut self.connection, commits).await?;
        fail::fail_point!("journal-done");
        Ok(())
    }

    /// One transaction in which each commit can fail by itself, in the order of arrival.
    async fn one_by_one(&mut self, commits: &[Box<Commit>]) -> Vec<Result<(), CommitError>> {
        let mut results = Vec::with_capacity(commits.len());
        let written = async {
            self.execute("BEGIN IMMEDIATE").await?;
            for commit in commits.chunks(1) {
                results.push(self.alone(commit).await?);
            }
            self.conclude().await
        };
        let Err(failure) = written.await else { return results };
        self.undo().await;
        let reason = CommitError::from(failure).into_internal();
        let disk: Option<DiskError> = reason.downcast_ref().copied();
        let again = || match disk {
            Some(disk) => disk.into(),
            None => anyhow!("{reason:#}"),
        };
        commits.iter().map(|_| Err(CommitError::Internal(again()))).collect()
    }

    /// One commit of several; the error is one that all of them share.
    async fn alone(
        &mut self,
        commit: &[Box<Commit>],
    ) -> Result<Result<(), CommitError>, WriteError> {
        match entry::write(&mut self.connection, commit).await.map_err(WriteError::from) {
            Err(failure) if failure.is_shared() => Err(failure),
            written => Ok(written.map_err(CommitError::from)),
        }
    }

    async fn conclude(&mut self) -> Result<(), WriteError> {
        fail::fail_point!("journal");
        self.execute("COMMIT").await?;
        fail::fail_point!("journal-done");
        Ok(())
    }

    /// Runs a statement without values, prepared once.
    async fn execute(&mut self, sql: &'static str) -> sqlx::Result<()> {
        sqlx::query(sql).execute(&mut self.connection).await.map(drop)
    }

    async fn undo(&mut self) {
        // An error may have ended the transaction already, and then there is nothing to undo.
        self.execute("ROLLBACK").await.ok();
    }

    async fn errand(&mut self, errand: Errand) -> Result<()> {
        let begun = self.execute("BEGIN IMMEDIATE").await.context("beginning to write");
        begun.map_err(DiskError::told)?;
        let done = match errand(&mut self.connection).await {
            Ok(()) => self.conclude().await.map_err(|it| CommitError::from(it).into_internal()),
            Err(error) => Err(error),
        };
        if done.is_err() {
            self.undo().await;
        }
        self.walks.changed_everywhere();
        done.map_err(DiskError::told)
    }

    async fn close(mut self) -> Result<()> {
        let moved = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
        self.connection.close().await.context("closing the database")?;
        moved.context("moving the log into the database")
    }
}
