//! Groups and who is in them.

use super::*;

async fn related(bench: &Bench, kind: &str, id: &str, related: Related) -> serde_json::Value {
    let found = bench.store.resource("acme", kind, id, related).await.unwrap().unwrap();
    serde_json::from_str(&found.related.unwrap()).unwrap()
}

fn joins(members: &[&str]) -> Commit {
    let joined = members.iter().map(|it| member("acme", "g1", it)).collect();
    Commit { joined, ..Commit::default() }
}

fn leaves(row: &ResourceRow, members: &[&str]) -> Commit {
    let left = members.iter().map(|it| (row.id.clone(), (*it).to_owned())).collect();
    Commit { resource: Some(next(row.clone())), left, ..Commit::default() }
}

#[tokio::test]
async fn members_and_groups_are_read_along() {
    let bench = Bench::new().await;
    bench.users("acme", 3).await;
    let row = group("acme", "g1", "Staff \"A\"");
    bench.insert(row.clone()).await.unwrap();
    assert_eq!(related(&bench, "Group", "g1", Related::Members).await, serde_json::json!([]));
    assert_eq!(related(&bench, "User", "u00000", Related::Groups).await, serde_json::json!([]));
    let mut commit = joins(&["u00002", "u00000"]);
    commit.joined[0].display = None;
    bench.store.commit(commit).await.unwrap();
    assert_eq!(
        related(&bench, "Group", "g1", Related::Members).await,
        serde_json::json!([
            { "value": "u00000", "$ref": "/Users/u00000", "type": "User" },
            { "value": "u00002", "$ref": "/Users/u00002", "type": "User" },
        ])
    );
    assert_eq!(
        related(&bench, "Group", "g1", Related::NamedMembers).await[0]["display"],
        "u00000's name"
    );
    assert_eq!(
        related(&bench, "User", "u00002", Related::Groups).await,
        serde_json::json!([{
            "value": "g1", "$ref": "/Groups/g1", "display": "Staff \"A\"", "type": "direct",
        }])
    );
    bench.store.commit(leaves(&row, &["u00002", "unknown"])).await.unwrap();
    assert_eq!(related(&bench, "User", "u00002", Related::Groups).await, serde_json::json!([]));
    let ids = ["u00000", "u00001", "u00002", "x"].map(str::to_owned);
    let people = bench.store.people("acme", Some("g1"), &ids).await.unwrap();
    let present: Vec<&str> = people.iter().filter(|it| it.member).map(|it| &*it.id).collect();
    assert_eq!((people.len(), &present[..]), (3, &["u00000"][..]));
    let members = bench.store.members("acme", "g1").await.unwrap();
    assert_eq!(members, [member("acme", "g1", "u00000")]);
}

#[tokio::test]
async fn a_deleted_user_leaves_all_groups_and_a_deleted_group_all_members() {
    let bench = Bench::new().await;
    bench.users("acme", 3).await;
    let row = group("acme", "g1", "staff");
    bench.insert(row.clone()).await.unwrap();
    bench.store.commit(joins(&["u00000", "u00001"])).await.unwrap();
    let leaver = user("acme", "u00000", "user0@example.com");
    bench.store.commit(of(delete(&leaver))).await.unwrap();
    let members = bench.store.members("acme", "g1").await.unwrap();
    assert_eq!(members, [member("acme", "g1", "u00001")]);
    bench.store.commit(of(delete(&row))).await.unwrap();
    assert_eq!(bench.store.members("acme", "g1").await.unwrap(), []);
    assert_eq!(related(&bench, "User", "u00001", Related::Groups).await, serde_json::json!([]));
}

#[tokio::test]
async fn an_unknown_resource_does_not_join_a_group() {
    let bench = Bench::new().await;
    bench.users("acme", 1).await;
    let row = group("acme", "g1", "staff");
    bench.insert(row.clone()).await.unwrap();
    let mut commit = joins(&["u00000", "unknown"]);
    commit.resource = Some(next(row));
    let result = bench.store.commit(commit).await;
    assert!(matches!(result, Err(CommitError::Stale)), "{result:?}");
    assert_eq!(bench.store.members("acme", "g1").await.unwrap(), []);
    assert_eq!(bench.version("acme", "Group", "g1").await, Some(1));
}

