//! Locks on accounts of an app, and joins and deletions of accounts that are not in the database yet.
//!
//! In an app of several tenants, a decision that takes an account away or rewrites it depends on the
//! number of the other tenants that have the account. So it excludes every operation of another tenant
//! on the same account, from before that number is read until its calls have returned; operations that
//! only add a person share the lock. In every app, a deletion excludes creations, one of which may find
//! the account that is about to be deleted: `elsewhere.rs` says which operation takes which lock.
//!
//! The id of an account is not known before a person joins, so an account is also locked by the
//! names that a connector finds it by: the `userName` and the e-mail addresses, old and new, and the
//! `displayName` of a group.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

type Locks = Mutex<HashMap<(String, String), Arc<RwLock<()>>>>;

/// The locks that are in use, by app and name.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct AccountLocks {
    locks: Arc<Locks>,
    /// The locks of resources whose last call got no answer, each with a number of its own.
    retained: Arc<Retained>,
}

type Retained = Mutex<HashMap<(String, String), (u64, AccountGuard)>>;

/// The locks of one operation, until it is dropped.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct AccountGuard {
    held: Vec<HeldLock>,
    /// Dropped last: it forgets the locks that are not used any more.
    _forget: Option<Forget>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "a guard is held, not read")]
enum HeldLock {
    Shared(OwnedRwLockReadGuard<()>),
    Exclusive(OwnedRwLockWriteGuard<()>),
}

#[derive(Debug)]
struct Forget {
    locks: Arc<Locks>,
    keys: Vec<(String, String)>,
}

impl Drop for Forget {
    fn drop(&mut self) {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            // Each waiting task holds a reference, which it took under the same lock.
            if locks.get(key).is_some_and(|lock| Arc::strong_count(lock) == 1) {
                locks.remove(key);
            }
        }
    }
}

impl AccountLocks {
    /// Locks these names of an app's account, in their order, so that two operations never wait for
    /// each other.
    pub(in crate::lifecycle) async fn acquire(
        &self,
        app: &str,
        names: BTreeSet<String>,
        exclusive: bool,
    ) -> AccountGuard {
        let keys: Vec<_> = names.into_iter().map(|name| (app.to_owned(), name)).collect();
        let forget = Forget { locks: Arc::clone(&self.locks), keys: keys.clone() };
        let mut guard = AccountGuard { held: Vec::new(), _forget: Some(forget) };
        for key in keys {
            let lock = {
                let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(locks.entry(key).or_default())
            };
            guard.held.push(match exclusive {
                true => HeldLock::Exclusive(lock.write_owned().await),
                false => HeldLock::Shared(lock.read_owned().await),
            });
        }
        guard
    }
}

/// Joins that have begun: a call that adds a person may have had its effect, and no outcome was
/// committed. The account has no row that says so yet, or none with its id.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct BegunJoins(Mutex<Joins>);

#[derive(Debug, Default)]
struct Joins {
    /// The tenants and resources, by app and name of the account.
    by_name: HashMap<(String, String), BTreeSet<(String, String)>>,
    /// The apps and names, by tenant and resource.
    names: HashMap<(String, String), Vec<(String, String)>>,
}

impl BegunJoins {
    /// Notes that a resource's join has begun, under these names of an app's account.
    pub(in crate::lifecycle) fn add(
        &self,
        app: &str,
        names: BTreeSet<String>,
        tenant: &str,
        resource: &str,
    ) {
        let joiner = (tenant.to_owned(), resource.to_owned());
        let keys: Vec<_> = names.into_iter().map(|name| (app.to_owned(), name)).collect();
        let mut joins = self.locked();
        for key in &keys {
            joins.by_name.entry(key.clone()).or_default().insert(joiner.clone());
        }
        joins.names.entry(joiner).or_default().extend(keys);
    }

    /// Notes that the outcome of a resource is committed.
    pub(in crate::lifecycle) fn end(&self, tenant: &str, resource: &str) {
        let mut joins = self.locked();
        if joins.names.is_empty() {
            return;
        }
        let joiner = (tenant.to_owned(), resource.to_owned());
        for key in joins.names.remove(&joiner).unwrap_or_default() {
            if let Some(joiners) = joins.by_name.get_mut(&key) {
                joiners.remove(&joiner);
                if joiners.is_empty() {
                    joins.by_name.remove(&key);
                }
            }
        }
    }

