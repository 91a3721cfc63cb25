//! The compiler's process, which the hidden subcommand `compile-connector` runs.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::panic;
use std::process::ExitCode;

use anyhow::Context as _;
use rlimit::Resource;

use super::confinement;
use crate::connector::engine;
use crate::connector::limits::CompilationLimits;
use crate::connector::validate::{self, InvalidComponent};

/// The exit code for an invalid file; stderr then holds an [`InvalidComponent`] in JSON.
pub(super) const REFUSED: u8 = 3;

// The numbers are the same on every Linux. Each signal stands for a limit that was reached.
pub(super) const SIGABRT: i32 = 6;
pub(super) const SIGXCPU: i32 = 24;
pub(super) const SIGXFSZ: i32 = 25;

/// Reads a connector from stdin, which is a file, and writes its machine code to stdout.
///
/// It sets its own limits, by the file's size, before it reads. For a file that is not a connector
/// it exits with code 3 and the reason in JSON on stderr; for any other error, with another code
/// and a text.
pub fn compile_main() -> ExitCode {
    // Only the panic's text: the host shows it to the author.
    panic::set_hook(Box::new(|panic| {
        let _ = writeln!(io::stderr(), "{panic}");
    }));
    exit_with_the_host();
    confinement::confine();
    match compile() {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(invalid)) => {
            let reason = serde_json::to_string(&invalid).unwrap_or_default();
            let _ = io::stderr().write_all(reason.as_bytes());
            ExitCode::from(REFUSED)
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compile() -> anyhow::Result<Result<(), InvalidComponent>> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let size = input.metadata().context("could not read the connector")?.len();
    set_limits(&CompilationLimits::of(size)).context("could not limit the compiler")?;
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm).context("could not read the connector")?;
    let component = match validate::valid_component(&wasm) {
        Ok(component) => component,
        Err(invalid) => return Ok(Err(invalid)),
    };
    let artifact = match engine::for_compiling()?.precompile_component(&component) {
        Ok(artifact) => artifact,
        Err(error) => return Ok(Err(InvalidComponent::Malformed(format!("{error:#}")))),
    };
    io::stdout().write_all(&artifact).context("could not write the machine code")?;
    Ok(Ok(()))
}

/// Has the kernel kill this process when the host is killed, since its output is then useless.
fn exit_with_the_host() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        // If this fails, the process's own limits end it a little later.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
}

fn set_limits(limits: &CompilationLimits) -> io::Result<()> {
    Resource::AS.set(limits.memory, limits.memory)?;
    // The soft limit sends SIGXCPU, which names the limit; the hard limit kills.
    Resource::CPU.set(limits.cpu_seconds, limits.cpu_seconds + 1)?;
    Resource::FSIZE.set(limits.output, limits.output)?;
    Resource::CORE.set(0, 0)
}
