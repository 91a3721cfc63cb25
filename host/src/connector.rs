//! Running connectors: the sandbox, and nothing of what a decision is for.
//!
//! A connector is compiled in a process of its own, and every decision runs in a fresh instance,
//! within limits, on a thread of its own kind unless it is known to be quick. wasmtime is named here
//! and nowhere else.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tracing::Span;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::decision::{Context, Event, Exchange, Refusal, Step};

mod answer;
mod artifact;
mod bindings;
mod cache;
mod compiler;
mod engine;
mod failure;
mod gate;
mod limits;
mod load_error;
mod log;
mod manifest;
mod quickness;
mod sandbox;
mod sections;
mod signature;
mod threads;
mod wasi;
mod words;

pub use compiler::compile_main;
pub use failure::Failure;
pub use gate::{Interfaces, Unfit, component, interfaces};
pub use limits::{Budget, Limits};
pub use load_error::LoadError;
pub use log::{Level, LogLine};
pub use manifest::{
    EndpointName, Features, LifecycleChange, Manifest, MembershipModel, Reached, Succession,
    Transition, settings_validator,
};
pub use signature::{Keyring, PublicKey, SigningKey, Untrusted, differ_in_signatures_alone};

use bindings::ConnectorPre;
use cache::Cache;
use compiler::Compiler;
use quickness::Quickness;
use sandbox::{Run, Sandbox};
use threads::Threads;

/// What a runtime needs to know.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// The program that compiles when run as `<compiler> compile-connector`: muster itself, by an
    /// absolute path.
    pub compiler: PathBuf,
    /// The directory of compiled connectors.
    pub cache: PathBuf,
    /// Seals the cache's files, so that nobody else's machine code is run.
    pub key: [u8; 32],
    /// How many decisions run at once on threads of their own; as many of connectors that have
    /// lately been quick run beside them, where they are asked for.
    pub threads: usize,
    /// What loading a connector may take.
    pub limits: Limits,
}

/// Loads connectors and asks them.
pub struct Runtime {
    linker: Linker<Sandbox>,
    /// Where connectors decide.
    threads: Threads,
    /// How many may decide where they are asked, at the same time.
    at_once: Semaphore,
    /// Where connectors are compiled: one at a time, since a compilation may be costly.
    loader: Threads,
    foundry: Arc<Foundry>,
    limits: Limits,
}

/// Where machine code comes from.
struct Foundry {
    engine: Engine,
    cache: Cache,
    compiler: Compiler,
}

/// A connector, checked, compiled and tried.
pub struct Connector {
    /// The SHA-256 of its file, in hexadecimal.
    pub digest: String,
    /// What it says about itself.
    pub manifest: Manifest,
    ready: ConnectorPre<Sandbox>,
    quickness: Quickness,
}

/// What a connector is asked. All of it is shared: nothing is copied but into the sandbox.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is known beside the event.
    pub context: Arc<Context>,
    /// What happened.
    pub event: Arc<Event>,
    /// The requests that were asked for so far, and what came of them.
    pub exchanges: Arc<[Exchange]>,
}

/// What a connector answered, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The next step, the connector's refusal, or the connector's failure.
    pub answer: Result<Result<Step, Refusal>, Failure>,
    /// What it logged.
    pub log: Vec<LogLine>,
    /// Lines that it logged beyond the limits.
    pub log_dropped: u32,
    /// The most bytes of memory that it held.
    pub memory_peak: u64,
    /// How long it took, without waiting for its turn.
    pub elapsed: Duration,
}

/// A place on a connector's thread for questions that are in no hurry.
pub struct Aside<'a> {
    budget: Budget,
    give_way: &'a dyn Fn(),
}

impl Aside<'_> {
    /// Asks for the next step, after everybody who is in a hurry. It blocks.
    pub fn decide(&self, connector: &Connector, question: &Question) -> Decided {
        (self.give_way)();
        connector.decide(question, &self.budget)
    }
}

impl Runtime {
    /// Starts the engine, its threads and its clock.
    pub fn new(config: RuntimeConfig) -> anyhow::Result<Self> {
        let RuntimeConfig { compiler, cache, key, threads, limits } = config;
        anyhow::ensure!(threads > 0, "connectors need at least one thread");
        // As many again decide where they are asked.
        let engine = engine::for_running(u32::try_from(2 * threads)?)?;
        let cache = Cache::open(&cache, key, &engine)?;
        let compiler = Compiler { program: compiler, time: limits.compilation };
        Ok(Self {
            linker: sandbox::linker(&engine)?,
            threads: Threads::start("connector", threads)?,
            at_once: Semaphore::new(threads),
            loader: Threads::start("connector-loader", 1)?,
            foundry: Arc::new(Foundry { engine, cache, compiler }),
            limits,
        })
    }

