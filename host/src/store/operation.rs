//! The journal: operations, each one event from request to outcome, and their exchanges with the app.

use std::sync::LazyLock;

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Store;
use super::key::key;
use super::value::{self, Bound, StoredId, number, numbered};
use crate::decision::{EventKind, ResourceKind};

mod rows;

use rows::exchange;
pub(super) use rows::{ENDED, UNFINISHED, decoded, exchanged, read_ended, read_unfinished};

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationRow {
    /// The id; ids are in the order of time.
    pub id: String,
    /// The tenant.
    pub tenant: String,
    /// The app.
    pub app: String,
    /// The SCIM id of the resource that it is about.
    pub resource: String,
    /// The kind of the resource.
    pub resource_kind: ResourceKind,
    /// What happened.
    pub kind: EventKind,
    /// How far it is.
    pub state: OperationState,
    /// `userName` or `displayName` in the form in which names are compared (`scim/name.rs`), to join a create
    /// that is repeated.
    pub subject: String,
    /// What makes two requests the same. Empty if the operation has ended, unless it is a creation.
    pub fingerprint: String,
    /// The context as the connector is given it, JSON.
    pub context: String,
    /// The event as the connector is given it, JSON.
    pub event: String,
    /// The outcome as a JSON object, or why the last attempt ended without one as a JSON string.
    pub answer: Option<String>,
    /// A sentence for people.
    pub note: Option<String>,
    /// The digest of the connector that decides.
    pub connector: Option<String>,
    /// What the connector logged, JSON.
    pub log: Option<String>,
    /// What its decisions took, JSON; none where no connector was asked.
    pub used: Option<String>,
    /// Counts its attempts from 1: those with facts of their own.
    pub attempt: u32,
    /// How often the host tried it by itself and had to stop.
    pub tries: u32,
    /// When it is tried again.
    pub due: Option<String>,
    /// The password, encrypted, until it is delivered.
    pub sealed: Option<Vec<u8>>,
    /// What a restart must know beside the event, JSON. Empty if the operation has ended.
    pub progress: String,
    /// The job that it is part of.
    pub job: Option<String>,
    /// When it began.
    pub created: String,
    /// When it ended.
    pub finished: Option<String>,
    /// The id of the operation that superseded it.
    pub successor: Option<String>,
    /// Whether it created a resource, and its answer did not reach its sender.
    pub unanswered: bool,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OperationState {
    /// On its way.
    Open,
    /// Acknowledged and not carried to the app.
    Held,
    /// Carried out.
    Done,
    /// The app or the connector said no.
    Refused,
    /// Given up; an operator decides. It keeps its resource's place for a newer request.
    Failed,
    /// Ended by a newer operation of its resource.
    Superseded,
    /// Not carried out: an operator dropped it, or the account or tenant is no longer managed.
    Dropped,
}

impl OperationState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Held,
        Self::Done,
        Self::Refused,
        Self::Failed,
        Self::Superseded,
        Self::Dropped,
    ];

    /// The states of an operation that has not ended.
    pub const UNFINISHED: [Self; 3] = [Self::Open, Self::Held, Self::Failed];

    /// Whether the operation has not ended.
    pub fn is_unfinished(self) -> bool {
        Self::UNFINISHED.contains(&self)
    }

    /// Whether the operation has its resource's place: at most one does (the index
    /// `unfinished_of_resource`), and a newer request joins or supersedes it.
    pub fn has_its_resources_place(self) -> bool {
        matches!(self, Self::Open | Self::Failed)
    }

    /// The name, in the journal and for operators.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Held => "held",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Dropped => "dropped",
        }
    }

    /// The state of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// An exchange: one request to the app and its response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRow {
    /// The operation.
    pub operation: String,
    /// The attempt of the operation.
    pub attempt: u32,
    /// Counts the exchanges of the attempt from 0.
    pub n: u32,
    /// The request, JSON.
    pub request: String,
    /// The response, JSON; none while it is awaited.
    pub response: Option<String>,
    /// The response to an earlier try, after which the request is made again, JSON. If it is none, what
    /// the row has stays.
    pub earlier_response: Option<String>,
    /// When it was written.
    pub at: String,
}

/// Which operations are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationFilter {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Only of this resource.
    pub resource: Option<String>,
    /// Only in this state.
    pub state: Option<OperationState>,
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only of this job.
    pub job: Option<String>,
    /// Only on users of this `userName` and groups of this `displayName`. All others are looked through.
    pub name: Option<String>,
    /// Only from this id on.
    pub since: Option<String>,
    /// Only what lies beyond the operation of this id, in the order of the list.
    pub before: Option<String>,
    /// No more than so many.
    pub limit: u32,
    /// The oldest first; else the newest.
    pub oldest_first: bool,
}

