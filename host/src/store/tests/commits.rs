//! What a commit does, alone and among others.

use super::*;

/// Commits all at once, so that they share transactions; the answers are in the order given.
async fn together(bench: &Bench, commits: Vec<Commit>) -> Vec<Result<(), CommitError>> {
    let commits = commits.into_iter().map(|commit| bench.store.commit(commit));
    futures_util::future::join_all(commits).await
}

#[tokio::test]
async fn a_resource_is_read_as_it_was_written() {
    let bench = Bench::new().await;
    let row = user("acme", "u1", "Ann@Example.com");
    bench.insert(row.clone()).await.unwrap();
    let found = bench.store.resource("acme", "User", "u1", Related::None).await.unwrap();
    let expected = StoredResource {
        id: row.id,
        document: row.document,
        version: 1,
        departures: 0,
        created: row.created,
        last_modified: row.last_modified,
        related: None,
    };
    assert_eq!(found, Some(expected.clone()));
    let found = bench.store.by_user_name("acme", "ann@EXAMPLE.com").await.unwrap();
    assert_eq!(found, Some(expected));
    assert_eq!(bench.version("acme", "Group", "u1").await, None, "another kind");
}

#[tokio::test]
async fn an_update_needs_the_expected_version() {
    let bench = Bench::new().await;
    let row = user("acme", "u1", "ann");
    bench.insert(row.clone()).await.unwrap();
    let mut changed = row.clone();
    changed.user_name = Some("anna".to_owned());
    changed.emails = vec!["new@example.com".to_owned()];
    bench.store.commit(of(next(changed))).await.unwrap();
    let stale = bench.store.commit(of(next(row.clone()))).await;
    assert!(matches!(stale, Err(CommitError::Stale)), "{stale:?}");
    let unknown = bench.store.commit(of(next(user("acme", "u2", "bob")))).await;
    assert!(matches!(unknown, Err(CommitError::Stale)), "{unknown:?}");
    assert_eq!(bench.store.by_user_name("acme", "ann").await.unwrap(), None);
    assert_eq!(bench.store.by_user_name("acme", "ANNA").await.unwrap().unwrap().version, 2);
}

#[tokio::test]
async fn commits_of_one_batch_keep_their_order() {
    let bench = Bench::new().await;
    let row = user("acme", "u1", "ann");
    let at = |version: i64| ResourceRow { version, ..row.clone() };
    let mut commits = vec![of(ResourceChange::Insert(row.clone()))];
    commits.extend((1..6).map(|version| of(next(at(version)))));
    for (n, result) in together(&bench, commits).await.into_iter().enumerate() {
        assert!(result.is_ok(), "{n}: {result:?}");
    }
    assert_eq!(bench.version("acme", "User", "u1").await, Some(6));
    let results = together(&bench, vec![of(delete(&at(6))), of(next(at(6)))]).await;
    assert!(matches!(results[..], [Ok(()), Err(CommitError::Stale)]), "{results:?}");
}

#[tokio::test]
async fn the_first_of_two_with_one_name_gets_it() {
    let bench = Bench::new().await;
    let commits = ["u1", "u2", "u3"].map(|id| {
        let name = if id == "u3" { "bob" } else { "ann" };
        let mut commit = of(ResourceChange::Insert(user("acme", id, name)));
        commit.operation = Some(operation(&format!("o-{id}"), "acme", id));
        commit.account = Some(account("acme", id, None));
        commit
    });
    let results = together(&bench, commits.to_vec()).await;
    assert!(matches!(results[..], [Ok(()), Err(CommitError::NameTaken), Ok(())]), "{results:?}");
    // Nothing of the one that failed is there, and all of the others.
    for (id, there) in [("u1", true), ("u2", false), ("u3", true)] {
        assert_eq!(bench.version("acme", "User", id).await.is_some(), there, "{id}");
        let operation = bench.store.operation(&format!("o-{id}")).await.unwrap();
        assert_eq!(operation.is_some(), there, "{id}");
        assert_eq!(bench.store.account("acme", id).await.unwrap().is_some(), there, "{id}");
    }
}

#[tokio::test]
async fn a_stale_commit_does_not_harm_its_batch() {
    let bench = Bench::new().await;
    bench.users("acme", 20).await;
    let commits = (0..20).map(|n| {
        let mut row = user("acme", &format!("u{n:05}"), &format!("user{n}@example.com"));
        row.version = if n % 5 == 3 { 7 } else { 1 };
        of(next(row))
    });
    let results = together(&bench, commits.collect()).await;
    for (n, result) in results.iter().enumerate() {
        let stale = matches!(result, Err(CommitError::Stale));
        assert_eq!(stale, n % 5 == 3, "{n}: {result:?}");
        assert_eq!(result.is_ok(), !stale, "{n}: {result:?}");
        let version = bench.version("acme", "User", &format!("u{n:05}")).await;
        assert_eq!(version, Some(if stale { 1 } else { 2 }));
    }
}

