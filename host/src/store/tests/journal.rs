//! Accounts, operations and exchanges.

use sqlx::Row;

use super::*;

fn with_account(row: AccountRow) -> Commit {
    Commit { account: Some(row), ..Commit::default() }
}

fn journaled(operation: OperationRow) -> Commit {
    Commit { operation: Some(operation), ..Commit::default() }
}

fn exchange(operation: &str, n: u32, response: Option<&str>) -> ExchangeRow {
    ExchangeRow {
        operation: operation.to_owned(),
        n,
        request: format!("{{\"n\":{n}}}"),
        response: response.map(str::to_owned),
        at: "2026-11-22T08:00:00.000Z".to_owned(),
    }
}

#[tokio::test]
async fn an_account_is_read_as_it_was_written() {
    let bench = Bench::new().await;
    for id in [None, Some("a1")] {
        let mut row = account("acme", "u1", id);
        row.protected = id.is_some();
        row.connected = id.is_none();
        bench.store.commit(with_account(row.clone())).await.unwrap();
        assert_eq!(bench.store.account("acme", "u1").await.unwrap(), Some(row));
        assert_eq!(bench.store.account("globex", "u1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_resource_is_read_with_its_account() {
    let bench = Bench::new().await;
    bench.users("acme", 1).await;
    let read = async |related| {
        let found = bench.store.standing("acme", "User", "u00000", related).await.unwrap();
        let Standing { resource, account } = found.unwrap();
        let alone = bench.store.resource("acme", "User", "u00000", related).await.unwrap();
        assert_eq!(Some(resource), alone);
        account
    };
    assert_eq!(read(Related::None).await, None);
    let row =
        AccountRow { user_name: "\u{1e}\u{1f}\"".to_owned(), ..account("acme", "u00000", None) };
    bench.store.commit(with_account(row.clone())).await.unwrap();
    assert_eq!(read(Related::Groups).await, Some(row));
    for (tenant, kind, id) in
        [("globex", "User", "u00000"), ("acme", "Group", "u00000"), ("acme", "User", "u1")]
    {
        let found = bench.store.standing(tenant, kind, id, Related::None).await.unwrap();
        assert_eq!(found, None, "{tenant} {kind} {id}");
    }
}

#[tokio::test]
async fn questions_of_all_kinds_are_answered_together() {
    let bench = Bench::new().await;
    configuration::apps_and_tenants(&bench.store).await;
    bench.users("acme", 40).await;
    let asks = (0..40).map(async |n| {
        let store = &bench.store;
        let (id, name) = (format!("u{n:05}"), format!("user{n}@example.com"));
        let (by_id, by_name, account, former, elsewhere, people) = tokio::join!(
            store.standing("acme", "User", &id, Related::Groups),
            store.by_user_name("acme", &name),
            store.account("acme", &id),
            store.former_account("acme", ResourceKind::User, &name, None),
            store.elsewhere("crm", "acme", "a1"),
            store.people("acme", None, std::slice::from_ref(&id)),
        );
        assert_eq!(by_id.unwrap().unwrap().resource.id, id);
        assert_eq!(by_name.unwrap().unwrap().id, id);
        assert_eq!(account.unwrap(), None);
        assert_eq!(former.unwrap(), None);
        assert_eq!(elsewhere.unwrap(), 0);
        assert_eq!(people.unwrap()[0].id, id);
    });
    futures_util::future::join_all(asks).await;
}

#[tokio::test]
async fn a_returning_user_is_found_by_external_id_then_by_name() {
    let bench = Bench::new().await;
    bench.users("acme", 3).await;
    for n in 0..3 {
        let id = format!("u{n:05}");
        let mut row = account("acme", &id, Some(&format!("a{n}")));
        row.user_name = format!("User{n}@example.com");
        bench.store.commit(with_account(row)).await.unwrap();
    }
    let find = async |name: &str, external_id: Option<&str>| {
        let found = bench
            .store
            .former_account("acme", ResourceKind::User, name, external_id)
            .await
            .unwrap();
        found.map(|it| it.resource)
    };
    assert_eq!(find("user0@example.com", Some("x-u00000")).await, None, "still there");
    for n in 0..2 {
        let row = user("acme", &format!("u{n:05}"), &format!("user{n}@example.com"));
        bench.store.commit(of(delete(&row))).await.unwrap();
    }
    assert_eq!(find("USER0@example.com", None).await.as_deref(), Some("u00000"));
    let both = find("user0@example.com", Some("x-u00001")).await;
    assert_eq!(both.as_deref(), Some("u00001"), "the externalId counts more");
    assert_eq!(find("user0@example.com", Some("else")).await.as_deref(), Some("u00000"));
    assert_eq!(find("user2@example.com", Some("x-u00002")).await, None);
    let elsewhere =
        bench.store.former_account("globex", ResourceKind::User, "user0@example.com", None).await;
    assert_eq!(elsewhere.unwrap(), None);
}

#[tokio::test]
async fn an_account_written_with_the_deletion_is_a_former_one() {
    let bench = Bench::new().await;
    bench.users("acme", 1).await;
    let mut commit = of(delete(&user("acme", "u00000", "user0@example.com")));
    commit.account = Some(account("acme", "u00000", Some("a1")));
    bench.store.commit(commit).await.unwrap();
    let name = "u00000@example.com";
    let found = bench.store.former_account("acme", ResourceKind::User, name, None).await.unwrap();
    assert_eq!(found.map(|it| it.resource).as_deref(), Some("u00000"));
    assert_eq!(bench.store.accounts("acme", None, 10).await.unwrap(), []);
    assert_eq!(bench.store.connected("acme").await.unwrap(), (0, 0));
}

#[tokio::test]
async fn other_tenants_of_the_app_are_counted() {
    let bench = Bench::new().await;
    configuration::apps_and_tenants(&bench.store).await;
    for tenant in ["acme", "globex", "initech", "other"] {
        bench.store.commit(with_account(account(tenant, "u1", Some("a1")))).await.unwrap();
    }
    let mut absent = account("initech", "u1", Some("a1"));
    absent.account.as_mut().unwrap().membership = Membership::Absent;
    bench.store.commit(with_account(absent)).await.unwrap();
    // initech is absent, and other belongs to another app.
    assert_eq!(bench.store.elsewhere("crm", "acme", "a1").await.unwrap(), 1);
    assert_eq!(bench.store.elsewhere("crm", "initech", "a1").await.unwrap(), 2);
    assert_eq!(bench.store.elsewhere("crm", "acme", "a2").await.unwrap(), 0);
}

#[tokio::test]
async fn an_account_can_become_another() {
    let bench = Bench::new().await;
    configuration::apps_and_tenants(&bench.store).await;
    bench.users("acme", 1).await;
    for id in ["a1", "a2"] {
        let mut row = account("acme", "u00000", Some(id));
        row.user_name = format!("{id}@example.com");
        row.external_id = Some(id.to_owned());
        bench.store.commit(with_account(row.clone())).await.unwrap();
        assert_eq!(bench.store.account("acme", "u00000").await.unwrap(), Some(row));
    }
    assert_eq!(bench.store.elsewhere("crm", "globex", "a1").await.unwrap(), 0);
    assert_eq!(bench.store.elsewhere("crm", "globex", "a2").await.unwrap(), 1);
    // The resource goes and comes back under its id.
    let mut row = user("acme", "u00000", "user0@example.com");
    bench.store.commit(of(delete(&row))).await.unwrap();
    let former = bench
        .store
        .former_account("acme", ResourceKind::User, "A2@example.com", None)
        .await
        .unwrap();
    let former = former.unwrap();
    row.version = 1;
    let back = Commit { account: Some(former.clone()), ..of(ResourceChange::Insert(row)) };
    bench.store.commit(back).await.unwrap();
    let former_now =
        bench.store.former_account("acme", ResourceKind::User, "a2@example.com", None).await;
    assert_eq!(former_now.unwrap(), None);
    assert_eq!(bench.store.accounts("acme", None, 10).await.unwrap(), [former]);
}

#[tokio::test]
async fn accounts_are_walked_in_order() {
    let bench = Bench::new().await;
    bench.users("acme", 5).await;
    for n in 0..5 {
        let mut row = account("acme", &format!("u{n:05}"), None);
        row.connected = n % 2 == 0;
        bench.store.commit(with_account(row)).await.unwrap();
    }
    let ids = async |after: Option<&str>| {
        let rows = bench.store.accounts("acme", after, 2).await.unwrap();
        rows.into_iter().map(|it| it.resource).collect::<Vec<_>>()
    };
    assert_eq!(ids(None).await, ["u00000", "u00001"]);
    assert_eq!(ids(Some("u00001")).await, ["u00002", "u00003"]);
    assert_eq!(ids(Some("u00003")).await, ["u00004"]);
    assert_eq!(bench.store.connected("acme").await.unwrap(), (3, 5));
}

#[tokio::test]
async fn an_operation_is_replaced_and_its_exchanges_kept() {
    let bench = Bench::new().await;
    let mut row = operation("o1", "acme", "u1");
    let mut commit = journaled(row.clone());
    commit.exchanges = vec![exchange("o1", 0, None)];
    bench.store.commit(commit).await.unwrap();
    row.state = OperationState::Done;
    row.sealed = None;
    row.answer = Some("{}".to_owned());
    row.attempts = 2;
    let mut commit = journaled(row.clone());
    commit.exchanges = vec![exchange("o1", 0, Some("{}")), exchange("o1", 1, Some("{}"))];
    bench.store.commit(commit).await.unwrap();
    let (found, exchanges) = bench.store.operation("o1").await.unwrap().unwrap();
    assert_eq!(found, row);
    assert_eq!(exchanges, [exchange("o1", 0, Some("{}")), exchange("o1", 1, Some("{}"))]);
    // A request that is made again has no answer any more.
    let commit = Commit { exchanges: vec![exchange("o1", 1, None)], ..Commit::default() };
    bench.store.commit(commit).await.unwrap();
    let (_, exchanges) = bench.store.operation("o1").await.unwrap().unwrap();
    assert_eq!(exchanges, [exchange("o1", 0, Some("{}")), exchange("o1", 1, None)]);
}

#[tokio::test]
async fn operations_are_listed_by_what_is_asked() {
    let bench = Bench::new().await;
    for n in 0..6 {
        let mut row = operation(&format!("o{n}"), "acme", &format!("u{}", n % 2));
        row.state = [OperationState::Open, OperationState::Done, OperationState::Held][n % 3];
        row.kind = if n == 5 { EventKind::Delete } else { EventKind::Create };
        bench.store.commit(journaled(row)).await.unwrap();
    }
    bench.store.commit(journaled(operation("o6", "globex", "u0"))).await.unwrap();
    let check = async |filter: OperationFilter, expected: &[&str]| {
        let found = bench.store.operations(&filter).await.unwrap();
        let ids: Vec<String> = found.into_iter().map(|it| it.id).collect();
        assert_eq!(ids, expected, "{filter:?}");
    };
    let acme = OperationFilter { tenant: Some("acme".to_owned()), ..OperationFilter::default() };
    check(acme.clone(), &["o5", "o4", "o3", "o2", "o1", "o0"]).await;
    let state = |state| OperationFilter { state: Some(state), ..acme.clone() };
    check(state(OperationState::Held), &["o5", "o2"]).await;
    check(state(OperationState::Done), &["o4", "o1"]).await;
    check(state(OperationState::Failed), &[]).await;
    let kind = OperationFilter { kind: Some(EventKind::Delete), ..acme.clone() };
    check(kind, &["o5"]).await;
    let group = OperationFilter { kind: Some(EventKind::GroupCreate), ..acme.clone() };
    check(group, &[]).await;
    let resource = OperationFilter { resource: Some("u1".to_owned()), ..acme.clone() };
    check(resource, &["o5", "o3", "o1"]).await;
    let page =
        OperationFilter { before: Some("o4".to_owned()), limit: 2, ..OperationFilter::default() };
    check(page, &["o3", "o2"]).await;
    let oldest = OperationFilter { limit: 2, oldest_first: true, ..acme };
    check(oldest, &["o0", "o1"]).await;
    assert_eq!(bench.store.unfinished().await.unwrap(), ["o0", "o3", "o6"]);
}

#[tokio::test]
async fn due_operations_are_the_oldest_of_each_resource_and_the_longest_waiting_first() {
    let bench = Bench::new().await;
    let at = |minute: u32| format!("2026-11-22T08:{minute:02}:00.000Z");
    let add = async |id: &str, resource: &str, due: Option<u32>, created: u32| {
        let row = operation(id, "acme", resource);
        let row = OperationRow { due: due.map(at), created: at(created), ..row };
        bench.store.commit(journaled(row)).await.unwrap();
    };
    add("o0", "later", Some(40), 0).await;
    add("o1", "later", Some(1), 0).await;
    add("o2", "second", Some(20), 0).await;
    add("o3", "first", Some(10), 0).await;
    add("o4", "abandoned", None, 5).await;
    add("o5", "pending", None, 25).await;
    let row = OperationRow { due: Some(at(1)), ..operation("o6", "globex", "first") };
    bench.store.commit(journaled(row)).await.unwrap();
    let due = async |limit| bench.store.due("acme", &at(30), &at(25), limit).await.unwrap();
    assert_eq!(due(10).await, ["o3", "o2", "o4"]);
    assert_eq!(due(2).await, ["o3", "o2"]);
    bench.store.make_all_due(&at(30)).await.unwrap();
    assert_eq!(due(10).await, ["o0", "o2", "o3", "o4", "o5"]);
}

#[tokio::test]
async fn due_operations_are_found_by_index_and_never_sorted() {
    let bench = Bench::new().await;
    let mut connection = bench.store.pool.take().await.unwrap();
    for condition in [due::DUE, due::ABANDONED] {
        let sql = format!("EXPLAIN QUERY PLAN {}", due::first(condition));
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind("a").bind("b").bind(1);
        let rows = query.fetch_all(&mut *connection).await.unwrap();
        let plan: String = rows.iter().map(|row| row.get::<String, _>("detail") + "\n").collect();
        assert!(plan.contains("operation_due (tenant=? AND due"), "{plan}");
        assert!(plan.contains("operation_open_of_resource (tenant=? AND resource=?"), "{plan}");
        assert!(!plan.contains("B-TREE"), "{plan}");
    }
}
