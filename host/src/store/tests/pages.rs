//! Lists page by page.

use super::*;
use crate::scim::{Filter, ResourceType, Schemas, Sort};
use serde_json::Value;

pub(super) fn resource_type(name: &str) -> Arc<ResourceType> {
    Arc::clone(Schemas::standard().by_name(name).unwrap())
}

pub(super) fn query(filter: Option<&str>, start_index: u64, count: u64) -> Query {
    Query {
        tenant: "acme".to_owned(),
        resource_type: resource_type("User"),
        filter: filter.map(|it| Filter::parse(it).unwrap()),
        sort: None,
        start: Start::Index(start_index),
        count,
        related: Related::None,
    }
}

async fn ids(bench: &Bench, query: &Query) -> (u64, Vec<String>) {
    let page = bench.store.page(query).await.unwrap_or_else(|error| panic!("{error}"));
    (page.total, page.resources().map(|it| it.id.to_owned()).collect())
}

/// The resources that a walk through a list in steps has seen.
async fn walk(bench: &Bench, filter: Option<&str>, step: u64) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let start = seen.len() as u64 + 1;
        let (total, page) = ids(bench, &query(filter, start, step)).await;
        if page.is_empty() {
            assert_eq!(seen.len() as u64, total);
            return seen;
        }
        assert!(page.len() as u64 == step || seen.len() + page.len() == total as usize);
        seen.extend(page);
    }
}

/// One after the other, so that the order is known.
async fn users_in_order(bench: &Bench, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let id = format!("u{n:05}");
        bench.insert(user("acme", &id, &format!("user{n}@example.com"))).await.unwrap();
        ids.push(id);
    }
    ids
}

#[tokio::test]
async fn pages_are_in_the_order_of_creation_and_bounded() {
    let bench = Bench::new().await;
    let all = users_in_order(&bench, 10).await;
    bench.insert(group("acme", "g1", "staff")).await.unwrap();
    bench.insert(user("globex", "u1", "else")).await.unwrap();
    let check = async |start, count, expected: &[String]| {
        let found = ids(&bench, &query(None, start, count)).await;
        assert_eq!(found, (10, expected.to_vec()), "{start} {count}");
    };
    check(1, 4, &all[..4]).await;
    check(0, 4, &all[..4]).await;
    check(5, 4, &all[4..8]).await;
    check(9, 4, &all[8..]).await;
    check(11, 4, &[]).await;
    check(u64::MAX, u64::MAX, &[]).await;
    check(3, u64::MAX, &all[2..]).await;
    check(1, 0, &[]).await;
}

#[tokio::test]
async fn a_walk_sees_every_resource_once() {
    let bench = Bench::new().await;
    let all = users_in_order(&bench, 23).await;
    let filter = Some("userName co \"1\"");
    let some: Vec<String> =
        (0..23).filter(|n| n.to_string().contains('1')).map(|n: usize| all[n].clone()).collect();
    for step in [1, 5, 23, 100] {
        assert_eq!(walk(&bench, None, step).await, all, "{step}");
        assert_eq!(walk(&bench, filter, step).await, some, "{step}");
    }
}

#[tokio::test]
async fn a_place_that_moved_is_forgotten() {
    let bench = Bench::new().await;
    let all = users_in_order(&bench, 10).await;
    for filter in [None, Some("emails pr")] {
        ids(&bench, &query(filter, 1, 3)).await;
    }
    let first = user("acme", &all[0], "user0@example.com");
    bench.store.commit(of(delete(&first))).await.unwrap();
    for filter in [None, Some("emails pr")] {
        let found = ids(&bench, &query(filter, 4, 3)).await;
        assert_eq!(found, (9, all[4..7].to_vec()), "{filter:?}");
    }
    // A resource that stops matching moves the places in a filtered list as well.
    let mut second = user("acme", &all[1], "user1@example.com");
    second.emails.clear();
    second.document = format!("{{\"id\":\"{}\"}}", all[1]);
    bench.store.commit(of(next(second))).await.unwrap();
    let found = ids(&bench, &query(Some("emails pr"), 4, 3)).await;
    assert_eq!(found, (8, all[5..8].to_vec()));
}

