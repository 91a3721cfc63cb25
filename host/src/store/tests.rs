//! The store on real files.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::decision::{Account, EventKind, Membership, ResourceKind};

mod addresses;
mod commits;
mod configuration;
mod damage;
mod due;
mod files;
mod ids;
mod jobs;
mod journal;
mod log;
mod lookups;
mod members;
mod migrations;
mod pages;
mod panics;
mod ranges;
mod reads;
mod removal;
mod retention;
mod superseding;
mod terms;
mod unsettled;

/// A store in a temporary directory.
struct Bench {
    store: Store,
    directory: TempDir,
}

impl Bench {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("muster.db"), clock()).await.unwrap();
        Self { store, directory }
    }

    /// With these bounds of the write-ahead log.
    async fn with_log(bounds: LogBounds) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("muster.db");
        let store = Store::with_log(&path, clock(), bounds).await.unwrap();
        Self { store, directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("muster.db")
    }

    /// Closes and opens again.
    async fn reopen(self) -> Self {
        self.store.close().await.unwrap();
        let store = Store::open(&self.path(), clock()).await.unwrap();
        Self { store, ..self }
    }

    async fn insert(&self, row: ResourceRow) -> Result<(), CommitError> {
        self.store.commit(of(ResourceChange::Insert(row))).await
    }

    async fn users(&self, tenant: &str, count: usize) {
        let mut commits = tokio::task::JoinSet::new();
        for n in 0..count {
            let store = self.store.clone();
            let row = user(tenant, &format!("u{n:05}"), &format!("user{n}@example.com"));
            commits
                .spawn(async move { store.commit(of(ResourceChange::Insert(row))).await.unwrap() });
        }
        commits.join_all().await;
    }

    /// Removes a tenant with all of its rows. True if there was one.
    async fn remove_tenant(&self, tenant: &str) -> bool {
        let removed = self.store.remove_tenant(tenant).await.unwrap();
        while self.store.remove_some_rows(tenant).await.unwrap() {}
        removed
    }

    async fn version(&self, tenant: &str, kind: &str, id: &str) -> Option<i64> {
        let found = self.store.resource(tenant, kind, id, Related::None).await.unwrap();
        found.map(|it| it.version)
    }
}

/// The plan of a statement, a line for each step.
async fn plan(bench: &Bench, sql: &str, values: Vec<value::Bound>) -> String {
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let read = move |connection: &Connection| {
        let mut explain = connection.prepare(&sql)?;
        let steps = explain
            .query_map(rusqlite::params_from_iter(values), |row| row.get::<_, String>("detail"))?;
        steps.map(|step| Ok(step? + "\n")).collect::<rusqlite::Result<String>>()
    };
    bench.store.reader.host(read).await.unwrap()
}

fn clock() -> Clock {
    Clock::held_at("2026-11-22T08:00:00Z".parse().unwrap())
}

fn of(change: ResourceChange) -> Commit {
    Commit { resource: Some(change), ..Commit::default() }
}

fn user(tenant: &str, id: &str, user_name: &str) -> ResourceRow {
    let document = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": id,
        "externalId": format!("x-{id}"),
        "userName": user_name,
        "emails": [{ "value": user_name, "type": "work", "primary": true }],
        "active": true,
    });
    ResourceRow {
        tenant: tenant.to_owned(),
        kind: "User".to_owned(),
        id: id.to_owned(),
        user_name: Some(user_name.to_owned()),
        external_id: Some(format!("x-{id}")),
        display_name: None,
        active: true,
        emails: vec![user_name.to_owned()],
        document: document.to_string(),
        version: 1,
        departures: 0,
        created: "2026-11-22T08:00:00.000Z".to_owned(),
        last_modified: "2026-11-22T08:00:00.000Z".to_owned(),
    }
}

fn group(tenant: &str, id: &str, name: &str) -> ResourceRow {
    let document = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": id,
        "displayName": name,
    });
    ResourceRow {
        kind: "Group".to_owned(),
        user_name: None,
        external_id: None,
        display_name: Some(name.to_owned()),
        emails: Vec::new(),
        document: document.to_string(),
        ..user(tenant, id, "unnamed")
    }
}

/// The row one version on.
fn next(mut row: ResourceRow) -> ResourceChange {
    let expected = row.version;
    row.version += 1;
    ResourceChange::Update { row, expected }
}

fn delete(row: &ResourceRow) -> ResourceChange {
    ResourceChange::Delete {
        tenant: row.tenant.clone(),
        kind: row.kind.clone(),
        id: row.id.clone(),
        expected: row.version,
    }
}

fn member(tenant: &str, group: &str, member: &str) -> MemberRow {
    MemberRow {
        tenant: tenant.to_owned(),
        group: group.to_owned(),
        member: member.to_owned(),
        display: Some(format!("{member}'s name")),
        kind: ResourceKind::User,
    }
}

fn account(tenant: &str, resource: &str, id: Option<&str>) -> AccountRow {
    let name = format!("{resource}@Example.com");
    AccountRow {
        external_id: Some(format!("x-{resource}")),
        account: id.map(|id| Account {
            id: id.to_owned(),
            membership: Membership::Active,
            data: r#"{"seat":1}"#.to_owned(),
        }),
        ..AccountRow::unknown(tenant, resource.to_owned(), ResourceKind::User, &name)
    }
}

fn operation(id: &str, tenant: &str, resource: &str) -> OperationRow {
    OperationRow {
        id: id.to_owned(),
        tenant: tenant.to_owned(),
        app: "app".to_owned(),
        resource: resource.to_owned(),
        resource_kind: ResourceKind::User,
        kind: EventKind::Create,
        state: OperationState::Open,
        subject: format!("{resource}@example.com"),
        fingerprint: "f".to_owned(),
        context: "{}".to_owned(),
        event: "{}".to_owned(),
        answer: None,
        note: None,
        connector: Some("digest".to_owned()),
        log: None,
        attempt: 1,
        tries: 1,
        due: None,
        sealed: Some(vec![0, 255, 7]),
        progress: "{}".to_owned(),
        used: None,
        job: None,
        created: "2026-11-22T08:00:00.000Z".to_owned(),
        finished: None,
        successor: None,
        unanswered: false,
    }
}
