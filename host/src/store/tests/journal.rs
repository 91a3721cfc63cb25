//! Accounts, operations and exchanges.

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
        attempt: 1,
        n,
        request: format!("{{\"n\":{n}}}"),
        response: response.map(str::to_owned),
        earlier_response: None,
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
        row.doubt = id.is_some();
        row.late_until = id.map(|_| "2026-11-22T08:02:00.000Z".to_owned());
        row.stay = if id.is_some() { 7 } else { 2 };
        row.told = id.map(|_| r#"{"userName":"\u001e"}"#.to_owned());
        bench.store.commit(with_account(row.clone())).await.unwrap();
        assert_eq!(bench.store.account("acme", "u1").await.unwrap(), Some(row));
        assert_eq!(bench.store.account("globex", "u1").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_resource_is_read_with_its_account() {
    let bench = Bench::new().await;
    let name = "\u{1e}\u{1f}\"";
    bench.insert(user("acme", "u00000", name)).await.unwrap();
    let read = async |related| {
        let found = bench.store.standing("acme", "User", "u00000", related).await.unwrap();
        let Standing { resource, account } = found.unwrap();
        let alone = bench.store.resource("acme", "User", "u00000", related).await.unwrap();
        assert_eq!(Some(resource), alone);
        account
    };
    assert_eq!(read(Related::None).await, None);
    let row = AccountRow { user_name: name.to_owned(), ..account("acme", "u00000", None) };
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
        let row = account("acme", &id, Some(&format!("a{n}")));
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
    assert_eq!(find("user0@example.com", Some("else")).await, None, "another externalId");
    assert_eq!(find("user2@example.com", Some("x-u00002")).await, None);
    let elsewhere =
        bench.store.former_account("globex", ResourceKind::User, "user0@example.com", None).await;
    assert_eq!(elsewhere.unwrap(), None);
    // Without an externalId of its own it is found by name whatever the new one is, and so is one
    // that was never created.
    let mut pending = account("acme", "u5", None);
    (pending.external_id, pending.doubt) = (None, true);
    bench.store.commit(with_account(pending)).await.unwrap();
    assert_eq!(find("u5@example.com", Some("else")).await.as_deref(), Some("u5"));
}

#[tokio::test]
async fn an_account_of_the_app_belongs_to_one_resource_of_a_tenant() {
    let bench = Bench::new().await;
    bench.users("acme", 1).await;
    let user_name = "user0@example.com".to_owned();
    let row = AccountRow { user_name, ..account("acme", "u00000", Some("a1")) };
    bench.store.commit(with_account(row.clone())).await.unwrap();
    let taken = bench.store.commit(with_account(account("acme", "u2", Some("a1")))).await;
    assert!(matches!(taken, Err(CommitError::AccountTaken)), "{taken:?}");
    bench.store.commit(with_account(account("acme", "u2", Some("a2")))).await.unwrap();
    let taken = bench.store.commit(with_account(account("acme", "u2", Some("a1")))).await;
    assert!(matches!(taken, Err(CommitError::AccountTaken)), "{taken:?}");
    // A group's account and an account of another tenant are others.
    let of_group = AccountRow { kind: ResourceKind::Group, ..account("acme", "g1", Some("a1")) };
    bench.store.commit(with_account(of_group.clone())).await.unwrap();
    bench.store.commit(with_account(account("globex", "u1", Some("a1")))).await.unwrap();

    let owner = async |kind, id: &str| bench.store.account_owner("acme", kind, id).await.unwrap();
    assert_eq!(owner(ResourceKind::User, "a1").await, Some((row, true)));
    assert_eq!(owner(ResourceKind::Group, "a1").await, Some((of_group, false)));
    assert_eq!(owner(ResourceKind::User, "a3").await, None);
    bench.store.commit(of(delete(&user("acme", "u00000", "x")))).await.unwrap();
    let (row, exists) = owner(ResourceKind::User, "a1").await.unwrap();
    assert_eq!((&*row.resource, exists), ("u00000", false));
}

#[tokio::test]
async fn a_doubt_that_came_after_an_account_was_read_stays() {
    let bench = Bench::new().await;
    let read = account("acme", "u1", Some("a1"));
    bench.store.commit(with_account(read.clone())).await.unwrap();
    let doubted = AccountRow { doubt: true, stay: 1, ..read.clone() };
    bench.store.commit(with_account(doubted.clone())).await.unwrap();
    bench.store.commit(with_account(read)).await.unwrap();
    let found = bench.store.account("acme", "u1").await.unwrap().unwrap();
    assert_eq!((found.doubt, found.stay), (true, 1));
    bench.store.commit(with_account(AccountRow { doubt: false, ..doubted })).await.unwrap();
    assert!(!bench.store.account("acme", "u1").await.unwrap().unwrap().doubt);
}

#[tokio::test]
async fn accounts_in_doubt_are_listed() {
    let bench = Bench::new().await;
    for (tenant, resource, doubt) in
        [("acme", "u2", true), ("acme", "u1", true), ("acme", "u3", false), ("globex", "u1", true)]
    {
        let row = AccountRow { doubt, ..account(tenant, resource, None) };
        bench.store.commit(with_account(row)).await.unwrap();
    }
    let pair =
        |tenant: &str, resource: &str| (tenant.to_owned(), ResourceKind::User, resource.to_owned());
    let all = [pair("acme", "u1"), pair("acme", "u2"), pair("globex", "u1")];
    assert_eq!(bench.store.in_doubt(None).await.unwrap(), all);
    assert_eq!(bench.store.in_doubt(Some("acme")).await.unwrap(), all[..2]);
    bench.store.commit(with_account(account("acme", "u1", None))).await.unwrap();
    assert_eq!(bench.store.in_doubt(Some("acme")).await.unwrap(), all[1..2]);
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
    // What is not known may be there.
    let mut doubted = account("initech", "u1", Some("a1"));
    doubted.account.as_mut().unwrap().membership = Membership::Absent;
    doubted.doubt = true;
    bench.store.commit(with_account(doubted)).await.unwrap();
    assert_eq!(bench.store.elsewhere("crm", "acme", "a1").await.unwrap(), 2);
}

#[tokio::test]
async fn an_account_can_become_another() {
    let bench = Bench::new().await;
    configuration::apps_and_tenants(&bench.store).await;
    bench.users("acme", 1).await;
    let user_name = "user0@example.com".to_owned();
    for id in ["a1", "a2"] {
        let row = account("acme", "u00000", Some(id));
        let row = AccountRow { user_name: user_name.clone(), ..row };
        bench.store.commit(with_account(row.clone())).await.unwrap();
        assert_eq!(bench.store.account("acme", "u00000").await.unwrap(), Some(row));
    }
    assert_eq!(bench.store.elsewhere("crm", "globex", "a1").await.unwrap(), 0);
    assert_eq!(bench.store.elsewhere("crm", "globex", "a2").await.unwrap(), 1);
    // The resource goes and comes back under its id, with another name.
    let row = user("acme", "u00000", &user_name);
    bench.store.commit(of(delete(&row))).await.unwrap();
    let find = async |name| {
        bench.store.former_account("acme", ResourceKind::User, name, None).await.unwrap()
    };
    let former = find("USER0@example.com").await.unwrap();
    let row = ResourceRow { user_name: Some("ann".to_owned()), ..row };
    let back = Commit { account: Some(former.clone()), ..of(ResourceChange::Insert(row)) };
    bench.store.commit(back).await.unwrap();
    assert_eq!(find("user0@example.com").await, None);
    let is_anns = AccountRow { user_name: "ann".to_owned(), ..former };
    assert_eq!(bench.store.accounts("acme", None, 10).await.unwrap(), [is_anns]);
}

/// It is taken out of the former accounts once, whether the commit has an account or not.
#[tokio::test]
async fn an_account_from_before_its_resource_is_that_of_the_resource() {
    let bench = Bench::new().await;
    let store = &bench.store;
    for (id, with_it) in [("u1", false), ("u2", true)] {
        let name = format!("{id}@Example.com");
        let stale = account("acme", id, Some(id));
        let doubted = AccountRow { doubt: true, stay: 2, ..stale.clone() };
        store.commit(with_account(doubted.clone())).await.unwrap();
        let row = user("acme", id, &name);
        let account = with_it.then(|| stale.clone());
        store.commit(Commit { account, ..of(ResourceChange::Insert(row.clone())) }).await.unwrap();
        // What was read before the doubt does not take it back.
        assert_eq!(store.account("acme", id).await.unwrap(), Some(doubted.clone()), "{id}");
        let kind = ResourceKind::User;
        assert_eq!(store.former_account("acme", kind, &name, None).await.unwrap(), None, "{id}");
        let owner = store.account_owner("acme", kind, id).await.unwrap();
        assert_eq!(owner, Some((doubted.clone(), true)), "{id}");

        store.commit(of(delete(&row))).await.unwrap();
        assert_eq!(store.account("acme", id).await.unwrap(), Some(doubted.clone()), "{id}");
        let owner = store.account_owner("acme", kind, id).await.unwrap();
        assert_eq!(owner, Some((doubted, false)), "{id}");
    }
}

#[tokio::test]
async fn an_account_of_the_app_is_of_one_resource_or_former_one() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let taken = async |commit: Commit| {
        let failed = store.commit(commit).await;
        assert!(matches!(failed, Err(CommitError::AccountTaken)), "{failed:?}");
    };
    let insert = |id: &str| ResourceChange::Insert(user("acme", id, &format!("{id}@example.com")));
    let with = |id: &str, account_id: &str| Some(account("acme", id, Some(account_id)));
    store.commit(with_account(with("gone", "a1").unwrap())).await.unwrap();
    taken(Commit { account: with("u1", "a1"), ..of(insert("u1")) }).await;
    assert_eq!(bench.version("acme", "User", "u1").await, None, "nothing of it was written");
    store.commit(Commit { account: with("u1", "a2"), ..of(insert("u1")) }).await.unwrap();
    taken(with_account(with("u1", "a1").unwrap())).await;
    taken(with_account(with("gone", "a2").unwrap())).await;
    taken(Commit { account: with("u2", "a2"), ..of(insert("u2")) }).await;
    // It can move between the two.
    let account = with("u2", "a1");
    let moved_from = Some("gone".to_owned());
    store.commit(Commit { account, moved_from, ..of(insert("u2")) }).await.unwrap();
    let (account, moved_from) = (with("gone", "a2"), Some("u1".to_owned()));
    store.commit(Commit { account, moved_from, ..Commit::default() }).await.unwrap();
    assert_eq!(store.account("acme", "u1").await.unwrap(), None);
    assert_eq!(store.users_without_account("acme", None, 9).await.unwrap(), ["u1"]);
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
    row.tries = 2;
    let mut commit = journaled(row.clone());
    commit.exchanges = vec![exchange("o1", 0, Some("{}")), exchange("o1", 1, Some("{}"))];
    bench.store.commit(commit).await.unwrap();
    let (found, exchanges) = bench.store.operation("o1").await.unwrap().unwrap();
    // What a restart must know goes with its end.
    row.progress.clear();
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
    let unfinished = bench.store.unfinished().await.unwrap();
    let unfinished: Vec<_> = unfinished.iter().map(|it| (&*it.id, it.state)).collect();
    let (open, held) = (OperationState::Open, OperationState::Held);
    let expected = [("o0", open), ("o2", held), ("o3", open), ("o5", held), ("o6", open)];
    assert_eq!(unfinished, expected);
}

#[tokio::test]
async fn the_unfinished_states_are_the_same_in_code_and_in_sql() {
    let bench = Bench::new().await;
    for state in OperationState::ALL {
        let mut row = operation(state.name(), "acme", state.name());
        row.state = state;
        bench.store.commit(journaled(row)).await.unwrap();
    }
    let mut found: Vec<_> =
        bench.store.unfinished().await.unwrap().into_iter().map(|it| it.state).collect();
    found.sort_by_key(|state| OperationState::ALL.iter().position(|it| it == state));
    let expected = OperationState::ALL.into_iter().filter(|state| state.is_unfinished());
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn the_answer_to_an_earlier_try_stays_beside_a_request_that_is_made_again() {
    let bench = Bench::new().await;
    let write = async |response: Option<&str>, earlier: Option<&str>| {
        let earlier_response = earlier.map(str::to_owned);
        let row = ExchangeRow { earlier_response, ..exchange("o1", 0, response) };
        let commit = Commit { exchanges: vec![row], ..journaled(operation("o1", "acme", "u1")) };
        bench.store.commit(commit).await.unwrap();
        let (_, exchanges) = bench.store.operation("o1").await.unwrap().unwrap();
        let ExchangeRow { response, earlier_response, .. } = exchanges[0].clone();
        (response, earlier_response)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(write(None, None).await, (None, None));
    assert_eq!(write(None, Some("503")).await, (None, text("503")));
    assert_eq!(write(None, None).await, (None, text("503")));
    assert_eq!(write(None, Some("429")).await, (None, text("429")));
    assert_eq!(write(Some("200"), None).await, (text("200"), text("429")));
}

/// What operators ask of the journal is found by an index, however long the journal is.
#[tokio::test]
async fn lists_of_operations_are_indexed() {
    let bench = Bench::new().await;
    let of = |tenant: bool, resource: bool, state, kind, job: bool| OperationFilter {
        tenant: tenant.then(|| "acme".to_owned()),
        resource: resource.then(|| "u00000".to_owned()),
        state,
        kind,
        job: job.then(|| "j1".to_owned()),
        before: Some("o5".to_owned()),
        ..OperationFilter::default()
    };
    let (refused, delete) = (Some(OperationState::Refused), Some(EventKind::Delete));
    for (filter, index, sorts) in [
        (of(false, false, None, None, false), "operation_id (id<?)", false),
        (of(true, false, None, None, false), "operation_of_tenant (tenant=? AND id<?)", false),
        (of(true, true, None, None, false), "operation_of_resource", false),
        (of(false, false, refused, None, false), "operation_not_done (state=? AND id<?)", false),
        (of(true, false, None, delete, false), "operation_of_kind (kind=? AND tenant=?", false),
        (of(false, false, None, delete, false), "operation_of_kind (kind=?", true),
        (of(true, true, None, delete, false), "operation_of_resource", false),
        (of(true, false, None, None, true), "operation_of_job (job=? AND id<?)", false),
    ] {
        let (sql, values) = operation::statement_of_ended(&filter);
        let plan = plan(&bench, &sql, values).await;
        let found = plan.contains(index) && plan.contains("USE TEMP B-TREE") == sorts;
        assert!(found, "{filter:?}:\n{plan}");
    }
}
