//! A process that runs schedules, one after another, each on a thread of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use super::run::{Counts, Outcome, Run};
use super::schedule::{Setup, Step, Without, generate};
use super::shrink::shrink;
use super::stage::{self, STACK, Stage};
use super::{Args, machine};

/// A run that takes longer hangs.
const LONGEST_RUN: Duration = Duration::from_secs(120);

/// What panicked in the run that is under way.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A process of the simulation.
struct Worker {
    args: Args,
    stage: Stage,
}

/// Runs the schedules of this process.
pub(crate) fn work(args: &Args) -> anyhow::Result<()> {
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => new_folder()?,
    };
    survive_file_size_limit()?;
    std::panic::set_hook(Box::new(|panic| {
        PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(panic.to_string());
    }));
    if std::env::var_os("MUSTER_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_env("MUSTER_LOG");
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        log.without_time().init();
    }
    let stage = Stage::prepare(folder.path().to_owned())?;
    stage::arm_fail_points()?;
    for plant in &args.plant {
        let (point, actions) = plant.split_once('=').context("--plant takes NAME=ACTIONS")?;
        fail::cfg(point, actions).map_err(|error| anyhow::anyhow!("{plant}: {error}"))?;
    }
    let worker = Worker { args: args.clone(), stage };
    match (args.seed, args.twice) {
        (Some(seed), _) => worker.one(seed),
        (None, Some(seeds)) => worker.twice(seeds),
        (None, None) => worker.all(),
    }
}

