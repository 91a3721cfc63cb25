//! Commits as rows of the view `entry`; `entry.sql` says what it means to insert one.

use std::sync::{Arc, LazyLock};

use futures_util::TryStreamExt;
use serde_json::json;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Executor, Type};

use crate::store::account::{AccountRow, membership};
use crate::store::commit::{Commit, ResourceChange};
use crate::store::key::{address_key, key};
use crate::store::member::MemberRow;
use crate::store::operation::{ExchangeRow, OperationRow};
use crate::store::resource::ResourceRow;
use crate::store::unsettled::PersonGroups;

/// No more commits go into one statement.
pub(super) const MOST: usize = 256;

const VIEW: &str = include_str!("entry.sql");

const OPERATION: usize = 25;
const RESOURCE: usize = 15;
const ACCOUNT: usize = 15;
const COLUMNS: usize = OPERATION + 1 + 1 + RESOURCE + 2 + ACCOUNT + 1;

/// Statements come with so many rows only, since each has to be prepared.
const HEIGHTS: [usize; 13] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, MOST];

/// In the order of [`HEIGHTS`].
static STATEMENTS: LazyLock<[Arc<str>; HEIGHTS.len()]> = LazyLock::new(|| {
    // Unnumbered, since SQLite looks a number up by walking over all before it.
    let row = format!("({})", ["?"; COLUMNS].join(","));
    HEIGHTS.map(|height| {
        format!("INSERT INTO entry VALUES {}", vec![row.as_str(); height].join(",")).into()
    })
});

/// Makes the view known to the connection.
pub(super) async fn prepare(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(VIEW).execute(connection).await.map(drop)
}

/// Writes commits, no more than [`MOST`], one after the other and all or none.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    commits: &[Box<Commit>],
) -> sqlx::Result<()> {
    let place = HEIGHTS.partition_point(|height| *height < commits.len());
    let mut entries = Entries::default();
    commits.iter().for_each(|commit| entries.commit(commit));
    entries.nothing(COLUMNS * (HEIGHTS[place] - commits.len()));
    let statement = AssertSqlSafe(Arc::clone(&STATEMENTS[place]));
    // The end of the statement comes as one message. Waiting for the end of the stream after it would
    // wake this task once more.
    connection.fetch_many(sqlx::query_with(statement, entries.0)).try_next().await.map(drop)
}

/// The values of rows, in the order of the columns.
#[derive(Default)]
struct Entries(SqliteArguments);

impl Entries {
    fn commit(&mut self, commit: &Commit) {
        match &commit.operation {
            Some(operation) => self.operation(operation),
            None => self.nothing(OPERATION),
        }
        self.list(&commit.exchanges, |it: &ExchangeRow| {
            let (request, response) = (&it.request, &it.response);
            (&it.operation, it.attempt, it.n, request, response, &it.earlier_response, &it.at)
        });
        self.maybe(commit.tenant());
        match &commit.resource {
            Some(change) => self.change(change, commit.person_groups),
            None => self.nothing(RESOURCE),
        }
        self.list(&commit.left, |it| it);
        self.list(&commit.joined, |it: &MemberRow| {
            (&it.tenant, &it.group, &it.member, &it.display, &it.kind)
        });
        match &commit.account {
            Some(account) => self.account(account),
            None => self.nothing(ACCOUNT),
        }
        self.value(ordered(commit));
    }

    fn operation(&mut self, it: &OperationRow) {
        self.text(&it.id);
        self.text(&it.tenant);
        self.text(&it.app);
        self.text(&it.resource);
        self.text(it.resource_kind.name());
        self.text(it.kind.name());
        self.text(it.state.name());
        self.text(&it.subject);
        self.text(&it.fingerprint);
        self.text(&it.context);
        self.text(&it.event);
        self.maybe(it.answer.as_deref());
        self.maybe(it.note.as_deref());
        self.maybe(it.connector.as_deref());
        self.maybe(it.log.as_deref());
        self.maybe(it.used.as_deref());
        self.value(i64::from(it.attempt));
        self.value(i64::from(it.tries));
        self.maybe(it.due.as_deref());
        self.value(it.sealed.as_deref());
        self.text(&it.progress);
        self.maybe(it.job.as_deref());
        self.text(&it.created);
        self.maybe(it.finished.as_deref());
        self.maybe(it.successor.as_deref());
    }

