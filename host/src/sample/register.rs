//! Entries with an id and a unique name, kept in the order of their creation.

use std::collections::{BTreeMap, HashMap};

use super::Problem;

/// An entry of a register.
pub(super) trait Entry {
    /// The kind of entry, for messages.
    const KIND: &'static str;

    fn id(&self) -> &str;
    /// A name that is unique in its register, ignoring case.
    fn name(&self) -> &str;
}

/// Entries by id, which are in the order of creation, and ids by name.
pub(super) struct Register<T> {
    entries: BTreeMap<String, T>,
    names: HashMap<String, String>,
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), names: HashMap::new() }
    }
}

impl<T: Entry> Register<T> {
    /// Adds an entry with a new id.
    pub(super) fn add(&mut self, entry: T) -> Result<&T, Problem> {
        self.check_name(&entry)?;
        let id = entry.id().to_owned();
        self.names.insert(entry.name().to_lowercase(), id.clone());
        Ok(self.entries.entry(id).or_insert(entry))
    }

    /// Replaces the entry of the same id.
    pub(super) fn replace(&mut self, entry: T) -> Result<&T, Problem> {
        self.check_name(&entry)?;
        let before = self.entry(entry.id())?.name().to_lowercase();
        self.names.remove(&before);
        let id = entry.id().to_owned();
        self.names.insert(entry.name().to_lowercase(), id.clone());
        Ok(self.entries.entry(id).insert_entry(entry).into_mut())
    }

    pub(super) fn remove(&mut self, id: &str) -> Result<T, Problem> {
        let removed = self.entries.remove(id).ok_or_else(|| unknown::<T>(id))?;
        self.names.remove(&removed.name().to_lowercase());
        Ok(removed)
    }

    pub(super) fn entry(&self, id: &str) -> Result<&T, Problem> {
        self.entries.get(id).ok_or_else(|| unknown::<T>(id))
    }

    pub(super) fn entry_mut(&mut self, id: &str) -> Result<&mut T, Problem> {
        self.entries.get_mut(id).ok_or_else(|| unknown::<T>(id))
    }

    pub(super) fn each(&mut self, change: impl FnMut(&mut T)) {
        self.entries.values_mut().for_each(change);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.values()
    }

    /// All entries, or the one of this name.
    pub(super) fn named(&self, name: Option<&str>) -> Vec<&T> {
        match name {
            None => self.iter().collect(),
            Some(name) => {
                let id = self.names.get(&name.to_lowercase());
                id.and_then(|id| self.entries.get(id)).into_iter().collect()
            }
        }
    }

    fn check_name(&self, entry: &T) -> Result<(), Problem> {
        match self.names.get(&entry.name().to_lowercase()) {
            Some(owner) if owner != entry.id() => {
                let message = format!("{} is another {}'s already", entry.name(), T::KIND);
                Err(Problem::conflict(message))
            }
            _ => Ok(()),
        }
    }
}

fn unknown<T: Entry>(id: &str) -> Problem {
    Problem::not_found(format!("there is no {} {id}", T::KIND))
}
