//! A sample app for demonstrations and tests: a small REST server with people, organisations,
//! accounts and teams, which muster can provision into.
//!
//! It keeps everything in memory, does not depend on the rest of muster, and can be ordered to
//! fail.

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
mod call;
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

pub use accounts::{OrganizationAccount, Status};
pub use faults::Fault;
pub use log::RecordedCall;
pub use people::SamplePerson;
pub use profile::Profile;
pub use teams::Team;

use problem::Problem;
use world::World;

/// The app: its data, and its bearer token. Clones share both.
#[derive(Clone)]
pub struct SampleApp {
    world: Arc<Mutex<World>>,
    turn: Arc<tokio::sync::Mutex<()>>,
    token: Arc<str>,
}

/// A running app, which dereferences to the app. It stops when it is dropped.
#[derive(Debug)]
pub struct Sample {
    app: SampleApp,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Serves a new app on this listener.
pub fn serve(listener: TcpListener, token: impl Into<String>) -> Result<Sample> {
    let address = listener.local_addr().context("the sample app's address")?;
    let (app, stop) = (SampleApp::new(token), CancellationToken::new());
    let stopped = stop.clone().cancelled_owned();
    let server = axum::serve(listener, router(app.clone())).with_graceful_shutdown(stopped);
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "sample: stopped");
        }
    });
    Ok(Sample { app, address, stop, task })
}

/// The app's routes.
pub fn router(app: SampleApp) -> Router {
    let handle = middleware::from_fn_with_state(app.clone(), call::handle);
    let require_token = middleware::from_fn_with_state(app.clone(), call::require_token);
    let api = Router::new()
        .merge(people::routes())
        .merge(members::routes())
        .merge(accounts::routes())
        .merge(teams::routes())
        .merge(lists::routes())
        .fallback(async || Problem::not_found("there is nothing here"))
        .layer(handle);
    let control = Router::new().merge(log::routes()).merge(faults::routes()).layer(require_token);
    api.merge(control).with_state(app)
}

impl SampleApp {
    /// An app without people.
    pub fn new(token: impl Into<String>) -> Self {
        Self { world: Arc::default(), turn: Arc::default(), token: token.into().into() }
    }

    /// All people, in the order of their creation.
    pub fn people(&self) -> Vec<SamplePerson> {
        self.world().people.iter().cloned().collect()
    }

    /// The people who are in an organisation.
    pub fn members(&self, organization: &str) -> Vec<SamplePerson> {
        self.world().members(organization)
    }

    /// The accounts of an organisation.
    pub fn accounts(&self, organization: &str) -> Vec<OrganizationAccount> {
        self.world().accounts(organization)
    }

    /// All members and accounts of an organisation, as text.
    pub fn people_of(&self, organization: &str) -> Vec<String> {
        let members = self.members(organization).into_iter().map(|person| person.to_string());
        let accounts = self.accounts(organization).into_iter().map(|account| account.to_string());
        members.chain(accounts).collect()
    }

    /// The teams of an organisation.
    pub fn teams(&self, organization: &str) -> Vec<Team> {
        self.world().teams(organization)
    }

    /// The calls of the API, in order; the newest 50,000 are kept.
    pub fn log(&self) -> Vec<RecordedCall> {
        self.world().log.calls().cloned().collect()
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.world().faults.forget();
    }

    /// Makes the next matching calls fail.
    pub fn fail(&self, fault: Fault) {
        self.world().faults.push(fault);
    }

    /// From now on, people who leave an organisation leave its teams for good: if they return, they
    /// are in none.
    pub fn forget_teams_of_leavers(&self) {
        self.world().forgetful = true;
    }

    fn accepts(&self, authorization: Option<&str>) -> bool {
        let token = authorization.and_then(|text| text.strip_prefix("Bearer "));
        token.is_some_and(|token| token.as_bytes().ct_eq(self.token.as_bytes()).into())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // A poisoned lock is usable: data is changed only after everything that could panic.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SampleApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampleApp").finish_non_exhaustive()
    }
}

impl Sample {
    /// The address that the app listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The app's address as a URL, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops after pending responses, within a second.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if timeout(Duration::from_secs(1), &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Deref for Sample {
    type Target = SampleApp;

    fn deref(&self) -> &SampleApp {
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