    /// In how many other tenants a join of an account with these names has begun.
    pub(in crate::lifecycle) fn count(
        &self,
        app: &str,
        names: &BTreeSet<String>,
        tenant: &str,
    ) -> u32 {
        let joins = self.locked();
        if joins.by_name.is_empty() {
            return 0;
        }
        let of = |name: &String| joins.by_name.get(&(app.to_owned(), name.clone()));
        let tenants: BTreeSet<&String> =
            names.iter().filter_map(of).flatten().map(|(joiner, _)| joiner).collect();
        u32::try_from(tenants.iter().filter(|joiner| joiner.as_str() != tenant).count())
            .unwrap_or(u32::MAX)
    }

    fn locked(&self) -> MutexGuard<'_, Joins> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccountLocks {
    /// Takes the retained lock of a resource of a tenant.
    pub(in crate::lifecycle) fn take_retained(
        &self,
        key: &(String, String),
    ) -> Option<AccountGuard> {
        let mut retained = self.retained.lock().unwrap_or_else(PoisonError::into_inner);
        retained.remove(key).map(|(_, guard)| guard)
    }

    /// Retains the lock of a resource of a tenant. Returns what releases it, unless a later attempt has
    /// taken it over.
    pub(in crate::lifecycle) fn retain(
        &self,
        key: (String, String),
        guard: AccountGuard,
    ) -> impl FnOnce() + Send + use<> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let all = Arc::clone(&self.retained);
        all.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), (number, guard));
        move || {
            let mut retained = all.lock().unwrap_or_else(PoisonError::into_inner);
            if retained.get(&key).is_some_and(|(each, _)| *each == number) {
                retained.remove(&key);
            }
        }
    }
}

/// The accounts that were deleted, by app and id, with the time of each: a creation or activation that
/// has found such an account and began before that time did not reach its end.
#[derive(Debug, Default)]
pub(in crate::lifecycle) struct DeletedAccounts(Mutex<HashMap<(String, String), String>>);

/// The most deletions that are remembered. An attempt lasts about a minute.
const MOST_DELETIONS: usize = 10_000;

impl DeletedAccounts {
    pub(in crate::lifecycle) fn add(&self, app: &str, id: &str, at: String) {
        let mut deleted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if deleted.len() >= MOST_DELETIONS
            && let Some(oldest) = deleted.iter().min_by(|a, b| a.1.cmp(b.1)).map(|it| it.0.clone())
        {
            deleted.remove(&oldest);
        }
        deleted.insert((app.to_owned(), id.to_owned()), at);
    }

    /// Whether the account was deleted at this time or later.
    pub(in crate::lifecycle) fn since(&self, app: &str, id: &str, time: &str) -> bool {
        let deleted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !deleted.is_empty()
            && deleted.get(&(app.to_owned(), id.to_owned())).is_some_and(|at| at.as_str() >= time)
    }
}

impl AccountGuard {
    pub(in crate::lifecycle) fn is_exclusive(&self) -> bool {
        self.held.iter().any(|lock| matches!(lock, HeldLock::Exclusive(_)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|&name| name.to_owned()).collect()
    }

    async fn waits(locks: &AccountLocks, all: &[&str], exclusive: bool) -> bool {
        let acquired = locks.acquire("crm", names(all), exclusive);
        tokio::time::timeout(Duration::from_millis(20), acquired).await.is_err()
    }

    #[tokio::test]
    async fn who_takes_away_excludes_all_others_and_who_joins_only_that() {
        let locks = AccountLocks::default();
        let joins = locks.acquire("crm", names(&["ada"]), false).await;
        assert!(!waits(&locks, &["ada", "id 7"], false).await);
        assert!(waits(&locks, &["ada", "id 7"], true).await);
        assert!(!waits(&locks, &["bob"], true).await);
        drop(joins);
        let takes_away = locks.acquire("crm", names(&["ada", "id 7"]), true).await;
        assert!(waits(&locks, &["id 7"], false).await);
        drop(takes_away);
        assert!(!waits(&locks, &["id 7"], true).await);
        assert!(locks.locks.lock().unwrap().is_empty());
    }

    #[test]
    fn a_begun_join_counts_for_other_tenants_until_its_outcome_is_committed() {
        let joins = BegunJoins::default();
        joins.add("crm", names(&["ada", "ada@acme.example"]), "beta", "7");
        let count = |app, name, tenant| joins.count(app, &names(&[name]), tenant);
        assert_eq!(count("crm", "ada", "acme"), 1);
        assert_eq!(count("crm", "ada", "beta"), 0);
        assert_eq!((count("crm", "bob", "acme"), count("wiki", "ada", "acme")), (0, 0));
        joins.end("beta", "7");
        assert_eq!(count("crm", "ada", "acme"), 0);
    }
}
