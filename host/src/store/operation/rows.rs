//! Rows of the journal as they are read, and the bodies of those that are written.

use rusqlite::Row;
use rusqlite::types::Type;

use super::{ExchangeRow, OperationRow, OperationState};
use crate::decision::EventKind;
use crate::store::body;
use crate::store::value::{StoredId, StoredTime, numbered};

/// Unfinished operations `o`, as [`read_unfinished`] reads them.
pub(in crate::store) const UNFINISHED: &str =
    "o.id, t.name, o.app, o.resource, o.resource_kind, o.kind,
    o.state, o.connector, o.attempt, o.tries, o.job, NULL, o.created, o.finished, o.body, 0, o.due,
    o.sealed
    FROM unfinished_operation o
    LEFT JOIN term t ON t.number = o.tenant";

/// Ended operations `o`, as [`read_ended`] reads them.
pub(in crate::store) const ENDED: &str =
    "o.id, t.name, a.name, o.resource, o.resource_kind, o.kind, o.state,
    c.name, o.attempt, o.tries, o.job, o.successor, o.created, o.finished, o.body,
    EXISTS (SELECT 1 FROM unanswered_creation u WHERE u.operation = o.id)
    FROM operation o
    LEFT JOIN term t ON t.number = o.tenant
    LEFT JOIN term a ON a.number = o.app
    LEFT JOIN term c ON c.number = o.connector";

pub(in crate::store) fn read_unfinished(row: &Row<'_>) -> rusqlite::Result<OperationRow> {
    let (kind, state) = (row.get(5)?, row.get(6)?);
    Ok(OperationRow { due: row.get(16)?, sealed: row.get(17)?, ..read(row, kind, state)? })
}

pub(in crate::store) fn read_ended(row: &Row<'_>) -> rusqlite::Result<OperationRow> {
    let kind = numbered(&EventKind::ALL, row, 5)?;
    read(row, kind, numbered(&OperationState::ALL, row, 6)?)
}

/// What both tables have.
fn read(row: &Row<'_>, kind: EventKind, state: OperationState) -> rusqlite::Result<OperationRow> {
    let id = |column| row.get::<_, Option<StoredId>>(column).map(|it| it.map(|it| it.0));
    let time = |column| row.get::<_, Option<StoredTime>>(column).map(|it| it.map(|it| it.0));
    let StoredId(operation) = row.get(0)?;
    let StoredId(resource) = row.get(3)?;
    let StoredTime(created) = row.get(12)?;
    let mut found = OperationRow {
        id: operation,
        tenant: row.get(1)?,
        app: row.get(2)?,
        resource,
        resource_kind: row.get(4)?,
        kind,
        state,
        connector: row.get(7)?,
        attempt: row.get(8)?,
        tries: row.get(9)?,
        job: id(10)?,
        successor: id(11)?,
        created,
        finished: time(13)?,
        unanswered: row.get(15)?,
        subject: String::new(),
        fingerprint: String::new(),
        context: String::new(),
        event: String::new(),
        answer: None,
        note: None,
        log: None,
        used: None,
        progress: String::new(),
        due: None,
        sealed: None,
    };
    let body = row.get_ref(14)?.as_blob()?;
    let texts: [Option<String>; 9] = decoded(body, &found.columns(), 14)?;
    let [subject, fingerprint, context, event, answer, note, log, used, progress] = texts;
    found.subject = subject.unwrap_or_default();
    found.fingerprint = fingerprint.unwrap_or_default();
    found.context = context.unwrap_or_default();
    found.event = event.unwrap_or_default();
    found.progress = progress.unwrap_or_default();
    (found.answer, found.note, found.log, found.used) = (answer, note, log, used);
    Ok(found)
}

impl OperationRow {
    /// The columns that its body refers to. They never change.
    fn columns(&self) -> [&str; 5] {
        [&self.tenant, &self.app, &self.created, &self.resource, &self.id]
    }

    /// The body of its row in the journal.
    pub fn body(&self) -> Vec<u8> {
        let creates = matches!(self.kind, EventKind::Create | EventKind::GroupCreate);
        let unfinished = self.state.is_unfinished();
        let texts = [
            Some(self.subject.as_str()),
            Some(self.fingerprint.as_str()).filter(|_| unfinished || creates),
            Some(self.context.as_str()),
            Some(self.event.as_str()),
            self.answer.as_deref(),
            self.note.as_deref(),
            self.log.as_deref(),
            self.used.as_deref(),
            Some(self.progress.as_str()).filter(|_| unfinished),
        ];
        body::encode(&texts, &self.columns())
    }
}

impl ExchangeRow {
    /// The body of its row, and the response to an earlier try.
    pub(in crate::store) fn bodies(&self) -> (Vec<u8>, Option<Vec<u8>>) {
        let texts = [Some(self.request.as_str()), self.response.as_deref()];
        let earlier = self.earlier_response.as_deref();
        let earlier = earlier.map(|earlier| body::encode(&[Some(earlier)], &[&self.operation]));
        (body::encode(&texts, &[&self.operation]), earlier)
    }
}

pub(super) fn exchange(row: &Row<'_>, operation: &str) -> rusqlite::Result<ExchangeRow> {
    let StoredTime(at) = row.get(2)?;
    let (request, response) = exchanged(row, 3, operation)?;
    let earlier: Option<Vec<u8>> = row.get(4)?;
    let earlier = earlier.map(|body| decoded::<1>(&body, &[operation], 4)).transpose()?;
    Ok(ExchangeRow {
        operation: operation.to_owned(),
        attempt: row.get(0)?,
        n: row.get(1)?,
        request,
        response,
        earlier_response: earlier.and_then(|[earlier]| earlier),
        at,
    })
}

/// The request and the response in the body of an exchange.
pub(in crate::store) fn exchanged(
    row: &Row<'_>,
    column: usize,
    operation: &str,
) -> rusqlite::Result<(String, Option<String>)> {
    let body = row.get_ref(column)?.as_blob()?;
    let [request, response] = decoded(body, &[operation], column)?;
    Ok((request.unwrap_or_default(), response))
}

/// The texts of the body in this column.
pub(in crate::store) fn decoded<const N: usize>(
    body: &[u8],
    columns: &[&str],
    column: usize,
) -> rusqlite::Result<[Option<String>; N]> {
    body::decode(body, columns).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, error.into())
    })
}
