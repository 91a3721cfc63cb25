//! Identifiers, which are UUIDs, and texts that resemble one.

use std::collections::BTreeSet;

use super::pages::query;
use super::*;

const UUID: &str = "01a22c46-f921-755b-b8f4-9d27a8e33a3a";
const GROUP: &str = "01a22c46-f921-755b-b8f4-9d27a8e33a3b";

fn ids() -> Vec<String> {
    vec![
        UUID.to_owned(),
        UUID.to_uppercase(),
        UUID.replace('-', ""),
        format!("{{{UUID}}}"),
        "a \"b\" \\".to_owned(),
        "01a22c46-f921-755b-b8f4-9d27a8e33a39".to_owned(),
    ]
}

/// A user of each id.
async fn users() -> Bench {
    let bench = Bench::new().await;
    for (n, id) in ids().iter().enumerate() {
        bench.insert(user("acme", id, &format!("user{n}@example.com"))).await.unwrap();
    }
    bench
}

async fn commit(bench: &Bench, commit: Commit) {
    bench.store.commit(commit).await.unwrap();
}

#[tokio::test]
async fn a_resource_is_found_by_its_identifier_and_by_no_other_form_of_it() {
    let bench = Bench::new().await;
    for (n, id) in ids().iter().enumerate() {
        assert_eq!(bench.version("acme", "User", id).await, None, "{id}");
        bench.insert(user("acme", id, &format!("user{n}@example.com"))).await.unwrap();
        let found = bench.store.resource("acme", "User", id, Related::None).await.unwrap();
        assert_eq!(found.unwrap().id, *id);
        let filter = format!("id eq {}", serde_json::json!(id));
        let page = bench.store.page(&query(Some(&filter), 1, 10)).await.unwrap();
        let found: Vec<_> = page.resources().map(|it| it.id).collect();
        assert_eq!(found, [id], "{filter}");
    }
    let all = bench.store.page(&query(None, 1, 10)).await.unwrap();
    assert_eq!(all.resources().map(|it| it.id.to_owned()).collect::<Vec<_>>(), ids());
    for (filter, count) in [
        ("id sw \"01a22c46-f921-755b-b8f4-9d27a8e33a\"", 2),
        ("id sw \"01a22c46-f921-755b-b8f4-9d27a8e33a3\"", 2),
        ("id sw \"01a22c46-f921-755b-b8f4-9d27a8e33a3a\"", 1),
        ("id sw \"01a22c46\"", 3),
        ("id sw \"01a22c46-\"", 2),
        ("id sw \"01A\"", 1),
        ("id sw \"01a22c46f\"", 1),
        ("id sw \"a\"", 1),
        ("id sw \"{\"", 1),
        ("id sw \"\"", 6),
        ("id ew \"9\"", 1),
        ("id co \"-F921-\"", 1),
        ("id gt \"01a22c46-f921-755b-b8f4-9d27a8e33a39\"", 4),
        ("id ne \"01a22c46-f921-755b-b8f4-9d27a8e33a39\"", 5),
        ("id pr", 6),
    ] {
        let page = bench.store.page(&query(Some(filter), 1, 10)).await.unwrap();
        assert_eq!(page.total, count, "{filter}");
    }
    for id in ids() {
        let row = user("acme", &id, "ann");
        commit(&bench, of(delete(&row))).await;
        assert_eq!(bench.version("acme", "User", &id).await, None, "{id}");
    }
}

#[tokio::test]
async fn members_and_groups_of_any_identifier_are_related() {
    let bench = users().await;
    let team = group("acme", GROUP, "team");
    bench.insert(team.clone()).await.unwrap();
    let joined: Vec<_> = ids().iter().map(|id| member("acme", GROUP, id)).collect();
    commit(&bench, Commit { joined, ..Commit::default() }).await;

    let found = bench.store.resource("acme", "Group", GROUP, Related::NamedMembers).await.unwrap();
    let found: Vec<serde_json::Value> =
        serde_json::from_str(&found.unwrap().related.unwrap()).unwrap();
    assert_eq!(found.len(), ids().len());
    for id in ids() {
        let expected = serde_json::json!({
            "value": id, "$ref": format!("/Users/{id}"), "display": format!("{id}'s name"),
            "type": "User",
        });
        assert!(found.contains(&expected), "{expected}: {found:?}");
        let groups = bench.store.resource("acme", "User", &id, Related::Groups).await.unwrap();
        let groups = groups.unwrap().related.unwrap();
        let expected = format!(
            r#"[{{"value":"{GROUP}","$ref":"/Groups/{GROUP}","display":"team","type":"direct"}}]"#
        );
        assert_eq!(groups, expected);
    }
    let all: BTreeSet<_> = ids().into_iter().collect();
    let members = bench.store.members("acme", GROUP).await.unwrap();
    assert_eq!(members.into_iter().map(|it| it.member).collect::<BTreeSet<_>>(), all);
    let people = bench.store.people("acme", Some(GROUP), &ids()).await.unwrap();
    assert!(people.iter().all(|it| it.member), "{people:?}");
    assert_eq!(people.into_iter().map(|it| it.id).collect::<BTreeSet<_>>(), all);

    let left = vec![(GROUP.to_owned(), UUID.to_owned())];
    commit(&bench, Commit { resource: Some(next(team)), left, ..Commit::default() }).await;
    let members = bench.store.members("acme", GROUP).await.unwrap();
    assert_eq!(members.len(), ids().len() - 1);
    assert!(members.iter().all(|it| it.member != UUID));
    let filter = format!("groups.value eq \"{GROUP}\"");
    let page = bench.store.page(&query(Some(&filter), 1, 10)).await.unwrap();
    assert_eq!(page.total, members.len() as u64);
}