impl Default for OperationFilter {
    fn default() -> Self {
        Self {
            tenant: None,
            resource: None,
            state: None,
            kind: None,
            job: None,
            name: None,
            since: None,
            before: None,
            limit: 100,
            oldest_first: false,
        }
    }
}

impl Store {
    /// An operation with the exchanges of all its attempts, in their order.
    pub async fn operation(&self, id: &str) -> Result<Option<(OperationRow, Vec<ExchangeRow>)>> {
        let id = value::id(id);
        let find = move |connection: &Connection| {
            let mut unfinished = connection.prepare_cached(&UNFINISHED_BY_ID)?;
            let mut ended = connection.prepare_cached(&ENDED_BY_ID)?;
            // An operation ends in one transaction. So if it is in neither table, it ended in between.
            let mut found = unfinished.query_row([&id], read_unfinished).optional()?;
            if found.is_none() {
                found = ended.query_row([&id], read_ended).optional()?;
            }
            let Some(found) = found else { return Ok(None) };
            let mut list = connection.prepare_cached(
                "SELECT attempt, n, at, body, earlier_response FROM exchange
                 WHERE operation = ? ORDER BY attempt, n",
            )?;
            let exchange = |row: &Row<'_>| exchange(row, &found.id);
            let exchanges = list.query_map([&id], exchange)?.collect::<rusqlite::Result<_>>()?;
            Ok(Some((found, exchanges)))
        };
        self.reader.point(find).await
    }

    /// The leaving that an identity provider asked for, and that an operation superseded.
    pub async fn superseded_leaving(&self, successor: &str) -> Result<Option<EventKind>> {
        let successor = value::id(successor);
        let find = move |connection: &Connection| {
            let about = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, StoredId>(1)?.0));
            let mut unfinished = connection
                .prepare_cached("SELECT tenant, resource FROM unfinished_operation WHERE id = ?")?;
            let mut ended =
                connection.prepare_cached("SELECT tenant, resource FROM operation WHERE id = ?")?;
            let mut found: Option<(i64, String)> =
                unfinished.query_row([&successor], about).optional()?;
            if found.is_none() {
                found = ended.query_row([&successor], about).optional()?;
            }
            let Some((tenant, resource)) = found else { return Ok(None) };
            let mut find = connection.prepare_cached(&format!(
                "SELECT o.kind FROM operation o
                 WHERE o.tenant = ? AND o.resource = ?
                     AND o.successor = ? AND o.job IS NULL AND o.kind IN ({LEAVING})"
            ))?;
            let values = params![tenant, value::id(&resource), successor];
            find.query_row(values, |row| numbered(&EventKind::ALL, row, 0)).optional()
        };
        self.reader.point(find).await
    }

    /// The operations that are asked for.
    pub async fn operations(&self, filter: &OperationFilter) -> Result<Vec<OperationRow>> {
        let filter = filter.clone();
        let list = move |connection: &Connection| {
            let is_unfinished = filter.state.map(OperationState::is_unfinished);
            let mut found = Vec::new();
            if is_unfinished != Some(false) {
                found.extend(list_unfinished(connection, &filter)?);
            }
            if is_unfinished != Some(true) {
                found.extend(list_ended(connection, &filter)?);
            }
            found.sort_by(|one, other| match filter.oldest_first {
                true => one.id.cmp(&other.id),
                false => other.id.cmp(&one.id),
            });
            // Of an operation that ended between the two reads.
            found.dedup_by(|one, other| one.id == other.id);
            found.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
            Ok(found)
        };
        self.reader.host(list).await
    }

    /// Remembers whether the answer of a creation did not reach its sender.
    pub async fn set_unanswered(&self, operation: &str, unanswered: bool) -> Result<()> {
        let id = value::id(operation);
        let set = move |connection: &Connection| {
            let sql = match unanswered {
                true => {
                    "INSERT INTO unanswered_creation (operation) VALUES (?) ON CONFLICT DO NOTHING"
                }
                false => "DELETE FROM unanswered_creation WHERE operation = ?",
            };
            connection.prepare_cached(sql)?.execute([id])?;
            Ok(())
        };
        self.writer.run(set).await
    }
}

