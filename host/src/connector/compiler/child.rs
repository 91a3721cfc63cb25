//! The compiler's process: what the hidden subcommand `compile-connector` runs.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::panic;
use std::process::ExitCode;

use anyhow::Context as _;
use rlimit::Resource;

use crate::connector::engine;
use crate::connector::gate::{self, Unfit};
use crate::connector::limits::Effort;

/// The exit code that says: the complaint is an [`Unfit`] in JSON.
pub(super) const REFUSED: u8 = 3;

// As on every Linux; they tell which limit was met.
pub(super) const SIGABRT: i32 = 6;
pub(super) const SIGXCPU: i32 = 24;
pub(super) const SIGXFSZ: i32 = 25;

/// Reads a connector from stdin, which is a file, and writes its machine code to stdout.
///
/// It limits itself before it reads, by the file's size. A file that is no connector ends it with code 3 and the
/// reason in JSON on stderr; whatever else goes wrong, with another code and a text.
pub fn compile_main() -> ExitCode {
    // A panic's text and nothing else.
    panic::set_hook(Box::new(|panic| {
        let _ = writeln!(io::stderr(), "{panic}");
    }));
    end_with_the_host();
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
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let size = input.metadata().context("could not read the connector")?.len();
    limit_ourselves(&Effort::of(size)).context("could not limit the compiler")?;
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm).context("could not read the connector")?;
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

/// Has the kernel end us when the host is killed: nobody waits for the machine code any more.
fn end_with_the_host() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        // Without it, our own limits end us a little later.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
}

fn limit_ourselves(effort: &Effort) -> io::Result<()> {
    Resource::AS.set(effort.memory, effort.memory)?;
    // The first is told by a signal of its own, the second kills.
    Resource::CPU.set(effort.cpu_seconds, effort.cpu_seconds + 1)?;
    Resource::FSIZE.set(effort.output, effort.output)?;
    Resource::CORE.set(0, 0)
}