#[tokio::test]
async fn a_name_is_free_again_in_the_order_of_arrival() {
    let bench = Bench::new().await;
    let ann = user("acme", "u1", "ann");
    bench.insert(ann.clone()).await.unwrap();
    let taken = of(ResourceChange::Insert(user("acme", "u2", "ANN")));
    let free = of(ResourceChange::Insert(user("acme", "u3", "Ann")));
    let results = together(&bench, vec![taken, of(delete(&ann)), free]).await;
    assert!(matches!(results[..], [Err(CommitError::NameTaken), Ok(()), Ok(())]), "{results:?}");
}

#[tokio::test]
async fn renames_of_one_batch_fail_and_succeed_apart() {
    let bench = Bench::new().await;
    bench.users("acme", 6).await;
    let commits = (0..6).map(|n| {
        let mut row = user("acme", &format!("u{n:05}"), &format!("user{n}@example.com"));
        match n {
            // Theirs already, theirs no more, and new.
            1 => row.user_name = Some("USER2@example.com".to_owned()),
            3 => row.user_name = Some("three".to_owned()),
            4 => row.external_id = Some("four".to_owned()),
            _ => {}
        }
        of(next(row))
    });
    let results = together(&bench, commits.collect()).await;
    for (n, result) in results.iter().enumerate() {
        match n {
            1 => assert!(matches!(result, Err(CommitError::NameTaken)), "{n}: {result:?}"),
            _ => assert!(result.is_ok(), "{n}: {result:?}"),
        }
    }
    let named = async |name: &str| {
        let found = bench.store.by_user_name("acme", name).await.unwrap();
        found.map(|it| (it.id, it.version))
    };
    assert_eq!(named("user1@example.com").await, Some(("u00001".to_owned(), 1)));
    assert_eq!(named("user2@example.com").await, Some(("u00002".to_owned(), 2)));
    assert_eq!(named("three").await, Some(("u00003".to_owned(), 2)));
    assert_eq!(named("user3@example.com").await, None);
    let again = bench.insert(user("acme", "u9", "user3@example.com")).await;
    assert!(again.is_ok(), "{again:?}");
}

#[tokio::test]
async fn addresses_follow_the_resource() {
    let bench = Bench::new().await;
    bench.users("acme", 1).await;
    let found = async |address: &str| {
        let filter = format!("emails.value eq \"{address}\"");
        let page = bench.store.page(&pages::query(Some(&filter), 1, 10)).await.unwrap();
        page.total
    };
    let mut row = user("acme", "u00000", "user0@example.com");
    assert_eq!(found("USER0@example.com").await, 1);
    row.emails = vec!["Ann@Example.com".to_owned(), "Ö@example.com".to_owned()];
    bench.store.commit(of(next(row.clone()))).await.unwrap();
    assert_eq!(found("user0@example.com").await, 0);
    assert_eq!(found("ann@example.com").await, 1);
    assert_eq!(found("ö@example.com").await, 1);
    row.version = 2;
    bench.store.commit(of(delete(&row))).await.unwrap();
    assert_eq!(found("ann@example.com").await, 0);
    // Nothing is left for one who takes the id over.
    row.emails.clear();
    bench.insert(row).await.unwrap();
    assert_eq!(found("ann@example.com").await, 0);
}

#[tokio::test]
async fn names_are_unique_in_a_tenant_and_kind_in_any_script() {
    let bench = Bench::new().await;
    bench.insert(user("acme", "u1", "MÜLLER")).await.unwrap();
    let again = bench.insert(user("acme", "u2", "müller")).await;
    assert!(matches!(again, Err(CommitError::NameTaken)), "{again:?}");
    bench.insert(user("globex", "u1", "müller")).await.unwrap();
    let found = bench.store.by_user_name("acme", "Müller").await.unwrap();
    assert_eq!(found.unwrap().id, "u1");
}