#[tokio::test]
async fn a_user_name_is_found_with_its_groups() {
    let bench = Bench::new().await;
    users_in_order(&bench, 2).await;
    bench.insert(group("acme", "g1", "staff")).await.unwrap();
    let joins = Commit { joined: vec![member("acme", "g1", "u00001")], ..Commit::default() };
    bench.store.commit(joins).await.unwrap();
    for filter in
        ["userName eq \"USER1@example.com\"", "userName eq \"user1@example.com\" and id pr"]
    {
        let query = Query { related: Related::Groups, ..query(Some(filter), 1, 10) };
        let page = bench.store.page(&query).await.unwrap();
        assert_eq!(page.total, 1, "{filter}");
        let groups = page.resources().next().unwrap().related.unwrap();
        assert!(groups.contains("\"staff\""), "{filter}: {groups}");
    }
    assert_eq!(ids(&bench, &query(Some("userName eq \"x\""), 1, 10)).await, (0, vec![]));
    let name = "userName eq \"user1@example.com\"";
    assert_eq!(ids(&bench, &query(Some(name), 2, 10)).await, (1, vec![]));
    assert_eq!(ids(&bench, &query(Some(name), 1, 0)).await, (1, vec![]));
}

#[tokio::test]
async fn totals_follow_what_comes_and_goes() {
    let bench = Bench::new().await;
    bench.users("acme", 5).await;
    let leaver = user("acme", "u00003", "user3@example.com");
    bench.store.commit(of(delete(&leaver))).await.unwrap();
    let failed = bench.insert(user("acme", "u9", "user1@example.com")).await;
    assert!(matches!(failed, Err(CommitError::NameTaken)), "{failed:?}");
    assert_eq!(ids(&bench, &query(None, 1, 0)).await.0, 4);
    assert_eq!(ids(&bench, &query(Some("id pr"), 1, 0)).await.0, 4);
}

/// Something like what clients send, as the planner sees it.
async fn plan(bench: &Bench, query: &Query) -> String {
    plan_after(bench, query, None).await
}

async fn plan_after(bench: &Bench, query: &Query, after: Option<&Bookmark>) -> String {
    let condition = query
        .filter
        .as_ref()
        .map(|filter| filter::condition(filter, &query.resource_type, 2).unwrap());
    let order = page::Order::of(query.sort.as_ref(), &query.resource_type, 2).unwrap();
    let window = page::Window { after, skip: 0, limit: 10 };
    let list = range::ListKey { tenant: 2, kind: 0 };
    let listed = page::Listed { list, related: query.related };
    let select = match page::Plan::of(listed, condition.as_ref(), &order, window) {
        page::Plan::InOrder { rows, .. } => rows,
        page::Plan::Ranged { .. } => panic!("{query:?}"),
        page::Plan::Counted { matches, .. } | page::Plan::Sorted { matches, .. } => matches,
    };
    super::plan(bench, &select.sql, select.values).await
}

/// What clients filter by is found by an index, never by going through all resources.
#[tokio::test]
async fn what_clients_filter_by_is_indexed() {
    let bench = Bench::new().await;
    for (kind, filter, index) in [
        ("User", "userName eq \"a\" and active eq true", "resource_user_name"),
        ("User", "externalId eq \"a\"", "resource_external_id"),
        ("User", "id eq \"a\"", "resource_id"),
        ("User", "id sw \"x\"", "resource_id (tenant=? AND id>? AND id<?)"),
        ("User", "id sw \"01a22c46-\"", "MULTI-INDEX OR"),
        ("User", "emails.value eq \"a\"", "e USING PRIMARY KEY (tenant=? AND address_key=?)"),
        ("User", "emails.value eq \"a\"", "n USING INDEX resource_user_name"),
        (
            "User",
            "emails eq \"a\" and active eq true",
            "e USING PRIMARY KEY (tenant=? AND address_key=?)",
        ),
        (
            // `tests/fixtures/conversations/entra/look-up.json`
            "User",
            "emails[type eq \"work\"].value eq \"a\"",
            "e USING PRIMARY KEY (tenant=? AND address_key=?)",
        ),
        ("User", "userName sw \"a\"", "resource_user_name"),
        ("User", "userName eq \"a\" or emails.value eq \"a\"", "MULTI-INDEX OR"),
        ("User", "userName eq \"a\" or externalId eq \"a\"", "MULTI-INDEX OR"),
        ("User", "displayName eq \"a\"", "resource_display_name"),
        ("User", "active eq false", "resource_inactive"),
        (
            "User",
            "active eq false and meta.lastModified gt \"2026-11-22T08:00:00Z\"",
            "resource_inactive (tenant=? AND kind=? AND last_modified>?)",
        ),
        (
            "User",
            "meta.lastModified ge \"2026-11-22T08:00:00Z\"",
            "resource_changed (tenant=? AND kind=? AND last_modified>?)",
        ),
        ("User", "groups.value eq \"a\"", "m USING PRIMARY KEY (tenant=? AND group_id=?)"),
        ("Group", "displayName eq \"a\"", "resource_display_name"),
        ("Group", "id eq \"a\" and members eq \"b\"", "resource_id"),
        ("Group", "members.value eq \"a\"", "member_of"),
        ("Group", "members[value eq \"a\"]", "member_of"),
        ("Group", "externalId eq \"a\"", "resource_external_id"),
    ] {
        let query = Query { resource_type: resource_type(kind), ..query(Some(filter), 1, 10) };
        let plan = plan(&bench, &query).await;
        let scans = plan.lines().any(|it| it.starts_with("SCAN r") && !it.contains("hit"));
        let ordered = plan.contains("resource_order");
        assert!(plan.contains(index) && !scans && !ordered, "{filter}:\n{plan}");
    }
}

