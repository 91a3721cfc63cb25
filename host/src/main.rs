//! The `muster` command.

use std::process::ExitCode;

/// Memory goes from thread to thread here: a request's, to the database's, to the connectors'.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    muster::cli::main()
}
