//! A host whose directory holds a given number of users, and the measurements on it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use muster::cli::local_environment::{LocalEnvironment, LocalEnvironmentConfig};
use muster::decision::{Account, Membership, ResourceKind};
use muster::store::{AccountRow, Commit, CommitError, ResourceChange, ResourceRow};
use tempfile::TempDir;

use crate::connection::{Connection, Request};
use crate::question::Question;

/// Resources on a page.
pub(crate) const PAGE: usize = 100;
/// The `lastModified` of all users, except those deactivated later.
pub(crate) const BASE_TIME: &str = "2026-06-01T00:00:00.000Z";
/// Users deactivated after [`BASE_TIME`].
const DEACTIVATED_LATER: usize = 50;
/// One in this number of users was deactivated before [`BASE_TIME`].
const INACTIVE: usize = 20;
/// Pending commits while the directory is filled.
const MAX_PENDING: usize = 1024;
const TENANT: &str = "acme";

/// A host, and the users in its directory.
pub(crate) struct FilledHost {
    stage: LocalEnvironment,
    /// The base path of SCIM, before `/Users`.
    prefix: String,
    token: String,
    people: Vec<Person>,
    positions: Vec<PagePosition>,
    random: u64,
    _folder: TempDir,
}

/// A user.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) active: bool,
    number: usize,
}

/// A position in a walk through all pages, with at least one whole page after it.
pub(crate) struct PagePosition {
    pub(crate) cursor: String,
    pub(crate) start: usize,
}

/// The times of a full import.
pub(crate) struct Import {
    pub(crate) pages: usize,
    pub(crate) elapsed: Duration,
    /// Mean microseconds for a page, of the first tenth of the pages.
    pub(crate) first: f64,
    /// The same of the last tenth.
    pub(crate) last: f64,
}

impl Person {
    /// The `userName`, which is the e-mail address too.
    pub(crate) fn name(&self) -> String {
        format!("person.number{}@example.com", self.number)
    }

    pub(crate) fn external_id(&self) -> String {
        format!("00u{:017}", self.number)
    }

    /// The document that muster stores for a user created by Okta.
    fn document(&self) -> String {
        let (id, name, n) = (&self.id, self.name(), self.number);
        let (external_id, active) = (self.external_id(), self.active);
        format!(
            r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"{id}","externalId":"{external_id}","userName":"{name}","name":{{"givenName":"Person","familyName":"Number {n}"}},"displayName":"Person Number {n}","locale":"en-US","active":{active},"emails":[{{"primary":true,"value":"{name}","type":"work"}}]}}"#
        )
    }

    fn commit(&self, last_modified: &str) -> Commit {
        let row = ResourceRow {
            tenant: TENANT.to_owned(),
            kind: "User".to_owned(),
            id: self.id.clone(),
            user_name: Some(self.name()),
            external_id: Some(self.external_id()),
            display_name: Some(format!("Person Number {}", self.number)),
            active: self.active,
            emails: vec![self.name()],
            document: self.document(),
            version: 1,
            departures: 0,
            created: "2026-01-01T00:00:00.000Z".to_owned(),
            last_modified: last_modified.to_owned(),
        };
        let membership = if self.active { Membership::Active } else { Membership::Suspended };
        let account = AccountRow {
            tenant: TENANT.to_owned(),
            resource: self.id.clone(),
            kind: ResourceKind::User,
            user_name: self.name(),
            external_id: Some(self.external_id()),
            account: Some(Account { id: self.id.clone(), membership, data: "null".to_owned() }),
            connected: true,
            protected: false,
            doubt: false,
            late_until: None,
            stay: 0,
            told: None,
            origin: Some(muster::store::Origin::Made),
        };
        Commit {
            resource: Some(ResourceChange::Insert(row)),
            account: Some(account),
            ..Commit::default()
        }
    }
}

impl FilledHost {
    /// Starts a host with `users` users in its directory.
    pub(crate) async fn fill(users: usize) -> anyhow::Result<Self> {
        anstream::eprintln!("scale: filling a directory of {users}");
        let folder = tempfile::Builder::new().prefix("muster-scale-").tempdir()?;
        let stage = LocalEnvironment::start(LocalEnvironmentConfig {
            data: Some(folder.path().to_owned()),
            compiler: env!("CARGO_BIN_EXE_muster").into(),
            ..LocalEnvironmentConfig::default()
        })
        .await?;
        let token = stage.tenant(TENANT, "roster", "okta", "").await?;
        let people = fill(&stage, users).await?;
        let prefix = token
            .base_url
            .strip_prefix(&stage.url)
            .context("the base URL is not below the host")?;
        let mut host = Self {
            prefix: prefix.to_owned(),
            token: token.token,
            stage,
            people,
            positions: Vec::new(),
            random: 0x9e37_79b9_7f4a_7c15,
            _folder: folder,
        };
        host.walk().await?;
        Ok(host)
    }