impl Worker {
    /// Runs schedules until the time is over, or one fails.
    fn all(&self) -> anyhow::Result<()> {
        let (job, jobs) = (self.args.job.unwrap_or(0), self.args.jobs.unwrap_or(1));
        let began = Instant::now();
        let (mut count, mut failed, mut counts) = (0_u64, 0_u64, Counts::default());
        let mut most = (0, 0);
        let mut kinds: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let seeds = (self.args.first..).filter(|seed| seed % jobs == job);
        for seed in
            seeds.take_while(|seed| *seed < self.args.first.saturating_add(self.args.schedules))
        {
            if began.elapsed() > self.args.duration() {
                break;
            }
            let (setup, steps) = self.schedule(seed);
            let outcome = self.run(setup, &steps)?;
            count += 1;
            counts.add(&outcome.counts);
            most = most.max((outcome.counts.calls, seed));
            if outcome.violations.is_empty() {
                continue;
            }
            failed += 1;
            let found: BTreeSet<String> = outcome.violations.iter().map(|it| kind(it)).collect();
            found.into_iter().for_each(|kind| kinds.entry(kind).or_default().push(seed));
            if !self.args.go_on {
                self.tell(setup, &steps, &outcome)?;
                anyhow::bail!("seed {seed} fails, the {count}th of this process");
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let rate = f64::from(u32::try_from(count)?) / seconds;
        say(&format!(
            "job {job}: {count} schedules in {seconds:.1} s ({rate:.1} each second), {failed} failed; \
             {counts}, at most {} with seed {}",
            most.0, most.1
        ))?;
        for (kind, seeds) in kinds {
            let some = &seeds[..seeds.len().min(8)];
            say(&format!("{:>6} x {kind}, with seeds {some:?}", seeds.len()))?;
        }
        Ok(())
    }

    /// Runs one schedule, and tells it.
    fn one(&self, seed: u64) -> anyhow::Result<()> {
        let (setup, steps) = self.schedule(seed);
        let only: Vec<Step> = match self.args.only.is_empty() {
            true => steps,
            false => self.args.only.iter().filter_map(|n| steps.get(n - 1).cloned()).collect(),
        };
        let outcome = self.run(setup, &only)?;
        say(&setup.to_string())?;
        only.iter().try_for_each(|step| say(&step.to_string()))?;
        outcome.violations.iter().try_for_each(|violation| say(violation))?;
        if std::env::var_os("MUSTER_JOURNAL").is_some() {
            say(&outcome.journal)?;
        }
        ensure!(outcome.violations.is_empty(), "seed {seed} fails");
        Ok(())
    }

    /// Runs each of so many schedules twice.
    fn twice(&self, seeds: u64) -> anyhow::Result<()> {
        let mut differing = Vec::new();
        let mut digest = DefaultHasher::new();
        for seed in self.args.first..self.args.first + seeds {
            let (setup, steps) = self.schedule(seed);
            let (first, second) = (self.run(setup, &steps)?, self.run(setup, &steps)?);
            first.journal.hash(&mut digest);
            if first.journal != second.journal || first.violations != second.violations {
                differing.push(seed);
                let lines = first.journal.lines().zip(second.journal.lines());
                if let Some((a, b)) = lines.into_iter().find(|(a, b)| a != b) {
                    say(&format!("seed {seed}:\n  {a}\n  {b}"))?;
                }
            }
        }
        ensure!(differing.is_empty(), "the journals of these seeds differ: {differing:?}");
        let digest = digest.finish();
        say(&format!("{seeds} schedules, run twice each, left the same journals: {digest:016x}"))
    }

    fn schedule(&self, seed: u64) -> (Setup, Vec<Step>) {
        generate(seed, &Without(self.args.without.clone()))
    }

    /// Prints a schedule that fails, without the steps that do not matter.
    fn tell(&self, setup: Setup, steps: &[Step], outcome: &Outcome) -> anyhow::Result<()> {
        let wanted = kind(&outcome.violations[0]);
        let some =
            |kept: &[usize]| -> Vec<Step> { kept.iter().map(|n| steps[*n].clone()).collect() };
        let kept = shrink(steps.len(), |kept| {
            let outcome = self.run(setup, &some(kept));
            outcome.is_ok_and(|it| it.violations.iter().any(|it| kind(it) == wanted))
        });
        let shrunk = some(&kept);
        say(&setup.to_string())?;
        shrunk.iter().try_for_each(|step| say(&step.to_string()))?;
        let outcome = self.run(setup, &shrunk)?;
        outcome.violations.iter().try_for_each(|violation| say(&format!("-> {violation}")))?;
        let only: Vec<String> = kept.iter().map(|n| (n + 1).to_string()).collect();
        say(&format!("repeat it with --seed {} --only {}", setup.seed, only.join(",")))
    }

    /// Runs a schedule on a new thread, so that nothing is left of the run before.
    fn run(&self, setup: Setup, steps: &[Step]) -> anyhow::Result<Outcome> {
        PANICS.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let (sender, receiver) = mpsc::channel();
        let mut outcome = std::thread::scope(|scope| {
            let play = move || {
                machine::simulate(setup.seed);
                let outcome = Run::of(&self.stage, setup, steps);
                // The receiver waits for as long as the thread runs.
                sender.send(()).ok();
                outcome
            };
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, play)?;
            if receiver.recv_timeout(LONGEST_RUN) == Err(mpsc::RecvTimeoutError::Timeout) {
                say(&format!("seed {} hangs", setup.seed))?;
                std::process::exit(1);
            }
            let ended = thread.join();
            ended.unwrap_or_else(|_| Ok(Outcome::default()))
        })
        .with_context(|| format!("seed {}", setup.seed))?;
        let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
        outcome.violations.extend(panics.into_iter().map(|panic| format!("panicked: {panic}")));
        let ignored = |it: &String| self.args.ignore.iter().any(|text| it.contains(text));
        outcome.violations.retain(|violation| !ignored(violation));
        Ok(outcome)
    }
}

/// The kind of a violation.
fn kind(violation: &str) -> String {
    violation.split(':').next().unwrap_or_default().to_owned()
}

/// A new folder in memory, if the machine has one.
pub(crate) fn new_folder() -> anyhow::Result<TempDir> {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    Ok(tempfile::Builder::new().prefix("muster-simulation-").tempdir_in(parent)?)
}

/// A write beyond the limit fails, instead of ending the process.
fn survive_file_size_limit() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _context = runtime.enter();
    // SIGXFSZ.
    let signal = tokio::signal::unix::SignalKind::from_raw(25);
    tokio::signal::unix::signal(signal).map(drop).context("listening for signals")
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
