//! The sandbox of one call: a fresh instance with its limits, which is dropped after the call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::HasSelf;
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use super::bindings::{Connector, ConnectorPre, types};
use super::engine::TICK;
use super::failure::Failure;
use super::limits::{Budget, COPY_BYTES, INSTANCES, MEMORIES, TABLE_ELEMENTS};
use super::log::DecisionLog;
use super::wasi::Wasi;
use crate::decision::Context;

/// The host's state of a running instance.
pub(super) struct Sandbox {
    pub(super) log: DecisionLog,
    pub(super) wasi: Wasi,
    memory: MemoryLimiter,
    ticks: u32,
}

/// The result of a call, with its log and its use of resources.
pub(super) struct SandboxRun<T> {
    pub(super) result: Result<T, Failure>,
    pub(super) log: DecisionLog,
    pub(super) memory_peak: u64,
    pub(super) elapsed: Duration,
}

/// Calls a function of a fresh instance within the budget, and drops the instance. `context` is the
/// operation's, and none for `describe`, which has no operation.
pub(super) fn run<T>(
    connector: &ConnectorPre<Sandbox>,
    budget: &Budget,
    context: Option<&Arc<Context>>,
    ask: impl FnOnce(&Connector, &mut Store<Sandbox>) -> wasmtime::Result<T>,
) -> SandboxRun<T> {
    let begun = Instant::now();
    let mut store = Store::new(connector.engine(), Sandbox::new(budget, context));
    store.limiter(|sandbox| &mut sandbox.memory);
    store.set_hostcall_fuel(COPY_BYTES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| Ok(store.data_mut().tick()));
    let result = match connector.instantiate(&mut store) {
        Ok(instance) => ask(&instance, &mut store),
        Err(error) => Err(error.context("its types are not the interface's")),
    };
    store.data_mut().flush_lines();
    let result = result.map_err(|error| Failure::of(&error, store.data()));
    let Sandbox { log, memory, .. } = store.into_data();
    SandboxRun { result, log, memory_peak: memory.peak as u64, elapsed: begun.elapsed() }
}

impl Sandbox {
    fn new(budget: &Budget, context: Option<&Arc<Context>>) -> Self {
        let ticks = budget.time.as_nanos().div_ceil(TICK.as_nanos());
        Self {
            log: DecisionLog::default(),
            wasi: Wasi::of(context),
            memory: MemoryLimiter { limit: budget.memory, held: 0, peak: 0, denied: false },
            ticks: u32::try_from(ticks).unwrap_or(u32::MAX),
        }
    }

    /// Counts the clock ticks that the connector sees rather than comparing two times, so that a
    /// busy machine counts less against the connector.
    fn tick(&mut self) -> UpdateDeadline {
        match self.ticks.checked_sub(1) {
            Some(left) => {
                self.ticks = left;
                UpdateDeadline::Continue(1)
            }
            None => UpdateDeadline::Interrupt,
        }
    }

    pub(super) fn memory_denied(&self) -> bool {
        self.memory.denied
    }

    pub(super) fn last_message(&self) -> Option<&str> {
        self.log.last_message()
    }
}

/// The interface `types` has no functions.
impl types::Host for Sandbox {}

/// Counts and limits the bytes of an instance's linear memories, summed over all of them.
struct MemoryLimiter {
    limit: usize,
    held: usize,
    peak: usize,
    denied: bool,
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.held.saturating_add(desired.saturating_sub(current));
        if wanted > self.limit {
            self.denied = true;
            return Ok(false);
        }
        self.held = wanted;
        self.peak = self.peak.max(wanted);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        INSTANCES as usize
    }

    fn tables(&self) -> usize {
        INSTANCES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}

/// The linker with the imports of every connector: the log.
pub(super) fn linker(
    engine: &wasmtime::Engine,
) -> wasmtime::Result<wasmtime::component::Linker<Sandbox>> {
    let mut linker = wasmtime::component::Linker::new(engine);
    Connector::add_to_linker::<_, HasSelf<Sandbox>>(&mut linker, |sandbox| sandbox)?;
    Ok(linker)
}
