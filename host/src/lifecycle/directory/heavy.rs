//! Modifications: what a request makes of a resource, and where that is computed.
//!
//! Almost all are computed at once, by the thread that serves the request. A PATCH of many operations and
//! conditions over many values is computed by another thread, one of a tenant at a time and few in all, so
//! that it delays the tenant's other requests at most. One that would take seconds is refused.
//!
//! Work is counted in passes over bytes before anything is computed: each operation and each condition goes
//! through the values once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context as _;
use tokio::sync::Semaphore;

use crate::lifecycle::error::Error;
use crate::scim::{self, Patched, Resource};

/// What is computed at once: a few milliseconds.
const AT_ONCE: usize = 256 << 10;
/// What is computed at all: a few seconds.
const MOST: usize = 256 << 20;

type Apply = dyn Fn(&Resource) -> Result<Patched, scim::Error> + Send + Sync;

/// What a request makes of a resource.
#[derive(Clone)]
pub(super) struct Modification {
    apply: Arc<Apply>,
    /// How often it goes through the values, besides once to read them.
    passes: usize,
    /// The bytes of its own values.
    bytes: usize,
}

impl Modification {
    /// One that goes through the values once.
    pub(super) fn once(
        apply: impl Fn(&Resource) -> Result<Patched, scim::Error> + Send + Sync + 'static,
    ) -> Self {
        Self { apply: Arc::new(apply), passes: 0, bytes: 0 }
    }

    /// The same, which goes through the values so often more, and so many bytes of its own.
    pub(super) fn with_passes(self, passes: usize, bytes: usize) -> Self {
        Self { passes, bytes, ..self }
    }

    fn work(&self, document: &str) -> usize {
        self.passes.saturating_mul(document.len() + self.bytes)
    }
}

/// The turns of heavy work.
#[derive(Debug)]
pub(super) struct HeavyWork {
    threads: Semaphore,
    /// One turn for each tenant that has such work.
    tenants: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for HeavyWork {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::of((processors / 4).max(1))
    }
}

impl HeavyWork {
    /// What the modification makes of a resource that is stored as this document.
    pub(super) async fn modified(
        &self,
        tenant: &str,
        modification: &Modification,
        before: &Resource,
        document: &str,
    ) -> Result<Patched, Error> {
        let work = modification.work(document);
        if work <= AT_ONCE {
            return Ok((modification.apply)(before)?);
        }
        let (modification, before) = (modification.clone(), before.clone());
        let computed = self.computed(tenant, work, move || (modification.apply)(&before));
        Ok(Box::pin(computed).await??)
    }

    /// So much at once.
    fn of(threads: usize) -> Self {
        Self { threads: Semaphore::new(threads), tenants: Mutex::default() }
    }

    /// Computes this, by another thread if it is much work.
    pub(super) async fn computed<T: Send + 'static>(
        &self,
        tenant: &str,
        work: usize,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        if work <= AT_ONCE {
            return Ok(compute());
        }
        if work > MOST {
            let why = "the request has too many operations and conditions for so many values: send it \
                       in several requests, with fewer of them";
            return Err(scim::Error::new(413, why).into());
        }
        let turn = self.turn_of(tenant);
        let _turn = turn.acquire().await.context("turns never end")?;
        let _thread = self.threads.acquire().await.context("turns never end")?;
        let computed = tokio::task::spawn_blocking(compute).await;
        Ok(computed.context("computing what a request makes of a resource")?)
    }

    fn turn_of(&self, tenant: &str) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // Those whose work is done: only the map has their turn.
        tenants.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(tenants.entry(tenant.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread::{ThreadId, current};

    use super::*;

    async fn thread_of(heavy: &HeavyWork, work: usize) -> Result<ThreadId, Error> {
        heavy.computed("acme", work, || current().id()).await
    }

    #[tokio::test]
    async fn much_work_is_done_by_another_thread_and_too_much_by_none() {
        let heavy = HeavyWork::default();
        assert_eq!(thread_of(&heavy, AT_ONCE).await.unwrap(), current().id());
        for work in [AT_ONCE + 1, MOST] {
            assert_ne!(thread_of(&heavy, work).await.unwrap(), current().id());
        }
        let refused = thread_of(&heavy, MOST + 1).await;
        assert!(matches!(refused, Err(Error::Client(error)) if error.status == 413));
        let broken: Result<(), Error> = heavy.computed("acme", MOST, || panic!("broken")).await;
        assert!(matches!(broken, Err(Error::Internal(_))));
        thread_of(&heavy, MOST).await.unwrap();
        assert_eq!(heavy.tenants.lock().unwrap().len(), 1, "only tenants with work are known");
    }

    #[tokio::test]
    async fn a_tenant_waits_for_its_own_work_and_others_do_not() {
        let heavy = Arc::new(HeavyWork::of(2));
        let (end, ended) = channel();
        let run = |tenant: &'static str, work: Box<dyn FnOnce() + Send>| {
            let heavy = Arc::clone(&heavy);
            tokio::spawn(async move { heavy.computed(tenant, MOST, work).await.unwrap() })
        };
        let first = run("loud", Box::new(move || ended.recv().unwrap()));
        tokio::task::yield_now().await;
        let second = run("loud", Box::new(|| ()));
        run("quiet", Box::new(|| ())).await.unwrap();
        assert!(!first.is_finished() && !second.is_finished());
        end.send(()).unwrap();
        first.await.unwrap();
        second.await.unwrap();
    }
}
