//! Operations, attempts and exchanges.

use rusqlite::{Connection, params};

use super::encoded::Bodies;
use super::failure::WriteError;
use crate::decision::EventKind;
use crate::store::commit::Commit;
use crate::store::operation::{OperationRow, OperationState, UNFINISHED, read_unfinished};
use crate::store::term::{self, WriterTerms};
use crate::store::value::{id, millis, number};

/// Ends the operations that the commit's operation supersedes.
pub(super) fn supersede(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<(), WriteError> {
    let Some(operation) = &commit.operation else { return Ok(()) };
    let finished = commit.now().unwrap_or(&operation.created);
    let tenant = terms.number(connection, &operation.tenant)?;
    for resource in &commit.supersedes {
        // Two statements, so that each uses its partial index.
        for states in ["(o.state = 'open' OR o.state = 'failed')", "o.state = 'held'"] {
            let mut find = connection.prepare_cached(&format!(
                "SELECT {UNFINISHED} WHERE o.tenant = ? AND o.resource = ? AND {states} AND o.id <> ?"
            ))?;
            let values = params![tenant, id(resource), id(&operation.id)];
            let older = find.query_map(values, read_unfinished)?;
            for older in older.collect::<rusqlite::Result<Vec<_>>>()? {
                let ended = OperationRow {
                    state: OperationState::Superseded,
                    successor: Some(operation.id.clone()),
                    finished: Some(finished.to_owned()),
                    ..older
                };
                end(connection, terms, &ended, &ended.body())?;
            }
        }
    }
    Ok(())
}

/// Ends some unfinished operations of a tenant that is removed. False if there was none.
pub(in crate::store) fn drop_some(
    connection: &Connection,
    tenant: &str,
    note: &str,
    now: &str,
    operations: u32,
) -> Result<bool, WriteError> {
    let sql = format!("SELECT {UNFINISHED} WHERE o.tenant = ? LIMIT ? + 0");
    let mut find = connection.prepare(&sql)?;
    let tenant = term::number(connection, tenant)?;
    let unfinished = find.query_map([tenant, operations.into()], read_unfinished)?;
    let unfinished = unfinished.collect::<rusqlite::Result<Vec<_>>>()?;
    let found = !unfinished.is_empty();
    for row in unfinished {
        let ended = OperationRow {
            state: OperationState::Dropped,
            note: Some(note.to_owned()),
            finished: Some(now.to_owned()),
            ..row
        };
        end(connection, &WriterTerms::default(), &ended, &ended.body())?;
    }
    Ok(found)
}

/// Writes the operation, and counts it in its job if it is done.
pub(super) fn operation(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
    bodies: &Bodies,
) -> Result<(), WriteError> {
    let (Some(it), Some(body)) = (&commit.operation, &bodies.operation) else { return Ok(()) };
    match it.state.is_unfinished() {
        true => put_unfinished(connection, terms, it, body)?,
        false => end(connection, terms, it, body)?,
    }
    // A resource counts when the operation of the job is done: also if the job was cancelled during its
    // calls.
    if let (Some(job), OperationState::Done) = (&it.job, it.state) {
        let sql = "UPDATE job SET done = done + 1 WHERE id = ?";
        connection.prepare_cached(sql)?.execute([job])?;
    }
    Ok(())
}

/// Inserts or replaces an operation that has not ended.
fn put_unfinished(
    connection: &Connection,
    terms: &WriterTerms,
    it: &OperationRow,
    body: &[u8],
) -> Result<(), WriteError> {
    // What an operation is about never changes. One that has ended stays so.
    let mut put = connection.prepare_cached(
        "INSERT INTO unfinished_operation (
             id, tenant, app, resource, resource_kind, kind, state, subject, connector, attempt,
             tries, due, sealed, job, created, finished, body
         )
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17
         WHERE NOT EXISTS (SELECT 1 FROM operation WHERE id = ?1)
         ON CONFLICT (id) DO UPDATE SET
             state = excluded.state, connector = excluded.connector, attempt = excluded.attempt,
             tries = excluded.tries, due = excluded.due, sealed = excluded.sealed,
             job = excluded.job, finished = excluded.finished, body = excluded.body",
    )?;
    let written = put.execute(params![
        id(&it.id),
        terms.number(connection, &it.tenant)?,
        it.app,
        id(&it.resource),
        it.resource_kind,
        it.kind.name(),
        it.state.name(),
        it.subject,
        it.connector,
        it.attempt,
        it.tries,
        it.due,
        it.sealed,
        it.job,
        millis(&it.created)?,
        it.finished.as_deref().map(millis).transpose()?,
        body,
    ])?;
    if written == 0 { Err(WriteError::Stale) } else { Ok(()) }
}

