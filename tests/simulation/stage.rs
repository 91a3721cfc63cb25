//! Hosts for schedules: prepared databases, from which each schedule begins, and deaths.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::body::Body;
use http::Request;
use jiff::Timestamp;
use muster::cli::local_environment::ServerOptions;
use muster::clock::{Clock, Simulation};
use muster::connector::{Keyring, Limits, Runtime, RuntimeConfig};
use muster::delivery::{OutboundRules, SimulatedNetwork};
use muster::embedded;
use muster::lifecycle::{BackOff, Error, Host, HostKey, HostOptions, RequestRate, Simulated};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt as _;

use super::machine;
use super::schedule::{POINTS, Setup, TENANTS};

/// When every schedule begins.
pub(crate) const BEGINNING: &str = "2026-01-01T00:00:00Z";

/// What all schedules of a process share.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    runtime: Arc<Runtime>,
    templates: Vec<Arc<Template>>,
}

/// A database with an app and two tenants.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) folder: PathBuf,
    pub(crate) admin: String,
    pub(crate) tokens: Vec<String>,
    /// The digest of a later version of the connector.
    pub(crate) next: String,
    three_state: bool,
    when_recorded: bool,
}

/// An answer of the host.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Value,
}

impl Stage {
    /// Compiles the connectors and prepares the databases.
    pub(crate) fn prepare(folder: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&folder)?;
        let key = folder.join("host.key");
        fs::write(&key, [7; 32])?;
        let runtime = Arc::new(Runtime::new(RuntimeConfig {
            compiler: env!("CARGO_BIN_EXE_muster").into(),
            cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            key: HostKey::open(&key)?.derive("compiled connectors"),
            threads: 0,
            limits: Limits::default(),
        })?);
        let mut stage = Self { folder, runtime, templates: Vec::new() };
        for three_state in [false, true] {
            for when_recorded in [false, true] {
                let template = stage.template(three_state, when_recorded)?;
                stage.templates.push(Arc::new(template));
            }
        }
        Ok(stage)
    }

    pub(crate) fn template_of(&self, setup: &Setup) -> Arc<Template> {
        let same = |template: &&Arc<Template>| {
            template.three_state == setup.three_state
                && template.when_recorded == setup.when_recorded
        };
        Arc::clone(self.templates.iter().find(same).expect("there is one for each setup"))
    }

    /// Starts a host on the database in a folder.
    pub(crate) async fn open(
        &self,
        folder: &Path,
        simulation: Arc<Simulation>,
        network: SimulatedNetwork,
    ) -> anyhow::Result<Arc<Host>> {
        let options = HostOptions {
            data: folder.to_owned(),
            compiled: folder.join("compiled"),
            public_url: "https://muster.example".to_owned(),
            compiler: PathBuf::new(),
            answer_within: Duration::from_secs(25),
            deciding_threads: 1,
            job_pause: Duration::from_secs(1),
            open_operations: 10_000,
            request_rate: RequestRate::default(),
            largest_resource: 64 * 1024,
            back_off: BackOff::default(),
            grant_patience: Duration::from_secs(24 * 3600),
            longest_call: Duration::from_secs(120),
            trusted_keys: Keyring::default(),
            outbound: OutboundRules::of(folder),
            simulated: Some(Simulated { network, runtime: Arc::clone(&self.runtime) }),
        };
        Host::open(options, Clock::simulated(simulation)).await
    }

    fn template(&self, three_state: bool, when_recorded: bool) -> anyhow::Result<Template> {
        let folder = self.folder.join(format!("template-{three_state}-{when_recorded}"));
        fs::create_dir_all(&folder)?;
        fs::copy(self.folder.join("host.key"), folder.join("host.key"))?;
        std::thread::scope(|scope| {
            let prepare = || {
                machine::simulate(0);
                let runtime = paused_runtime()?;
                runtime.block_on(self.fill(folder, three_state, when_recorded))
            };
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, prepare);
            thread?.join().expect("preparing does not panic")
        })
    }

    async fn fill(
        &self,
        folder: PathBuf,
        three_state: bool,
        when_recorded: bool,
    ) -> anyhow::Result<Template> {
        let simulation = Arc::new(Simulation::new(BEGINNING.parse::<Timestamp>()?, 0));
        let network: SimulatedNetwork = Arc::new(|_| Box::pin(std::future::pending()));
        let host = self.open(&folder, simulation, network).await?;
        let admin = host.config.add_bootstrap_token().await.map_err(told)?;
        let router = router(&host);
        let name = if three_state { "three-state" } else { "two-state" };
        let embedded = embedded::CONNECTORS.iter().find(|it| it.name == name);
        let wasm = embedded.context("the connector is embedded")?.wasm;
        let mut next = String::new();
        for wasm in [wasm.to_vec(), later_version(wasm)] {
            let pushed = Request::post("/admin/v1/connectors")
                .header("host", "simulated")
                .body(Body::from(wasm))?;
            let pushed = send(&router, &admin, pushed).await?;
            ensure!(pushed.status < 300, "pushing: {}", pushed.body);
            next = pushed.body["digest"].as_str().context("a digest")?.to_owned();
        }
        let endpoint = json!({ "base_url": "https://app.example" });
        let reply = if when_recorded { "when-recorded" } else { "when-done" };
        let app = json!({
            "name": "app", "connector": format!("{name}@0.1.0"), "reply": reply,
            "endpoints": { "app": endpoint }, "limits": { "time": "5s" },
            // Otherwise the profile of an account would stay whose creation was not answered.
            "shared": false,
        });
        ask(&router, &admin, "POST", "/admin/v1/apps", Some(app)).await?;
        let mut tokens = Vec::new();
        for (tenant, dialect) in TENANTS.into_iter().zip(["okta", "entra"]) {
            let body = json!({ "id": tenant, "app": "app", "dialect": dialect });
            ask(&router, &admin, "POST", "/admin/v1/tenants", Some(body)).await?;
            let path = format!("/admin/v1/tenants/{tenant}/tokens");
            let token = ask(&router, &admin, "POST", &path, Some(json!({}))).await?;
            tokens.push(token.body["token"].as_str().context("a token")?.to_owned());
        }
        host.close(tokio::time::Instant::now() + Duration::from_secs(5)).await;
        Ok(Template { folder, admin, tokens, next, three_state, when_recorded })
    }
}

