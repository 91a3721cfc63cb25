//! The numbers of tenants and of types of resources, which no answer shows.

use super::*;

async fn ids(bench: &Bench, tenant: &str, kind: &str) -> Vec<String> {
    let all = bench.store.all_of(tenant, kind).await.unwrap();
    all.into_iter().map(|it| it.id).collect()
}

#[tokio::test]
async fn a_tenant_that_was_looked_for_before_its_first_commit_is_found_after_it() {
    let bench = Bench::new().await;
    for tenant in ["acme", "globex"] {
        assert_eq!(bench.version(tenant, "User", "u1").await, None);
        assert_eq!(ids(&bench, tenant, "User").await, Vec::<String>::new());
        assert_eq!(bench.store.account(tenant, "u1").await.unwrap(), None);
        assert_eq!(bench.store.count_open(tenant).await.unwrap(), 0);

        let resource = Some(ResourceChange::Insert(user(tenant, "u1", "ann")));
        let account = Some(account(tenant, "u1", None));
        let operation = Some(operation(&format!("o-{tenant}"), tenant, "u1"));
        let commit = Commit { operation, resource, account, ..Commit::default() };
        bench.store.commit(commit).await.unwrap();
        assert_eq!(bench.version(tenant, "User", "u1").await, Some(1));
        assert_eq!(ids(&bench, tenant, "User").await, ["u1"]);
        let account = bench.store.account(tenant, "u1").await.unwrap();
        assert_eq!(account.map(|it| it.tenant).as_deref(), Some(tenant));
        assert_eq!(bench.store.count_open(tenant).await.unwrap(), 1);
    }
    let unfinished = bench.store.unfinished().await.unwrap();
    let tenants: Vec<_> = unfinished.iter().map(|it| it.tenant.as_str()).collect();
    assert_eq!(tenants, ["acme", "globex"]);
}

/// The number that a commit gave may be given to another tenant when the commit is undone.
#[tokio::test]
async fn a_tenant_whose_first_commit_failed_has_nothing_of_the_next_tenant() {
    let bench = Bench::new().await;
    let missing = next(user("acme", "u1", "ann"));
    let failed = bench.store.commit(of(missing)).await;
    assert!(matches!(failed, Err(CommitError::Stale)), "{failed:?}");
    bench.insert(user("globex", "u2", "bob")).await.unwrap();
    assert_eq!(ids(&bench, "acme", "User").await, Vec::<String>::new());
    assert_eq!(ids(&bench, "globex", "User").await, ["u2"]);
    bench.insert(user("acme", "u3", "cid")).await.unwrap();
    assert_eq!(ids(&bench, "acme", "User").await, ["u3"]);
    assert_eq!(ids(&bench, "globex", "User").await, ["u2"]);

    // Also among commits that share a transaction, and after a restart.
    let commits = (0..40).map(|n| {
        let row = user(&format!("t{n}"), "u", "ann");
        bench.store.commit(of(if n % 3 == 0 { next(row) } else { ResourceChange::Insert(row) }))
    });
    futures_util::future::join_all(commits).await;
    let bench = bench.reopen().await;
    for n in 0..40 {
        let expected = if n % 3 == 0 { vec![] } else { vec!["u"] };
        assert_eq!(ids(&bench, &format!("t{n}"), "User").await, expected, "{n}");
    }
}

#[tokio::test]
async fn names_of_tenants_and_of_types_do_not_meet() {
    let bench = Bench::new().await;
    let of_kind = |kind: &str, tenant: &str, id: &str| ResourceRow {
        kind: kind.to_owned(),
        user_name: None,
        ..user(tenant, id, "unnamed")
    };
    // A type that is listed in settings has a number as a tenant has.
    for (kind, tenant, id) in [
        ("User", "User", "a"),
        ("User", "Group", "b"),
        ("Group", "User", "c"),
        ("Role", "User", "d"),
        ("Role", "Role", "e"),
    ] {
        bench.insert(of_kind(kind, tenant, id)).await.unwrap();
    }
    for (kind, tenant, id) in [
        ("User", "User", Some("a")),
        ("User", "Group", Some("b")),
        ("Group", "User", Some("c")),
        ("Role", "User", Some("d")),
        ("Role", "Role", Some("e")),
        ("User", "Role", None),
        ("Group", "Group", None),
        ("Entitlement", "User", None),
    ] {
        assert_eq!(ids(&bench, tenant, kind).await, Vec::from_iter(id), "{kind} of {tenant}");
    }
    // The directory does not say that a role is a user or a group.
    let people = bench.store.people("User", None, &["a", "d"].map(str::to_owned)).await.unwrap();
    let people: Vec<_> = people.into_iter().map(|it| (it.id, it.kind)).collect();
    assert_eq!(people, [("a".to_owned(), Some(ResourceKind::User))]);
}
