//! The erasure of a person: what tables, free pages and the log have of them. The caller has made sure that
//! the person is gone from the directory and has no unfinished operation.
//!
//! Decisions stay without what they were about: an ended operation keeps its columns, and its body is written
//! again without texts, in the same format. So it is with operations on others that name the person, such as
//! those of their groups, which keep their own subject.
//!
//! SQLite deletes a row by forgetting where it is. Every transaction of this module overwrites what it deletes
//! (`secure_delete`); what was deleted before is on free pages, which are taken, zeroed and given back.

use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};

use super::body;
use super::key::key;
use super::operation::{ENDED, OperationRow, UNFINISHED, decoded, read_ended, read_unfinished};
use super::value::{StoredId, id};
use super::{Store, term};

/// The bytes that are zeroed in one transaction.
const ZEROED: i64 = 1 << 20;

/// A person who is to be erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedPerson {
    /// The tenant.
    pub tenant: String,
    /// The SCIM id.
    pub id: String,
    /// What else other rows may name the person by, in lower case: the id itself, user names, addresses and
    /// identifiers.
    pub names: Vec<String>,
}

/// What the journal has of a person, or had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErasedCounts {
    /// Operations on the person.
    pub operations: u64,
    /// Operations on others that name the person.
    pub mentions: u64,
    /// Jobs that name the person.
    pub jobs: u64,
}

/// An operation that names a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The operation.
    pub operation: String,
    /// Whether it is about the person.
    pub own: bool,
    /// Whether it has ended.
    pub ended: bool,
}

impl NamedPerson {
    fn is_named_in<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> bool {
        texts.into_iter().any(|text| {
            let text = text.to_lowercase();
            self.names.iter().any(|name| text.contains(name.as_str()))
        })
    }

