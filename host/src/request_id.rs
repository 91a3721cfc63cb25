//! Request ids: which HTTP request the current task is working for.
//!
//! `http` makes an id for each request and runs the request under it. The id is a value local to the
//! task, from which an internal error takes it for the response, and a field of a tracing span, from
//! which every log line takes it. Work that is spawned for a request [inherits](inherit) both, so the
//! id in a response and the id in the log lines about it are the same.

use std::fmt;
use std::sync::Arc;

use tracing::{Instrument as _, Span};

use crate::clock::Clock;
use crate::scim;

tokio::task_local! {
    static CURRENT: Option<RequestId>;
}

/// The id of one HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// An id that no other request has.
    pub(crate) fn new(clock: &Clock) -> Self {
        Self(clock.new_id().into())
    }

    /// The id of the request that the current task works for; none in background work.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok().flatten()
    }

    /// The text of the current id for a log line; empty in background work.
    pub(crate) fn logged() -> String {
        Self::current().map(|id| id.to_string()).unwrap_or_default()
    }

    /// The id as text: printable ASCII.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Runs the work under this id.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        // A span costs each request about 2 µs, so it exists only if the log has this level. The line with
        // the cause of an internal error names the id by itself.
        let span = tracing::info_span!("request", request = self.as_str());
        CURRENT.scope(Some(self), work.instrument(span))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The work, under the request id of the current task, whichever task runs it.
pub(crate) fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(RequestId::current(), work.instrument(Span::current()))
}

/// The 500 for an internal error, whose cause stands in the log under the same request id.
pub(crate) fn internal_error() -> scim::Error {
    let detail = match RequestId::current() {
        Some(id) => format!("internal error (request {id}); see the server log"),
        None => "internal error; see the server log".to_owned(),
    };
    scim::Error::new(500, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn spawned_work_has_the_id_of_the_request_that_spawned_it() {
        assert_eq!(RequestId::current(), None);
        let id = RequestId::new(&Clock::system());
        let spawned = id.clone().scope(async {
            tokio::spawn(inherit(async { (RequestId::current(), internal_error().detail) })).await
        });
        let (current, detail) = spawned.await.unwrap();
        assert_eq!(current, Some(id.clone()));
        assert_eq!(detail, format!("internal error (request {id}); see the server log"));
    }

    #[test]
    fn an_internal_error_outside_of_a_request_has_no_id() {
        assert_eq!(internal_error().detail, "internal error; see the server log");
    }
}
