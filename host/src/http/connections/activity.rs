//! The activity of a connection: busy while a request is carried out and its answer handed over, else idle.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::sleep;

/// In place of a number of [`NEXT`].
const BUSY: u64 = 0;
const CLOSED: u64 = u64::MAX;

/// Numbers the moments at which connections become idle, since only their order is of interest.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// What a connection does.
#[derive(Debug)]
pub(super) struct Activity {
    /// The number of the moment since which it is idle; or busy, or closed for another connection.
    idle_since: AtomicU64,
    /// Whether it has sent a request.
    asked: AtomicBool,
}

/// A connection is busy as long as this exists.
pub(super) struct Busy(Arc<Activity>);

impl Activity {
    /// A connection that has sent nothing yet.
    pub(super) fn new() -> Self {
        Self { idle_since: AtomicU64::new(next()), asked: AtomicBool::new(false) }
    }

    /// A request has arrived; none if the connection is being closed.
    pub(super) fn request_came(self: &Arc<Self>) -> Option<Busy> {
        self.asked.store(true, Ordering::Relaxed);
        if self.idle_since.swap(BUSY, Ordering::Relaxed) == CLOSED {
            self.idle_since.store(CLOSED, Ordering::Relaxed);
            return None;
        }
        Some(Busy(Arc::clone(self)))
    }

    /// Since when it is idle, in the order of all connections; none if it is not.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let since = self.idle_since.load(Ordering::Relaxed);
        (since != BUSY && since != CLOSED).then_some(since)
    }

    /// Has the next request find the connection closed; false if one came in the meantime.
    pub(super) fn close(&self, since: u64) -> bool {
        let (order, closed) = (Ordering::Relaxed, CLOSED);
        self.idle_since.compare_exchange(since, closed, order, order).is_ok()
    }

    /// Ready after this time if no request has come until then.
    pub(super) async fn without_a_request_for(&self, time: Duration) {
        sleep(time).await;
        if self.asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle_since.store(next(), Ordering::Relaxed);
    }
}

fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The body of an answer, until whose end the connection is busy. A client that does not read it may be
/// taken for idle when the rest is with the system.
pub(super) struct AnswerBody {
    body: Body,
    _busy: Busy,
}

impl AnswerBody {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