/// The numbers of `deactivate`, `delete` and `group-delete`.
const LEAVING: &str = "3, 4, 9";

/// The kinds of most operations, which the index `operation_of_kind` leaves out.
const MOST: [EventKind; 3] = [EventKind::Create, EventKind::Update, EventKind::GroupUpdate];

/// The condition on the tenant of a row `o`, by its name.
pub(super) const OF_TENANT: &str = "o.tenant = (SELECT number FROM term WHERE name = ?)";

/// A condition of a list, and its value.
type Listed = (&'static str, Option<Bound>);

fn list_unfinished(
    connection: &Connection,
    filter: &OperationFilter,
) -> rusqlite::Result<Vec<OperationRow>> {
    let text = |text: &Option<String>| text.as_deref().map(Bound::from);
    let conditions = [
        (OF_TENANT, text(&filter.tenant)),
        ("o.resource = ?", filter.resource.as_deref().map(value::id)),
        ("o.state = ?", filter.state.map(|it| it.name().into())),
        ("o.kind = ?", filter.kind.map(|it| it.name().into())),
        ("o.job = ?", text(&filter.job)),
    ];
    let sql = format!("SELECT {UNFINISHED} WHERE true");
    let statement = statement(filter, sql, conditions);
    listed(connection, filter, statement, read_unfinished)
}

fn list_ended(
    connection: &Connection,
    filter: &OperationFilter,
) -> rusqlite::Result<Vec<OperationRow>> {
    listed(connection, filter, statement_of_ended(filter), read_ended)
}

/// The statement that lists ended operations, and its values.
pub(super) fn statement_of_ended(filter: &OperationFilter) -> (String, Vec<Bound>) {
    let conditions = [
        (OF_TENANT, filter.tenant.as_deref().map(Bound::from)),
        ("o.resource = ?", filter.resource.as_deref().map(value::id)),
        ("o.state = ?", filter.state.map(|it| Bound::Integer(number(&OperationState::ALL, &it)))),
        ("o.kind = ?", filter.kind.map(|it| Bound::Integer(number(&EventKind::ALL, &it)))),
        ("o.job = ?", filter.job.as_deref().map(value::id)),
    ];
    let mut sql = format!("SELECT {ENDED} WHERE true");
    // SQLite only sees in the text that a partial index has all that is asked for.
    if filter.state.is_some_and(|state| state != OperationState::Done) {
        sql += " AND o.state <> 2";
    }
    if filter.kind.is_some_and(|kind| !MOST.contains(&kind)) {
        sql += " AND o.kind NOT IN (0, 1, 8)";
    }
    statement(filter, sql, conditions)
}

/// Completes a statement with these conditions, and the order of the list.
fn statement(
    filter: &OperationFilter,
    mut sql: String,
    conditions: [Listed; 5],
) -> (String, Vec<Bound>) {
    let beyond = if filter.oldest_first { "o.id > ?" } else { "o.id < ?" };
    let before = (beyond, filter.before.as_deref().map(value::id_bound));
    let since = ("o.id >= ?", filter.since.as_deref().map(value::id_bound));
    let mut values = Vec::new();
    for (condition, value) in conditions.into_iter().chain([before, since]) {
        if let Some(value) = value {
            values.push(value);
            sql += &format!(" AND {condition}");
        }
    }
    let order = if filter.oldest_first { "ASC" } else { "DESC" };
    sql += &format!(" ORDER BY o.id {order} LIMIT ? + 0");
    // Names are in the bodies.
    values.push(if filter.name.is_some() { Bound::Integer(-1) } else { filter.limit.into() });
    (sql, values)
}

fn listed(
    connection: &Connection,
    filter: &OperationFilter,
    (sql, values): (String, Vec<Bound>),
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<OperationRow>,
) -> rusqlite::Result<Vec<OperationRow>> {
    let name = filter.name.as_deref().map(key);
    let has_name = |found: &rusqlite::Result<OperationRow>| match (&name, found) {
        (Some(name), Ok(row)) => key(&row.subject) == *name,
        _ => true,
    };
    let mut list = connection.prepare_cached(&sql)?;
    let found = list.query_map(params_from_iter(values), read)?.filter(has_name);
    found.take(usize::try_from(filter.limit).unwrap_or(usize::MAX)).collect()
}

static UNFINISHED_BY_ID: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {UNFINISHED} WHERE o.id = ?"));
static ENDED_BY_ID: LazyLock<String> = LazyLock::new(|| format!("SELECT {ENDED} WHERE o.id = ?"));
