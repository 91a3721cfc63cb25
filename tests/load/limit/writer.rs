//! Writes of the limit: one thread takes everything that waits into one transaction.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::{Connection, OptionalExtension, Result, Statement};
use serde::Deserialize;
use tokio::sync::oneshot;

/// No more go into one transaction.
const MOST: usize = 256;

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
";

/// What is written.
pub(super) enum Write {
    User { id: String, user_name: String, document: String },
    Active { id: String, active: bool, now: String },
    Group { id: String },
    Members { group: String, members: Vec<Member> },
}

/// Somebody who joins a group.
#[derive(Deserialize)]
pub(super) struct Member {
    value: String,
    display: Option<String>,
}

/// The document, where there is a new one.
type Written = Result<Option<String>>;

/// The way to the writing thread.
#[derive(Clone)]
pub(super) struct Writer {
    waiting: Sender<(Write, oneshot::Sender<Written>)>,
}

impl Writer {
    /// Makes the database and starts the thread.
    pub(super) fn start(database: &Path) -> Result<Self> {
        let connection = Connection::open(database)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA wal_autocheckpoint = 4000; PRAGMA mmap_size = 1073741824;",
        )?;
        connection.execute_batch(SCHEMA)?;
        let (waiting, queue) = channel();
        std::thread::spawn(move || {
            if let Err(error) = write_all(&connection, &queue) {
                anstream::eprintln!("limit: {error}");
                std::process::exit(1);
            }
        });
        Ok(Self { waiting })
    }

    /// What was written, once it is on disk.
    pub(super) async fn write(&self, write: Write) -> Written {
        let (answer, written) = oneshot::channel();
        // The process ends where the thread does.
        self.waiting.send((write, answer)).ok();
        written.await.unwrap_or(Ok(None))
    }
}

fn write_all(
    connection: &Connection,
    queue: &Receiver<(Write, oneshot::Sender<Written>)>,
) -> Result<()> {
    let mut statements = Statements::prepare(connection)?;
    let mut answers = Vec::with_capacity(MOST);
    while let Ok(first) = queue.recv() {
        statements.begin.execute([])?;
        for (write, answer) in std::iter::once(first).chain(queue.try_iter().take(MOST - 1)) {
            // What fails leaves nothing behind, and the others as they are.
            answers.push((answer, statements.write(&write)));
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
        })
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
                for Member { value, display } in members {
                    self.member.execute((group, value, display))?;
                }
                Ok(None)
            }
        }
    }
}
