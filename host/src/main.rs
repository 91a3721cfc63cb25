//! The `muster` command.

use std::process::ExitCode;

/// Memory is often freed on another thread than the one that allocated it: a request passes from the
/// server's threads to the database's and to the connectors'. mimalloc is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    muster::cli::main()
}
