//! Cursors (RFC 9865): sealed positions in a list, which identity providers keep between two pages.
//!
//! A cursor is a position and not a session: the host stores nothing for it, so it never expires,
//! and a page costs the same anywhere in a walk. It is sealed with a key of the host, since the
//! position may be a person's name, and only cursors that the host has sealed are accepted. Cursors
//! go forward only; `previousCursor` is optional in the RFC.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Directory;
use crate::scim::{self, ScimType};
use crate::store::Bookmark;

/// A position in a walk through consecutive lists.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Cursor {
    /// The index of the list, from 0.
    pub list: usize,
    /// The position in the list; none means its beginning.
    pub after: Option<Bookmark>,
    /// How many resources matched in all lists when the walk began.
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
            return Err(invalid("this server did not issue it; start again with an empty cursor"));
        };
        if query_hash != self.config.key().keyed_hash(query) {
            return Err(invalid(
                "it was issued for another query; keep filter, sortBy and sortOrder the same from \
                 page to page",
            ));
        }
        Ok(cursor)
    }
}

fn invalid(why: &str) -> scim::Error {
    scim::Error::bad_request(ScimType::InvalidCursor, format!("cursor: {why}"))
}
