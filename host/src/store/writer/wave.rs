//! Commits that do not get into each other's way, written by a handful of statements.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;
use super::section::{STATEMENTS, Section};
use crate::store::account::{AccountRow, membership};
use crate::store::commit::{Commit, ResourceChange};
use crate::store::operation::{ExchangeRow, OperationRow};
use crate::store::resource::{ResourceRow, key};
use crate::store::statement::{Texts, Trip, Value};

/// What a commit writes to. Two of a wave never write to the same, but for updates that follow
/// on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Touched<'c> {
    Operation(&'c str),
    Resource(&'c str, &'c str),
    Account(&'c str, &'c str),
    Member(&'c str, &'c str, &'c str),
}

/// Commits in the order of their arrival.
#[derive(Default)]
pub(super) struct Wave<'c> {
    commits: Vec<&'c Commit>,
    touched: HashSet<Touched<'c>>,
    updates: Vec<(&'c ResourceRow, i64)>,
    updated: HashMap<(&'c str, &'c str), usize>,
}

impl<'c> Wave<'c> {
    /// Takes the commit in, unless it depends on one that is in already.
    pub(super) fn add(&mut self, commit: &'c Commit) -> bool {
        let touches = touches(commit);
        let follows = self.follows(commit);
        let alone = |it: &Touched<'c>| {
            !self.touched.contains(it) || follows.is_some() && matches!(it, Touched::Resource(..))
        };
        if !touches.iter().all(alone) {
            return false;
        }
        self.touched.extend(touches);
        if let Some(ResourceChange::Update { row, expected }) = &commit.resource {
            match follows {
                // Nobody sees the versions between, so the last one is written in place of all.
                Some(place) => self.updates[place].0 = row,
                None => {
                    self.updated.insert((&row.tenant, &row.id), self.updates.len());
                    self.updates.push((row, *expected));
                }
            }
        }
        self.commits.push(commit);
        true
    }

    /// The update in this wave that the commit's own update takes up where it left.
    fn follows(&self, commit: &Commit) -> Option<usize> {
        let Some(ResourceChange::Update { row, expected }) = &commit.resource else { return None };
        let place = *self.updated.get(&(row.tenant.as_str(), row.id.as_str()))?;
        (self.updates[place].0.version == *expected).then_some(place)
    }

    /// Writes all of it, and begins a transaction before if so told.
    pub(super) async fn write(
        &self,
        connection: &mut SqliteConnection,
        texts: &mut Texts,
        begin: bool,
    ) -> Result<(), Failure> {
        let derived: Vec<Derived> = self.commits.iter().map(|it| Derived::of(it)).collect();
        let updates: Vec<Derived> =
            self.updates.iter().map(|(row, _)| Derived::of_resource(row)).collect();
        let mut sheet = Sheet { trip: Trip::new(&*STATEMENTS), expected: [0; 2] };
        for (commit, derived) in self.commits.iter().zip(&derived) {
            sheet.commit(commit, derived)?;
        }
        for ((row, expected), derived) in self.updates.iter().zip(&updates) {
            sheet.update(row, *expected, derived);
        }
        if sheet.trip.is_empty() && !begin {
            return Ok(());
        }
        let arrival = texts.run(connection, &sheet.trip, begin).await?;
        let [deletes, updates] = sheet.expected;
        let changed = |section: Section| arrival.changed[section as usize];
        if changed(Section::Delete) != deletes || changed(Section::Update) != updates {
            return Err(Failure::Stale);
        }
        Ok(())
    }
}

fn touches(commit: &Commit) -> Vec<Touched<'_>> {
    let tenant = commit.tenant().unwrap_or_default();
    let operation = commit.operation.iter().map(|it| it.id.as_str());
    let exchanges = commit.exchanges.iter().map(|it| it.operation.as_str());
    let dropped = commit.drop_exchanges_from.iter().map(|it| it.0.as_str());
    let operations = operation.chain(exchanges).chain(dropped).map(Touched::Operation);
    let resource = commit.resource.iter().map(ResourceChange::key);
    let account = commit.account.iter().map(|it| Touched::Account(&it.tenant, &it.resource));
    let joined = commit.joined.iter().map(|it| Touched::Member(&it.tenant, &it.group, &it.member));
    let left = commit.left.iter().map(|it| Touched::Member(tenant, &it.0, &it.1));
    operations
        .chain(resource.map(|(tenant, id)| Touched::Resource(tenant, id)))
        .chain(account)
        .chain(joined)
        .chain(left)
        .collect()
}

/// What is written and stands in no commit: names in lower case, addresses as JSON.
struct Derived {
    user_name: Option<String>,
    display_name: Option<String>,
    addresses: String,
    account_name: String,
}

impl Derived {
    fn of(commit: &Commit) -> Self {
        let account_name = commit.account.as_ref().map(|it| key(&it.user_name));
        let resource = match &commit.resource {
            Some(ResourceChange::Insert(row)) => Some(Self::of_resource(row)),
            _ => None,
        };
        let none = || Self {
            user_name: None,
            display_name: None,
            addresses: String::new(),
            account_name: String::new(),
        };
        Self { account_name: account_name.unwrap_or_default(), ..resource.unwrap_or_else(none) }
    }

    fn of_resource(row: &ResourceRow) -> Self {
        let addresses: Vec<String> = row.emails.iter().map(|it| key(it)).collect();
        Self {
            user_name: row.user_name.as_deref().map(key),
            display_name: row.display_name.as_deref().map(key),
            addresses: serde_json::to_string(&addresses).expect("strings always serialise"),
            account_name: String::new(),
        }
    }
}

