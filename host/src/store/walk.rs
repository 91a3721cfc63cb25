//! Where pages of filtered lists ended, so that the next one begins there instead of finding all that match
//! again.
//!
//! Only a memory: what it does not know is counted. A place is used only if nothing that may have moved it was
//! written from before the page that ended there was read until after the page that begins there was.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::commit::Commit;

/// More places than this are not remembered.
const MOST: usize = 4096;

/// A list that a client walks through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct List {
    pub(super) tenant: String,
    pub(super) kind: String,
    /// In its canonical form.
    pub(super) filter: String,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// After the row of this key.
    pub(super) after: i64,
    /// How many rows the whole list has.
    pub(super) total: u64,
}

/// The writes that may move places.
#[derive(Clone, Copy, Debug, Default)]
struct Writes {
    /// How many began.
    begun: u64,
    /// How many of them have not ended.
    unfinished: u64,
}

impl Writes {
    fn begin(&mut self) {
        self.begun += 1;
        self.unfinished += 1;
    }

    fn end(&mut self) {
        self.unfinished -= 1;
    }
}

/// A time in which nothing of a tenant is written, by the number of writes before it: of the tenant, and of
/// any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u64, u64);

/// All walks that are remembered.
#[derive(Debug, Default)]
pub(super) struct Walks(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// Writes that may change any tenant.
    everywhere: Writes,
    of_tenant: HashMap<String, Writes>,
    places: HashMap<(List, u64), (Moment, Place)>,
}

impl Walks {
    /// The present moment of a tenant; none if something of it is being written.
    pub(super) fn moment(&self, tenant: &str) -> Option<Moment> {
        let memory = self.memory();
        let of_tenant = memory.of_tenant.get(tenant).copied().unwrap_or_default();
        let is_quiet = of_tenant.unfinished == 0 && memory.everywhere.unfinished == 0;
        is_quiet.then_some(Moment(of_tenant.begun, memory.everywhere.begun))
    }

    /// Where the page after so many rows begins at this moment, if that is known.
    pub(super) fn find(&self, list: &List, skip: u64, at: Moment) -> Option<Place> {
        let memory = self.memory();
        let place = memory.places.get(&(list.clone(), skip));
        place.filter(|(then, _)| *then == at).map(|(_, place)| *place)
    }

    /// Remembers where the page after so many rows begins.
    pub(super) fn remember(&self, list: List, skip: u64, at: Moment, place: Place) {
        let mut memory = self.memory();
        if memory.places.len() >= MOST {
            memory.places.clear();
        }
        memory.places.insert((list, skip), (at, place));
    }

    /// These are written from now on.
    pub(super) fn begin<'c>(&self, commits: impl Iterator<Item = &'c Commit>) {
        let mut memory = self.memory();
        for tenant in commits.filter_map(tenant_of_moved) {
            match memory.of_tenant.get_mut(tenant) {
                Some(writes) => writes.begin(),
                None => memory.of_tenant.entry(tenant.to_owned()).or_default().begin(),
            }
        }
    }

    /// These, which have begun, are committed or have failed.
    pub(super) fn end<'c>(&self, commits: impl Iterator<Item = &'c Commit>) {
        let mut memory = self.memory();
        for tenant in commits.filter_map(tenant_of_moved) {
            if let Some(writes) = memory.of_tenant.get_mut(tenant) {
                writes.end();
            }
        }
    }

    /// Anything may be written from now on.
    pub(super) fn begin_everywhere(&self) {
        self.memory().everywhere.begin();
    }

    /// That has ended.
    pub(super) fn end_everywhere(&self) {
        self.memory().everywhere.end();
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tenant in whose filtered lists the commit may move places.
fn tenant_of_moved(commit: &Commit) -> Option<&str> {
    let moves = commit.resource.is_some() || !commit.joined.is_empty() || !commit.left.is_empty();
    commit.tenant().filter(|_| moves)
}