    /// Whether a body of an operation, each of so many texts, names the person.
    fn is_named_in_bodies<const N: usize>(
        &self,
        connection: &Connection,
        sql: &str,
        operation: &str,
    ) -> rusqlite::Result<bool> {
        let mut list = connection.prepare_cached(sql)?;
        let mut rows = list.query([id(operation)])?;
        while let Some(row) = rows.next()? {
            let texts: [Option<String>; N] = decoded(row.get_ref(0)?.as_blob()?, &[operation], 0)?;
            if self.is_named_in(texts.iter().flatten().map(String::as_str)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Store {
    /// What the person was called in the journal: operations on them, the oldest first.
    pub async fn own_operations(&self, tenant: &str, resource: &str) -> Result<Vec<OperationRow>> {
        let (tenant, resource) = (tenant.to_owned(), id(resource));
        let list = move |connection: &Connection| {
            let tenant = term::number(connection, &tenant)?;
            let sql = format!("SELECT {ENDED} WHERE o.tenant = ? AND o.resource = ? ORDER BY o.id");
            let mut list = connection.prepare_cached(&sql)?;
            list.query_map(params![tenant, resource], read_ended)?.collect()
        };
        self.reader.host(list).await
    }

    /// The people that operations of a tenant are about under this name, in the form in which names are
    /// compared. All operations are looked through.
    pub async fn people_named(&self, tenant: &str, name: &str) -> Result<Vec<String>> {
        let (tenant, name) = (tenant.to_owned(), key(name));
        let find = move |connection: &Connection| {
            let tenant = term::number(connection, &tenant)?;
            let mut former = connection.prepare_cached(
                "SELECT resource FROM former_account WHERE tenant = ? AND kind = 0 AND user_name_key = ?",
            )?;
            let ids = former.query_map(params![tenant, name], |row| row.get::<_, StoredId>(0))?;
            let mut found: Vec<String> =
                ids.map(|it| it.map(|it| it.0)).collect::<rusqlite::Result<_>>()?;
            let sql = format!("SELECT {ENDED} WHERE o.tenant = ? AND o.resource_kind = 0");
            let mut list = connection.prepare_cached(&sql)?;
            let mut rows = list.query([tenant])?;
            while let Some(row) = rows.next()? {
                let row = read_ended(row)?;
                if key(&row.subject) == name {
                    found.push(row.resource);
                }
            }
            found.sort();
            found.dedup();
            Ok(found)
        };
        self.reader.host(find).await
    }

    /// Looks through some operations of the person's tenant after this one: those that name the person, and
    /// the last operation of these; none if there are no more.
    pub async fn mentions(
        &self,
        person: &NamedPerson,
        after: &str,
        operations: u32,
    ) -> Result<(Vec<Mention>, Option<String>)> {
        let (person, after) = (person.clone(), id(after));
        let find = move |connection: &Connection| {
            let tenant = term::number(connection, &person.tenant)?;
            let sql =
                format!("SELECT {ENDED} WHERE o.tenant = ? AND o.id > ? ORDER BY o.id LIMIT ? + 0");
            let mut list = connection.prepare_cached(&sql)?;
            let rows = list.query_map(params![tenant, after, operations], read_ended)?;
            let rows: Vec<OperationRow> = rows.collect::<rusqlite::Result<_>>()?;
            let last = rows.last().map(|row| row.id.clone());
            let mut found = Vec::new();
            for row in rows {
                let own = row.resource == person.id;
                if has_texts(connection, &row)? && (own || names(connection, &row, &person)?) {
                    found.push(Mention { operation: row.id, own, ended: true });
                }
            }
            Ok((found, last))
        };
        self.reader.host(find).await
    }

    /// The unfinished operations that name the person. They are few.
    pub async fn unfinished_mentions(&self, person: &NamedPerson) -> Result<Vec<Mention>> {
        let person = person.clone();
        let find = move |connection: &Connection| {
            let tenant = term::number(connection, &person.tenant)?;
            let mut list =
                connection.prepare_cached(&format!("SELECT {UNFINISHED} WHERE o.tenant = ?"))?;
            let rows = list.query_map([tenant], read_unfinished)?;
            let mut found = Vec::new();
            for row in rows.collect::<rusqlite::Result<Vec<_>>>()? {
                let own = row.resource == person.id;
                if own || names(connection, &row, &person)? {
                    found.push(Mention { operation: row.id, own, ended: false });
                }
            }
            Ok(found)
        };
        self.reader.host(find).await
    }

    /// Erases these ended operations of a tenant, but for their decisions.
    pub async fn erase_operations(&self, mentions: &[Mention]) -> Result<()> {
        let mentions = mentions.to_vec();
        let erase = move |connection: &Connection| {
            securely(connection, || {
                mentions.iter().try_for_each(|mention| erase_operation(connection, mention))
            })
        };
        self.writer.run(erase).await
    }

    /// Erases what is left of a person outside the journal: the former account, with which the host would
    /// recognise someone who comes back, and the texts of jobs. Returns how many jobs named the person.
    pub async fn erase_account(&self, person: &NamedPerson) -> Result<u64> {
        let person = person.clone();
        let erase = move |connection: &Connection| {
            securely(connection, || {
                let tenant = term::number(connection, &person.tenant)?;
                let key = params![tenant, id(&person.id)];
                for sql in [
                    "DELETE FROM former_account WHERE tenant = ? AND resource = ?",
                    "DELETE FROM email WHERE tenant = ? AND resource = ?",
                    "DELETE FROM unsettled_member WHERE tenant = ? AND member_id = ?",
                ] {
                    connection.execute(sql, key)?;
                }
                erase_from_jobs(connection, &person)
            })
        };
        self.writer.run(erase).await
    }

    /// How many jobs of the tenant name the person.
    pub async fn jobs_naming(&self, person: &NamedPerson) -> Result<u64> {
        let person = person.clone();
        let count = move |connection: &Connection| {
            Ok(jobs(connection, &person)?.len().try_into().unwrap_or(u64::MAX))
        };
        self.reader.host(count).await
    }

    /// Overwrites the free pages of the file with zeros and empties the log, in steps. False if the log could
    /// not be emptied, because of a long read or a backup.
    pub async fn overwrite_free_space(&self) -> Result<bool> {
        while self.writer.run(fill).await? {}
        while self.writer.run(give_back).await? {}
        self.cut_log().await
    }
}

/// Runs the work with what it deletes overwritten.
fn securely<T>(connection: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let set = |value| connection.query_row(value, [], |_| Ok(()));
    set("PRAGMA secure_delete = ON")?;
    let done = work();
    set("PRAGMA secure_delete = FAST")?;
    done
}

/// Writes zeros over some free pages. False if there are none.
fn fill(connection: &Connection) -> Result<bool> {
    let free: i64 = connection.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    if free == 0 {
        return Ok(false);
    }
    let page: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let bytes = ZEROED.min(free.saturating_mul(page));
    connection.execute("INSERT INTO zeros (bytes) VALUES (zeroblob(?))", [bytes])?;
    Ok(true)
}

/// Frees some pages that were zeroed. False if there are none.
fn give_back(connection: &Connection) -> Result<bool> {
    let sql = "DELETE FROM zeros WHERE number = (SELECT max(number) FROM zeros)";
    Ok(connection.execute(sql, [])? > 0)
}

/// Whether the operation has texts, or exchanges or attempts that may have some.
fn has_texts(connection: &Connection, row: &OperationRow) -> rusqlite::Result<bool> {
    if row.event != ERASED {
        return Ok(true);
    }
    let mut find =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM exchange WHERE operation = ?1)")?;
    find.query_row([id(&row.id)], |row| row.get(0))
}

fn names(
    connection: &Connection,
    row: &OperationRow,
    person: &NamedPerson,
) -> rusqlite::Result<bool> {
    let texts = [&row.subject, &row.fingerprint, &row.context, &row.event].map(Some).into_iter();
    let texts = texts.chain([&row.answer, &row.note, &row.log].map(Option::as_ref)).flatten();
    if person.is_named_in(texts.map(String::as_str)) {
        return Ok(true);
    }
    let exchange = "SELECT body FROM exchange WHERE operation = ?";
    let earlier = "SELECT earlier_response FROM exchange
                   WHERE operation = ? AND earlier_response IS NOT NULL";
    let attempt = "SELECT body FROM attempt WHERE operation = ?";
    Ok(person.is_named_in_bodies::<2>(connection, exchange, &row.id)?
        || person.is_named_in_bodies::<1>(connection, earlier, &row.id)?
        || person.is_named_in_bodies::<4>(connection, attempt, &row.id)?)
}

/// What a body has in place of a context and an event, which are JSON.
const ERASED: &str = "null";

fn erase_operation(connection: &Connection, mention: &Mention) -> Result<()> {
    let operation = id(&mention.operation);
    let mut find = connection.prepare_cached(&format!("SELECT {ENDED} WHERE o.id = ?"))?;
    let row = find.query_row([&operation], read_ended)?;
    let row = OperationRow {
        subject: if mention.own { String::new() } else { row.subject },
        fingerprint: String::new(),
        context: ERASED.to_owned(),
        event: ERASED.to_owned(),
        answer: None,
        note: None,
        log: None,
        ..row
    };
    let body = row.body();
    connection
        .prepare_cached("UPDATE operation SET body = ?, answered = 0 WHERE id = ?")?
        .execute(params![body, operation])?;
    for sql in [
        "DELETE FROM exchange WHERE operation = ?",
        "DELETE FROM unanswered_creation WHERE operation = ?",
    ] {
        connection.prepare_cached(sql)?.execute([&operation])?;
    }
    erase_attempts(connection, &mention.operation)
}

fn erase_attempts(connection: &Connection, operation: &str) -> Result<()> {
    let mut list =
        connection.prepare_cached("SELECT attempt, body FROM attempt WHERE operation = ?")?;
    let attempts = list.query_map([id(operation)], |row| {
        let [_, _, connector, _] = decoded::<4>(row.get_ref(1)?.as_blob()?, &[operation], 1)?;
        Ok((row.get::<_, u32>(0)?, connector))
    })?;
    for (attempt, connector) in attempts.collect::<rusqlite::Result<Vec<_>>>()? {
        let texts = [Some(ERASED), Some(ERASED), connector.as_deref(), None];
        let body = body::encode(&texts, &[operation]);
        connection
            .prepare_cached("UPDATE attempt SET body = ? WHERE operation = ? AND attempt = ?")?
            .execute(params![body, id(operation), attempt])?;
    }
    Ok(())
}

/// The jobs of the tenant that name the person, with their previews.
fn jobs(
    connection: &Connection,
    person: &NamedPerson,
) -> rusqlite::Result<Vec<(String, Option<String>)>> {
    let mut list = connection
        .prepare_cached("SELECT id, preview, note, last_error, result FROM job WHERE tenant = ?")?;
    let rows = list.query_map([&person.tenant], |row| {
        let texts: [Option<String>; 4] = [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?];
        Ok((row.get::<_, String>(0)?, texts))
    })?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
    let naming =
        rows.filter(|(_, texts)| person.is_named_in(texts.iter().flatten().map(String::as_str)));
    Ok(naming.map(|(id, [preview, ..])| (id, preview)).collect())
}

/// Takes the person out of the lists that jobs showed, and notes that name them.
fn erase_from_jobs(connection: &Connection, person: &NamedPerson) -> Result<u64> {
    let jobs = jobs(connection, person)?;
    for (job, preview) in &jobs {
        let preview = preview.as_deref().map(|it| without(it, person)).transpose()?;
        connection.execute(
            "UPDATE job SET preview = ?2, last_error = NULL, result = NULL,
                 note = iif(note IS NULL, NULL, 'erased with a person that it named')
             WHERE id = ?1",
            params![job, preview],
        )?;
    }
    Ok(u64::try_from(jobs.len())?)
}

/// A preview without a person.
fn without(preview: &str, person: &NamedPerson) -> Result<String> {
    let mut preview: serde_json::Value =
        serde_json::from_str(preview).context("the preview of a job")?;
    if let Some(named) = preview["named"].as_array_mut() {
        named.retain(|it| !person.is_named_in([it.to_string().as_str()]));
    }
    Ok(preview.to_string())
}
