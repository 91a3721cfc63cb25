//! The resources of a page, out of the texts that SQLite returns for all of them.

use std::str::Split;

use anyhow::{Context, Result};

use crate::store::frame;
use crate::store::resource::StoredResource;

/// Joins the head of each resource with its document and its related resources.
pub(super) struct Documents<'t> {
    rest: &'t str,
    related: Option<Split<'t, char>>,
}

impl<'t> Documents<'t> {
    /// Reads these texts; `related` is none if no related resources were read.
    pub(super) fn new(documents: &'t str, related: Option<&'t str>) -> Self {
        Self { rest: documents, related: related.map(frame::split) }
    }

    /// The resource of the next head, and its place in the order of lists.
    pub(super) fn next(&mut self, head: &'t str) -> Result<(i64, StoredResource<&'t str>)> {
        let mut fields = frame::fields(head);
        let mut field = || fields.next().context("a resource's head has too few fields");
        let seq = field()?.parse().context("a resource's place")?;
        let id = field()?;
        let version = field()?.parse().context("a resource's version")?;
        let departures = field()?.parse().context("a resource's departures")?;
        let created = field()?;
        let last_modified = field()?;
        let length = field()?.parse().context("a document's length")?;
        let (document, rest) =
            self.rest.split_at_checked(length).context("a document is shorter than it says")?;
        self.rest = rest;
        let related = self.related.as_mut().and_then(Iterator::next).filter(|it| !it.is_empty());
        Ok((
            seq,
            StoredResource { id, document, version, departures, created, last_modified, related },
        ))
    }
}
