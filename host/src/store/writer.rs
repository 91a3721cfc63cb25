//! The one thread that writes: everything that waits goes into one transaction.
//!
//! Commits that wait at the same time share a transaction, which is what makes durable writes cheap: one
//! sync of the log for all of them. If one of them fails, the transaction is rolled back, and the commits
//! are written again with a savepoint each, so that each fails by itself, also by a panic.
//!
//! The thread owns two connections to the one database, and uses one at a time. The directory and the
//! journal are written through SQLite's own interface (`rusqlite`), with statements that stay prepared:
//! through `sqlx`, each statement is a message to another thread and back, which costs more than the
//! statement. The configuration is written through `sqlx`, whose migrations and drivers will serve
//! PostgreSQL too.
//!
//! Neither connection moves the log into the database by itself, so that no commit waits for that: see `log`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow};
use futures_util::future::BoxFuture;
use rusqlite::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use super::commit::{Commit, CommitError, Receipt};
use super::database::Lock;
use super::disk::{DiskError, DiskReport};
use super::log::{self, Log, LogLength};
use super::term::WriterTerms;
use super::walk::Walks;
use crate::clock::Simulation;
use crate::panics::{self, Panicked};
use crate::store::at_once::block_on;

mod account;
mod commit;
mod encoded;
mod failure;
pub(super) mod journal;
mod membership;
mod range;
mod resource;
mod salvage;
mod tally;

use commit::write;
use encoded::EncodedCommit;
pub(super) use failure::WriteError;
pub(super) use salvage::finish as finish_salvage;

/// The longest queue; beyond it, `enqueue` waits.
const QUEUE: usize = 1024;

/// No more commits share a transaction.
const MOST: usize = 256;

type CommitReply = oneshot::Sender<Result<(), CommitError>>;

/// Something rare that is written in a transaction of its own.
type WriteTask = Box<dyn FnOnce(&Connection) -> Result<()> + Send>;

/// The same for the configuration.
type ConfigurationTask =
    Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<()>> + Send>;

enum WriteRequest {
    Commit(Box<EncodedCommit>, CommitReply),
    Task(WriteTask, oneshot::Sender<Result<()>>),
    Configuration(ConfigurationTask, oneshot::Sender<Result<()>>),
    /// Until the file of the log has at most so many bytes, as far as no reader needs it.
    RestartLog(u64, oneshot::Sender<Result<LogLength>>),
    Close(oneshot::Sender<Result<()>>),
}

/// Sends work to the writing thread.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    requests: mpsc::Sender<WriteRequest>,
    simulation: Option<Arc<Simulation>>,
}

impl Writer {
    pub(super) fn start(
        connections: WriteConnections,
        log_connection: Connection,
        lock: Lock,
        simulation: Option<Arc<Simulation>>,
    ) -> Result<Self> {
        let (requests, waiting) = mpsc::channel(QUEUE);
        if simulation.is_some() {
            tokio::spawn(serve_in_turn(connections, waiting, lock));
        } else {
            let (log, writer) = (Arc::clone(&connections.log), requests.downgrade());
            let kept = log.bounds.kept_bytes();
            let keep_short = move || {
                let restart = || restart_log(&writer.upgrade()?, kept);
                while panics::contained_now(|| log.keep_short(&log_connection, restart)).is_err() {
                    thread::sleep(log::PAUSE);
                }
            };
            let thread = thread::Builder::new().name("muster-log".to_owned());
            let thread = thread.spawn(keep_short).context("starting the thread of the log")?;
            let serve = move || panics::or_exit(|| serve(connections, waiting, lock, thread));
            let thread = thread::Builder::new().name("muster-writer".to_owned());
            thread.spawn(serve).context("starting the thread that writes")?;
        }
        Ok(Self { requests, simulation })
    }

    async fn send(&self, request: WriteRequest) -> Result<()> {
        if let Some(simulation) = &self.simulation {
            simulation.delay().await;
        }
        self.requests.send(request).await.ok().context("the store is closed")
    }

