//! Cursors: places in a list, as identity providers keep them between two pages (RFC 9865).
//!
//! They are sealed with a key of the host: nobody reads from them who is in the list, and nobody
//! makes one up. They do not expire.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Directory;
use crate::scim::{self, ScimType};
use crate::store::Bookmark;

/// A place in a walk through lists that follow on each other.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Cursor {
    /// In which list, counted from 0.
    pub list: usize,
    /// Where in it; at its beginning where nothing is said.
    pub after: Option<Bookmark>,
    /// How many there were in all when the walk began.
    pub total: u64,
}

impl Directory {
    /// The text of a cursor for this query, safe in a URL.
    pub fn seal_cursor(&self, query: &str, cursor: &Cursor) -> anyhow::Result<String> {
        let sealed = serde_json::to_vec(&(self.config.key().keyed_hash(query), cursor))?;
        Ok(URL_SAFE_NO_PAD.encode(self.config.key().for_purpose("cursors").seal(&sealed)?))
    }

    /// The cursor of this text, if it was made for this query; else `invalidCursor`.
    pub fn open_cursor(&self, query: &str, text: &str) -> Result<Cursor, scim::Error> {
        let opened = URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|sealed| self.config.key().for_purpose("cursors").unseal(&sealed).ok());
        let read = opened.and_then(|opened| serde_json::from_slice(&opened).ok());
        let Some((query_hash, cursor)): Option<([u8; 32], Cursor)> = read else {
            return Err(invalid("it is none of this server's: begin anew with an empty cursor"));
        };
        if query_hash != self.config.key().keyed_hash(query) {
            return Err(invalid(
                "it was given for another query: filter, sortBy and sortOrder stay the same from \
                 page to page",
            ));
        }
        Ok(cursor)
    }
}

fn invalid(why: &str) -> scim::Error {
    scim::Error::bad_request(ScimType::InvalidCursor, format!("cursor: {why}"))
}
