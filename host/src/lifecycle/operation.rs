//! Operations: each brings one account, or one group, from what the app has to what shall be.
//!
//! The directory says what shall be; the account says what is, as far as is known. An operation asks
//! the connector, performs the calls that the connector requests, and commits the outcome together
//! with the resource. At most one operation is open for a resource, and at most one attempt runs at
//! a time, under the resource's lock. A newer request replaces the goal of an open operation, so
//! nothing old is ever carried out over something newer.
//!
//! | file | |
//! |---|---|
//! | `begin`, `goal` | a request becomes an operation, joins an open one, or supersedes it |
//! | `comparison`, `event` | which event brings an account to what shall be; pure |
//! | `admission`, `disposition`, `effects` | what may reach the app, and what becomes of a failure; pure |
//! | `ownership` | whose an account is; pure |
//! | `execute`, `passwords`, `applying`, `stop` | an attempt, what its outcome changes, and how it ends without one |
//! | `agree`, `queue`, `wake`, `holds` | whatever else makes an app differ from the directory |
//! | `retention`, `erasure` | what the journal does not keep |
//! | `restore`, `retry`, `reachability` | later attempts, and the start of the host |
//! | `unanswered`, `answers` | answers that are owed, and answers that are given again |
//! | `resource_lock`, `account_lock`, `elsewhere`, `unfinished`, `turns` | who works on what at a time |

mod account_lock;
pub(in crate::lifecycle) mod admission;
pub(in crate::lifecycle) mod agree;
mod answers;
mod applying;
pub(in crate::lifecycle) mod begin;
pub(in crate::lifecycle) mod change;
mod comparison;
pub(in crate::lifecycle) mod creation;
pub(in crate::lifecycle) mod disposition;
mod effects;
mod elsewhere;
mod erasure;
pub(crate) mod event;
pub(in crate::lifecycle) mod execute;
pub(in crate::lifecycle) mod goal;
mod holds;
pub(in crate::lifecycle) mod journaled;
pub(in crate::lifecycle) mod names;
mod operator_action;
pub(in crate::lifecycle) mod ownership;
mod passwords;
pub(in crate::lifecycle) mod preview;
mod queue;
mod reachability;
pub(in crate::lifecycle) mod resource_lock;
mod restore;
mod retention;
pub(in crate::lifecycle) mod retry;
mod stop;
mod turns;
pub(crate) mod typed_view;
mod unanswered;
pub(in crate::lifecycle) mod uncommitted_group;
pub(in crate::lifecycle) mod unfinished;
mod wake;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;

pub use change::WriteResult;
pub use erasure::Erasure;
pub(in crate::lifecycle) use stop::why;

use super::config::Configuration;
use super::error::Error;
use super::tasks::Tasks;
use crate::clock::{Clock, rfc3339};
use crate::delivery::Delivery;
use crate::store::Store;
use account_lock::{AccountLocks, BegunJoins, DeletedAccounts};
use answers::{AnsweredAgain, RefusedGoals};
use queue::ComparisonQueue;
use reachability::UnreachableApps;
use resource_lock::ResourceLocks;
use turns::Turns;
use uncommitted_group::UncommittedGroup;
use unfinished::UnfinishedIndex;

/// The operations of a host.
#[derive(Debug)]
pub struct Operations {
    config: Arc<Configuration>,
    clock: Clock,
    store: Store,
    delivery: Delivery,
    locks: ResourceLocks<Arc<UncommittedGroup>>,
    account_locks: AccountLocks,
    begun_joins: BegunJoins,
    deleted_accounts: DeletedAccounts,
    unfinished: UnfinishedIndex,
    queue: ComparisonQueue,
    /// How many people have come into an app, or back.
    arrivals: AtomicU64,
    unreachable: UnreachableApps,
    refused_goals: RefusedGoals,
    answered_again: AnsweredAgain,
    started: Timestamp,
    turns: Turns,
    tasks: Tasks,
}

impl Operations {
    pub(super) fn new(
        config: Arc<Configuration>,
        clock: Clock,
        store: Store,
        tasks: Tasks,
    ) -> anyhow::Result<Arc<Self>> {
        let delivery = match &config.options().simulated {
            Some(simulated) => Delivery::simulated(&simulated.network),
            None => Delivery::new(&config.options().outbound)?,
        };
        Ok(Arc::new(Self {
            config,
            store,
            delivery,
            locks: ResourceLocks::default(),
            account_locks: AccountLocks::default(),
            begun_joins: BegunJoins::default(),
            deleted_accounts: DeletedAccounts::default(),
            unfinished: UnfinishedIndex::default(),
            queue: ComparisonQueue::default(),
            arrivals: AtomicU64::new(1),
            unreachable: UnreachableApps::default(),
            refused_goals: RefusedGoals::default(),
            answered_again: AnsweredAgain::default(),
            started: clock.now(),
            turns: Turns::default(),
            tasks,
            clock,
        }))
    }

    /// How many operations are open.
    pub fn count(&self) -> usize {
        self.unfinished.count()
    }

    /// How many resources wait to be compared with their app.
    pub fn count_comparisons(&self) -> usize {
        self.queue.count_due(&rfc3339(self.clock.now()))
    }

    /// Forgets the operations of a tenant that was removed.
    pub(super) fn forget_tenant(&self, tenant: &str) {
        self.unfinished.forget_tenant(tenant);
        self.queue.forget_tenant(tenant);
        self.refused_goals.forget_all(&format!("{tenant}\u{1f}"));
    }

    /// Runs the work as a task, so that it completes even if the caller is dropped.
    async fn run_to_completion<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.tasks.run_to_completion(work(Arc::clone(self))).await?
    }

    /// The resource locks.
    pub(super) fn locks(&self) -> &ResourceLocks<Arc<UncommittedGroup>> {
        &self.locks
    }

    /// The operations that are unfinished.
    pub(super) fn unfinished(&self) -> &UnfinishedIndex {
        &self.unfinished
    }
}
