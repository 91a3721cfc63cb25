//! The parts of a commit, in the order in which they are written.

use rusqlite::Connection;

use super::{EncodedCommit, WriteError, account, journal, membership, resource};
use crate::store::audit;
use crate::store::term::WriterTerms;

/// Writes a commit in the caller's transaction. The order matters where a step says so.
pub(super) fn write(
    connection: &Connection,
    terms: &WriterTerms,
    it: &EncodedCommit,
) -> Result<(), WriteError> {
    let EncodedCommit { commit, bodies } = it;
    // Before the operation, because the unique index allows one unfinished operation of a resource.
    journal::supersede(connection, terms, commit)?;
    resource::check_display_name(connection, terms, commit)?;
    // Before the resource and the account, because an account of the app is in one row.
    account::move_away(connection, terms, commit)?;
    // Before the resource goes, and its memberships with it.
    membership::keep(connection, terms, commit)?;
    journal::operation(connection, terms, commit, bodies)?;
    journal::exchanges(connection, commit, bodies)?;
    let place = resource::change(connection, terms, commit)?;
    membership::members(connection, terms, commit)?;
    account::account(connection, terms, commit, place)?;
    journal::ended_attempt(connection, commit, bodies)?;
    if let Some(row) = &commit.audit {
        audit::insert(connection, row)?;
    }
    membership::unsettled(connection, terms, commit)
}
