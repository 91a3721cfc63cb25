//! Operations, attempts and exchanges.

use rusqlite::{Connection, params};

use super::failure::WriteError;
use crate::store::commit::Commit;
use crate::store::operation::OperationState;

/// Ends the operations that the commit's operation supersedes.
pub(super) fn supersede(connection: &Connection, commit: &Commit) -> Result<(), WriteError> {
    let Some(operation) = &commit.operation else { return Ok(()) };
    let finished = commit.now().unwrap_or(&operation.created);
    for resource in &commit.supersedes {
        // Two statements, so that each uses its partial index.
        for sql in [
            "UPDATE operation SET
                 state = 'superseded', successor = ?1, due = NULL, sealed = NULL, finished = ?2
             WHERE tenant = ?3 AND resource = ?4 AND (state = 'open' OR state = 'failed')
                 AND id <> ?1",
            "UPDATE operation SET
                 state = 'superseded', successor = ?1, due = NULL, sealed = NULL, finished = ?2
             WHERE tenant = ?3 AND resource = ?4 AND state = 'held' AND id <> ?1",
        ] {
            let values = params![operation.id, finished, operation.tenant, resource];
            connection.prepare_cached(sql)?.execute(values)?;
        }
    }
    Ok(())
}

/// Inserts or replaces the operation, and counts it in its job if it is done.
pub(super) fn operation(connection: &Connection, commit: &Commit) -> Result<(), WriteError> {
    let Some(it) = &commit.operation else { return Ok(()) };
    // What an operation is about never changes.
    let mut put = connection.prepare_cached(
        "INSERT INTO operation (
             id, tenant, app, resource, resource_kind, kind, state, subject, fingerprint, context,
             event, answer, note, connector, log, used, attempt, tries, due, sealed, progress,
             job, created, finished, successor
         ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET
             state = excluded.state, context = excluded.context, event = excluded.event,
             answer = excluded.answer, note = excluded.note, connector = excluded.connector,
             log = excluded.log, used = excluded.used, attempt = excluded.attempt,
             tries = excluded.tries, due = excluded.due, sealed = excluded.sealed,
             progress = excluded.progress, job = excluded.job, finished = excluded.finished,
             successor = excluded.successor",
    )?;
    put.execute(params![
        it.id,
        it.tenant,
        it.app,
        it.resource,
        it.resource_kind.name(),
        it.kind.name(),
        it.state.name(),
        it.subject,
        it.fingerprint,
        it.context,
        it.event,
        it.answer,
        it.note,
        it.connector,
        it.log,
        it.used,
        it.attempt,
        it.tries,
        it.due,
        it.sealed,
        it.progress,
        it.job,
        it.created,
        it.finished,
        it.successor,
    ])?;
    // A resource counts when the operation of the job is done: also if the job was cancelled during its
    // calls.
    if let (Some(job), OperationState::Done) = (&it.job, it.state) {
        let sql = "UPDATE job SET done = done + 1 WHERE id = ?";
        connection.prepare_cached(sql)?.execute([job])?;
    }
    Ok(())
}

/// Inserts or replaces the exchanges.
pub(super) fn exchanges(connection: &Connection, commit: &Commit) -> Result<(), WriteError> {
    for it in &commit.exchanges {
        let mut put = connection.prepare_cached(
            "INSERT INTO exchange (operation, attempt, n, request, response, earlier_response, at)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (operation, attempt, n) DO UPDATE SET
                 request = excluded.request, response = excluded.response,
                 earlier_response = coalesce(excluded.earlier_response, earlier_response),
                 at = excluded.at",
        )?;
        put.execute(params![
            it.operation,
            it.attempt,
            it.n,
            it.request,
            it.response,
            it.earlier_response,
            it.at,
        ])?;
    }
    Ok(())
}

/// Inserts or replaces the attempt that ended before the last one of its operation.
pub(super) fn ended_attempt(connection: &Connection, commit: &Commit) -> Result<(), WriteError> {
    let Some(it) = &commit.ended_attempt else { return Ok(()) };
    let mut put = connection.prepare_cached(
        "INSERT INTO attempt (operation, attempt, context, event, connector, note, ended)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (operation, attempt) DO UPDATE SET
             context = excluded.context, event = excluded.event,
             connector = excluded.connector, note = excluded.note, ended = excluded.ended",
    )?;
    put.execute(params![
        it.operation,
        it.attempt,
        it.context,
        it.event,
        it.connector,
        it.note,
        it.ended,
    ])?;
    Ok(())
}
