//! A sample app for demonstrations and tests: a small REST server with people, organisations,
//! accounts and teams, such as muster provisions into.
//!
//! It keeps everything in memory, knows nothing of muster, and can be told to misbehave.

use std::{
    fmt,
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use axum::{Router, middleware};
use subtle::ConstantTimeEq;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

mod accounts;
mod conversation;
mod faults;
mod lists;
mod log;
mod members;
mod people;
mod problem;
mod profile;
mod register;
mod teams;
mod world;

pub use accounts::{Account, Status};
pub use faults::Fault;
pub use log::Call;
pub use people::Person;
pub use profile::Profile;
pub use teams::Team;

use problem::Problem;
use world::World;

/// The app: what it holds, and the token that opens it. Clones share both.
#[derive(Clone)]
pub struct App {
    world: Arc<Mutex<World>>,
    turn: Arc<tokio::sync::Mutex<()>>,
    token: Arc<str>,
}

/// A running app, used like the app itself. It stops when this is dropped.
#[derive(Debug)]
pub struct Sample {
    app: App,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Serves a new app on the listener.
pub fn serve(listener: TcpListener, token: impl Into<String>) -> Result<Sample> {
    let address = listener.local_addr().context("the sample app's address")?;
    let (app, stop) = (App::new(token), CancellationToken::new());
    let stopped = stop.clone().cancelled_owned();
    let server = axum::serve(listener, router(app.clone())).with_graceful_shutdown(stopped);
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the sample app stopped");
        }
    });
    Ok(Sample { app, address, stop, task })
}

/// The app's routes.
pub fn router(app: App) -> Router {
    let conversation = middleware::from_fn_with_state(app.clone(), conversation::hold);
    let guard = middleware::from_fn_with_state(app.clone(), conversation::guard);
    let api = Router::new()
        .merge(people::routes())
        .merge(members::routes())
        .merge(accounts::routes())
        .merge(teams::routes())
        .merge(lists::routes())
        .fallback(async || Problem::not_found("there is nothing here"))
        .layer(conversation);
    let own = Router::new().merge(log::routes()).merge(faults::routes()).layer(guard);
    api.merge(own).with_state(app)
}

impl App {
    /// An app with nobody in it.
    pub fn new(token: impl Into<String>) -> Self {
        Self { world: Arc::default(), turn: Arc::default(), token: token.into().into() }
    }

    /// Everybody who has a person's account, in the order of their creation.
    pub fn people(&self) -> Vec<Person> {
        self.world().people.iter().cloned().collect()
    }

    /// The people who are in an organisation.
    pub fn members(&self, organization: &str) -> Vec<Person> {
        self.world().members(organization)
    }

    /// An organisation's own accounts.
    pub fn accounts(&self, organization: &str) -> Vec<Account> {
        self.world().accounts(organization)
    }

    /// Everybody in an organisation, members and accounts alike, in words.
    pub fn people_of(&self, organization: &str) -> Vec<String> {
        let members = self.members(organization).into_iter().map(|person| person.to_string());
        let accounts = self.accounts(organization).into_iter().map(|account| account.to_string());
        members.chain(accounts).collect()
    }

    /// An organisation's teams.
    pub fn teams(&self, organization: &str) -> Vec<Team> {
        self.world().teams(organization)
    }

    /// Every call of the API, in order; the oldest are forgotten after 50,000.
    pub fn log(&self) -> Vec<Call> {
        self.world().log.calls().cloned().collect()
    }

    /// Forgets the faults that are still to come.
    pub fn heal(&self) {
        self.world().faults.forget();
    }

    /// Makes coming calls fail.
    pub fn fail(&self, fault: Fault) {
        self.world().faults.push(fault);
    }

    fn opens(&self, authorization: Option<&str>) -> bool {
        let token = authorization.and_then(|text| text.strip_prefix("Bearer "));
        token.is_some_and(|token| token.as_bytes().ct_eq(self.token.as_bytes()).into())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // Every change is made after everything that could fail.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

impl Sample {
    /// Where the app listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The app's address as a URL, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops, after the answers that are under way, within a second.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if timeout(Duration::from_secs(1), &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Deref for Sample {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests;