    pub(super) async fn enqueue(&self, commit: Commit) -> Result<Receipt, CommitError> {
        let (reply, replied) = oneshot::channel();
        let commit = Box::new(EncodedCommit::of(commit));
        let sent = self.send(WriteRequest::Commit(commit, reply)).await;
        sent.map_err(CommitError::Internal)?;
        Ok(Receipt(replied))
    }

    /// Runs a task on the directory or the journal in a transaction of its own, in its turn. All of it is
    /// on disk afterwards, or nothing.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (found, result) = oneshot::channel();
        let task: WriteTask = Box::new(move |connection| {
            found.send(task(connection)?).ok();
            Ok(())
        });
        let (reply, replied) = oneshot::channel();
        self.send(WriteRequest::Task(task, reply)).await?;
        replied.await.context("the store is closed")??;
        result.await.context("the store is closed")
    }

    /// The same for a task on the configuration.
    pub(super) async fn configure<T: Send + 'static>(
        &self,
        task: impl for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (found, result) = oneshot::channel();
        let task: ConfigurationTask = Box::new(move |connection| {
            Box::pin(async move {
                found.send(task(connection).await?).ok();
                Ok(())
            })
        });
        let (reply, replied) = oneshot::channel();
        self.send(WriteRequest::Configuration(task, reply)).await?;
        replied.await.context("the store is closed")??;
        result.await.context("the store is closed")
    }

    /// Moves the log into the database and cuts its file to nothing. False if reads did not let it.
    pub(super) async fn cut_log(&self) -> Result<bool> {
        let (reply, replied) = oneshot::channel();
        self.send(WriteRequest::RestartLog(0, reply)).await?;
        Ok(replied.await.context("the store is closed")??.begins_again)
    }

    /// Writes what waits, moves everything into the database file, and ends.
    pub(super) async fn close(&self) -> Result<()> {
        let (reply, replied) = oneshot::channel();
        if self.requests.send(WriteRequest::Close(reply)).await.is_err() {
            return Ok(());
        }
        replied.await.context("the store is closed")?
    }
}

/// Asks the writer to have the log begin again. None if the writer has ended.
fn restart_log(writer: &mpsc::Sender<WriteRequest>, kept: u64) -> Option<Result<LogLength>> {
    let (reply, replied) = oneshot::channel();
    writer.blocking_send(WriteRequest::RestartLog(kept, reply)).ok()?;
    replied.blocking_recv().ok()
}

/// Writes until the store is closed or dropped.
fn serve(
    mut connections: WriteConnections,
    mut waiting: mpsc::Receiver<WriteRequest>,
    lock: Lock,
    log_thread: thread::JoinHandle<()>,
) {
    let mut requests = Vec::with_capacity(MOST);
    let mut closing = None;
    connections.tell_log();
    while closing.is_none() && waiting.blocking_recv_many(&mut requests, MOST) > 0 {
        closing = connections.serve(requests.drain(..));
        connections.tell_log();
    }
    waiting.close();
    // The thread of the log may wait for an answer.
    drop(waiting);
    connections.log.close();
    log_thread.join().ok();
    connections.end(lock, closing);
}

/// The same as a task, for a simulation: a thread would answer at a moment that no simulation can repeat.
async fn serve_in_turn(
    mut connections: WriteConnections,
    mut waiting: mpsc::Receiver<WriteRequest>,
    lock: Lock,
) {
    let mut requests = Vec::with_capacity(MOST);
    let mut closing = None;
    while closing.is_none() && waiting.recv_many(&mut requests, MOST).await > 0 {
        closing = connections.serve(requests.drain(..));
        connections.shorten_log();
    }
    waiting.close();
    connections.end(lock, closing);
}

/// The writing connections. Only one of them is ever in a transaction.
pub(super) struct WriteConnections {
    pub(super) connection: Connection,
    pub(super) configuration: SqliteConnection,
    pub(super) terms: WriterTerms,
    pub(super) walks: Arc<Walks>,
    pub(super) log: Arc<Log>,
    pub(super) disk: DiskReport,
}