    /// Makes a connector of a file, a module or a component: checks and compiles it in a process
    /// of its own, unless that was done before, and asks it to describe itself.
    pub async fn load(&self, wasm: &[u8]) -> Result<Arc<Connector>, LoadError> {
        let (size, limit) = (wasm.len(), self.limits.file);
        if size > limit {
            return Err(LoadError::TooLarge { size, limit });
        }
        let (foundry, wasm) = (Arc::clone(&self.foundry), wasm.to_vec());
        // The loader's thread knows nothing of what its caller is about.
        let span = Span::current();
        let compile = move || span.in_scope(|| foundry.component(&wasm));
        let (digest, component) = self.loader.run(compile).await?;
        let ready = self.linked(&component);
        let ready = ready.map_err(|error| LoadError::Unlinkable(format!("{error:#}")))?;
        let manifest = self.describe(ready.clone()).await.inspect_err(|_| self.forget(&digest))?;
        let quickness = Quickness::new(self.limits.quick);
        Ok(Arc::new(Connector { digest, manifest, ready, quickness }))
    }

    /// Asks for the next step of an operation, in a fresh sandbox: here and now where the connector
    /// has lately been quick, and on a thread of the connectors' else.
    pub async fn decide(
        &self,
        connector: &Arc<Connector>,
        question: Question,
        budget: Budget,
    ) -> Decided {
        if let Some(decided) = self.decide_at_once(connector, &question, &budget) {
            return decided;
        }
        let connector = Arc::clone(connector);
        self.threads.run(move || connector.decide(&question, &budget)).await
    }

    /// None where the connector is not known to be quick, and where it was not quick this time: it
    /// is a pure function, so nothing has happened, and it is asked again where it has its time.
    fn decide_at_once(
        &self,
        connector: &Connector,
        question: &Question,
        budget: &Budget,
    ) -> Option<Decided> {
        let _place = connector.quickness.is_proven().then(|| self.at_once.try_acquire().ok())??;
        let time = budget.time.min(quickness::PATIENCE);
        let decided = connector.decide(question, &Budget { time, ..*budget });
        let cut_short = decided.answer == Err(Failure::Deadline);
        if cut_short {
            connector.quickness.refute();
        }
        (!cut_short || time == budget.time).then_some(decided)
    }

    fn linked(&self, component: &Component) -> wasmtime::Result<ConnectorPre<Sandbox>> {
        let mut linker = self.linker.clone();
        wasi::link(&mut linker, component)?;
        linker.instantiate_pre(component).and_then(ConnectorPre::new)
    }

    /// Asks many questions that are in no hurry, such as those of a replay. Decisions that somebody
    /// waits for go before each of them.
    pub async fn aside<T: Send + 'static>(
        &self,
        budget: Budget,
        work: impl FnOnce(&Aside<'_>) -> T + Send + 'static,
    ) -> T {
        self.threads.run_unhurried(move |give_way| work(&Aside { budget, give_way })).await
    }

    /// Forgets what is kept of a connector's file on disk. A connector that is loaded stays.
    pub fn forget(&self, digest: &str) {
        self.foundry.cache.remove(digest);
    }

    /// The trial: only an instance proves that the connector's types are the interface's.
    async fn describe(&self, ready: ConnectorPre<Sandbox>) -> Result<Manifest, LoadError> {
        let trial = move || {
            let text = sandbox::run(&ready, &Budget::default(), None, words::describe).result;
            Manifest::parse(&text.map_err(LoadError::Trial)?).map_err(LoadError::Manifest)
        };
        self.threads.run(trial).await
    }
}

impl Connector {
    fn decide(&self, question: &Question, budget: &Budget) -> Decided {
        let ask = |guest: &_, store: &mut _| words::decide(guest, store, question);
        let run = sandbox::run(&self.ready, budget, Some(&question.context), ask);
        let Run { result, log, memory_peak, elapsed } = run;
        self.quickness.note(elapsed);
        let answer = result.and_then(|answer| answer::checked(answer, &self.manifest));
        Decided { answer, log: log.lines, log_dropped: log.dropped, memory_peak, elapsed }
    }
}

impl Foundry {
    /// A file's digest and its machine code: kept from before, or compiled now. It blocks.
    fn component(&self, wasm: &[u8]) -> Result<(String, Component), LoadError> {
        let digest = digest(wasm);
        let component = match self.kept(&digest) {
            Some(component) => component,
            None => self.compiled(&digest, wasm)?,
        };
        Ok((digest, component))
    }

    fn kept(&self, digest: &str) -> Option<Component> {
        match self.cache.find(digest)?.component(&self.engine) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(digest, %error, "a compiled connector does not fit any more");
                self.cache.remove(digest);
                None
            }
        }
    }

    fn compiled(&self, digest: &str, wasm: &[u8]) -> Result<Component, LoadError> {
        // It takes a second or more, and somebody may be waiting for it.
        tracing::info!(digest, kib = wasm.len() >> 10, "compiling a connector");
        let begun = Instant::now();
        let artifact = self.compiler.compile(wasm)?;
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(digest, millis, "compiled");
        if let Err(error) = self.cache.keep(digest, &artifact) {
            tracing::warn!(digest, %error, "could not keep a compiled connector");
        }
        let component = artifact.component(&self.engine);
        component.map_err(|error| LoadError::Unlinkable(format!("{error:#}")))
    }
}

/// The SHA-256 of a connector's file, in hexadecimal.
pub fn digest(wasm: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(wasm))
}

impl fmt::Debug for Aside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { digest, manifest, .. } = self;
        write!(f, "{} {} ({digest})", manifest.name, manifest.version)
    }
}
