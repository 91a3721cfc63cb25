//! The connector runtime: loads connectors and asks them for decisions.
//!
//! A connector is compiled in a child process. Each decision runs in a fresh instance within
//! limits, on a connector thread, or on the calling thread if the connector's recent decisions were
//! fast (`inline_eligibility.rs`). The module knows nothing of operations, and is the only one that
//! uses wasmtime.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
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
mod convert;
mod engine;
mod failure;
mod inline_eligibility;
mod limits;
mod load_error;
mod log;
mod manifest;
mod sandbox;
mod secrecy;
mod sections;
mod signature;
mod threads;
mod validate;
mod wasi;

pub use compiler::compile_main;
pub use failure::Failure;
pub use limits::{Budget, Limits};
pub use load_error::LoadError;
pub use log::{Level, LogLine};
pub use manifest::{
    EndpointName, Features, GroupsLost, LifecycleChange, Manifest, ManifestChanges, MatchedBy,
    MembershipModel, PasswordFields, Reached, Transition, settings_validator,
};
pub use signature::{Keyring, PublicKey, SigningKey, Untrusted, equal_but_for_signatures};
pub use validate::{Interfaces, InvalidComponent, interfaces, valid_component};

use bindings::ConnectorPre;
use cache::ArtifactCache;
use compiler::Compiler;
use inline_eligibility::InlineEligibility;
use sandbox::{Sandbox, SandboxRun};
use threads::Threads;

/// The configuration of a [`Runtime`].
#[derive(Clone)]
pub struct RuntimeConfig {
    /// The absolute path of the program that compiles when run as `<compiler> compile-connector`:
    /// muster itself.
    pub compiler: PathBuf,
    /// The directory of compiled connectors.
    pub cache: PathBuf,
    /// Authenticates the cache's files, so that only machine code written by this host is run.
    pub key: [u8; 32],
    /// The number of connector threads. As many decisions again may run on the calling threads.
    /// With none, as in a simulation, all of them run there, and connectors are compiled there.
    pub threads: usize,
    /// Limits of loading a connector, and of deciding on the calling thread.
    pub limits: Limits,
}

/// Loads connectors and asks them for decisions.
pub struct Runtime {
    linker: Linker<Sandbox>,
    /// The threads on which connectors decide.
    threads: Threads,
    /// Limits the decisions that run on calling threads at the same time.
    inline_permits: Semaphore,
    /// The thread that compiles: one connector at a time, since a compilation may be costly.
    loader: Threads,
    compilation: Arc<Compilation>,
    limits: Limits,
    /// The connectors that were loaded before, by digest, if the hosts of a simulation share them.
    loaded: Option<Mutex<HashMap<String, Arc<Connector>>>>,
}

/// Turns a connector's file into machine code, by the cache or the compiler.
struct Compilation {
    engine: Engine,
    cache: ArtifactCache,
    compiler: Compiler,
}

/// A connector that was validated and compiled, and has described itself.
pub struct Connector {
    /// The SHA-256 of its file, in hexadecimal.
    pub digest: String,
    /// What `describe` returned.
    pub manifest: Manifest,
    ready: ConnectorPre<Sandbox>,
    inline_eligibility: InlineEligibility,
}

/// The arguments of `decide`. They are shared, and copied only into the sandbox.
#[derive(Clone, Debug)]
pub struct Question {
    /// The operation's context.
    pub context: Arc<Context>,
    /// The event.
    pub event: Arc<Event>,
    /// The operation's exchanges so far, in order.
    pub exchanges: Arc<[Exchange]>,
}

/// A connector's answer to a [`Question`], with its log and its use of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The next step, the connector's refusal, or the connector's failure.
    pub answer: Result<Result<Step, Refusal>, Failure>,
    /// The lines that it logged, within the limits.
    pub log: Vec<LogLine>,
    /// The number of lines beyond the limits, which were dropped.
    pub log_dropped: u32,
    /// The most bytes of memory that it held.
    pub memory_peak: u64,
    /// How long it ran, without the time in the queue.
    pub elapsed: Duration,
}