impl WriteConnections {
    /// Serves requests in their order. Returns the reply to a request to close, after which nothing is
    /// served.
    fn serve(
        &mut self,
        requests: impl Iterator<Item = WriteRequest>,
    ) -> Option<oneshot::Sender<Result<()>>> {
        let mut commits = Vec::new();
        for request in requests {
            match request {
                WriteRequest::Commit(commit, reply) => commits.push((commit, reply)),
                WriteRequest::Task(task, reply) => {
                    self.write(std::mem::take(&mut commits));
                    self.walks.begin_everywhere();
                    let done = self.run(task);
                    self.disk.note(done.as_ref().err());
                    self.walks.end_everywhere();
                    reply.send(done).ok();
                }
                WriteRequest::Configuration(task, reply) => {
                    self.write(std::mem::take(&mut commits));
                    self.walks.begin_everywhere();
                    let done = block_on(self.configure(task));
                    self.disk.note(done.as_ref().err());
                    self.walks.end_everywhere();
                    reply.send(done).ok();
                }
                WriteRequest::RestartLog(kept, reply) => {
                    self.write(std::mem::take(&mut commits));
                    reply.send(log::restart(&self.connection, kept)).ok();
                }
                WriteRequest::Close(reply) => {
                    self.write(commits);
                    return Some(reply);
                }
            }
        }
        self.write(commits);
        None
    }

    /// Writes commits and replies to each.
    fn write(&mut self, waiting: Vec<(Box<EncodedCommit>, CommitReply)>) {
        if waiting.is_empty() {
            return;
        }
        let (commits, replies): (Vec<Box<EncodedCommit>>, Vec<CommitReply>) =
            waiting.into_iter().unzip();
        self.walks.begin(commits.iter().map(|it| &it.commit));
        let results = match self.together(&commits) {
            Ok(()) => commits.iter().map(|_| Ok(())).collect(),
            Err(failure) if commits.len() == 1 => vec![Err(failure.into())],
            Err(_) => self.one_by_one(&commits),
        };
        self.walks.end(commits.iter().map(|it| &it.commit));
        for (reply, result) in replies.into_iter().zip(results) {
            match &result {
                Ok(()) => self.disk.note(None),
                Err(CommitError::Internal(error)) => self.disk.note(Some(error)),
                Err(_) => {}
            }
            reply.send(result).ok();
        }
    }

    /// All of them, or none.
    fn together(&self, commits: &[Box<EncodedCommit>]) -> Result<(), WriteError> {
        let written = self.contained(|| {
            self.begin()?;
            commits.iter().try_for_each(|commit| write(&self.connection, &self.terms, commit))?;
            self.conclude()
        });
        if written.is_err() {
            self.undo();
        }
        written
    }

    /// One transaction in which each commit can fail by itself, in the order of arrival.
    fn one_by_one(&self, commits: &[Box<EncodedCommit>]) -> Vec<Result<(), CommitError>> {
        let mut results = Vec::with_capacity(commits.len());
        let written = self.contained(|| {
            self.begin()?;
            for commit in commits {
                results.push(self.alone(commit)?);
            }
            self.conclude()
        });
        let Err(failure) = written else { return results };
        self.undo();
        let reason = CommitError::from(failure).into_internal();
        let disk: Option<DiskError> = reason.downcast_ref().copied();
        let again = || match disk {
            Some(disk) => disk.into(),
            None => anyhow!("{reason:#}"),
        };
        commits.iter().map(|_| Err(CommitError::Internal(again()))).collect()
    }

    /// One commit of several; the error is one that all of them share.
    fn alone(&self, commit: &EncodedCommit) -> Result<Result<(), CommitError>, WriteError> {
        self.execute("SAVEPOINT one")?;
        match self.contained(|| write(&self.connection, &self.terms, commit)) {
            Ok(()) => {
                self.execute("RELEASE one")?;
                Ok(Ok(()))
            }
            Err(failure) if failure.is_shared() => Err(failure),
            Err(failure) => {
                self.terms.forget();
                self.execute("ROLLBACK TO one")?;
                self.execute("RELEASE one")?;
                Ok(Err(failure.into()))
            }
        }
    }