/// Appends an operation that has ended. It is not unfinished any more.
fn end(
    connection: &Connection,
    terms: &WriterTerms,
    it: &OperationRow,
    body: &[u8],
) -> Result<(), WriteError> {
    let operation = id(&it.id);
    let sql = "DELETE FROM unfinished_operation WHERE id = ?";
    connection.prepare_cached(sql)?.execute([&operation])?;
    let connector = it.connector.as_deref().map(|it| terms.number(connection, it)).transpose()?;
    let mut append = connection.prepare_cached(
        "INSERT INTO operation (
             id, tenant, app, resource, resource_kind, kind, state, connector, answered, attempt,
             tries, job, successor, created, finished, body
         ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    append.execute(params![
        operation,
        terms.number(connection, &it.tenant)?,
        terms.number(connection, &it.app)?,
        id(&it.resource),
        it.resource_kind,
        number(&EventKind::ALL, &it.kind),
        number(&OperationState::ALL, &it.state),
        connector,
        it.answer.is_some(),
        it.attempt,
        it.tries,
        it.job.as_deref().map(id),
        it.successor.as_deref().map(id),
        millis(&it.created)?,
        it.finished.as_deref().map(millis).transpose()?,
        body,
    ])?;
    let creates = matches!(it.kind, EventKind::Create | EventKind::GroupCreate);
    if it.unanswered && creates && it.state == OperationState::Done {
        let sql = "INSERT INTO unanswered_creation (operation) VALUES (?) ON CONFLICT DO NOTHING";
        connection.prepare_cached(sql)?.execute([&operation])?;
    }
    Ok(())
}

/// Inserts or replaces the exchanges.
pub(super) fn exchanges(
    connection: &Connection,
    commit: &Commit,
    bodies: &Bodies,
) -> Result<(), WriteError> {
    for (it, (body, earlier_response)) in commit.exchanges.iter().zip(&bodies.exchanges) {
        let mut put = connection.prepare_cached(
            "INSERT INTO exchange (operation, attempt, n, at, body, earlier_response)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (operation, attempt, n) DO UPDATE SET
                 at = excluded.at, body = excluded.body,
                 earlier_response = coalesce(excluded.earlier_response, earlier_response)",
        )?;
        let at = millis(&it.at)?;
        put.execute(params![id(&it.operation), it.attempt, it.n, at, body, earlier_response])?;
    }
    Ok(())
}

/// Inserts or replaces the attempt that ended before the last one of its operation.
pub(super) fn ended_attempt(
    connection: &Connection,
    commit: &Commit,
    bodies: &Bodies,
) -> Result<(), WriteError> {
    let (Some(it), Some(body)) = (&commit.ended_attempt, &bodies.ended_attempt) else {
        return Ok(());
    };
    let mut put = connection.prepare_cached(
        "INSERT INTO attempt (operation, attempt, ended, body) VALUES (?, ?, ?, ?)
         ON CONFLICT (operation, attempt) DO UPDATE SET
             ended = excluded.ended, body = excluded.body",
    )?;
    put.execute(params![id(&it.operation), it.attempt, millis(&it.ended)?, body])?;
    Ok(())
}
