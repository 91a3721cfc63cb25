//! One run of a schedule: the lives of the host, one after another, and the time in which
//! everything settles.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use muster::clock::Simulation;
use muster::delivery::{Broken, SimulatedNetwork};
use muster::lifecycle::Host;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::app::Call;
use super::belief::Beliefs;
use super::client::Clients;
use super::network::{Fault, Network};
use super::oracle::{self, Final};
use super::schedule::{Action, Setup, Step, TENANTS};
use super::stage::{self, BEGINNING, Death, Stage, Template, disk_full};

/// The result of a run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What went wrong, each beginning with its kind and a colon.
    pub(crate) violations: Vec<String>,
    /// Everything in the database at the end.
    pub(crate) journal: String,
    /// What happened.
    pub(crate) counts: Counts,
}

/// What happened in a run, or in many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Hosts, one after another.
    pub(crate) hosts: u64,
    /// Requests that were acknowledged, refused, and neither.
    pub(crate) requests: [u64; 3],
    /// Calls to the app.
    pub(crate) calls: u64,
}

/// What an operator or an earlier life left behind, which the oracle must know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exempt {
    /// Names of people and groups whose operations an operator dropped, or who are protected.
    pub(crate) names: BTreeSet<(usize, String)>,
    /// Tenants that were disconnected so that people lost access.
    pub(crate) taken_away: BTreeSet<usize>,
}

/// Calls that change something and may not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forbidden {
    /// Those that take access away: the tenant is paused.
    Leaving,
    /// All others: the tenant's people were deactivated or removed when it was disconnected.
    Joining,
    /// All of them: the tenant was disconnected, and its people were released.
    Everything,
}

/// A span in which calls for a tenant's people are forbidden.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quiet {
    pub(crate) tenant: usize,
    pub(crate) from: u64,
    pub(crate) until: Option<u64>,
    pub(crate) forbidden: Forbidden,
}

/// A run.
pub(crate) struct Run<'a> {
    stage: &'a Stage,
    pub(crate) template: Arc<Template>,
    pub(crate) setup: Setup,
    steps: &'a [Step],
    next: usize,
    folder: PathBuf,
    lives: u32,
    wall: Timestamp,
    time: u64,
    pub(crate) network: Arc<Mutex<Network>>,
    pub(crate) beliefs: Arc<Mutex<Beliefs>>,
    pub(crate) exempt: Exempt,
    pub(crate) quiet: Vec<Quiet>,
    /// Tenants that an operator disconnects.
    pub(crate) disconnecting: BTreeSet<usize>,
    violations: Arc<Mutex<Vec<String>>>,
}

/// One life of the host.
pub(crate) struct Life {
    host: Arc<Host>,
    pub(crate) router: Router,
    pub(crate) simulation: Arc<Simulation>,
    death: Arc<Death>,
    began: Instant,
    base: u64,
    requests: JoinSet<()>,
}

