//! Compiling connectors in a child process.
//!
//! A hostile file can make a compiler take minutes and gigabytes. The child process limits its own
//! time, memory and output, has no environment and none of the server's handles, and gives up files,
//! networks and other processes: see `confinement`.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::artifact::Artifact;
use super::limits::CompilationLimits;
use super::load_error::LoadError;

mod anonymous_file;
mod child;
mod confinement;

use anonymous_file::anonymous_file;
pub use child::compile_main;
pub(super) use confinement::missing;

/// How often the child's status is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Compiling threads. More would compile faster, and would take processors from requests.
const THREADS: &str = "2";
/// Bytes of the child's stderr that are read.
const STDERR_BYTES: u64 = 64 * 1024;

/// Runs the compiler's process.
pub(super) struct Compiler {
    /// The program with the subcommand `compile-connector`.
    pub(super) program: PathBuf,
    /// The time limit for a small file; [`CompilationLimits`] has a factor for large ones.
    pub(super) time: Duration,
}

impl Compiler {
    /// Validates and compiles a connector's file. Blocks.
    pub(super) fn compile(&self, wasm: &[u8]) -> Result<Artifact, LoadError> {
        // Files rather than pipes: the child never waits for the host to read, and the kernel
        // limits their size.
        let file = || anonymous_file().context("could not prepare a compilation");
        let (mut input, mut output, mut stderr) = (file()?, file()?, file()?);
        input.write_all(wasm).context("could not prepare a compilation")?;
        input.rewind().context("could not prepare a compilation")?;
        let child = self.start(&input, &output, &stderr);
        let child = child.with_context(|| format!("could not run {}", self.program.display()))?;
        let limits = CompilationLimits::of(wasm.len() as u64);
        let time = self.time * limits.time_factor;
        let status = wait(child, time).context("could not wait for the compiler")?;
        let stderr = read(&mut stderr, STDERR_BYTES)?;
        match status {
            None => Err(LoadError::TooCostly(format!("{} s in all", time.as_secs_f32()))),
            Some(status) if status.success() => {
                // Only the compiler could write to this file, which has no name.
                Ok(Artifact::trusted(read(&mut output, u64::MAX)?))
            }
            Some(status) => Err(load_error(status, &stderr, &limits)),
        }
    }

    fn start(&self, input: &File, output: &File, stderr: &File) -> std::io::Result<Child> {
        Command::new(&self.program)
            .arg("compile-connector")
            .env_clear()
            .env("RAYON_NUM_THREADS", THREADS)
            .current_dir("/")
            .stdin(input.try_clone()?)
            .stdout(output.try_clone()?)
            .stderr(stderr.try_clone()?)
            .spawn()
    }
}

/// Waits for the child, and kills it when its time is over: none then.
fn wait(mut child: Child, time: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > time {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL_INTERVAL);
    }
}

fn read(file: &mut File, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind().context("could not read what the compiler wrote")?;
    file.take(limit).read_to_end(&mut bytes).context("could not read what the compiler wrote")?;
    Ok(bytes)
}

/// The error that the child's exit status and stderr stand for.
fn load_error(status: ExitStatus, stderr: &[u8], limits: &CompilationLimits) -> LoadError {
    if status.code() == Some(child::REFUSED.into())
        && let Ok(invalid) = serde_json::from_slice(stderr)
    {
        return LoadError::InvalidComponent(invalid);
    }
    let text = String::from_utf8_lossy(stderr);
    let out_of_memory = text.lines().any(|line| line.starts_with("memory allocation of"));
    match status.signal() {
        Some(child::SIGXCPU) => {
            LoadError::TooCostly(format!("{} s of processor time", limits.cpu_seconds))
        }
        Some(child::SIGXFSZ) => {
            LoadError::TooCostly(format!("{} MiB of machine code", limits.output >> 20))
        }
        Some(child::SIGABRT) if out_of_memory => {
            LoadError::TooCostly(format!("{} MiB of memory", limits.memory >> 20))
        }
        _ => LoadError::Compiler(format!("{status}: {}", text.trim())),
    }
}