#[tokio::test]
async fn a_page_without_a_filter_is_read_in_order() {
    let bench = Bench::new().await;
    let plan = plan(&bench, &query(None, 1, 10)).await;
    assert!(plan.contains("resource_order (tenant=? AND kind=?)"), "{plan}");
    assert!(!plan.contains("B-TREE"), "{plan}");
}

/// What has an index is read in its order, from wherever a walk has come to.
#[tokio::test]
async fn a_sorted_page_without_a_filter_is_read_in_order() {
    let bench = Bench::new().await;
    let mark = |key: &str| serde_json::json!({ "total": 9, "seq": 5, "key": key });
    for (by, index) in [
        ("userName", "resource_user_name (tenant=? AND kind=?"),
        ("meta.lastModified", "resource_changed (tenant=? AND kind=?"),
    ] {
        for descending in [false, true] {
            let by = crate::scim::AttributePath::parse(by).unwrap();
            let query = Query { sort: Some(Sort { by, descending }), ..query(None, 1, 10) };
            let after: Bookmark = serde_json::from_value(mark("x")).unwrap();
            for after in [None, Some(&after)] {
                let plan = plan_after(&bench, &query, after).await;
                assert!(plan.contains(index) && !plan.contains("B-TREE"), "{query:?}\n{plan}");
            }
        }
    }
}

/// A walk through many matches goes on from its place; a walk through few finds all of them again.
#[tokio::test]
async fn a_long_walk_with_a_filter_goes_on_in_order() {
    let bench = Bench::new().await;
    let filter = "meta.lastModified ge \"2026-11-22T08:00:00Z\"";
    for (total, index) in [(100_000, "resource_order"), (100, "resource_changed")] {
        let mark = serde_json::json!({ "total": total, "seq": 5, "key": null });
        let after: Bookmark = serde_json::from_value(mark).unwrap();
        let plan = plan_after(&bench, &query(Some(filter), 1, 10), Some(&after)).await;
        assert!(plan.contains(index), "{total}:\n{plan}");
    }
}

/// RFC 7644 §3.4.2.2 and §3.12: what cannot be answered within bounds is refused.
#[tokio::test]
async fn a_query_that_looks_at_too_much_is_refused_and_harms_no_other() {
    let bench = Bench::new().await;
    for n in 0..40 {
        let mut row = user("acme", &format!("u{n}"), &format!("u{n}"));
        let mut document: Value = serde_json::from_str(&row.document).unwrap();
        document["emails"] =
            (0..1000).map(|n| serde_json::json!({ "value": n.to_string() })).collect();
        row.document = document.to_string();
        bench.insert(row).await.unwrap();
    }
    let conditions: Vec<_> = (0..200).map(|n| format!("value co \"x{n}\"")).collect();
    let filter = format!("emails[{}]", conditions.join(" or "));
    let refused = bench.store.page(&query(Some(&filter), 1, 10)).await;
    let Err(QueryError::Unsupported(error)) = refused else { panic!("{refused:?}") };
    assert_eq!((error.status, error.scim_type), (400, Some(crate::scim::ScimType::TooMany)));
    assert_eq!(ids(&bench, &query(Some("emails.value co \"999\""), 1, 0)).await.0, 40);
    assert_eq!(ids(&bench, &query(None, 1, 100)).await.1.len(), 40);
}
