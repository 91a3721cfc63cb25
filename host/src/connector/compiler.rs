//! Compiling, in a process of its own.
//!
//! A compiler at work on a stranger's file can be made to take minutes and gigabytes. The child
//! takes them from itself: it has limits, no environment, and nothing of the server's.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::artifact::Artifact;
use super::limits::Effort;
use super::load_error::LoadError;

mod child;
mod scratch;

pub use child::compile_main;
use scratch::scratch;

/// How often the child is looked after.
const LOOK: Duration = Duration::from_millis(5);
/// Threads that compile. Functions are compiled one by one, so as many cores would help, and would be
/// taken from those who are served.
const THREADS: &str = "2";
/// Bytes of the child's complaints that are read.
const COMPLAINT_BYTES: u64 = 64 * 1024;

/// Where and how long to compile.
pub(super) struct Compiler {
    /// The program with the subcommand `compile-connector`.
    pub(super) program: PathBuf,
    /// How long it may take with a small file.
    pub(super) time: Duration,
}

impl Compiler {
    /// Checks and compiles a connector's file. It blocks.
    pub(super) fn compile(&self, wasm: &[u8]) -> Result<Artifact, LoadError> {
        // Files and not pipes: none of the three ever waits for us, and the kernel bounds them.
        let file = || scratch().context("could not prepare a compilation");
        let (mut input, mut output, mut complaints) = (file()?, file()?, file()?);
        input.write_all(wasm).context("could not prepare a compilation")?;
        input.rewind().context("could not prepare a compilation")?;
        let child = self.start(&input, &output, &complaints);
        let child = child.with_context(|| format!("could not run {}", self.program.display()))?;
        let effort = Effort::of(wasm.len() as u64);
        let time = self.time * effort.patience;
        let status = wait(child, time).context("could not wait for the compiler")?;
        let complaints = read(&mut complaints, COMPLAINT_BYTES)?;
        match status {
            None => Err(LoadError::TooCostly(format!("{} s in all", time.as_secs_f32()))),
            Some(status) if status.success() => {
                // What our own compiler wrote, into a file that has no name.
                Ok(Artifact::trusted(read(&mut output, u64::MAX)?))
            }
            Some(status) => Err(complaint(status, &complaints, &effort)),
        }
    }

    fn start(&self, input: &File, output: &File, complaints: &File) -> std::io::Result<Child> {
        Command::new(&self.program)
            .arg("compile-connector")
            .env_clear()
            .env("RAYON_NUM_THREADS", THREADS)
            .current_dir("/")
            .stdin(input.try_clone()?)
            .stdout(output.try_clone()?)
            .stderr(complaints.try_clone()?)
            .spawn()
    }
}

/// Waits for the child to end, and ends it when its time is over.
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
        thread::sleep(LOOK);
    }
}

fn read(file: &mut File, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind().context("could not read what the compiler wrote")?;
    file.take(limit).read_to_end(&mut bytes).context("could not read what the compiler wrote")?;
    Ok(bytes)
}

/// What the child's end says about the file.
fn complaint(status: ExitStatus, complaints: &[u8], effort: &Effort) -> LoadError {
    if status.code() == Some(child::REFUSED.into())
        && let Ok(unfit) = serde_json::from_slice(complaints)
    {
        return LoadError::Unfit(unfit);
    }
    let text = String::from_utf8_lossy(complaints);
    let out_of_memory = text.lines().any(|line| line.starts_with("memory allocation of"));
    match status.signal() {
        Some(child::SIGXCPU) => {
            LoadError::TooCostly(format!("{} s of processor time", effort.cpu_seconds))
        }
        Some(child::SIGXFSZ) => {
            LoadError::TooCostly(format!("{} MiB of machine code", effort.output >> 20))
        }
        Some(child::SIGABRT) if out_of_memory => {
            LoadError::TooCostly(format!("{} MiB of memory", effort.memory >> 20))
        }
        _ => LoadError::Compiler(format!("{status}: {}", text.trim())),
    }
}