/// Asks questions of low priority on a connector thread; see [`Runtime::in_background`].
pub struct BackgroundDecider<'a> {
    budget: Budget,
    run_queued: &'a dyn Fn(),
}

impl BackgroundDecider<'_> {
    /// Asks for the next step, after running all queued decisions. Blocks.
    pub fn decide(&self, connector: &Connector, question: &Question) -> Decided {
        (self.run_queued)();
        connector.decide(question, &self.budget)
    }
}

impl Runtime {
    /// Starts the engine, its threads and its clock. Fails without a thread, a cache directory or
    /// the engine's address space.
    pub fn new(config: RuntimeConfig) -> anyhow::Result<Self> {
        let RuntimeConfig { compiler, cache, key, threads, limits } = config;
        // As many decisions again may run on calling threads.
        let engine = engine::for_running(u32::try_from(2 * threads.max(1))?)?;
        let cache = ArtifactCache::open(&cache, key, &engine)?;
        let compiler = Compiler { program: compiler, time: limits.compilation };
        if let Some(without) = compiler::missing() {
            tracing::warn!(without, "connector: the compiler is less confined on this system");
        }
        Ok(Self {
            linker: sandbox::linker(&engine)?,
            threads: Threads::start("connector", threads)?,
            inline_permits: Semaphore::new(threads),
            loader: Threads::start("connector-loader", threads.min(1))?,
            compilation: Arc::new(Compilation { engine, cache, compiler }),
            limits,
            loaded: (threads == 0).then(Mutex::default),
        })
    }

    /// Loads a connector's file, a module or a component: validates and compiles it in a child
    /// process unless the cache has it, and calls its `describe`.
    pub async fn load(&self, wasm: &[u8]) -> Result<Arc<Connector>, LoadError> {
        let (size, limit) = (wasm.len(), self.limits.file);
        if size > limit {
            return Err(LoadError::TooLarge { size, limit });
        }
        let known = self.loaded.as_ref().map(|loaded| (loaded, digest(wasm)));
        if let Some((loaded, digest)) = &known
            && let Some(connector) =
                loaded.lock().unwrap_or_else(PoisonError::into_inner).get(digest)
        {
            return Ok(Arc::clone(connector));
        }
        let (compilation, wasm) = (Arc::clone(&self.compilation), wasm.to_vec());
        // The loader's thread does not have the caller's span.
        let span = Span::current();
        let compile = move || span.in_scope(|| compilation.component(&wasm));
        let (digest, component) = self.loader.run(compile).await?;
        let ready = self.linked(&component);
        let ready = ready.map_err(|error| LoadError::Unlinkable(format!("{error:#}")))?;
        let manifest = self.describe(ready.clone()).await.inspect_err(|_| self.forget(&digest))?;
        let inline_eligibility = InlineEligibility::new(self.limits.quick);
        let connector = Arc::new(Connector { digest, manifest, ready, inline_eligibility });
        if let Some((loaded, digest)) = known {
            let mut loaded = loaded.lock().unwrap_or_else(PoisonError::into_inner);
            loaded.insert(digest, Arc::clone(&connector));
        }
        Ok(connector)
    }

    /// Asks for the next step of an operation, in a fresh sandbox: on the calling thread if the
    /// connector's recent decisions were fast, on a connector thread otherwise.
    pub async fn decide(
        &self,
        connector: &Arc<Connector>,
        question: Question,
        budget: Budget,
    ) -> Decided {
        if let Some(decided) = self.decide_inline(connector, &question, &budget) {
            return decided;
        }
        let connector = Arc::clone(connector);
        self.threads.run(move || connector.decide(&question, &budget)).await
    }

    /// Decides on the calling thread. None if the connector is not eligible, or was interrupted
    /// because it took too long: it is a pure function, so the interrupted decision had no effect
    /// and is repeated on a connector thread.
    fn decide_inline(
        &self,
        connector: &Connector,
        question: &Question,
        budget: &Budget,
    ) -> Option<Decided> {
        if !connector.inline_eligibility.is_eligible() {
            return None;
        }
        let _permit = self.inline_permits.try_acquire().ok()?;
        let time = budget.time.min(inline_eligibility::TIME_LIMIT);
        let decided = connector.decide(question, &Budget { time, ..*budget });
        let interrupted = decided.answer == Err(Failure::Deadline);
        if interrupted {
            connector.inline_eligibility.revoke();
        }
        (!interrupted || time == budget.time).then_some(decided)
    }

