//! What a wave of commits writes, as the rows of its statements.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;
use super::section::{STATEMENTS, Section};
use crate::store::account::{AccountRow, membership};
use crate::store::commit::{Commit, ResourceChange};
use crate::store::operation::{ExchangeRow, OperationRow};
use crate::store::resource::{ResourceRow, key};
use crate::store::statement::{Arrival, Texts, Trip, Value};

/// What is written and stands in no commit: names in lower case, addresses as JSON.
pub(super) struct Derived {
    user_name: Option<String>,
    display_name: Option<String>,
    addresses: String,
    account_name: String,
}

impl Derived {
    pub(super) fn of(commit: &Commit) -> Self {
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

    pub(super) fn of_resource(row: &ResourceRow) -> Self {
        let addresses: Vec<String> = row.emails.iter().map(|it| key(it)).collect();
        Self {
            user_name: row.user_name.as_deref().map(key),
            display_name: row.display_name.as_deref().map(key),
            addresses: serde_json::to_string(&addresses).expect("strings always serialise"),
            account_name: String::new(),
        }
    }
}

/// The rows of all sections.
pub(super) struct Sheet<'c> {
    trip: Trip<'c>,
    deletes: u64,
    updates: u64,
    /// By tenant and kind.
    inserts: HashMap<(&'c str, &'c str), i64>,
    renames: Vec<Rename<'c>>,
    accounts: Vec<[Value<'c>; 6]>,
}

/// An update that may change more than the document.
struct Rename<'c> {
    columns: [Value<'c>; 8],
    has_emails: bool,
}

impl Default for Sheet<'_> {
    fn default() -> Self {
        Self {
            trip: Trip::new(&*STATEMENTS),
            deletes: 0,
            updates: 0,
            inserts: HashMap::new(),
            renames: Vec::new(),
            accounts: Vec::new(),
        }
    }
}

impl<'c> Sheet<'c> {
    /// Writes all of it, and begins a transaction before if so told.
    pub(super) async fn write(
        mut self,
        connection: &mut SqliteConnection,
        texts: &mut Texts,
        begin: bool,
    ) -> Result<(), Failure> {
        for ((tenant, kind), total) in std::mem::take(&mut self.inserts) {
            self.row(Section::Tally, [tenant.into(), kind.into(), total.into()]);
        }
        for (n, Rename { columns, .. }) in (0..).zip(&self.renames) {
            let row = std::iter::once(Value::Integer(n)).chain(columns.iter().copied());
            self.trip.row_of(Section::Renamed as usize, row);
        }
        for (n, columns) in (0..).zip(&self.accounts) {
            let row = std::iter::once(Value::Integer(n)).chain(columns.iter().copied());
            self.trip.row_of(Section::AccountRenamed as usize, row);
        }
        if self.trip.is_empty() && !begin {
            return Ok(());
        }
        let arrival = texts.run(connection, &self.trip, begin).await?;
        let changed = |section: Section| arrival.changed[section as usize];
        if changed(Section::Delete) != self.deletes || changed(Section::Update) != self.updates {
            return Err(Failure::Stale);
        }
        self.rename(connection, texts, &arrival).await
    }

    /// Writes what seldom changes, where it did.
    async fn rename(
        &self,
        connection: &mut SqliteConnection,
        texts: &mut Texts,
        arrival: &Arrival,
    ) -> Result<(), Failure> {
        let mut trip = Trip::new(&*STATEMENTS);
        for n in numbers(arrival, Section::Renamed)? {
            let Some(Rename { columns, has_emails }) = self.renames.get(n) else { continue };
            let row = std::iter::once(Value::Integer(0)).chain(columns.iter().copied());
            trip.row_of(Section::Rename as usize, row);
            let [tenant, id, .., addresses] = *columns;
            trip.row(Section::DropEmails as usize, [tenant, id]);
            if *has_emails {
                trip.row(Section::Emails as usize, [tenant, id, addresses]);
            }
        }
        for n in numbers(arrival, Section::AccountRenamed)? {
            let Some(columns) = self.accounts.get(n) else { continue };
            let row = std::iter::once(Value::Integer(0)).chain(columns.iter().copied());
            trip.row_of(Section::RenameAccount as usize, row);
        }
        if !trip.is_empty() {
            texts.run(connection, &trip, false).await?;
        }
        Ok(())
    }

    fn row<const N: usize>(&mut self, section: Section, values: [Value<'c>; N]) {
        self.trip.row(section as usize, values);
    }

    /// Adds a commit, but for an update of its resource.
    pub(super) fn commit(
        &mut self,
        commit: &'c Commit,
        derived: &'c Derived,
    ) -> Result<(), Failure> {
        if let Some(operation) = &commit.operation {
            self.operation(operation);
        }
        commit.exchanges.iter().for_each(|exchange| self.exchange(exchange));
        match &commit.resource {
            Some(ResourceChange::Insert(row)) => self.insert(row, derived),
            Some(ResourceChange::Delete { tenant, kind, id, expected }) => {
                let row = [tenant.into(), kind.into(), id.into(), (*expected).into()];
                self.row(Section::Delete, row);
                self.deletes += 1;
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
        self.row(Section::Operation, row);
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
            (&derived.addresses).into(),
            it.active.into(),
            it.version.into(),
            (&it.created).into(),
            (&it.last_modified).into(),
            (&it.document).into(),
        ];
        self.row(Section::Insert, row);
        *self.inserts.entry((&it.tenant, &it.kind)).or_default() += 1;
        if !it.emails.is_empty() {
            let row = [(&it.tenant).into(), (&it.id).into(), (&derived.addresses).into()];
            self.row(Section::Emails, row);
        }
    }

    /// Adds an update of a resource, once for all that follow on one another.
    pub(super) fn update(&mut self, it: &'c ResourceRow, expected: i64, derived: &'c Derived) {
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
        self.row(Section::Update, row);
        self.updates += 1;
        let columns = [
            (&it.tenant).into(),
            (&it.id).into(),
            (&it.user_name).into(),
            (&derived.user_name).into(),
            (&it.external_id).into(),
            (&it.display_name).into(),
            (&derived.display_name).into(),
            (&derived.addresses).into(),
        ];
        self.renames.push(Rename { columns, has_emails: !it.emails.is_empty() });
    }

    fn members(&mut self, commit: &'c Commit) -> Result<(), Failure> {
        if let Some((group, _)) = commit.left.first() {
            let tenant = commit.tenant().ok_or_else(|| {
                Failure::Unfit(format!("who leaves group {group} is in no tenant"))
            })?;
            for (group, member) in &commit.left {
                let row = [tenant.into(), group.into(), member.into()];
                self.row(Section::Left, row);
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
            self.row(Section::Joined, row);
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
        self.row(Section::Account, row);
        let [tenant, resource, kind, _, user_name_key, external_id, account_id, ..] = row;
        self.accounts.push([tenant, resource, kind, user_name_key, external_id, account_id]);
    }
}

/// The numbers that a section answered with.
fn numbers(arrival: &Arrival, section: Section) -> Result<Vec<usize>, Failure> {
    let mut numbers = Vec::new();
    for (_, row) in arrival.rows.iter().filter(|(place, _)| *place == section as usize) {
        let text = row.try_get::<Option<&str>, _>(0)?;
        numbers.extend(
            text.iter().flat_map(|it| it.split(',')).filter_map(|n| n.parse::<usize>().ok()),
        );
    }
    Ok(numbers)
}
