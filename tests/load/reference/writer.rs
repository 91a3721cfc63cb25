//! Writes of the reference server: one thread writes all waiting requests in one transaction.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use jiff::Timestamp;
use muster::decision::{EventKind, ResourceKind};
use rusqlite::{Connection, OptionalExtension, Result, Statement};
use serde::Deserialize;
use tokio::sync::oneshot;
use uuid::Uuid;

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
        tenant INTEGER,
        account_id TEXT,
        membership TEXT,
        document TEXT NOT NULL
    );
    CREATE TABLE team (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE member (
        team TEXT NOT NULL REFERENCES team (id),
        user TEXT NOT NULL,
        display TEXT,
        PRIMARY KEY (team, user)
    ) WITHOUT ROWID;
    -- Written in the configuration `baseline` only, with the same columns and indexes as muster's
    -- journal. The account is in its user's row.
    CREATE UNIQUE INDEX user_account ON user (account_id, tenant) WHERE account_id IS NOT NULL;
    CREATE TABLE operation (
        number INTEGER NOT NULL PRIMARY KEY,
        id BLOB NOT NULL,
        tenant INTEGER NOT NULL,
        app INTEGER NOT NULL,
        resource BLOB NOT NULL,
        resource_kind INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        state INTEGER NOT NULL,
        connector INTEGER,
        answered INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        job BLOB,
        successor BLOB,
        created INTEGER NOT NULL,
        finished INTEGER,
        body BLOB NOT NULL
    );
    CREATE UNIQUE INDEX operation_id ON operation (id);
    CREATE INDEX operation_of_tenant ON operation (tenant, id);
    CREATE INDEX operation_of_resource ON operation (tenant, resource, id);
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
    membership: Statement<'c>,
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
                     NULL, ?1, 2, 3, ?2, ?3, ?4, 2, 4, 1, 1, 0, NULL, NULL, ?5, ?5, ?6
                 )",
            )?,
            account: connection.prepare(
                "UPDATE user SET tenant = 2, account_id = ?2 WHERE id = ?1 AND account_id IS NULL",
            )?,
            membership: connection.prepare(
                "UPDATE user SET membership = ?2 WHERE id = ?1 AND membership IS NOT ?2",
            )?,
        })
    }

    fn record(&mut self, it: &JournalRecord) -> Result<()> {
        let JournalRecord { operation, body, account, membership } = it;
        let bytes = |id: &str| Uuid::try_parse(id).map(|it| it.into_bytes()).unwrap_or_default();
        let ended: Option<Timestamp> = operation.created.parse().ok();
        self.operation.execute(rusqlite::params![
            bytes(&operation.id),
            bytes(&operation.resource),
            operation.resource_kind == ResourceKind::Group,
            EventKind::ALL
                .iter()
                .zip(0..)
                .find(|(kind, _)| **kind == operation.kind)
                .map(|it| it.1),
            ended.map(Timestamp::as_millisecond),
            body,
        ])?;
        if operation.resource_kind == ResourceKind::User {
            if operation.kind == EventKind::Create {
                self.account.execute((&operation.resource, account))?;
            }
            self.membership.execute((&operation.resource, membership))?;
        }
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
