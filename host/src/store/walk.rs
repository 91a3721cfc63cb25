//! Where pages ended, so that the next one begins there instead of counting from the first row.
//!
//! Only a memory: what it does not know is counted, and what may have moved it forgets.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::commit::{Commit, ResourceChange};

/// More places than this are not remembered.
const MOST: usize = 4096;

/// A list that a client walks through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct List {
    pub(super) tenant: String,
    pub(super) kind: String,
    /// In its canonical form.
    pub(super) filter: Option<String>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// After the row of this key.
    pub(super) after: i64,
    /// How many rows the whole list has.
    pub(super) total: u64,
}

/// How often the lists of a tenant changed so that places in them may have moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Changes {
    /// In all lists: rows went.
    deletes: u64,
    /// In lists with a filter: rows may have come to match it, or not to.
    writes: u64,
}

impl Changes {
    fn that_matter(self, list: &List) -> (u64, u64) {
        (self.deletes, if list.filter.is_some() { self.writes } else { 0 })
    }
}

/// A moment in the life of a list, taken before its rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u64, (u64, u64));

/// All walks that are remembered.
#[derive(Debug, Default)]
pub(super) struct Walks(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// Counts what may have changed any tenant.
    everywhere: u64,
    changes: HashMap<String, Changes>,
    places: HashMap<(List, u64), (Moment, Place)>,
}

impl Memory {
    fn moment(&self, list: &List) -> Moment {
        let changes = self.changes.get(&list.tenant).copied().unwrap_or_default();
        Moment(self.everywhere, changes.that_matter(list))
    }
}

impl Walks {
    /// The moment, and where the page of this index begins if that is still known.
    pub(super) fn find(&self, list: &List, index: u64) -> (Moment, Option<Place>) {
        let memory = self.memory();
        let now = memory.moment(list);
        let place = memory.places.get(&(list.clone(), index));
        (now, place.filter(|(then, _)| *then == now).map(|(_, place)| *place))
    }

    /// Remembers where the page of this index begins.
    pub(super) fn remember(&self, list: List, index: u64, at: Moment, place: Place) {
        let mut memory = self.memory();
        if memory.places.len() >= MOST {
            memory.places.clear();
        }
        memory.places.insert((list, index), (at, place));
    }

    /// These were committed, or tried.
    pub(super) fn changed<'c>(&self, commits: impl Iterator<Item = &'c Commit>) {
        let mut memory = self.memory();
        for commit in commits {
            let Some(tenant) = commit.tenant() else { continue };
            if !memory.changes.contains_key(tenant) {
                memory.changes.insert(tenant.to_owned(), Changes::default());
            }
            let Some(changes) = memory.changes.get_mut(tenant) else { continue };
            match &commit.resource {
                Some(ResourceChange::Delete { .. }) => {
                    changes.deletes += 1;
                    changes.writes += 1;
                }
                Some(_) => changes.writes += 1,
                None if commit.joined.is_empty() && commit.left.is_empty() => {}
                None => changes.writes += 1,
            }
        }
    }

    /// Anything may have changed.
    pub(super) fn changed_everywhere(&self) {
        let mut memory = self.memory();
        memory.everywhere += 1;
        memory.places.clear();
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
