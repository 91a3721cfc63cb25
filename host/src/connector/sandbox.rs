//! One call of a connector: a fresh instance, its limits, and what is left when it is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::HasSelf;
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use super::bindings::{Connector, ConnectorPre, types};
use super::engine::TICK;
use super::failure::Failure;
use super::limits::{Budget, COPY_BYTES, INSTANCES, MEMORIES, TABLE_ELEMENTS};
use super::log::Log;
use super::wasi::Wasi;
use crate::decision::Context;

/// What the host keeps beside a running connector.
pub(super) struct Sandbox {
    pub(super) log: Log,
    pub(super) wasi: Wasi,
    memory: Memory,
    ticks: u32,
}

/// What a call came to.
pub(super) struct Run<T> {
    pub(super) result: Result<T, Failure>,
    pub(super) log: Log,
    pub(super) memory_peak: u64,
    pub(super) elapsed: Duration,
}

/// Asks a fresh instance something, and throws the instance away. Without a context, what it is
/// asked depends on nothing.
pub(super) fn run<T>(
    connector: &ConnectorPre<Sandbox>,
    budget: &Budget,
    context: Option<&Arc<Context>>,
    ask: impl FnOnce(&Connector, &mut Store<Sandbox>) -> wasmtime::Result<T>,
) -> Run<T> {
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
    store.data_mut().end_lines();
    let result = result.map_err(|error| Failure::of(&error, store.data()));
    let Sandbox { log, memory, .. } = store.into_data();
    Run { result, log, memory_peak: memory.peak as u64, elapsed: begun.elapsed() }
}

impl Sandbox {
    fn new(budget: &Budget, context: Option<&Arc<Context>>) -> Self {
        let ticks = budget.time.as_nanos().div_ceil(TICK.as_nanos());
        Self {
            log: Log::default(),
            wasi: Wasi::of(context),
            memory: Memory { limit: budget.memory, held: 0, peak: 0, denied: false },
            ticks: u32::try_from(ticks).unwrap_or(u32::MAX),
        }
    }

    /// Counts the ticks that the connector itself lived through, rather than comparing two times:
    /// where the machine is busy elsewhere, that is not the connector's fault.
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

    pub(super) fn last_words(&self) -> Option<&str> {
        self.log.last_words()
    }
}

/// The interface's types have no functions, and so nothing to do.
impl types::Host for Sandbox {}

/// Bytes of all linear memories of an instance together.
struct Memory {
    limit: usize,
    held: usize,
    peak: usize,
    denied: bool,
}

impl ResourceLimiter for Memory {
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

/// What every connector can import: the log.
pub(super) fn linker(
    engine: &wasmtime::Engine,
) -> wasmtime::Result<wasmtime::component::Linker<Sandbox>> {
    let mut linker = wasmtime::component::Linker::new(engine);
    Connector::add_to_linker::<_, HasSelf<Sandbox>>(&mut linker, |sandbox| sandbox)?;
    Ok(linker)
}
