//! A queue that is fair to tenants: they take turns, whatever the number of reads of each that wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The queue. Threads wait for its jobs.
pub(super) struct Queue<J> {
    waiting: Mutex<WaitingJobs<J>>,
    arrived: Condvar,
}

struct WaitingJobs<J> {
    /// The tenants of whom jobs wait, each once, in the order of their turns.
    turns: VecDeque<Box<str>>,
    jobs: HashMap<Box<str>, VecDeque<J>>,
    is_closed: bool,
}

impl<J> Default for Queue<J> {
    fn default() -> Self {
        let jobs = HashMap::new();
        let waiting = WaitingJobs { turns: VecDeque::new(), jobs, is_closed: false };
        Self { waiting: Mutex::new(waiting), arrived: Condvar::new() }
    }
}

impl<J> Queue<J> {
    /// Adds a job of a tenant, after those of the same tenant. False if so many of the tenant wait
    /// already. It is dropped if the queue is closed.
    pub(super) fn push(&self, tenant: &str, job: J, most: usize) -> bool {
        let mut waiting = self.waiting();
        if waiting.is_closed {
            return true;
        }
        match waiting.jobs.get_mut(tenant) {
            Some(jobs) if jobs.len() >= most => return false,
            Some(jobs) => jobs.push_back(job),
            None => {
                waiting.turns.push_back(tenant.into());
                waiting.jobs.insert(tenant.into(), VecDeque::from([job]));
            }
        }
        drop(waiting);
        self.arrived.notify_one();
        true
    }

    /// Waits for the next job; none once the queue is closed.
    pub(super) fn next(&self) -> Option<J> {
        let mut waiting = self.waiting();
        loop {
            if waiting.is_closed {
                return None;
            }
            if let Some(job) = waiting.take() {
                return Some(job);
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether a job of another tenant waits.
    pub(super) fn others_wait(&self, tenant: &str) -> bool {
        // Each tenant is in it once.
        self.waiting().turns.iter().take(2).any(|it| **it != *tenant)
    }

    /// Drops all jobs, and ends the threads that wait.
    pub(super) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.is_closed = true;
        waiting.turns.clear();
        let dropped = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        drop(dropped);
        self.arrived.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingJobs<J>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> WaitingJobs<J> {
    fn take(&mut self) -> Option<J> {
        let tenant = self.turns.pop_front()?;
        let jobs = self.jobs.get_mut(&tenant)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.jobs.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_take_turns_and_keep_their_order() {
        let queue = Queue::default();
        for job in ["a1", "a2", "a3", "b1", "c1", "b2"] {
            queue.push(&job[..1], job, 9);
        }
        let order: Vec<_> = (0..6).map(|_| queue.next().unwrap()).collect();
        assert_eq!(order, ["a1", "b1", "c1", "a2", "b2", "a3"]);
    }

    #[test]
    fn a_tenant_that_comes_later_waits_for_one_job_of_each_other() {
        let queue = Queue::default();
        (0..100).for_each(|n| assert!(queue.push("loud", n, 100)));
        assert_eq!(queue.next(), Some(0));
        queue.push("quiet", 1000, 100);
        assert_eq!([queue.next(), queue.next()], [Some(1), Some(1000)]);
    }

    #[test]
    fn a_tenant_waits_for_others_and_not_for_itself() {
        let queue = Queue::default();
        assert!([1, 2].into_iter().all(|n| queue.push("loud", n, 9)));
        assert!(!queue.others_wait("loud"));
        assert!(queue.push("quiet", 3, 9));
        assert!(queue.others_wait("loud") && queue.others_wait("quiet"));
    }

    #[test]
    fn a_tenant_with_enough_waiting_jobs_is_refused_and_others_are_not() {
        let queue = Queue::default();
        assert!([1, 2].into_iter().all(|n| queue.push("loud", n, 2)));
        assert!(!queue.push("loud", 3, 2));
        assert!(queue.push("quiet", 4, 2));
        assert_eq!(queue.next(), Some(1));
        assert!(queue.push("loud", 5, 2));
    }

    #[test]
    fn a_closed_queue_has_no_jobs_and_takes_none() {
        let queue = Queue::default();
        queue.push("acme", 1, 9);
        queue.close();
        queue.push("acme", 2, 9);
        assert_eq!(queue.next(), None);
    }
}