#[tokio::test]
async fn a_document_that_is_not_json_is_refused_alone() {
    let bench = Bench::new().await;
    let broken = ResourceRow { document: "\u{1e}".to_owned(), ..user("acme", "u1", "ann") };
    let commits = vec![
        of(ResourceChange::Insert(broken)),
        of(ResourceChange::Insert(user("acme", "u2", "bob"))),
    ];
    let results = together(&bench, commits).await;
    assert!(matches!(results[..], [Err(CommitError::Internal(_)), Ok(())]), "{results:?}");
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let bench = Bench::new().await;
    let row = user("acme", "u1", "ann");
    bench.insert(row.clone()).await.unwrap();
    bench.insert(group("acme", "g1", "staff")).await.unwrap();
    let joins = Commit { joined: vec![member("acme", "g1", "u1")], ..Commit::default() };
    bench.store.commit(joins).await.unwrap();
    let store = &bench.store;
    assert_eq!(bench.version("globex", "User", "u1").await, None);
    assert_eq!(store.by_user_name("globex", "ann").await.unwrap(), None);
    assert_eq!(store.members("globex", "g1").await.unwrap(), []);
    assert_eq!(store.people("globex", None, &["u1".to_owned()]).await.unwrap(), []);
    assert_eq!(store.people("globex", Some("g1"), &["u1".to_owned()]).await.unwrap(), []);
    let foreign = ResourceRow { tenant: "globex".to_owned(), ..row };
    for change in [next(foreign.clone()), delete(&foreign)] {
        let result = store.commit(of(change)).await;
        assert!(matches!(result, Err(CommitError::Stale)), "{result:?}");
    }
    let joins = Commit { joined: vec![member("globex", "g1", "u1")], ..Commit::default() };
    let result = store.commit(joins).await;
    assert!(matches!(result, Err(CommitError::Stale)), "{result:?}");
    assert_eq!(bench.version("acme", "User", "u1").await, Some(1));
}

#[tokio::test]
async fn each_commit_of_a_batch_sees_those_before() {
    let bench = Bench::new().await;
    let (ann, bob) = (user("acme", "u1", "ann"), user("acme", "u2", "bob"));
    let staff = group("acme", "g1", "staff");
    let joins = |id: &str, display: &str| {
        let row = MemberRow { display: Some(display.to_owned()), ..member("acme", "g1", id) };
        Commit { joined: vec![row], ..Commit::default() }
    };
    let leaves =
        Commit { left: vec![("g1".to_owned(), "u2".to_owned())], ..of(next(staff.clone())) };
    let returns = Commit {
        account: Some(account("acme", "u1", Some("a1"))),
        ..of(ResourceChange::Insert(user("acme", "u1", "anna")))
    };
    let commits = vec![
        of(ResourceChange::Insert(ann.clone())),
        of(ResourceChange::Insert(bob)),
        of(ResourceChange::Insert(staff)),
        joins("u1", "Ann"),
        joins("u2", "Bob"),
        joins("u2", "Bobby"),
        of(delete(&ann)),
        of(next(ann)),
        leaves,
        joins("u2", "Robert"),
        returns,
    ];
    for (n, result) in together(&bench, commits).await.into_iter().enumerate() {
        match n {
            7 => assert!(matches!(result, Err(CommitError::Stale)), "{n}: {result:?}"),
            _ => assert!(result.is_ok(), "{n}: {result:?}"),
        }
    }
    let members = bench.store.members("acme", "g1").await.unwrap();
    let members: Vec<_> = members.iter().map(|it| (&*it.member, it.display.as_deref())).collect();
    assert_eq!(members, [("u2", Some("Robert"))]);
    assert_eq!(bench.store.by_user_name("acme", "ann").await.unwrap(), None);
    assert_eq!(bench.store.accounts("acme", None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn who_leaves_in_no_tenant_is_refused_alone() {
    let bench = Bench::new().await;
    let nowhere = Commit { left: vec![("g1".to_owned(), "u1".to_owned())], ..Commit::default() };
    let commits = vec![of(ResourceChange::Insert(user("acme", "u1", "ann"))), nowhere];
    let results = together(&bench, commits).await;
    assert!(matches!(results[..], [Ok(()), Err(CommitError::Internal(_))]), "{results:?}");
}

#[tokio::test]
async fn many_writers_lose_nothing() {
    let bench = Bench::new().await;
    bench.users("acme", 500).await;
    let bench = bench.reopen().await;
    let query = Query {
        tenant: "acme".to_owned(),
        resource_type: pages::resource_type("User"),
        filter: None,
        sort: None,
        start: Start::Index(1),
        count: 1000,
        related: Related::None,
    };
    let page = bench.store.page(&query).await.unwrap();
    assert_eq!(page.total, 500);
    assert_eq!(page.resources().len(), 500);
}
