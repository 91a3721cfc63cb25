//! The WebAssembly engine: one for each process, the same settings in the compiler's and ours.

use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::limits::{INSTANCES, MEMORIES, RESERVED_BYTES, STACK_BYTES, TABLE_ELEMENTS};

/// How often a running decision is looked at.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// Memories beyond those in use, so that as many connectors find one that is theirs already. Until
/// one is written to, it is address space and nothing more.
const WARM: u32 = 1024;
/// Bytes of a memory that stay when its instance goes: more than a decision mostly writes.
const KEPT_BYTES: usize = 256 * 1024;

/// The engine that compiles. It never runs anything, and so has no pool.
pub(super) fn for_compiling() -> anyhow::Result<Engine> {
    Ok(Engine::new(&settings())?)
}

/// The engine that runs connectors on this many threads, with its clock started.
pub(super) fn for_running(threads: u32) -> anyhow::Result<Engine> {
    let mut config = settings();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(threads)));
    let engine = Engine::new(&config)?;
    start_ticking(&engine)?;
    Ok(engine)
}

/// What decides the machine code and its meaning: the same for both engines, or nothing loads.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .memory_reservation(RESERVED_BYTES as u64)
        // Every access is checked by an instruction, so no memory's end is guarded by pages. To
        // guard it anew for each instance would interrupt every processor (ARCHITECTURE.md).
        .memory_guard_size(0)
        .signals_based_traps(false)
        // The same input gives the same output, on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false);
    config
}

/// Room for as many components at once as there are threads, since each thread runs one.
fn pool(threads: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(threads)
        .max_core_instances_per_component(INSTANCES)
        .total_core_instances(threads * INSTANCES)
        .max_memories_per_component(MEMORIES)
        .total_memories(threads * MEMORIES + WARM)
        .max_unused_warm_slots(WARM)
        // What one decision may have of it is the sandbox's to say.
        .max_memory_size(RESERVED_BYTES)
        .max_tables_per_component(INSTANCES)
        .total_tables(threads * INSTANCES)
        .table_elements(TABLE_ELEMENTS)
        // The kernel tells which pages were written, and only those are reset, in place: half the
        // cost of a fresh instance. Before Linux 6.7 it does not, and all that is kept is reset.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(KEPT_BYTES);
    pool
}

/// Moves the engine's epoch on, for as long as the engine lives.
///
/// It ticks whether or not something runs: to wake a sleeping clock for each decision would cost
/// each decision more than a hundred wake-ups a second cost the machine.
fn start_ticking(engine: &Engine) -> anyhow::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new()
        .name("connector-clock".to_owned())
        .spawn(tick)
        .context("could not start the connectors' clock")?;
    Ok(())
}