    fn change(&mut self, change: &ResourceChange, groups: Option<PersonGroups>) {
        match change {
            ResourceChange::Insert(row) => self.resource("insert", row, None),
            ResourceChange::Update { row, expected } => {
                self.resource("update", row, Some(*expected));
            }
            ResourceChange::Delete { kind, id, expected, .. } => {
                let kept = groups == Some(PersonGroups::Kept);
                self.text(if kept { "delete-kept" } else { "delete" });
                self.text(kind);
                self.text(id);
                self.value(*expected);
                self.nothing(RESOURCE - 4);
            }
        }
    }

    fn resource(&mut self, change: &str, it: &ResourceRow, expected: Option<i64>) {
        let addresses: Vec<String> = it.emails.iter().map(|it| address_key(it)).collect();
        self.text(change);
        self.text(&it.kind);
        self.text(&it.id);
        self.value(expected);
        self.maybe(it.user_name.as_deref());
        self.value(it.user_name.as_deref().map(key));
        self.maybe(it.external_id.as_deref());
        self.maybe(it.display_name.as_deref());
        self.value(it.display_name.as_deref().map(key));
        self.value(serde_json::to_string(&addresses).expect("texts always serialise"));
        self.value(it.active);
        self.value(it.version);
        self.text(&it.created);
        self.text(&it.last_modified);
        self.text(&it.document);
    }

    fn account(&mut self, it: &AccountRow) {
        let account = it.account.as_ref();
        self.text(&it.tenant);
        self.text(&it.resource);
        self.text(it.kind.name());
        self.text(&it.user_name);
        self.value(key(&it.user_name));
        self.maybe(it.external_id.as_deref());
        self.maybe(account.map(|it| it.id.as_str()));
        self.maybe(account.map(|it| membership(it.membership)));
        self.maybe(account.map(|it| it.data.as_str()));
        self.value(it.connected);
        self.value(it.protected);
        self.value(it.doubt);
        self.maybe(it.late_until.as_deref());
        self.value(it.stay);
        self.maybe(it.told.as_deref());
    }

    /// A JSON array; none where it would be empty.
    fn list<'l, T, R: serde::Serialize>(&mut self, list: &'l [T], row: impl Fn(&'l T) -> R) {
        let rows: Vec<R> = list.iter().map(row).collect();
        let json = || serde_json::to_string(&rows).expect("texts and numbers always serialise");
        self.value((!rows.is_empty()).then(json));
    }

    fn text(&mut self, text: &str) {
        // An `Arc<str>` is one allocation less than a `String`.
        self.value(Arc::<str>::from(text));
    }

    fn maybe(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.nothing(1),
        }
    }

    fn nothing(&mut self, columns: usize) {
        (0..columns).for_each(|_| self.value(None::<i64>));
    }

    fn value<'v>(&mut self, value: impl Encode<'v, Sqlite> + Type<Sqlite>) {
        self.0.add(value).expect("texts, bytes and numbers can always be bound");
    }
}

/// The parts of a commit that are carried out in a particular order, a JSON object; none if the commit
/// has none of them.
fn ordered(it: &Commit) -> Option<String> {
    if it.supersedes.is_empty()
        && it.ended_attempt.is_none()
        && it.moved_from.is_none()
        && it.person_groups.is_none()
        && it.unsettled.is_empty()
        && it.doubted.is_empty()
        && it.settled.is_empty()
        && !it.unique_display_name
    {
        return None;
    }
    let attempt = it.ended_attempt.as_ref().map(|it| {
        json!([it.operation, it.attempt, it.context, it.event, it.connector, it.note, it.ended])
    });
    let unsettled = it.unsettled.iter().map(|it| json!([it.group, it.member, it.carried]));
    let doubted = it.doubted.iter().map(|it| json!([it.group, it.member, it.late_until]));
    let settled = it.settled.iter().map(|it| json!([it.group, it.member, it.carried, it.stay]));
    let parts = json!({
        "now": it.now(),
        "supersedes": it.supersedes,
        "attempt": attempt,
        "moved_from": it.moved_from,
        "unique_display_name": it.unique_display_name,
        "groups": it.person_groups.map(PersonGroups::name),
        "unsettled": unsettled.collect::<Vec<_>>(),
        "doubted": doubted.collect::<Vec<_>>(),
        "settled": settled.collect::<Vec<_>>(),
    });
    Some(parts.to_string())
}