impl Life {
    /// Milliseconds since the beginning of the schedule.
    pub(crate) fn now(&self) -> u64 {
        self.base + u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl<'a> Run<'a> {
    /// Runs a schedule on this thread, which belongs to a simulation.
    pub(crate) fn of(stage: &'a Stage, setup: Setup, steps: &'a [Step]) -> anyhow::Result<Outcome> {
        let folder = stage.folder.join(format!("run-{}", setup.seed));
        let template = stage.template_of(&setup);
        stage::copy(&template.folder, &folder.join("1"))?;
        let mut run = Self {
            stage,
            template,
            setup,
            steps,
            next: 0,
            folder,
            lives: 0,
            wall: BEGINNING.parse::<Timestamp>()? + SignedDuration::from_hours(1),
            time: 0,
            network: Arc::new(Mutex::new(Network::new(setup.seed, setup.honours_keys))),
            beliefs: Arc::default(),
            exempt: Exempt::default(),
            quiet: Vec::new(),
            disconnecting: BTreeSet::new(),
            violations: Arc::default(),
        };
        let ended = loop {
            if let Some(ended) = run.live()? {
                break ended;
            }
        };
        disk_full(false);
        let outcome = run.conclude(&ended)?;
        fs::remove_dir_all(&run.folder)?;
        Ok(outcome)
    }

    /// One life of the host; none if it died.
    fn live(&mut self) -> anyhow::Result<Option<Final>> {
        self.lives += 1;
        let folder = |n: u32| self.folder.join(n.to_string());
        let death = Death::of(&folder(self.lives), &folder(self.lives + 1));
        let runtime = stage::paused_runtime()?;
        let (ended, wall, time) = runtime.block_on(async {
            let began = Instant::now();
            let seed = self.setup.seed.wrapping_add(u64::from(self.lives) << 32);
            let simulation = Arc::new(Simulation::new(self.wall, seed));
            let play = self.play(&death, &simulation, began);
            let ended = tokio::select! {
                biased;
                () = death.came.notified() => Ok(None),
                ended = play => ended.map(Some),
            };
            let elapsed = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let wall = Timestamp::from_millisecond(simulation.now());
            anyhow::Ok((ended?, wall?, elapsed))
        })?;
        drop(runtime);
        disk_full(false);
        self.time += time;
        self.wall = wall;
        if ended.is_none() {
            self.beliefs.lock().unwrap_or_else(PoisonError::into_inner).host_died();
            self.network().host_forgets(false);
            // Time passes until it is started again.
            let pause = 10 + 97 * u64::from(self.lives);
            self.time += pause;
            self.wall += Duration::from_millis(pause);
        }
        Ok(ended)
    }

    async fn play(
        &mut self,
        death: &Arc<Death>,
        simulation: &Arc<Simulation>,
        began: Instant,
    ) -> anyhow::Result<Final> {
        let network = self.simulated_network(death, began);
        let (stage, folder) = (self.stage, self.folder.join(self.lives.to_string()));
        let host = stage.open(&folder, Arc::clone(simulation), network).await?;
        let router = stage::router(&host);
        let (simulation, death) = (Arc::clone(simulation), Arc::clone(death));
        let (base, requests) = (self.time, JoinSet::new());
        let mut life = Life { host, router, simulation, death, began, base, requests };
        while let Some(step) = self.steps.get(self.next) {
            let wait = step.at.saturating_sub(life.now());
            sleep(Duration::from_millis(wait)).await;
            self.next += 1;
            self.step(&mut life, &step.action).await;
        }
        while life.requests.join_next().await.is_some() {}
        self.settle(&mut life).await;
        let ended = self.look(&life).await;
        life.host.close(Instant::now() + Duration::from_secs(5)).await;
        Ok(ended)
    }

    async fn step(&mut self, life: &mut Life, action: &Action) {
        self.watch_disconnects(life).await;
        match action {
            Action::Ask(change, manner) => {
                life.requests.spawn(self.clients(life).make(change.clone(), *manner));
            }
            Action::Operate(operator) => self.operate(life, *operator).await,
            Action::Fail(fault) => self.add_fault(life, *fault),
            Action::Heal => self.network().heal(),
            Action::AppRestarts { forgets } => self.network().restart(life.now(), *forgets),
            Action::Die(None) => {
                life.death.die();
                std::future::pending::<()>().await;
            }
            Action::Die(Some((point, nth))) => life.death.arm(point, *nth),
            Action::DiskFull { seconds } => {
                disk_full(true);
                self.network().host_forgets(true);
                sleep(Duration::from_secs(*seconds)).await;
                disk_full(false);
                self.network().host_forgets(false);
            }
            Action::Clock { minutes } => life.simulation.shift(SignedDuration::from_mins(*minutes)),
        }
    }

    fn add_fault(&self, life: &Life, fault: Fault) {
        self.network().add(life.now(), fault);
    }

    /// What everything says at the end.
    async fn look(&mut self, life: &Life) -> Final {
        let mut ended = Final::default();
        let clients = self.clients(life);
        for tenant in 0..TENANTS.len() {
            ended.states.push(self.state(life, tenant).await);
            ended.users.push(clients.list(tenant, "Users").await);
            ended.groups.push(clients.list(tenant, "Groups").await);
        }
        self.network().catch_up(u64::MAX);
        ended
    }

    fn conclude(&mut self, ended: &Final) -> anyhow::Result<Outcome> {
        let database = self.folder.join(self.lives.to_string()).join("muster.db");
        let mut violations =
            std::mem::take(&mut *self.violations.lock().unwrap_or_else(PoisonError::into_inner));
        let linked = oracle::linked(&database)?;
        violations.append(&mut oracle::judge(self, ended, &linked));
        violations.append(&mut oracle::two_owners(&database)?);
        violations.append(&mut self.network().violations);
        let journal = oracle::dump(&database)?;
        let requests = self.beliefs.lock().unwrap_or_else(PoisonError::into_inner).ended;
        let calls = self.network().sent.len() as u64;
        let counts = Counts { hosts: self.lives.into(), requests, calls };
        Ok(Outcome { violations, journal, counts })
    }

    pub(crate) fn clients(&self, life: &Life) -> Clients {
        Clients {
            router: life.router.clone(),
            template: Arc::clone(&self.template),
            beliefs: Arc::clone(&self.beliefs),
            violations: Arc::clone(&self.violations),
            death: Arc::clone(&life.death),
        }
    }

    pub(crate) fn network(&self) -> std::sync::MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn violate(&self, what: String) {
        self.violations.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// The way from this life of the host to the app.
    fn simulated_network(&self, death: &Arc<Death>, began: Instant) -> SimulatedNetwork {
        let (network, death, base) = (Arc::clone(&self.network), Arc::clone(death), self.time);
        Arc::new(move |request| {
            let (network, death) = (Arc::clone(&network), Arc::clone(&death));
            let now = move || base + u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            Box::pin(async move {
                if death.is_dead() {
                    std::future::pending::<()>().await;
                }
                let call = read(&request);
                let locked = || network.lock().unwrap_or_else(PoisonError::into_inner);
                let ticket = locked().send(now(), call.clone());
                sleep(Duration::from_millis(ticket.millis)).await;
                if death.is_dead() {
                    std::future::pending::<()>().await;
                }
                let answer = locked().receive(now(), ticket, &call);
                let broken = if ticket.refused { Broken::Refused } else { Broken::Cut };
                let answer = answer.ok_or(broken)?;
                let mut response = http::Response::new(Bytes::from(answer.body));
                *response.status_mut() =
                    http::StatusCode::from_u16(answer.status).expect("a status");
                if answer.status == 429 {
                    response.headers_mut().insert("retry-after", "7".parse().expect("a value"));
                }
                Ok(response)
            })
        })
    }
}

impl Counts {
    /// Adds what happened in another run.
    pub(crate) fn add(&mut self, other: &Self) {
        self.hosts += other.hosts;
        self.calls += other.calls;
        for (mine, theirs) in self.requests.iter_mut().zip(other.requests) {
            *mine += theirs;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hosts, requests: [acknowledged, refused, unknown], calls } = self;
        write!(
            f,
            "{hosts} hosts, {acknowledged} requests acknowledged, {refused} refused, {unknown} \
             neither, {calls} calls"
        )
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read(request: &http::Request<Bytes>) -> Call {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let query = request.uri().query().and_then(|query| query.split_once('=')).map(|(_, value)| {
        percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned()
    });
    Call {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query,
        body: serde_json::from_slice(request.body()).unwrap_or(Value::Null),
        key: header("idempotency-key").unwrap_or_default().to_owned(),
    }
}
