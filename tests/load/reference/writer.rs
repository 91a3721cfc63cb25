//! Writes of the reference server: one thread writes all waiting requests in one transaction.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::{Connection, OptionalExtension, Result, Statement};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::decision::JournalRecord;

/// Writes in one transaction at most.
const MAX_BATCH: usize = 256;

const SCHEMA: &str = "
    CREATE TABLE user (
        seq INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        user_name TEXT NOT NULL UNIQUE,
        active INTEGER NOT NULL,
        version INTEGER NOT NULL,
        document TEXT NOT NULL
    );
    CREATE TABLE team (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE member (
        team TEXT NOT NULL REFERENCES team (id),
        user TEXT NOT NULL,
        display TEXT,
        PRIMARY KEY (team, user)
    ) WITHOUT ROWID;
    -- Written in the configuration `baseline` only, with the same indexes as muster's journal and
    -- accounts.
    CREATE TABLE operation (
        id TEXT NOT NULL PRIMARY KEY,
        tenant TEXT NOT NULL,
        resource TEXT NOT NULL,
        resource_kind TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        context TEXT NOT NULL,
        event TEXT NOT NULL,
        answer TEXT NOT NULL,
        note TEXT NOT NULL,
        used TEXT NOT NULL,
        progress TEXT NOT NULL,
        at TEXT NOT NULL
    );
    CREATE INDEX operation_of_tenant ON operation (tenant, id);
    CREATE INDEX operation_of_resource ON operation (tenant, resource, id);
    CREATE TABLE account (
        tenant TEXT NOT NULL,
        resource TEXT NOT NULL,
        kind TEXT NOT NULL,
        user_name TEXT NOT NULL,
        account_id TEXT NOT NULL,
        membership TEXT NOT NULL,
        PRIMARY KEY (tenant, resource)
    ) WITHOUT ROWID;
    CREATE INDEX account_in_app ON account (account_id, tenant);
";

/// A write.
pub(super) enum Write {
    User { id: String, user_name: String, document: String },
    Active { id: String, active: bool, now: String },
    Group { id: String },
    Members { group: String, members: Vec<NewMember> },
}

/// A new member in a request.
#[derive(Deserialize)]
pub(super) struct NewMember {
    pub(super) value: String,
    pub(super) display: Option<String>,
}

/// A write, its journal record, and the channel for its result.
type QueuedWrite = (Write, Option<JournalRecord>, oneshot::Sender<Written>);

/// The changed document, if the write changes one.
type Written = Result<Option<String>>;

/// The queue of the writer thread.
#[derive(Clone)]
pub(super) struct Writer {
    queue: Sender<QueuedWrite>,
}

impl Writer {
    /// Creates the database and starts the thread.
    pub(super) fn start(database: &Path) -> Result<Self> {
        let connection = Connection::open(database)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA wal_autocheckpoint = 4000; PRAGMA mmap_size = 1073741824;",
        )?;
        connection.execute_batch(SCHEMA)?;
        let (sender, queue) = channel();
        std::thread::spawn(move || {
            if let Err(error) = write_all(&connection, &queue) {
                anstream::eprintln!("reference server: {error}");
                std::process::exit(1);
            }
        });
        Ok(Self { queue: sender })
    }

    /// Writes, and returns when the write is durable.
    pub(super) async fn write(&self, write: Write, record: Option<JournalRecord>) -> Written {
        let (answer, written) = oneshot::channel();
        // Sending fails only if the thread has ended, and the process ends with it.
        self.queue.send((write, record, answer)).ok();
        written.await.unwrap_or(Ok(None))
    }
}

fn write_all(connection: &Connection, queue: &Receiver<QueuedWrite>) -> Result<()> {
    let mut statements = Statements::prepare(connection)?;
    let mut answers = Vec::with_capacity(MAX_BATCH);
    while let Ok(first) = queue.recv() {
        statements.begin.execute([])?;
        for (write, record, answer) in
            std::iter::once(first).chain(queue.try_iter().take(MAX_BATCH - 1))
        {
            // A failed statement changes nothing, and the other writes of the batch go on.
            let written = statements.write(&write);
            if let (Ok(_), Some(record)) = (&written, record) {
                statements.record(&record)?;
            }
            answers.push((answer, written));
        }
        statements.commit.execute([])?;
        for (answer, written) in answers.drain(..) {
            answer.send(written).ok();
        }
    }
    Ok(())
}

struct Statements<'c> {
    begin: Statement<'c>,
    commit: Statement<'c>,
    user: Statement<'c>,
    active: Statement<'c>,
    group: Statement<'c>,
    member: Statement<'c>,
    operation: Statement<'c>,
    account: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            user: connection.prepare(
                "INSERT INTO user (id, user_name, active, version, document)
                 VALUES (?1, ?2, 1, 1, ?3)",
            )?,
            active: connection.prepare(
                "UPDATE user SET active = ?2, version = version + 1,
                     document = json_set(document, '$.active', json(?3), '$.meta.lastModified', ?4,
                                         '$.meta.version', format('W/\"%d\"', version + 1))
                 WHERE id = ?1 RETURNING document",
            )?,
            group: connection.prepare("INSERT INTO team (id) VALUES (?1)")?,
            member: connection.prepare(
                "INSERT INTO member (team, user, display) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET display = excluded.display",
            )?,
            operation: connection.prepare(
                "INSERT INTO operation VALUES (
                     ?1, 'acme', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13
                 )",
            )?,
            account: connection.prepare(
                "INSERT INTO account VALUES ('acme', ?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET membership = excluded.membership
                 WHERE membership <> excluded.membership",
            )?,
        })
    }

    fn record(&mut self, it: &JournalRecord) -> Result<()> {
        self.operation.execute(rusqlite::params![
            it.operation,
            it.resource,
            it.resource_kind,
            it.kind,
            it.subject,
            it.fingerprint,
            it.context,
            it.event,
            it.answer,
            it.note,
            it.used,
            it.progress,
            it.at,
        ])?;
        let (resource, kind) = (&it.resource, it.resource_kind);
        self.account.execute((resource, kind, &it.subject, &it.account, it.membership))?;
        Ok(())
    }

    fn write(&mut self, write: &Write) -> Written {
        match write {
            Write::User { id, user_name, document } => {
                self.user.execute([id, user_name, document]).map(|_| None)
            }
            Write::Active { id, active, now } => {
                let json = if *active { "true" } else { "false" };
                self.active.query_row((id, active, json, now), |row| row.get(0)).optional()
            }
            Write::Group { id } => self.group.execute([id]).map(|_| None),
            Write::Members { group, members } => {
                for NewMember { value, display } in members {
                    self.member.execute((group, value, display))?;
                }
                Ok(None)
            }
        }
    }
}
