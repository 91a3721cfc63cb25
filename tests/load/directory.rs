//! The users of one server, as the load generator knows them: ids, names, and which were used last.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The distance of two users that follow each other in a random order: a prime.
const STEP: usize = 2_654_435_761;
/// So many names there are in a random order: a power of two, so that no two are the same.
const NAMES: usize = 1 << 32;

/// A user.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: String,
    number: usize,
}

/// A group to which users are added one by one.
#[derive(Debug)]
struct Group {
    id: String,
    /// Index of the user that is added next.
    next: usize,
}

/// The users of one server.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Whether users are created and changed in a random order, and not one after another.
    random: bool,
    people: Mutex<Vec<Person>>,
    /// Number of user names given out.
    named: AtomicUsize,
    /// Number of PATCH requests prepared.
    patched: AtomicUsize,
    /// Number of users to choose from; users created since the last count are left out.
    population: AtomicUsize,
    group: Mutex<Option<Group>>,
}

impl Person {
    pub(crate) fn name(&self) -> String {
        user_name(self.number)
    }

    /// Id and display name, as a group member refers to the user.
    fn member(&self) -> (String, String) {
        (self.id.clone(), self.name())
    }
}

impl Directory {
    pub(crate) fn new(random: bool) -> Self {
        Self { random, ..Self::default() }
    }

    /// The number of users at the last count.
    pub(crate) fn population(&self) -> usize {
        self.population.load(Ordering::Relaxed)
    }

    /// Counts the users; [`population`](Self::population) is this number from now on.
    pub(crate) fn count(&self) -> usize {
        let count = self.people().len();
        self.population.store(count, Ordering::Relaxed);
        count
    }

    /// The user that a random number selects.
    pub(crate) fn random_person(&self, random: u64) -> Person {
        let index = random % self.population() as u64;
        self.people()[index as usize].clone()
    }

    /// The next user to PATCH, and the new value of `active`: false in the first pass over all
    /// users, true in the second, and so on.
    pub(crate) fn next_to_patch(&self) -> (Person, bool) {
        let n = self.patched.fetch_add(1, Ordering::Relaxed);
        let (pass, n) = (n / self.population(), n % self.population());
        // Each user has a turn in each pass: the prime divides no number of users that is measured.
        let index = if self.random { n * STEP % self.population() } else { n };
        (self.people()[index].clone(), pass % 2 == 1)
    }

    /// The number of the next new user.
    pub(crate) fn next_name(&self) -> usize {
        let n = self.named.fetch_add(1, Ordering::Relaxed);
        if self.random { n * STEP % NAMES } else { n }
    }

    /// Records a created user.
    pub(crate) fn add(&self, number: usize, id: String) {
        self.people().push(Person { id, number });
    }

    /// Ids and names of the first `count` users.
    pub(crate) fn first(&self, count: usize) -> Vec<(String, String)> {
        self.people().iter().take(count).map(Person::member).collect()
    }

    /// Adds users to this group from now on. The first `members` users are members already.
    pub(crate) fn open_group(&self, id: String, members: usize) {
        *self.group.lock().expect("no thread panics while it holds the lock") =
            Some(Group { id, next: members });
    }

    /// The current group and the user to add next; `None` when all users are members.
    pub(crate) fn next_to_join(&self) -> Option<(String, (String, String))> {
        let mut group = self.group.lock().expect("no thread panics while it holds the lock");
        let group = group.as_mut()?;
        let person = self.people().get(group.next)?.member();
        group.next += 1;
        Some((group.id.clone(), person))
    }

    fn people(&self) -> std::sync::MutexGuard<'_, Vec<Person>> {
        self.people.lock().expect("no thread panics while it holds the lock")
    }
}

/// The `userName` of the user with this number.
pub(crate) fn user_name(number: usize) -> String {
    format!("person{number}@load.example")
}
