//! Who is in a server's directory, as far as the generator knows.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A user.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    number: usize,
}

/// A group that is joined by one after the other.
#[derive(Debug)]
struct Group {
    id: String,
    /// The place among the people of who joins next.
    next: usize,
}

/// Users of one server.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    people: Mutex<Vec<Person>>,
    named: AtomicUsize,
    patched: AtomicUsize,
    /// How many there are before anything grows.
    population: AtomicUsize,
    group: Mutex<Option<Group>>,
}

impl Person {
    pub(crate) fn name(&self) -> String {
        user_name(self.number)
    }

    /// Id and name, as a member is told.
    fn member(&self) -> (String, String) {
        (self.id.clone(), self.name())
    }
}

impl Directory {
    /// How many were there when the population was last counted.
    pub(crate) fn population(&self) -> usize {
        self.population.load(Ordering::Relaxed)
    }

    /// Counts the population.
    pub(crate) fn count(&self) -> usize {
        let count = self.people().len();
        self.population.store(count, Ordering::Relaxed);
        count
    }

    /// One of the population.
    pub(crate) fn anybody(&self, random: u64) -> Person {
        let place = random % self.population() as u64;
        self.people()[place as usize].clone()
    }

    /// The next one of the population, and what becomes of `active`.
    pub(crate) fn next_to_patch(&self) -> (Person, bool) {
        let n = self.patched.fetch_add(1, Ordering::Relaxed);
        let active = n / self.population() % 2 == 1;
        (self.people()[n % self.population()].clone(), active)
    }

    /// The number in the name of the next new user.
    pub(crate) fn next_name(&self) -> usize {
        self.named.fetch_add(1, Ordering::Relaxed)
    }

    /// A user was made.
    pub(crate) fn arrived(&self, number: usize, id: String) {
        self.people().push(Person { id, number });
    }

    /// Ids and names of the first so many.
    pub(crate) fn first(&self, count: usize) -> Vec<(String, String)> {
        self.people().iter().take(count).map(Person::member).collect()
    }

    /// From now on people join this group, in which the first so many are.
    pub(crate) fn open_group(&self, id: String, members: usize) {
        *self.group.lock().expect("nobody panics with it") = Some(Group { id, next: members });
    }

    /// The group that is joined, and who joins it next; none when all did.
    pub(crate) fn next_to_join(&self) -> Option<(String, (String, String))> {
        let mut group = self.group.lock().expect("nobody panics with it");
        let group = group.as_mut()?;
        let person = self.people().get(group.next)?.member();
        group.next += 1;
        Some((group.id.clone(), person))
    }

    fn people(&self) -> std::sync::MutexGuard<'_, Vec<Person>> {
        self.people.lock().expect("nobody panics with it")
    }
}

/// The name of the user of this number.
pub(crate) fn user_name(number: usize) -> String {
    format!("person{number}@load.example")
}