    fn linked(&self, component: &Component) -> wasmtime::Result<ConnectorPre<Sandbox>> {
        let mut linker = self.linker.clone();
        wasi::link(&mut linker, component)?;
        linker.instantiate_pre(component).and_then(ConnectorPre::new)
    }

    /// Runs `work`, which asks many questions of low priority, such as those of a replay. The
    /// queued decisions of operations run before each of these questions.
    pub async fn in_background<T: Send + 'static>(
        &self,
        budget: Budget,
        work: impl FnOnce(&BackgroundDecider<'_>) -> T + Send + 'static,
    ) -> T {
        self.threads
            .run_in_background(move |run_queued| work(&BackgroundDecider { budget, run_queued }))
            .await
    }

    /// Removes a connector's machine code from the cache on disk. A loaded connector stays loaded.
    pub fn forget(&self, digest: &str) {
        self.compilation.cache.remove(digest);
    }

    /// Calls `describe`. Only an instance proves that the connector's types are the interface's.
    async fn describe(&self, ready: ConnectorPre<Sandbox>) -> Result<Manifest, LoadError> {
        let describe = move || {
            let text = sandbox::run(&ready, &Budget::default(), None, convert::describe).result;
            Manifest::parse(&text.map_err(LoadError::Describe)?).map_err(LoadError::Manifest)
        };
        self.threads.run(describe).await
    }
}

impl Connector {
    fn decide(&self, question: &Question, budget: &Budget) -> Decided {
        let ask = |guest: &_, store: &mut _| convert::decide(guest, store, question);
        let run = sandbox::run(&self.ready, budget, Some(&question.context), ask);
        let SandboxRun { result, log, memory_peak, elapsed } = run;
        self.inline_eligibility.record(elapsed);
        let mut answer = result.and_then(|answer| answer::checked(answer, &self.manifest));
        if let Some(placeholder) = &question.event.password {
            answer = answer.and_then(|it| secrecy::checked(it, &log.lines, placeholder));
        }
        Decided { answer, log: log.lines, log_dropped: log.dropped, memory_peak, elapsed }
    }
}

impl Compilation {
    /// A file's digest and its machine code, from the cache or compiled now. Blocks.
    fn component(&self, wasm: &[u8]) -> Result<(String, Component), LoadError> {
        let digest = digest(wasm);
        let component = match self.cached(&digest) {
            Some(component) => component,
            None => self.compiled(&digest, wasm)?,
        };
        Ok((digest, component))
    }

    fn cached(&self, digest: &str) -> Option<Component> {
        match self.cache.find(digest)?.component(&self.engine) {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!(digest, %error, "connector: cached machine code does not load");
                self.cache.remove(digest);
                None
            }
        }
    }

    fn compiled(&self, digest: &str, wasm: &[u8]) -> Result<Component, LoadError> {
        // A compilation takes a second or more, and a command or a start may be waiting for it.
        tracing::info!(digest, kib = wasm.len() >> 10, "connector: compiling");
        let begun = Instant::now();
        let artifact = self.compiler.compile(wasm)?;
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(digest, millis, "connector: compiled");
        if let Err(error) = self.cache.insert(digest, &artifact) {
            tracing::warn!(digest, %error, "connector: could not cache machine code");
        }
        let component = artifact.component(&self.engine);
        component.map_err(|error| LoadError::Unlinkable(format!("{error:#}")))
    }
}

/// The SHA-256 of a connector's file, in hexadecimal.
pub fn digest(wasm: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(wasm))
}

impl fmt::Debug for BackgroundDecider<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackgroundDecider").field("budget", &self.budget).finish_non_exhaustive()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { digest, manifest, .. } = self;
        write!(f, "{} {} ({digest})", manifest.name, manifest.version)
    }
}
