//! The compiler's process: what the hidden subcommand `compile-connector` runs.

use std::io::{self, Read as _, Write as _};
use std::panic;
use std::process::ExitCode;

use anyhow::Context as _;
use rlimit::Resource;

use crate::connector::engine;
use crate::connector::gate::{self, Unfit};

/// The exit code that says: the complaint is an [`Unfit`] in JSON.
pub(super) const REFUSED: u8 = 3;
/// Seconds of processor time.
pub(super) const CPU_SECONDS: u64 = 30;
/// Address space: a large connector takes 400 MiB, and little more is mapped and not used.
pub(super) const MEMORY_BYTES: u64 = 2 << 30;
/// Bytes of machine code: twelve times the largest file that loads by default.
pub(super) const OUTPUT_BYTES: u64 = 48 << 20;

// As on every Linux; they tell which limit was met.
pub(super) const SIGABRT: i32 = 6;
pub(super) const SIGXCPU: i32 = 24;
pub(super) const SIGXFSZ: i32 = 25;

/// Reads a connector's file from stdin and writes its machine code to stdout.
///
/// It limits itself before it reads. A file that is no connector ends it with code 3 and the
/// reason in JSON on stderr; whatever else goes wrong, with another code and a text.
pub fn compile_main() -> ExitCode {
    // A panic's text and nothing else.
    panic::set_hook(Box::new(|panic| {
        let _ = writeln!(io::stderr(), "{panic}");
    }));
    match compile() {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(unfit)) => {
            let reason = serde_json::to_string(&unfit).unwrap_or_default();
            let _ = io::stderr().write_all(reason.as_bytes());
            ExitCode::from(REFUSED)
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compile() -> anyhow::Result<Result<(), Unfit>> {
    limit_ourselves().context("could not limit the compiler")?;
    let mut wasm = Vec::new();
    io::stdin().lock().read_to_end(&mut wasm).context("could not read the connector")?;
    let component = match gate::component(&wasm) {
        Ok(component) => component,
        Err(unfit) => return Ok(Err(unfit)),
    };
    let artifact = match engine::for_compiling()?.precompile_component(&component) {
        Ok(artifact) => artifact,
        Err(error) => return Ok(Err(Unfit::Broken(format!("{error:#}")))),
    };
    io::stdout().write_all(&artifact).context("could not write the machine code")?;
    Ok(Ok(()))
}

fn limit_ourselves() -> io::Result<()> {
    Resource::AS.set(MEMORY_BYTES, MEMORY_BYTES)?;
    // The first is told by a signal of its own, the second kills.
    Resource::CPU.set(CPU_SECONDS, CPU_SECONDS + 1)?;
    Resource::FSIZE.set(OUTPUT_BYTES, OUTPUT_BYTES)?;
    Resource::CORE.set(0, 0)
}