#[tokio::test]
async fn joining_twice_is_joining_once() {
    let bench = Bench::new().await;
    bench.users("acme", 1).await;
    bench.insert(group("acme", "g1", "staff")).await.unwrap();
    bench.store.commit(joins(&["u00000"])).await.unwrap();
    let mut again = joins(&["u00000"]);
    again.joined[0].display = Some("new".to_owned());
    bench.store.commit(again).await.unwrap();
    let members = bench.store.members("acme", "g1").await.unwrap();
    let displays: Vec<_> = members.iter().map(|it| it.display.as_deref()).collect();
    assert_eq!(displays, [Some("new")]);
}

#[tokio::test]
async fn members_who_join_at_once_all_join() {
    let bench = Bench::new().await;
    bench.users("acme", 300).await;
    let row = group("acme", "g1", "staff");
    bench.insert(row.clone()).await.unwrap();
    // Each commit follows on the version of the one before, which is still in flight.
    for start in (0..300).step_by(20) {
        let commits = (start..start + 20).map(|n| {
            let mut commit = joins(&[&format!("u{n:05}")]);
            commit.resource = Some(next(ResourceRow { version: 1 + n, ..row.clone() }));
            bench.store.commit(commit)
        });
        for result in futures_util::future::join_all(commits).await {
            result.unwrap();
        }
    }
    assert_eq!(bench.store.members("acme", "g1").await.unwrap().len(), 300);
    assert_eq!(bench.version("acme", "Group", "g1").await, Some(301));
}

#[tokio::test]
async fn hundreds_join_in_one_commit() {
    let bench = Bench::new().await;
    bench.users("acme", 700).await;
    bench.insert(group("acme", "g1", "staff")).await.unwrap();
    let ids: Vec<String> = (0..700).map(|n| format!("u{n:05}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    bench.store.commit(joins(&ids)).await.unwrap();
    assert_eq!(bench.store.members("acme", "g1").await.unwrap().len(), 700);
}

#[tokio::test]
async fn people_are_users_and_groups_with_their_accounts() {
    let bench = Bench::new().await;
    bench.users("acme", 2).await;
    bench.insert(group("acme", "g1", "Staff")).await.unwrap();
    let commit =
        Commit { account: Some(account("acme", "u00001", Some("a1"))), ..Commit::default() };
    bench.store.commit(commit).await.unwrap();
    let ids = ["u00000", "u00001", "g1", "unknown"].map(str::to_owned);
    let person = |id: &str, name: &str, kind, account| Person {
        id: id.to_owned(),
        name: name.to_owned(),
        kind: Some(kind),
        has_account_row: id == "u00001",
        account,
        active: true,
        in_doubt: false,
        stay: 0,
        member: false,
        unsettled: None,
    };
    let known = account("acme", "u00001", Some("a1")).account;
    let mut expected = [
        person("g1", "Staff", ResourceKind::Group, None),
        person("u00000", "user0@example.com", ResourceKind::User, None),
        person("u00001", "user1@example.com", ResourceKind::User, known),
    ];
    let people = async |group: Option<&str>| {
        let mut people = bench.store.people("acme", group, &ids).await.unwrap();
        people.sort_by(|a, b| a.id.cmp(&b.id));
        people
    };
    assert_eq!(people(None).await, expected);
    assert_eq!(people(Some("g1")).await, expected);
    bench.store.commit(joins(&["u00001"])).await.unwrap();
    assert_eq!(people(None).await, expected);
    expected[2].member = true;
    assert_eq!(people(Some("g1")).await, expected);
    let mut account = account("acme", "u00001", Some("a1"));
    (account.doubt, account.stay) = (true, 3);
    let member = ToldMember { id: "u00001".to_owned(), account: None };
    let doubted = DoubtedMember { group: "g1".to_owned(), member, late_until: None };
    let mut left = user("acme", "u00000", "user0@example.com");
    left.active = false;
    let resource = Some(next(left));
    let (account, doubted) = (Some(account), vec![doubted]);
    let commit = Commit { resource, account, doubted, ..Commit::default() };
    bench.store.commit(commit).await.unwrap();
    expected[1].active = false;
    (expected[2].in_doubt, expected[2].stay) = (true, 3);
    expected[2].unsettled = Some((true, true));
    assert_eq!(people(Some("g1")).await, expected);
    (expected[2].member, expected[2].unsettled) = (false, None);
    assert_eq!(people(None).await, expected);
}
