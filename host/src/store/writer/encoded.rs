//! A commit with the bodies of its journal rows, which are encoded and compressed before it waits for the
//! writer.

use crate::store::attempt::AttemptRow;
use crate::store::commit::Commit;
use crate::store::operation::{ExchangeRow, OperationRow};

/// A commit that can be written.
pub(super) struct EncodedCommit {
    pub(super) commit: Commit,
    pub(super) bodies: Bodies,
}

impl EncodedCommit {
    pub(super) fn of(commit: Commit) -> Self {
        let bodies = Bodies::of(&commit);
        Self { commit, bodies }
    }
}

/// The bodies of the journal rows of a commit.
pub(super) struct Bodies {
    pub(super) operation: Option<Vec<u8>>,
    /// Of each exchange, and the response to an earlier try.
    pub(super) exchanges: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub(super) ended_attempt: Option<Vec<u8>>,
}

impl Bodies {
    fn of(commit: &Commit) -> Self {
        Self {
            operation: commit.operation.as_ref().map(OperationRow::body),
            exchanges: commit.exchanges.iter().map(ExchangeRow::bodies).collect(),
            ended_attempt: commit.ended_attempt.as_ref().map(AttemptRow::body),
        }
    }
}