/// The stack of a thread on which connectors decide.
pub(crate) const STACK: usize = 16 << 20;

/// A runtime of one thread whose time passes only when nothing is left to do.
pub(crate) fn paused_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
}

pub(crate) fn router(host: &Arc<Host>) -> Router {
    muster::router(Arc::clone(host), ServerOptions::default())
}

/// Sends a request with a JSON body.
pub(crate) async fn ask(
    router: &Router,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> anyhow::Result<Answer> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("host", "simulated").header("content-type", "application/json");
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    send(router, token, request.body(body)?).await
}

async fn send(router: &Router, token: &str, mut request: Request<Body>) -> anyhow::Result<Answer> {
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
    let response = router.clone().oneshot(request).await?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let body = axum::body::to_bytes(response.into_body(), 1 << 24).await?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(Answer { status, retry_after, body })
}

/// The same connector with another version number, which has as many digits.
fn later_version(wasm: &[u8]) -> Vec<u8> {
    let (version, later) = (b"\"version\": \"0.1.0\"", b"\"version\": \"0.1.1\"");
    let mut wasm = wasm.to_vec();
    let mut at = 0;
    while at + version.len() <= wasm.len() {
        if &wasm[at..at + version.len()] == version {
            wasm[at..at + version.len()].copy_from_slice(later);
        }
        at += 1;
    }
    wasm
}

fn told(error: Error) -> anyhow::Error {
    match error {
        Error::Client(error) => anyhow::anyhow!("{}", error.detail),
        Error::Internal(error) => error,
    }
}

/// The death of a host: what is on its disk at that moment is copied, and nothing that the dying
/// host does afterwards has an effect.
#[derive(Debug)]
pub(crate) struct Death {
    armed: Mutex<Option<(&'static str, u32)>>,
    from: PathBuf,
    to: PathBuf,
    dead: AtomicBool,
    pub(crate) came: Notify,
}

thread_local! {
    static DEATH: RefCell<Option<Arc<Death>>> = const { RefCell::new(None) };
}

impl Death {
    /// The death of the host of this thread, whose database is in one folder; that of its successor
    /// will be in the other.
    pub(crate) fn of(from: &Path, to: &Path) -> Arc<Self> {
        let death = Arc::new(Self {
            armed: Mutex::default(),
            from: from.to_owned(),
            to: to.to_owned(),
            dead: AtomicBool::new(false),
            came: Notify::new(),
        });
        DEATH.set(Some(Arc::clone(&death)));
        death
    }

    /// The host dies at the nth passage of a fail point.
    pub(crate) fn arm(&self, point: &'static str, nth: u32) {
        *self.armed() = Some((point, nth));
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// The host dies now.
    pub(crate) fn die(&self) {
        if !self.dead.swap(true, Ordering::Relaxed) {
            disk_full(false);
            copy(&self.from, &self.to).expect("a copy of the database");
            self.came.notify_one();
        }
    }

    fn passes(&self, point: &str) -> bool {
        let mut armed = self.armed();
        match &mut *armed {
            Some((name, left)) if *name == point => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            _ => false,
        }
    }

    fn armed(&self) -> MutexGuard<'_, Option<(&'static str, u32)>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the fail points of this process end the host of the thread that passes them.
pub(crate) fn arm_fail_points() -> anyhow::Result<()> {
    for point in POINTS {
        let pass = move || {
            let death = DEATH.with_borrow(Clone::clone);
            let Some(death) = death else { return };
            if death.passes(point) && !death.is_dead() {
                death.die();
                // Ends the task that passes, without the message of a panic.
                std::panic::resume_unwind(Box::new("the host dies"));
            }
        };
        let armed = fail::cfg_callback(point, pass);
        armed.map_err(|error| anyhow::anyhow!("{point}: {error}"))?;
    }
    Ok(())
}

/// Copies a database with its log.
pub(crate) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for file in ["host.key", "muster.db", "muster.db-wal"] {
        if from.join(file).exists() {
            fs::copy(from.join(file), to.join(file))?;
        }
    }
    Ok(())
}

/// Makes every write to a file of this process fail, or succeed again.
pub(crate) fn disk_full(full: bool) {
    let (_, hard) = rlimit::Resource::FSIZE.get().expect("the limit can be read");
    let soft = if full { 0 } else { hard };
    rlimit::Resource::FSIZE.set(soft, hard).expect("the limit can be lowered");
}
