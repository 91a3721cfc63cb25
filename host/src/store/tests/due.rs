//! Operations that are due, and others that are not done.

use super::*;

fn at(minute: u32) -> String {
    format!("2026-11-22T08:{minute:02}:00.000Z")
}

async fn add(bench: &Bench, row: OperationRow) {
    let commit = Commit { operation: Some(row), ..Commit::default() };
    bench.store.commit(commit).await.unwrap();
}

/// An open operation on a resource of the same name.
fn open(id: &str, due: Option<u32>) -> OperationRow {
    OperationRow { due: due.map(at), ..operation(id, "acme", id) }
}

#[tokio::test]
async fn due_operations_that_take_away_come_first_and_then_the_longest_waiting() {
    let bench = Bench::new().await;
    add(&bench, open("later", Some(40))).await;
    add(&bench, open("second", Some(20))).await;
    add(&bench, open("first", Some(10))).await;
    add(&bench, OperationRow { created: at(5), ..open("abandoned", None) }).await;
    add(&bench, OperationRow { created: at(25), ..open("pending", None) }).await;
    add(&bench, OperationRow { kind: EventKind::Deactivate, ..open("leaver", Some(29)) }).await;
    add(&bench, OperationRow { kind: EventKind::GroupDelete, ..open("group", Some(28)) }).await;
    add(&bench, OperationRow { kind: EventKind::Delete, ..open("leaves later", Some(31)) }).await;
    add(&bench, OperationRow { state: OperationState::Failed, ..open("failed", Some(1)) }).await;
    add(&bench, OperationRow { tenant: "globex".to_owned(), ..open("elsewhere", Some(1)) }).await;
    let due = async |horizon, limit| {
        bench.store.due("acme", &at(30), &at(horizon), &at(25), limit).await.unwrap()
    };
    assert_eq!(due(59, 10).await, ["group", "leaver", "first", "second", "abandoned"]);
    assert_eq!(due(59, 3).await, ["group", "leaver", "first"]);
    // The clock was set back since it was postponed.
    let all = ["group", "leaver", "first", "second", "later", "abandoned"];
    assert_eq!(due(39, 10).await, all);
    bench.store.make_all_due(&at(30)).await.unwrap();
    assert_eq!(due(59, 10).await.len(), 8);
}

#[tokio::test]
async fn the_waiting_operations_of_one_app_become_due() {
    let bench = Bench::new().await;
    add(&bench, open("o1", Some(40))).await;
    add(&bench, open("o2", Some(20))).await;
    add(&bench, open("o3", None)).await;
    add(&bench, OperationRow { app: "wiki".to_owned(), ..open("o4", Some(40)) }).await;
    add(&bench, OperationRow { state: OperationState::Failed, ..open("o5", Some(40)) }).await;
    assert_eq!(bench.store.make_app_due("app", &at(30)).await.unwrap(), 1);
    for (id, due) in
        [("o1", Some(30)), ("o2", Some(20)), ("o3", None), ("o4", Some(40)), ("o5", Some(40))]
    {
        let (row, _) = bench.store.operation(id).await.unwrap().unwrap();
        assert_eq!(row.due, due.map(at), "{id}");
    }
}

#[tokio::test]
async fn open_operations_are_counted_and_held_ones_listed_page_by_page() {
    use OperationState::{Done, Failed, Held, Open};
    let bench = Bench::new().await;
    for (id, resource, state) in [
        ("o1", "u3", Held),
        ("o2", "u1", Held),
        ("o3", "u1", Held),
        ("o4", "u2", Open),
        ("o5", "u4", Open),
        ("o6", "u5", Failed),
        ("o7", "u6", Done),
        ("o8", "u2", Held),
    ] {
        add(&bench, OperationRow { state, ..operation(id, "acme", resource) }).await;
    }
    add(&bench, OperationRow { state: Held, ..operation("o9", "globex", "u1") }).await;
    assert_eq!(bench.store.count_open("acme").await.unwrap(), 2);
    assert_eq!(bench.store.count_open("globex").await.unwrap(), 0);
    let row = AccountRow { doubt: true, ..account("globex", "u1", None) };
    bench.store.commit(Commit { account: Some(row), ..Commit::default() }).await.unwrap();
    let backlogs = bench.store.backlogs(&["acme", "globex", "initech"]).await.unwrap();
    assert_eq!(backlogs["acme"], Backlog { open: 2, held: 4, failed: 1, in_doubt: 0 });
    assert_eq!(backlogs["globex"], Backlog { open: 0, held: 1, failed: 0, in_doubt: 1 });
    assert_eq!(backlogs["initech"], Backlog::default());
    let held = async |after| {
        let rows = bench.store.held("acme", after, 3).await.unwrap();
        rows.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(held(None).await, ["o2", "o3", "o8"]);
    assert_eq!(held(Some(("u1", "o2"))).await, ["o3", "o8", "o1"]);
    assert_eq!(held(Some(("u2", "o8"))).await, ["o1"]);
    assert_eq!(held(Some(("u3", "o1"))).await, Vec::<String>::new());
}

/// The plan of a statement.
async fn plan(bench: &Bench, sql: &str, values: usize) -> String {
    super::plan(bench, sql, vec![value::Bound::from("a"); values]).await
}

#[tokio::test]
async fn due_operations_are_found_by_index_and_never_sorted() {
    let bench = Bench::new().await;
    let plan = plan(&bench, &crate::store::due::parts(), 5).await;
    let found = plan.matches("unfinished_due (tenant=? AND <expr>=? AND due").count();
    assert_eq!(found, 6, "{plan}");
    assert!(!plan.contains("B-TREE"), "{plan}");
}

#[tokio::test]
async fn what_is_unfinished_is_counted_in_indexes_of_nothing_else() {
    let bench = Bench::new().await;
    let plan = plan(&bench, backlog::COUNT, 1).await;
    for index in ["unfinished_due", "unfinished_held", "unfinished_of_resource", "account_in_doubt"]
    {
        assert_eq!(plan.matches(&format!("{index} (tenant=?")).count(), 1, "{plan}");
    }
}

#[tokio::test]
async fn the_unfinished_operation_of_a_resource_is_found_by_index() {
    let bench = Bench::new().await;
    for (state, index) in [
        ("open", "unfinished_of_resource"),
        ("failed", "unfinished_of_resource"),
        ("held", "unfinished_held"),
    ] {
        let sql = format!(
            "SELECT id FROM unfinished_operation
             WHERE tenant = ? AND resource = ? AND state = '{state}'"
        );
        let plan = plan(&bench, &sql, 2).await;
        assert!(plan.contains(&format!("{index} (tenant=? AND resource=?)")), "{plan}");
    }
}
