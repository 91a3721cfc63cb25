//! Reads of the reference server, in the thread that handles the request, over a database connection
//! for each thread.

use std::cell::RefCell;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Statement};

thread_local! {
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

/// The database connection of one thread, with prepared statements.
pub(super) struct Reader {
    by_id: Statement<'static>,
    by_name: Statement<'static>,
    page: Statement<'static>,
}

impl Reader {
    /// Reads with this thread's connection.
    pub(super) fn with<T>(
        database: &Path,
        read: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        READER.with_borrow_mut(|reader| match reader {
            Some(reader) => read(reader),
            None => read(reader.insert(Self::open(database)?)),
        })
    }

    fn open(database: &Path) -> rusqlite::Result<Self> {
        // Leaked on purpose: its thread lives as long as the process.
        let connection: &'static Connection = Box::leak(Box::new(Connection::open(database)?));
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA mmap_size = 1073741824")?;
        Ok(Self {
            by_id: connection.prepare("SELECT document FROM user WHERE id = ?1")?,
            by_name: connection.prepare("SELECT document FROM user WHERE user_name = ?1")?,
            page: connection
                .prepare("SELECT document FROM user WHERE seq >= ?1 ORDER BY seq LIMIT ?2")?,
        })
    }

    pub(super) fn by_id(&mut self, id: &str) -> rusqlite::Result<Option<String>> {
        self.by_id.query_row([id], |row| row.get(0)).optional()
    }

    /// A list with the user of this name, or an empty list.
    pub(super) fn by_name(&mut self, name: &str) -> rusqlite::Result<String> {
        let mut rows = self.by_name.query([name])?;
        Ok(match rows.next()? {
            Some(row) => list(1, 1, 1, row.get_ref(0)?.as_str()?),
            None => list(0, 1, 0, ""),
        })
    }

    /// A page. Users are never deleted, so `seq` is the position of a user in the list.
    pub(super) fn page(&mut self, total: u64, start: u32, count: u32) -> rusqlite::Result<String> {
        let mut documents = String::with_capacity(1024 * count as usize);
        let mut found = 0;
        let mut rows = self.page.query([start, count])?;
        while let Some(row) = rows.next()? {
            if found > 0 {
                documents.push(',');
            }
            documents.push_str(row.get_ref(0)?.as_str()?);
            found += 1;
        }
        Ok(list(total, start, found, &documents))
    }
}

fn list(total: u64, start: u32, found: u32, documents: &str) -> String {
    format!(
        "{{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],\
         \"totalResults\":{total},\"startIndex\":{start},\"itemsPerPage\":{found},\
         \"Resources\":[{documents}]}}"
    )
}