#[tokio::test]
async fn accounts_of_any_identifier_are_walked_once() {
    let bench = users().await;
    let all: BTreeSet<_> = ids().into_iter().collect();
    let mut without = BTreeSet::new();
    let mut after: Option<String> = None;
    while let page = bench.store.users_without_account("acme", after.as_deref(), 2).await.unwrap()
        && let Some(last) = page.last()
    {
        after = Some(last.clone());
        page.into_iter().for_each(|id| assert!(without.insert(id)));
    }
    assert_eq!(without, all);

    for (n, id) in ids().iter().enumerate() {
        let user_name = format!("user{n}@example.com");
        let row = account("acme", id, Some(&format!("a{n}")));
        let row = AccountRow { doubt: true, user_name, ..row };
        commit(&bench, Commit { account: Some(row.clone()), ..Commit::default() }).await;
        assert_eq!(bench.store.account("acme", id).await.unwrap(), Some(row.clone()));
        let kind = ResourceKind::User;
        let owner = bench.store.account_owner("acme", kind, &format!("a{n}")).await.unwrap();
        assert_eq!(owner, Some((row, true)));
    }
    assert!(bench.store.users_without_account("acme", None, 9).await.unwrap().is_empty());
    let in_doubt = bench.store.in_doubt(None).await.unwrap();
    assert_eq!(in_doubt.into_iter().map(|it| it.2).collect::<BTreeSet<_>>(), all);
    let (mut walked, mut after) = (BTreeSet::new(), None::<String>);
    while let page = bench.store.accounts("acme", after.as_deref(), 2).await.unwrap()
        && let Some(last) = page.last()
    {
        after = Some(last.resource.clone());
        page.into_iter().for_each(|it| assert!(walked.insert(it.resource)));
    }
    assert_eq!(walked, all);
}

#[tokio::test]
async fn an_account_of_any_identifier_changes_and_moves() {
    let bench = users().await;
    let store = &bench.store;
    for (n, id) in ids().iter().enumerate() {
        let account_id = format!("a{n}");
        let user_name = format!("user{n}@example.com");
        let row = AccountRow { user_name, ..account("acme", id, Some(&account_id)) };
        commit(&bench, Commit { account: Some(row.clone()), ..Commit::default() }).await;
        assert!(store.doubt_account("acme", id, &account_id).await.unwrap());
        let none = AccountRow { doubt: true, stay: 1, account: None, ..row.clone() };
        commit(&bench, Commit { account: Some(none.clone()), ..Commit::default() }).await;
        assert_eq!(store.account("acme", id).await.unwrap(), Some(none));

        let row = AccountRow { stay: 1, ..row };
        commit(&bench, Commit { account: Some(row.clone()), ..Commit::default() }).await;
        commit(&bench, of(delete(&user("acme", id, "ann")))).await;
        let (kind, x) = (ResourceKind::User, format!("x-{id}"));
        let former = store.former_account("acme", kind, &row.user_name, Some(&x)).await.unwrap();
        assert_eq!(former, Some(row.clone()));

        let mut new = GROUP.to_owned();
        new.replace_range(..2, &format!("{n:02}"));
        let inserted = user("acme", &new, &format!("new{n}@example.com"));
        let moved = AccountRow {
            resource: new.clone(),
            user_name: format!("new{n}@example.com"),
            external_id: inserted.external_id.clone(),
            ..row
        };
        let resource = ResourceChange::Insert(inserted);
        let (account, moved_from) = (Some(moved.clone()), Some(id.clone()));
        commit(&bench, Commit { account, moved_from, ..of(resource) }).await;
        assert_eq!(store.account("acme", id).await.unwrap(), None);
        let owner = store.account_owner("acme", kind, &account_id).await.unwrap();
        assert_eq!(owner, Some((moved, true)));
    }
}