/// The rows of all sections, and how many deletes and updates must find their resource.
struct Sheet<'c> {
    trip: Trip<'c>,
    expected: [u64; 2],
}

impl<'c> Sheet<'c> {
    fn commit(&mut self, commit: &'c Commit, derived: &'c Derived) -> Result<(), Failure> {
        if let Some(operation) = &commit.operation {
            self.operation(operation);
        }
        if let Some((operation, n)) = &commit.drop_exchanges_from {
            self.trip.row(Section::DropExchanges as usize, [operation.into(), (*n).into()]);
        }
        commit.exchanges.iter().for_each(|exchange| self.exchange(exchange));
        match &commit.resource {
            Some(ResourceChange::Insert(row)) => self.insert(row, derived),
            Some(ResourceChange::Delete { tenant, kind, id, expected }) => {
                let row = [tenant.into(), kind.into(), id.into(), (*expected).into()];
                self.trip.row(Section::Delete as usize, row);
                self.expected[0] += 1;
            }
            // Updates are added once for all that follow on one another.
            Some(ResourceChange::Update { .. }) | None => {}
        }
        self.members(commit)?;
        if let Some(account) = &commit.account {
            self.account(account, derived);
        }
        Ok(())
    }

    fn operation(&mut self, it: &'c OperationRow) {
        let row = [
            (&it.id).into(),
            (&it.tenant).into(),
            (&it.app).into(),
            (&it.resource).into(),
            (&it.resource_kind).into(),
            it.kind.name().into(),
            it.state.name().into(),
            (&it.subject).into(),
            (&it.fingerprint).into(),
            (&it.context).into(),
            (&it.event).into(),
            (&it.answer).into(),
            (&it.note).into(),
            (&it.connector).into(),
            (&it.log).into(),
            it.attempts.into(),
            (&it.due).into(),
            it.sealed.as_deref().map_or(Value::Null, Value::Blob),
            (&it.progress).into(),
            (&it.batch).into(),
            (&it.created).into(),
            (&it.finished).into(),
        ];
        self.trip.row(Section::Operation as usize, row);
    }

    fn exchange(&mut self, it: &'c ExchangeRow) {
        let Self { trip, .. } = self;
        let row = [
            (&it.operation).into(),
            it.n.into(),
            (&it.request).into(),
            (&it.response).into(),
            (&it.at).into(),
        ];
        trip.row(Section::Exchange as usize, row);
    }

    fn insert(&mut self, it: &'c ResourceRow, derived: &'c Derived) {
        let row = [
            (&it.tenant).into(),
            (&it.kind).into(),
            (&it.id).into(),
            (&it.user_name).into(),
            (&derived.user_name).into(),
            (&it.external_id).into(),
            (&it.display_name).into(),
            (&derived.display_name).into(),
            it.active.into(),
            it.version.into(),
            (&it.created).into(),
            (&it.last_modified).into(),
            (&it.document).into(),
        ];
        self.trip.row(Section::Insert as usize, row);
        if !it.emails.is_empty() {
            self.emails(Section::Emails, it, derived);
        }
    }

    fn update(&mut self, it: &'c ResourceRow, expected: i64, derived: &'c Derived) {
        let row = [
            (&it.tenant).into(),
            (&it.kind).into(),
            (&it.id).into(),
            expected.into(),
            it.active.into(),
            it.version.into(),
            (&it.last_modified).into(),
            (&it.document).into(),
        ];
        self.trip.row(Section::Update as usize, row);
        self.expected[1] += 1;
        let row = [
            (&it.tenant).into(),
            (&it.id).into(),
            (&it.user_name).into(),
            (&derived.user_name).into(),
            (&it.external_id).into(),
            (&it.display_name).into(),
            (&derived.display_name).into(),
        ];
        self.trip.row(Section::Rename as usize, row);
        self.emails(Section::DropEmails, it, derived);
        if !it.emails.is_empty() {
            self.emails(Section::Emails, it, derived);
        }
    }

    fn emails(&mut self, section: Section, it: &'c ResourceRow, derived: &'c Derived) {
        let row = [(&it.tenant).into(), (&it.id).into(), (&derived.addresses).into()];
        self.trip.row(section as usize, row);
    }

    fn members(&mut self, commit: &'c Commit) -> Result<(), Failure> {
        if let Some((group, _)) = commit.left.first() {
            let tenant = commit.tenant().ok_or_else(|| {
                Failure::Unfit(format!("who leaves group {group} is in no tenant"))
            })?;
            for (group, member) in &commit.left {
                let row = [tenant.into(), group.into(), member.into()];
                self.trip.row(Section::Left as usize, row);
            }
        }
        for it in &commit.joined {
            let row = [
                (&it.tenant).into(),
                (&it.group).into(),
                (&it.member).into(),
                (&it.display).into(),
                (&it.kind).into(),
            ];
            self.trip.row(Section::Joined as usize, row);
        }
        Ok(())
    }

    fn account(&mut self, it: &'c AccountRow, derived: &'c Derived) {
        let account = it.account.as_ref();
        let row = [
            (&it.tenant).into(),
            (&it.resource).into(),
            (&it.kind).into(),
            (&it.user_name).into(),
            (&derived.account_name).into(),
            (&it.external_id).into(),
            account.map_or(Value::Null, |it| Value::Text(&it.id)),
            account.map_or(Value::Null, |it| Value::Text(membership(it.membership))),
            account.map_or(Value::Null, |it| Value::Text(&it.data)),
            it.connected.into(),
            it.protected.into(),
        ];
        self.trip.row(Section::Account as usize, row);
    }
}
