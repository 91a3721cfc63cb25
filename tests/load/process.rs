//! A server as a child process, ended whatever happens.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

/// How long a server may take to start, and to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(30);

/// A child process that serves. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The limit ends when this is closed, even where the benchmark was killed.
    _stdin: Option<ChildStdin>,
}

/// Memory in use, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// The most that there ever was.
    pub(crate) peak: u64,
}

impl Process {
    /// Starts it and waits for the line that ends in its address, or has `on ADDRESS:` in it.
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let begun = Instant::now();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let stdout = child.stdout.take().context("a child without an output")?;
        let stdin = child.stdin.take();
        // Replaced below; from here on the child is killed on every way out.
        let mut process =
            Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), _stdin: stdin };
        let (said, hear) = mpsc::channel();
        // Reads on to the end, so that the server never writes into the void.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                said.send(line).ok();
            }
        });
        while let Some(left) = PATIENCE.checked_sub(begun.elapsed()) {
            let line = hear.recv_timeout(left).context("the server did not say where it is")?;
            if let Some(address) = address(&line) {
                process.address = address;
                return Ok(process);
            }
        }
        bail!("the server did not say where it is")
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let kibibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.and_then(|number| number.parse::<u64>().ok()).context("no such line in status")
        };
        Ok(Memory { resident: kibibytes("VmRSS:")? << 10, peak: kibibytes("VmHWM:")? << 10 })
    }

    /// How long it has had a processor so far, its threads together and the kernel included.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        // The name may hold spaces; behind its end, these are the 12th and the 13th field.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut ticks = || fields.next().context("no processor time in stat")?.map_err(Into::into);
        let [user, kernel]: [anyhow::Result<u64>; 2] = [ticks(), ticks()];
        Ok(Duration::from_millis(10 * (user? + kernel?)))
    }

    /// Asks it to finish what it accepted, and waits until it is gone.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server does not end when it is asked to")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(" on ")?;
    rest.split_whitespace().next()?.trim_end_matches(':').parse().ok()
}

/// A folder for a server's data, on a disk where `TMPDIR` says so.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("muster-load-").tempdir()?)
}