#[tokio::test]
async fn memberships_of_any_identifier_are_in_doubt_and_settled() {
    let bench = users().await;
    bench.insert(group("acme", GROUP, "team")).await.unwrap();
    let done = |id: String| {
        let state = OperationState::Done;
        Some(OperationRow { state, ..operation(&id, "acme", GROUP) })
    };
    for (n, id) in ids().iter().enumerate() {
        let account = Some(account("acme", id, Some(&format!("a{n}"))));
        let joined = vec![member("acme", GROUP, id)];
        commit(&bench, Commit { account, joined, ..Commit::default() }).await;
        let told = ToldMember { id: id.clone(), account: None };
        let (group, late_until) = (GROUP.to_owned(), None);
        let doubted =
            vec![DoubtedMember { group: group.clone(), member: told.clone(), late_until }];
        commit(
            &bench,
            Commit { operation: done(format!("doubted-{n}")), doubted, ..Commit::default() },
        )
        .await;
        let found = bench.store.unsettled("acme", GROUP, 10).await.unwrap();
        let found: Vec<_> = found.iter().map(|it| (it.id.as_str(), it.listed, it.doubt)).collect();
        assert_eq!(found, [(id.as_str(), true, true)]);
        let groups = bench.store.unsettled_groups(None).await.unwrap();
        assert_eq!(groups, [("acme".to_owned(), group.clone())]);
        assert_eq!(bench.store.groups_unsettled_of("acme", id).await.unwrap(), [GROUP]);

        let settled =
            vec![SettledMember { group: group.clone(), member: told, stay: None, carried: true }];
        commit(
            &bench,
            Commit { operation: done(format!("settled-{n}")), settled, ..Commit::default() },
        )
        .await;
        assert_eq!(bench.store.unsettled("acme", GROUP, 10).await.unwrap(), []);
        assert!(bench.store.groups_unsettled_of("acme", id).await.unwrap().is_empty());
        let unsettled = vec![UnsettledMember { group, member: id.clone(), carried: false }];
        commit(
            &bench,
            Commit { operation: done(format!("unsettled-{n}")), unsettled, ..Commit::default() },
        )
        .await;
        assert_eq!(bench.store.unsettled("acme", GROUP, 10).await.unwrap().len(), 1);
        commit(&bench, of(delete(&user("acme", id, "ann")))).await;
        assert_eq!(bench.store.unsettled("acme", GROUP, 10).await.unwrap(), []);
    }
}

#[tokio::test]
async fn operations_on_any_identifier_are_found_by_it() {
    use OperationState::{Done, Held, Open};
    let bench = Bench::new().await;
    for (n, id) in ids().iter().enumerate() {
        for state in [Done, Held, Open] {
            let row = OperationRow { state, ..operation(&format!("{n}-{state:?}"), "acme", id) };
            commit(&bench, Commit { operation: Some(row), ..Commit::default() }).await;
        }
        let filter = OperationFilter { resource: Some(id.clone()), ..OperationFilter::default() };
        let found = bench.store.operations(&filter).await.unwrap();
        assert_eq!(found.len(), 3, "{id}");
        assert!(found.iter().all(|it| it.resource == *id), "{found:?}");
    }
    let all: BTreeSet<_> = ids().into_iter().collect();
    let unfinished = bench.store.unfinished().await.unwrap();
    assert_eq!(unfinished.into_iter().map(|it| it.resource).collect::<BTreeSet<_>>(), all);
    let (mut held, mut after) = (BTreeSet::new(), None::<(String, String)>);
    loop {
        let place = after.as_ref().map(|(resource, id)| (resource.as_str(), id.as_str()));
        let page = bench.store.held("acme", place, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.resource.clone(), last.id.clone()));
        page.into_iter().for_each(|it| assert!(held.insert(it.resource)));
    }
    assert_eq!(held, all);
    let newer = OperationRow { state: Open, ..operation("newer", "acme", UUID) };
    let supersedes = vec![UUID.to_owned()];
    commit(&bench, Commit { operation: Some(newer), supersedes, ..Commit::default() }).await;
    let unfinished = bench.store.unfinished().await.unwrap();
    let of_uuid: Vec<_> = unfinished.iter().filter(|it| it.resource == UUID).collect();
    assert_eq!(of_uuid.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["newer"]);
}
