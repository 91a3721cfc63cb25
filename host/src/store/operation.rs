//! The journal: operations, each one event from request to outcome, and their exchanges with the app.

use anyhow::Result;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Store;
use super::value::Bound;
use crate::decision::{EventKind, ResourceKind};

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
    /// What makes two requests the same.
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
    /// What a restart must know beside the event, JSON.
    pub progress: String,
    /// The job that it is part of.
    pub job: Option<String>,
    /// When it began.
    pub created: String,
    /// When it ended.
    pub finished: Option<String>,
    /// The id of the operation that superseded it.
    pub successor: Option<String>,
}

/// The condition in SQL that an operation has not ended. That it is not done says nothing more, but lets
/// SQLite use the index `operation_undone`.
pub(super) const IS_UNFINISHED: &str = "state IN ('open', 'held', 'failed') AND state <> 'done'";

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
    /// `operation_unfinished`), and a newer request joins or supersedes it.
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
            before: None,
            limit: 100,
            oldest_first: false,
        }
    }
}

impl Store {
    /// An operation with the exchanges of all its attempts, in their order.
    pub async fn operation(&self, id: &str) -> Result<Option<(OperationRow, Vec<ExchangeRow>)>> {
        let id = id.to_owned();
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached("SELECT * FROM operation WHERE id = ?")?;
            let Some(found) = find.query_row([&id], operation).optional()? else { return Ok(None) };
            let mut list = connection
                .prepare_cached("SELECT * FROM exchange WHERE operation = ? ORDER BY attempt, n")?;
            let exchanges = list.query_map([&id], exchange)?.collect::<rusqlite::Result<_>>()?;
            Ok(Some((found, exchanges)))
        };
        self.reader.point(find).await
    }

    /// The leaving that an identity provider asked for, and that an operation superseded.
    pub async fn superseded_leaving(&self, successor: &str) -> Result<Option<EventKind>> {
        let successor = successor.to_owned();
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached(
                "SELECT s.kind FROM operation o
                 JOIN operation s ON s.tenant = o.tenant AND s.resource = o.resource
                 WHERE o.id = ? AND s.successor = o.id AND s.job IS NULL
                     AND s.kind IN ('deactivate', 'delete', 'group-delete')",
            )?;
            find.query_row([successor], |row| row.get(0)).optional()
        };
        self.reader.point(find).await
    }

    /// The operations that are asked for.
    pub async fn operations(&self, filter: &OperationFilter) -> Result<Vec<OperationRow>> {
        let beyond = if filter.oldest_first { "id > " } else { "id < " };
        let conditions = [
            ("tenant = ", filter.tenant.as_deref()),
            ("resource = ", filter.resource.as_deref()),
            ("state = ", filter.state.map(OperationState::name)),
            ("kind = ", filter.kind.map(EventKind::name)),
            ("job = ", filter.job.as_deref()),
            (beyond, filter.before.as_deref()),
        ];
        let mut sql = "SELECT * FROM operation WHERE true".to_owned();
        let mut values = Vec::new();
        for (condition, value) in conditions {
            if let Some(value) = value {
                values.push(Bound::from(value));
                sql += &format!(" AND {condition}?");
            }
        }
        // SQLite only sees in the text that a partial index has all that is asked for.
        if filter.state.is_some_and(|state| state != OperationState::Done) {
            sql += " AND state <> 'done'";
        }
        if filter.kind == Some(EventKind::GroupCreate) {
            sql += " AND kind = 'group-create'";
        }
        let order = if filter.oldest_first { "ASC" } else { "DESC" };
        sql += &format!(" ORDER BY id {order} LIMIT ? + 0");
        values.push(filter.limit.into());
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(&sql)?;
            list.query_map(params_from_iter(values), operation)?.collect()
        };
        self.reader.host(list).await
    }
}

/// The operation in a row of all columns.
pub(super) fn operation(row: &Row<'_>) -> rusqlite::Result<OperationRow> {
    Ok(OperationRow {
        id: row.get("id")?,
        tenant: row.get("tenant")?,
        app: row.get("app")?,
        resource: row.get("resource")?,
        resource_kind: row.get("resource_kind")?,
        kind: row.get("kind")?,
        state: row.get("state")?,
        subject: row.get("subject")?,
        fingerprint: row.get("fingerprint")?,
        context: row.get("context")?,
        event: row.get("event")?,
        answer: row.get("answer")?,
        note: row.get("note")?,
        connector: row.get("connector")?,
        log: row.get("log")?,
        used: row.get("used")?,
        attempt: row.get("attempt")?,
        tries: row.get("tries")?,
        due: row.get("due")?,
        sealed: row.get("sealed")?,
        progress: row.get("progress")?,
        job: row.get("job")?,
        created: row.get("created")?,
        finished: row.get("finished")?,
        successor: row.get("successor")?,
    })
}

fn exchange(row: &Row<'_>) -> rusqlite::Result<ExchangeRow> {
    Ok(ExchangeRow {
        operation: row.get("operation")?,
        attempt: row.get("attempt")?,
        n: row.get("n")?,
        request: row.get("request")?,
        response: row.get("response")?,
        earlier_response: row.get("earlier_response")?,
        at: row.get("at")?,
    })
}
