//! The WebAssembly engines: one in the host and one in the compiler's process, with the same
//! settings.
//!
//! A connector's memory is bounded by a check at each access and not by guard pages. Memory that grew
//! would have to be protected again for the next instance, and the kernel interrupts every processor
//! for that: a third of all processor time with sixteen requests at once. Below 4 GiB of address space
//! Cranelift checks each access by an instruction in any case.

use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use wasmtime::wasmparser::WasmFeatures;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::limits::{INSTANCES, MEMORIES, RESERVED_BYTES, STACK_BYTES, TABLE_ELEMENTS};
use crate::panics;

/// The WebAssembly that connectors may use: version 2.0, and what LLVM adds to it by itself. It is what the
/// toolchains of Rust, JavaScript, Python, Go and C emit. Every other proposal is one more part of the
/// compiler and of the runtime that a stranger's file could reach, and is refused by name, also when a newer
/// wasmtime has it on. References to the host's objects (`GC_TYPES`) would need a garbage collector.
pub(super) const ACCEPTED: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::COMPONENT_MODEL)
    .difference(WasmFeatures::GC_TYPES);

/// What wasmtime itself needs for the modules that it makes between the parts of a component, which copy from
/// one's memory into the other's. A connector's own modules are refused it (`validate.rs`).
const OF_ADAPTERS: WasmFeatures = WasmFeatures::MULTI_MEMORY;

/// How often a running decision's time is checked.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// Memories beyond those in use: as many connectors find a memory that already has their initial
/// image. A memory that was never written to takes address space only.
const WARM: u32 = 1024;
/// Bytes of a memory that stay resident after its instance: more than most decisions write.
const KEPT_BYTES: usize = 256 * 1024;

/// The engine that compiles. It runs no instances and needs no pool.
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

/// The settings that determine the machine code. Both engines must have the same ones, or the code
/// does not load.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .memory_reservation(RESERVED_BYTES as u64)
        // Each memory access is checked by an instruction rather than by guard pages: protecting
        // the pages for each instance would interrupt every processor (see the module).
        .memory_guard_size(0)
        .signals_based_traps(false)
        // The same input gives the same output on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_features(WasmFeatures::all().difference(ACCEPTED.union(OF_ADAPTERS)), false);
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
        // The sandbox enforces the limit of each decision.
        .max_memory_size(RESERVED_BYTES)
        .max_tables_per_component(INSTANCES)
        .total_tables(threads * INSTANCES)
        .table_elements(TABLE_ELEMENTS)
        // The kernel reports which pages were written, and only those are reset, in place: half the
        // cost of a fresh instance. Linux before 6.7 cannot, and all resident pages are reset.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(KEPT_BYTES);
    pool
}

/// Advances the engine's epoch for as long as the engine lives.
///
/// It also ticks while no decision runs: waking a sleeping clock for each decision would cost more
/// than a hundred wake-ups a second.
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
        .spawn(|| panics::or_exit(tick))
        .context("could not start the connectors' clock")?;
    Ok(())
}