    /// Opens a connection. Each measurement opens one, because the host closes idle connections.
    async fn connect(&self) -> anyhow::Result<Connection> {
        let address = self.stage.url.trim_start_matches("http://").parse()?;
        Connection::open(address, &self.prefix, &self.token).await
    }

    pub(crate) fn users(&self) -> usize {
        self.people.len()
    }

    /// The mean time of a question in microseconds.
    pub(crate) async fn ask(&mut self, question: Question, requests: usize) -> anyhow::Result<f64> {
        let mut connection = self.connect().await?;
        let mut elapsed = Duration::ZERO;
        for n in 0..requests {
            let person = self.random(self.people.len());
            let position = self.random(self.positions.len());
            let request = question.request(&mut self.people[person], &self.positions[position]);
            let begun = Instant::now();
            let response = connection.send(&request).await?.expect(200)?;
            elapsed += begun.elapsed();
            // Parsing every response would take longer than the requests.
            if let Some(found) = question.expected_resources().filter(|_| n == 0) {
                let list = response.json()?;
                let resources = list["Resources"].as_array().map_or(0, Vec::len);
                ensure!(resources == found, "{question}: {resources} resources, not {found}");
            }
        }
        Ok(elapsed.as_secs_f64() * 1e6 / requests as f64)
    }

    /// Reads all users, page by page by `startIndex`, as Okta imports.
    pub(crate) async fn import(&mut self) -> anyhow::Result<Import> {
        let mut connection = self.connect().await?;
        let mut times = Vec::new();
        for start in (1..=self.people.len()).step_by(PAGE) {
            let request = Request::get(format!("/Users?startIndex={start}&count={PAGE}"));
            let begun = Instant::now();
            connection.send(&request).await?.expect(200)?;
            times.push(begun.elapsed());
        }
        let tenth = (times.len() / 10).max(1);
        let mean = |part: &[Duration]| {
            part.iter().sum::<Duration>().as_secs_f64() * 1e6 / part.len() as f64
        };
        Ok(Import {
            pages: times.len(),
            elapsed: times.iter().sum(),
            first: mean(&times[..tenth]),
            last: mean(&times[times.len() - tenth..]),
        })
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.stage.stop().await
    }

    /// Reads all users by cursor, and keeps the positions that a whole page follows.
    async fn walk(&mut self) -> anyhow::Result<()> {
        let mut connection = self.connect().await?;
        let mut cursor = String::new();
        let mut seen = 0;
        loop {
            let request = Request::get(format!("/Users?cursor={cursor}&count={PAGE}"));
            let list = connection.send(&request).await?.expect(200)?.json()?;
            seen += list["Resources"].as_array().map_or(0, Vec::len);
            let Some(next) = list["nextCursor"].as_str() else { break };
            cursor = next.to_owned();
            if seen + PAGE <= self.people.len() {
                self.positions.push(PagePosition { cursor: cursor.clone(), start: seen + 1 });
            }
        }
        ensure!(seen == self.people.len(), "the walk found {seen} of {} users", self.people.len());
        Ok(())
    }

    /// A pseudo-random number (xorshift), the same sequence in every run.
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % below as u64) as usize
    }
}

/// Writes the users directly to the store, because creating them is not measured.
async fn fill(stage: &LocalEnvironment, users: usize) -> anyhow::Result<Vec<Person>> {
    let mut people = Vec::with_capacity(users);
    let mut pending = VecDeque::new();
    for number in 0..users {
        let deactivated_later = number % (users / DEACTIVATED_LATER) == 0;
        let active = !deactivated_later && number % INACTIVE != 1;
        let person = Person { id: stage.host.clock.new_id(), active, number };
        let last_modified = if deactivated_later { "2026-06-02T00:00:00.000Z" } else { BASE_TIME };
        let commit = stage.host.store.enqueue(person.commit(last_modified)).await;
        pending.push_back(commit.map_err(CommitError::into_internal)?);
        people.push(person);
        if pending.len() > MAX_PENDING {
            let first = pending.pop_front().context("no commit is pending")?;
            first.landed().await.map_err(CommitError::into_internal)?;
        }
    }
    for receipt in pending {
        receipt.landed().await.map_err(CommitError::into_internal)?;
    }
    Ok(people)
}
