//! A host with so many users, and a connection to it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use muster::cli::stage::{Stage, StageConfig};
use muster::decision::{Account, Membership};
use muster::store::{AccountRow, Commit, CommitError, ResourceChange, ResourceRow};
use tempfile::TempDir;

use crate::connection::{Connection, Request};
use crate::question::Question;

/// Resources on a page.
pub(crate) const PAGE: usize = 100;
/// When all users last changed, but for those who were deactivated after it.
pub(crate) const LATE: &str = "2026-06-01T00:00:00.000Z";
/// How many were.
const LATELY: usize = 50;
/// One in so many was deactivated before.
const INACTIVE: usize = 20;
/// Commits that are under way while it is filled.
const WAITING: usize = 1024;
const TENANT: &str = "acme";

/// A host, and who is in its directory.
pub(crate) struct House {
    stage: Stage,
    /// Where its directory is, below its address.
    prefix: String,
    token: String,
    people: Vec<Person>,
    places: Vec<Place>,
    random: u64,
    _folder: TempDir,
}

/// A user.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) active: bool,
    number: usize,
}

/// Somewhere in a walk.
pub(crate) struct Place {
    pub(crate) cursor: String,
}

/// An import of everybody.
pub(crate) struct Import {
    pub(crate) pages: usize,
    pub(crate) took: Duration,
    /// Microseconds for a page, of the first tenth of them and of the last.
    pub(crate) first: f64,
    pub(crate) last: f64,
}

impl Person {
    /// The `userName`, which is the address too.
    pub(crate) fn name(&self) -> String {
        format!("person.number{}@example.com", self.number)
    }

    pub(crate) fn external_id(&self) -> String {
        format!("00u{:017}", self.number)
    }

    /// As muster keeps somebody whom Okta made.
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
            kind: "User".to_owned(),
            user_name: self.name(),
            external_id: Some(self.external_id()),
            account: Some(Account { id: self.id.clone(), membership, data: "null".to_owned() }),
            connected: true,
            protected: false,
        };
        Commit {
            resource: Some(ResourceChange::Insert(row)),
            account: Some(account),
            ..Commit::default()
        }
    }
}

impl House {
    /// Starts a host and puts so many users into its directory.
    pub(crate) async fn fill(users: usize) -> anyhow::Result<Self> {
        anstream::eprintln!("scale: filling a directory of {users}");
        let folder = tempfile::Builder::new().prefix("muster-scale-").tempdir()?;
        let stage = Stage::start(StageConfig {
            data: Some(folder.path().to_owned()),
            compiler: env!("CARGO_BIN_EXE_muster").into(),
            ..StageConfig::default()
        })
        .await?;
        let token = stage.tenant(TENANT, "roster", "okta", "").await?;
        let people = fill(&stage, users).await?;
        let prefix = token.base_url.strip_prefix(&stage.url).context("a base URL elsewhere")?;
        let mut house = Self {
            prefix: prefix.to_owned(),
            token: token.token,
            stage,
            people,
            places: Vec::new(),
            random: 0x9e37_79b9_7f4a_7c15,
            _folder: folder,
        };
        house.walk().await?;
        Ok(house)
    }

    /// A connection of its own for each measurement: a host hangs up where nobody asks for long.
    async fn connect(&self) -> anyhow::Result<Connection> {
        let address = self.stage.url.trim_start_matches("http://").parse()?;
        Connection::open(address, &self.prefix, &self.token).await
    }

    pub(crate) fn users(&self) -> usize {
        self.people.len()
    }

    /// What a question costs, in microseconds.
    pub(crate) async fn ask(&mut self, question: Question, requests: usize) -> anyhow::Result<f64> {
        let mut connection = self.connect().await?;
        let mut took = Duration::ZERO;
        for n in 0..requests {
            let (person, place) = (self.random(self.people.len()), self.random(self.places.len()));
            let request = question.request(&mut self.people[person], &self.places[place]);
            let begun = Instant::now();
            let answer = connection.send(&request).await?.expect(200)?;
            took += begun.elapsed();
            // To read each would be too much.
            if let Some(found) = question.found().filter(|_| n == 0) {
                let list = answer.json()?;
                let resources = list["Resources"].as_array().map_or(0, Vec::len);
                ensure!(resources == found, "{question}: {resources} resources, not {found}");
            }
        }
        Ok(took.as_secs_f64() * 1e6 / requests as f64)
    }

    /// Everybody, page after page, as Okta imports.
    pub(crate) async fn import(&mut self) -> anyhow::Result<Import> {
        let mut connection = self.connect().await?;
        let mut took = Vec::new();
        for start in (1..=self.people.len()).step_by(PAGE) {
            let request = Request::get(format!("/Users?startIndex={start}&count={PAGE}"));
            let begun = Instant::now();
            connection.send(&request).await?.expect(200)?;
            took.push(begun.elapsed());
        }
        let tenth = (took.len() / 10).max(1);
        let mean = |part: &[Duration]| {
            part.iter().sum::<Duration>().as_secs_f64() * 1e6 / part.len() as f64
        };
        Ok(Import {
            pages: took.len(),
            took: took.iter().sum(),
            first: mean(&took[..tenth]),
            last: mean(&took[took.len() - tenth..]),
        })
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.stage.stop().await
    }

    /// Goes through everybody by cursor, and keeps the places where a whole page follows.
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
                self.places.push(Place { cursor: cursor.clone() });
            }
        }
        ensure!(seen == self.people.len(), "a walk that sees {seen} of {}", self.people.len());
        Ok(())
    }

    /// Xorshift: the same numbers in every run.
    fn random(&mut self, below: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % below as u64) as usize
    }
}

/// Straight into the store: the requests are not what is measured.
async fn fill(stage: &Stage, users: usize) -> anyhow::Result<Vec<Person>> {
    let mut people = Vec::with_capacity(users);
    let mut landing = VecDeque::new();
    for number in 0..users {
        let lately = number % (users / LATELY) == 0;
        let active = !lately && number % INACTIVE != 1;
        let person = Person { id: stage.host.clock.new_id(), active, number };
        let last_modified = if lately { "2026-06-02T00:00:00.000Z" } else { LATE };
        let commit = stage.host.store.enqueue(person.commit(last_modified)).await;
        landing.push_back(commit.map_err(CommitError::into_internal)?);
        people.push(person);
        if landing.len() > WAITING {
            let first = landing.pop_front().context("somebody waits")?;
            first.landed().await.map_err(CommitError::into_internal)?;
        }
    }
    for receipt in landing {
        receipt.landed().await.map_err(CommitError::into_internal)?;
    }
    Ok(people)
}