    /// Runs a part of a transaction. If it panics while the transaction is open, nothing of that is durable,
    /// and the caller rolls it back as after any other failure. If the transaction has ended, it may be
    /// durable without its callers' knowledge, and the panic goes on, which ends the process.
    fn contained<T, E: From<Panicked>>(&self, part: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        match catch_unwind(AssertUnwindSafe(part)) {
            Ok(result) => result,
            Err(panic) if self.connection.is_autocommit() => resume_unwind(panic),
            Err(_) => Err(Panicked.into()),
        }
    }

    fn begin(&self) -> Result<(), WriteError> {
        self.execute("BEGIN IMMEDIATE")
    }

    fn conclude(&self) -> Result<(), WriteError> {
        fail::fail_point!("journal");
        self.execute("COMMIT")?;
        fail::fail_point!("journal-done");
        Ok(())
    }

    fn undo(&self) {
        self.terms.forget();
        // An error may have ended the transaction already, and then there is nothing to undo.
        self.execute("ROLLBACK").ok();
        // Everything that is written from now on would be part of it, and never durable.
        assert!(self.connection.is_autocommit(), "a transaction can be rolled back");
    }

    /// Runs a statement without values, prepared once.
    fn execute(&self, sql: &'static str) -> Result<(), WriteError> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    fn run(&self, task: WriteTask) -> Result<()> {
        let internal = |it| CommitError::from(it).into_internal();
        self.begin().map_err(internal)?;
        let done = self.contained(|| {
            task(&self.connection)?;
            self.conclude().map_err(internal)
        });
        if done.is_err() {
            self.undo();
        }
        self.terms.forget();
        done.map_err(DiskError::told)
    }

    async fn configure(&mut self, task: ConfigurationTask) -> Result<()> {
        let begun = sqlx::query("BEGIN IMMEDIATE").execute(&mut self.configuration).await;
        begun.context("beginning to write").map_err(DiskError::told)?;
        let done = match panics::contained(task(&mut self.configuration)).await.flatten() {
            Ok(()) => self.conclude_configuration().await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            // As in `undo`.
            sqlx::query("ROLLBACK").execute(&mut self.configuration).await.ok();
        }
        done.map_err(DiskError::told)
    }

    async fn conclude_configuration(&mut self) -> Result<()> {
        fail::fail_point!("journal");
        let committed = sqlx::query("COMMIT").execute(&mut self.configuration).await;
        committed.context("writing to the database")?;
        fail::fail_point!("journal-done");
        Ok(())
    }

    /// Wakes the thread of the log if the log is long.
    fn tell_log(&self) {
        // Without an answer, the next batch asks again.
        if let Ok(length) = log::length(&self.connection) {
            self.log.written(length);
        }
    }

    /// What that thread does, in a simulation.
    fn shorten_log(&self) {
        if log::length(&self.connection).is_ok_and(|it| it.pages >= self.log.bounds.restart) {
            log::restart(&self.connection, self.log.bounds.kept_bytes()).ok();
        }
    }

    fn end(self, lock: Lock, closing: Option<oneshot::Sender<Result<()>>>) {
        let closed = self.close();
        drop(lock);
        match closing {
            Some(reply) => {
                reply.send(closed).ok();
            }
            None => {
                if let Err(error) = closed {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "store: closing the database failed");
                }
            }
        }
    }

    fn close(self) -> Result<()> {
        let closed = block_on(sqlx::Connection::close(self.configuration));
        self.log.interrupt();
        let moved = log::empty(&self.connection);
        self.connection.close().map_err(|(_, error)| error).context("closing the database")?;
        closed.context("closing the database")?;
        if !moved?.begins_again {
            let reason = "a backup, or another process, reads the database";
            tracing::warn!(reason, "store: the log could not be moved into the database");
        }
        Ok(())
    }
}
