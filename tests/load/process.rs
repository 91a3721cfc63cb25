//! A server in a child process, which ends with the benchmark, however the benchmark ends.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tempfile::TempDir;

/// How long a server may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A child process that serves HTTP. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// The address that it listens on.
    pub(crate) address: SocketAddr,
    /// The reference server ends when this is closed, even if the benchmark was killed.
    _stdin: Option<ChildStdin>,
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// The highest resident size so far.
    pub(crate) peak: u64,
}

impl Process {
    /// Starts `muster serve` with this data directory, without a limit on requests, and with apps on this machine.
    /// An error if it
    /// does not listen before the timeout.
    pub(crate) fn serve(data: &Path, timeout: Duration) -> anyhow::Result<Self> {
        // What is measured is the host, and not its limit on requests.
        let settings = "requests_per_second = 0\nprivate_addresses = [\"127.0.0.0/8\"]\n";
        Self::serve_with(settings, data, timeout)
    }

    /// The same with these settings.
    pub(crate) fn serve_with(
        settings: &str,
        data: &Path,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("MUSTER_")) {
                command.env_remove(name);
            }
        }
        std::fs::create_dir_all(data)?;
        std::fs::write(data.join("muster.toml"), settings)?;
        command.current_dir(data).env("MUSTER_LOG", "warn");
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        Self::start(command, timeout)
    }

    /// Starts a command and waits for the line of output that contains `on ADDRESS`.
    pub(crate) fn start(mut command: Command, timeout: Duration) -> anyhow::Result<Self> {
        let begun = Instant::now();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let stdout = child.stdout.take().context("a child without an output")?;
        let stdin = child.stdin.take();
        // The address is set below. From here on, every return kills the child.
        let mut process =
            Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), _stdin: stdin };
        let (sender, output) = mpsc::channel();
        // Reads all output until the server ends, so that its pipe never fills up.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                sender.send(line).ok();
            }
        });
        while let Some(left) = timeout.checked_sub(begun.elapsed()) {
            let line = output.recv_timeout(left).context("the server did not print its address")?;
            if let Some(address) = address(&line) {
                process.address = address;
                return Ok(process);
            }
        }
        bail!("the server did not print its address")
    }

    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let kibibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number
                .and_then(|number| number.parse::<u64>().ok())
                .context("/proc/PID/status lacks a line")
        };
        Ok(Memory { resident: kibibytes("VmRSS:")? << 10, peak: kibibytes("VmHWM:")? << 10 })
    }

    /// Processor time of all its threads so far, in user mode and in the kernel.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        // The process name may contain spaces; utime and stime are fields 12 and 13 after it.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no process name")?;
        let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut ticks =
            || fields.next().context("/proc/PID/stat has no processor time")?.map_err(Into::into);
        let [user, kernel]: [anyhow::Result<u64>; 2] = [ticks(), ticks()];
        Ok(Duration::from_millis(10 * (user? + kernel?)))
    }

    /// Stops the server in order (SIGTERM) and waits for its end.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        let begun = Instant::now();
        while begun.elapsed() < STOP_TIMEOUT {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server did not stop after SIGTERM")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The address in a line such as `muster serves http://… on 127.0.0.1:8080`.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(" on ")?;
    rest.split_whitespace().next()?.trim_end_matches(':').parse().ok()
}

/// A temporary folder for a server's data. `TMPDIR` chooses the disk.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("muster-load-").tempdir()?)
}
