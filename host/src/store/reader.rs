//! The connections for point reads: all reads that wait at the same time are answered by one trip to
//! the database.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::sync::oneshot;

use super::at_once::at_once;
use super::statement::{self, Bound, ReadKind, Shape, Statement, Texts};
use super::{database, frame};
use crate::clock::Simulation;

/// The number of connections. While one waits for SQLite, the other gathers reads.
const READERS: usize = 2;

/// The most reads in one trip.
const MOST: usize = 64;

/// The records that answer a point read, each without the number of the read.
type Records = Vec<String>;

/// A point read on its way to the database.
struct PendingRead {
    kind: ReadKind,
    values: Vec<Bound>,
    reply: oneshot::Sender<Result<Records>>,
}

/// Sends point reads to the database.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    reads: flume::Sender<PendingRead>,
    simulation: Option<Arc<Simulation>>,
}

impl Reader {
    pub(super) async fn start(path: &Path, simulation: Option<Arc<Simulation>>) -> Result<Self> {
        let (reads, waiting) = flume::bounded(1024);
        let blocks = simulation.is_some();
        for _ in 0..if blocks { 1 } else { READERS } {
            let desk = Desk {
                connection: at_once(blocks, database::reader(path)).await?,
                blocks,
                waiting: waiting.clone(),
                texts: Texts::default(),
            };
            tokio::spawn(desk.serve());
        }
        Ok(Self { reads, simulation })
    }

    /// The records that the statement finds for these values: one for each of its columns after the
    /// first.
    pub(super) async fn read(
        &self,
        statement: &'static Statement,
        values: Vec<Bound>,
    ) -> Result<Records> {
        debug_assert_eq!(values.len() + 1, statement.columns.len());
        if let Some(simulation) = &self.simulation {
            simulation.delay().await;
        }
        let (reply, replied) = oneshot::channel();
        let read = PendingRead { kind: ReadKind(statement), values, reply };
        self.reads.send_async(read).await.ok().context("the store is closed")?;
        replied.await.context("the store is closed")?
    }
}

/// One connection, and the reads that wait for it.
struct Desk {
    connection: SqliteConnection,
    blocks: bool,
    waiting: flume::Receiver<PendingRead>,
    texts: Texts,
}

impl Desk {
    async fn serve(mut self) {
        while let Ok(first) = self.waiting.recv_async().await {
            let mut reads = vec![first];
            reads.extend(self.waiting.try_iter().take(MOST - 1));
            let replies = at_once(self.blocks, self.answer(&mut reads)).await;
            hand_out(reads, replies);
        }
        self.connection.close().await.ok();
    }

    async fn answer(&mut self, reads: &mut [PendingRead]) -> Result<Vec<Records>> {
        let (shape, arguments) = lay_out(reads);
        let columns = shape.len();
        let text = AssertSqlSafe(self.texts.of(shape));
        // One row is one message: no second message has to say that there is no second row.
        let row = sqlx::query_with(text, arguments).fetch_optional(&mut self.connection).await?;
        let row = row.context("a point read returned no row")?;
        let mut replies: Vec<Records> = reads.iter().map(|_| Vec::new()).collect();
        for column in 0..columns {
            let Some(records) = row.try_get::<Option<&str>, _>(column)? else { continue };
            for record in frame::split(records) {
                let (n, fields) = frame::first(record)?;
                let reply = replies.get_mut(n.parse::<usize>()?);
                reply.context("a record for an unknown read")?.push(fields.to_owned());
            }
        }
        Ok(replies)
    }
}

/// Takes the values of the reads, kind by kind.
fn lay_out(reads: &mut [PendingRead]) -> (Shape, SqliteArguments) {
    let mut kinds: Vec<ReadKind> = reads.iter().map(|read| read.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut arguments = SqliteArguments::default();
    let mut shape = Shape::with_capacity(kinds.len());
    for kind in kinds {
        let mut rows = 0;
        for (n, read) in (0..).zip(reads.iter_mut()).filter(|(_, read)| read.kind == kind) {
            Bound::Integer(n).bind(&mut arguments);
            read.values.drain(..).for_each(|value| value.bind(&mut arguments));
            rows += 1;
        }
        let height = statement::height(rows);
        let missing = (height - rows) * kind.0.columns.len();
        (0..missing).for_each(|_| Bound::Null.bind(&mut arguments));
        shape.push((kind, height));
    }
    (shape, arguments)
}

fn hand_out(reads: Vec<PendingRead>, replies: Result<Vec<Records>>) {
    match replies {
        Ok(replies) => {
            for (read, records) in reads.into_iter().zip(replies) {
                // It fails if the caller does not wait any more, and then it needs no answer.
                read.reply.send(Ok(records)).ok();
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for read in reads {
                read.reply.send(Err(anyhow!("reading the database: {error:#}"))).ok();
            }
        }
    }
}
