//! Calls of the database that complete within one poll, for simulations.
//!
//! A connection answers from a thread of its own, at a moment that no simulation can repeat. So a
//! simulated host blocks its only thread until the answer is there. Every other host waits without
//! blocking.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use sqlx::sqlite::{
    SqliteConnection, SqliteQueryResult, SqliteRow, SqliteStatement, SqliteTypeInfo,
};
use sqlx::{Either, Execute, Executor, SqlStr, Sqlite};

/// Waits for a call of the database. With `blocks`, the call completes within this poll.
pub(super) async fn at_once<F: Future>(blocks: bool, call: F) -> F::Output {
    match blocks {
        false => call.await,
        true => block_on(call),
    }
}

/// Waits for a call of the database on this thread.
pub(super) fn block_on<F: Future>(call: F) -> F::Output {
    let mut call = pin!(call);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match call.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A connection that answers at once in a simulation.
pub(super) struct Connection {
    pub(super) inner: SqliteConnection,
    pub(super) blocks: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Sqlite;

    fn fetch_many<'e, 'q, E>(
        self,
        query: E,
    ) -> BoxStream<'e, sqlx::Result<Either<SqliteQueryResult, SqliteRow>>>
    where
        'c: 'e,
        E: Execute<'q, Sqlite>,
        'q: 'e,
        E: 'q,
    {
        let rows = self.inner.fetch_many(query);
        match self.blocks {
            false => rows,
            true => {
                at_once(true, rows.collect::<Vec<_>>()).into_stream().flat_map(stream::iter).boxed()
            }
        }
    }

    fn fetch_optional<'e, 'q, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<SqliteRow>>>
    where
        'c: 'e,
        E: Execute<'q, Sqlite>,
        'q: 'e,
        E: 'q,
    {
        let row = self.inner.fetch_optional(query);
        match self.blocks {
            false => row,
            true => at_once(true, row).boxed(),
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [SqliteTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<SqliteStatement>>
    where
        'c: 'e,
    {
        at_once(self.blocks, self.inner.prepare_with(sql, parameters)).boxed()
    }
}
