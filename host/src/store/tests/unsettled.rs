//! Memberships that the app has unlike the directory.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const NOW: &str = "2026-11-22T08:30:00.000Z";
const PAST: &str = "2026-11-22T08:29:00.000Z";
const AHEAD: &str = "2026-11-22T08:31:00.000Z";

/// A group `g1` with the user `u00000`, and an empty group `g2`, in a tenant of two users that
/// have accounts.
async fn groups() -> Bench {
    let bench = Bench::new().await;
    bench.users("acme", 2).await;
    for id in ["g1", "g2"] {
        bench.insert(group("acme", id, id)).await.unwrap();
    }
    for (n, id) in ["u00000", "u00001"].into_iter().enumerate() {
        let account = account("acme", id, Some(&format!("a{n}")));
        bench.store.commit(Commit { account: Some(account), ..Commit::default() }).await.unwrap();
    }
    let joined = vec![member("acme", "g1", "u00000")];
    bench.store.commit(Commit { joined, ..Commit::default() }).await.unwrap();
    bench
}

/// A commit of a new operation on `g1`.
fn commit() -> Commit {
    static COMMITS: AtomicU32 = AtomicU32::new(0);
    let id = format!("c{}", COMMITS.fetch_add(1, Ordering::Relaxed));
    let row = OperationRow { state: OperationState::Done, ..operation(&id, "acme", "g1") };
    Commit { operation: Some(row), now: Some(NOW.to_owned()), ..Commit::default() }
}

fn unsettled(group: &str, member: &str, carried: bool) -> UnsettledMember {
    UnsettledMember { group: group.to_owned(), member: member.to_owned(), carried }
}

fn told(member: &str, account: Option<&str>) -> ToldMember {
    ToldMember { id: member.to_owned(), account: account.map(str::to_owned) }
}

fn doubted(group: &str, member: &str, late_until: Option<&str>) -> DoubtedMember {
    let late_until = late_until.map(str::to_owned);
    DoubtedMember { group: group.to_owned(), member: told(member, None), late_until }
}

fn settled(group: &str, member: &str, stay: Option<i64>, carried: bool) -> SettledMember {
    SettledMember { group: group.to_owned(), member: told(member, None), stay, carried }
}

/// A member, whether it is carried, whether that is in doubt, and until when it is late.
type Known = (String, bool, bool, Option<String>);

fn known(member: &str, carried: bool, doubt: bool, late_until: Option<&str>) -> Known {
    (member.to_owned(), carried, doubt, late_until.map(str::to_owned))
}

impl Bench {
    async fn write(&self, commit: Commit) {
        self.store.commit(commit).await.unwrap();
    }

    async fn known(&self, group: &str) -> Vec<Known> {
        let people = self.store.unsettled("acme", group, 10).await.unwrap();
        people.into_iter().map(|it| (it.id, it.carried, it.doubt, it.late_until)).collect()
    }
}

#[tokio::test]
async fn what_differs_is_kept_and_what_agrees_is_not() {
    let bench = groups().await;
    let differ = || {
        vec![
            unsettled("g1", "u00000", false),
            unsettled("g1", "u00001", true),
            unsettled("g2", "u00000", false),
        ]
    };
    bench.write(Commit { unsettled: differ(), ..commit() }).await;
    let both = [known("u00000", false, false, None), known("u00001", true, false, None)];
    assert_eq!(bench.known("g1").await, both);
    assert_eq!(bench.known("g2").await, [], "neither has it");
    // What is known already stays, and changes of members are looked at first.
    let opposite = vec![unsettled("g1", "u00000", true)];
    bench.write(Commit { unsettled: opposite, ..commit() }).await;
    assert_eq!(bench.known("g1").await, both);
    let left = vec![("g1".to_owned(), "u00000".to_owned())];
    let joined = vec![member("acme", "g2", "u00000")];
    bench.write(Commit { unsettled: differ(), left, joined, ..commit() }).await;
    assert_eq!(bench.known("g1").await, both[1..]);
    assert_eq!(bench.known("g2").await, both[..1]);
}

#[tokio::test]
async fn a_doubted_membership_is_in_doubt_until_the_later_moment() {
    let bench = groups().await;
    let late = async |until: Option<&str>| {
        let list = vec![doubted("g1", "u00000", until), doubted("g2", "u00000", until)];
        bench.write(Commit { doubted: list, ..commit() }).await;
        (bench.known("g1").await, bench.known("g2").await)
    };
    let expected = |until| {
        (vec![known("u00000", true, true, until)], vec![known("u00000", false, true, until)])
    };
    assert_eq!(late(None).await, expected(None));
    assert_eq!(late(Some(NOW)).await, expected(Some(NOW)));
    assert_eq!(late(Some(PAST)).await, expected(Some(NOW)));
    assert_eq!(late(Some(AHEAD)).await, expected(Some(AHEAD)));
    assert_eq!(late(None).await, expected(Some(AHEAD)));
}

#[tokio::test]
async fn a_settled_membership_agrees_if_nothing_has_changed_since() {
    let bench = groups().await;
    let settle = async |list: Vec<SettledMember>| {
        bench.write(Commit { settled: list, ..commit() }).await;
        bench.known("g1").await
    };
    let doubt = async |late_until| {
        let doubted = vec![doubted("g1", "u00000", late_until)];
        bench.write(Commit { doubted, ..commit() }).await;
    };
    // As the directory has it: nothing is kept, whatever was known.
    assert_eq!(settle(vec![settled("g1", "u00000", Some(0), true)]).await, []);
    doubt(None).await;
    assert_eq!(settle(vec![settled("g1", "u00000", None, true)]).await, []);
    // Unlike the directory: it differs, without doubt.
    doubt(None).await;
    let differs = [known("u00000", false, false, None), known("u00001", true, false, None)];
    let list =
        || vec![settled("g1", "u00000", Some(0), false), settled("g1", "u00001", None, true)];
    assert_eq!(settle(list()).await, differs);
    let agree = vec![settled("g1", "u00000", None, true), settled("g1", "u00001", None, false)];
    assert_eq!(settle(agree).await, []);
    // The person may have lost their groups since then.
    let account = AccountRow { stay: 1, ..account("acme", "u00000", Some("a0")) };
    bench.write(Commit { account: Some(account), ..Commit::default() }).await;
    let doubtful = [known("u00000", true, true, None)];
    assert_eq!(settle(vec![settled("g1", "u00000", Some(0), true)]).await, doubtful);
    assert_eq!(settle(vec![settled("g1", "u00000", Some(1), true)]).await, []);
}

#[tokio::test]
async fn a_membership_stays_in_doubt_while_a_late_call_is_possible() {
    let bench = groups().await;
    let settle = async |now: Option<&str>, late_until| {
        let doubted = vec![doubted("g1", "u00000", late_until)];
        bench.write(Commit { doubted, ..commit() }).await;
        let settled = vec![settled("g1", "u00000", None, true)];
        bench.write(Commit { settled, now: now.map(str::to_owned), ..commit() }).await;
        bench.known("g1").await
    };
    assert_eq!(settle(Some(NOW), Some(PAST)).await, []);
    let late = [known("u00000", true, true, Some(AHEAD))];
    assert_eq!(settle(Some(NOW), Some(AHEAD)).await, late);
    assert_eq!(settle(None, None).await, late, "without a time it is possible");
    assert_eq!(settle(Some(AHEAD), None).await, []);
}

#[tokio::test]
async fn a_settled_membership_is_compared_after_the_members_of_its_commit_have_changed() {
    let bench = groups().await;
    let commit = Commit {
        resource: Some(next(group("acme", "g1", "g1"))),
        joined: vec![member("acme", "g1", "u00001")],
        left: vec![("g1".to_owned(), "u00000".to_owned())],
        settled: vec![
            settled("g1", "u00000", Some(0), false),
            settled("g1", "u00001", Some(0), true),
        ],
        ..commit()
    };
    bench.write(commit).await;
    assert_eq!(bench.known("g1").await, []);
    let members = bench.store.members("acme", "g1").await.unwrap();
    assert_eq!(members, [member("acme", "g1", "u00001")]);
}

/// A commit of an operation on the user `u00000`.
fn of_person(groups: PersonGroups) -> Commit {
    let row = OperationRow { state: OperationState::Done, ..operation("o2", "acme", "u00000") };
    Commit {
        operation: Some(row),
        account: Some(account("acme", "u00000", Some("a0"))),
        person_groups: Some(groups),
        now: Some(NOW.to_owned()),
        ..Commit::default()
    }
}

#[tokio::test]
async fn the_groups_of_an_account_that_lost_them_are_in_doubt() {
    let bench = groups().await;
    for id in ["g3", "g4"] {
        bench.insert(group("acme", id, id)).await.unwrap();
    }
    let joined = vec![member("acme", "g3", "u00000"), member("acme", "g1", "u00001")];
    bench.write(Commit { joined, ..Commit::default() }).await;
    // The directory has the person in g1 and g3, the app may have them in all.
    let doubted = vec![
        doubted("g1", "u00000", Some(PAST)),
        doubted("g3", "u00000", Some(AHEAD)),
        doubted("g4", "u00000", Some(AHEAD)),
    ];
    let unsettled = vec![unsettled("g2", "u00000", true)];
    bench.write(Commit { doubted, unsettled, ..commit() }).await;
    bench.write(of_person(PersonGroups::Lost)).await;
    assert_eq!(bench.known("g1").await, [known("u00000", false, true, Some(PAST))]);
    assert_eq!(bench.known("g2").await, [known("u00000", false, true, None)]);
    assert_eq!(bench.known("g3").await, [known("u00000", false, true, Some(AHEAD))]);
    assert_eq!(bench.known("g4").await, [known("u00000", false, true, Some(AHEAD))]);
}

#[tokio::test]
async fn a_membership_that_an_inactive_person_has_lost_asks_for_nothing() {
    let bench = groups().await;
    let mut row = user("acme", "u00000", "user0@example.com");
    row.active = false;
    let leaves = Commit { resource: Some(next(row.clone())), ..of_person(PersonGroups::Lost) };
    bench.write(leaves).await;
    assert_eq!(bench.known("g1").await, []);
    assert_eq!(bench.store.unsettled_groups(None).await.unwrap(), []);
    let groups = bench.store.groups_unsettled_of("acme", "u00000").await.unwrap();
    assert_eq!(groups, ["g1"]);
    let ids = ["u00000".to_owned()];
    let people = bench.store.people("acme", Some("g1"), &ids).await.unwrap();
    assert_eq!((people[0].member, people[0].unsettled), (true, Some((false, true))));
    (row.active, row.version) = (true, 2);
    bench.write(of(next(row))).await;
    assert_eq!(bench.known("g1").await, [known("u00000", false, true, None)]);
    let group = [("acme".to_owned(), "g1".to_owned())];
    assert_eq!(bench.store.unsettled_groups(Some("acme")).await.unwrap(), group);
}

#[tokio::test]
async fn a_person_who_is_deleted_is_forgotten_unless_the_app_kept_their_groups() {
    for kept in [true, false] {
        let bench = groups().await;
        bench.insert(group("acme", "g3", "g3")).await.unwrap();
        let joined = vec![member("acme", "g2", "u00000")];
        let unsettled = vec![unsettled("g2", "u00000", false), unsettled("g3", "u00000", true)];
        bench.write(Commit { joined, unsettled, ..commit() }).await;
        let mut commit = of_person(PersonGroups::Kept);
        commit.resource = Some(delete(&user("acme", "u00000", "user0@example.com")));
        commit.person_groups = kept.then_some(PersonGroups::Kept);
        bench.write(commit).await;
        let row = |doubt| if kept { vec![known("u00000", true, doubt, None)] } else { Vec::new() };
        assert_eq!(bench.known("g1").await, row(true));
        assert_eq!(bench.known("g2").await, [], "the app did not have it");
        assert_eq!(bench.known("g3").await, row(false));
        assert_eq!(bench.store.members("acme", "g1").await.unwrap(), []);
        let groups = bench.store.groups_unsettled_of("acme", "u00000").await.unwrap();
        assert_eq!(groups, if kept { vec!["g1", "g3"] } else { Vec::new() });
    }
}

#[tokio::test]
async fn a_group_that_is_deleted_is_forgotten() {
    let bench = groups().await;
    let list = vec![unsettled("g1", "u00000", false), unsettled("g2", "u00001", true)];
    bench.write(Commit { unsettled: list, ..commit() }).await;
    bench.write(of(delete(&group("acme", "g1", "g1")))).await;
    let left = [("acme".to_owned(), "g2".to_owned())];
    assert_eq!(bench.store.unsettled_groups(None).await.unwrap(), left);
}

#[tokio::test]
async fn an_account_moves_to_another_resource_with_what_is_known_of_its_memberships() {
    let bench = groups().await;
    let gone = user("acme", "u00000", "user0@example.com");
    let commit = Commit { resource: Some(delete(&gone)), ..of_person(PersonGroups::Kept) };
    bench.write(commit).await;
    let taken = Commit { account: Some(account("acme", "u9", Some("a0"))), ..Commit::default() };
    let result = bench.store.commit(taken.clone()).await;
    assert!(matches!(result, Err(CommitError::AccountTaken)), "{result:?}");
    let moved = Commit { moved_from: Some("u00000".to_owned()), ..taken };
    bench.write(moved).await;
    assert_eq!(bench.store.account("acme", "u00000").await.unwrap(), None);
    let (row, exists) =
        bench.store.account_owner("acme", ResourceKind::User, "a0").await.unwrap().unwrap();
    assert_eq!((&*row.resource, exists), ("u9", false));
    assert_eq!(bench.known("g1").await, [known("u9", true, true, None)]);
}

#[tokio::test]
async fn a_membership_that_the_app_was_told_of_is_the_accounts_and_moves_with_it() {
    let bench = groups().await;
    let gone = user("acme", "u00000", "user0@example.com");
    bench.write(Commit { resource: Some(delete(&gone)), ..of_person(PersonGroups::Kept) }).await;
    let member = || told("u00000", Some("a0"));
    let doubt =
        |group: &str| DoubtedMember { group: group.to_owned(), member: member(), late_until: None };
    let settle = |group: &str, carried| SettledMember {
        group: group.to_owned(),
        member: member(),
        stay: Some(0),
        carried,
    };
    // While the account has no other resource, the membership is the former one's.
    bench.write(Commit { doubted: vec![doubt("g2")], ..commit() }).await;
    let of_former = bench.store.groups_unsettled_of("acme", "u00000").await.unwrap();
    assert_eq!(of_former, ["g1", "g2"]);
    let moved = Commit {
        account: Some(account("acme", "u9", Some("a0"))),
        moved_from: Some("u00000".to_owned()),
        ..Commit::default()
    };
    bench.write(moved).await;
    assert_eq!(bench.known("g2").await, [known("u9", false, true, None)]);
    // A call that was under way during the move: in doubt, since it may have come before or after it.
    bench.write(Commit { settled: vec![settle("g2", true)], ..commit() }).await;
    assert_eq!(bench.known("g2").await, [known("u9", true, true, None)]);
    bench.write(Commit { settled: vec![settle("g3", true)], ..commit() }).await;
    assert_eq!(bench.known("g3").await, [known("u9", true, true, None)]);
    bench.write(Commit { doubted: vec![doubt("g4")], ..commit() }).await;
    assert_eq!(bench.known("g4").await, [known("u9", false, true, None)]);
    let left = bench.store.groups_unsettled_of("acme", "u00000").await.unwrap();
    assert_eq!(left, [] as [String; 0]);
}

#[tokio::test]
async fn the_account_of_a_group_moves_with_what_is_known_of_its_members() {
    let bench = groups().await;
    let team = |group| {
        let account = account("acme", group, Some("t0"));
        Some(AccountRow { kind: ResourceKind::Group, ..account })
    };
    let unsettled = vec![unsettled("g0", "u00000", true)];
    bench.write(Commit { account: team("g0"), unsettled, ..commit() }).await;
    let moved_from = Some("g0".to_owned());
    bench.write(Commit { account: team("g2"), moved_from, ..Commit::default() }).await;
    assert_eq!(bench.known("g0").await, []);
    assert_eq!(bench.known("g2").await, [known("u00000", true, false, None)]);
}

#[tokio::test]
async fn unsettled_people_are_listed_with_what_is_known_of_them() {
    let bench = groups().await;
    let list = vec![
        unsettled("g1", "u00000", false),
        unsettled("g1", "u00001", true),
        unsettled("g1", "gone", true),
    ];
    bench.write(Commit { unsettled: list, ..commit() }).await;
    let mut inactive = user("acme", "u00001", "user1@example.com");
    inactive.active = false;
    let mut row = account("acme", "u00001", Some("a1"));
    (row.stay, row.doubt) = (4, true);
    bench.write(Commit { account: Some(row.clone()), ..of(next(inactive)) }).await;
    let person = UnsettledPerson {
        id: "u00000".to_owned(),
        name: "user0@example.com".to_owned(),
        kind: Some(ResourceKind::User),
        account: account("acme", "u00000", Some("a0")).account,
        stay: 0,
        listed: true,
        carried: false,
        doubt: false,
        late_until: None,
    };
    // Who is gone, inactive or in doubt cannot be told of.
    let expected = [person];
    assert_eq!(bench.store.unsettled("acme", "g1", 10).await.unwrap(), expected);
    assert_eq!(bench.store.unsettled("globex", "g1", 10).await.unwrap(), []);
    let group = [("acme".to_owned(), "g1".to_owned())];
    assert_eq!(bench.store.unsettled_groups(Some("acme")).await.unwrap(), group);
    assert_eq!(bench.store.unsettled_groups(Some("globex")).await.unwrap(), []);
    assert_eq!(bench.store.groups_unsettled_of("acme", "u00001").await.unwrap(), ["g1"]);
    assert_eq!(bench.store.groups_unsettled_of("globex", "u00001").await.unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_known_of_memberships_goes_with_its_tenant() {
    let bench = groups().await;
    let list = vec![unsettled("g1", "u00000", false)];
    bench.write(Commit { unsettled: list, ..commit() }).await;
    configuration::apps_and_tenants(&bench.store).await;
    bench.remove_tenant("acme").await;
    assert_eq!(bench.store.unsettled_groups(None).await.unwrap(), []);
}

#[tokio::test]
async fn nothing_is_known_of_the_members_of_a_group_whose_creation_was_undone() {
    let bench = groups().await;
    let row = |id, state| Some(OperationRow { state, ..operation(id, "acme", "g9") });
    let doubt = Some(AccountRow { doubt: true, ..account("acme", "g9", None) });
    bench
        .write(Commit {
            operation: row("o1", OperationState::Refused),
            account: doubt,
            resource: None,
            ..Commit::default()
        })
        .await;
    bench
        .write(Commit {
            resource: Some(ResourceChange::Insert(group("acme", "g8", "other"))),
            doubted: vec![doubted("g9", "u00000", None), doubted("g1", "u00000", None)],
            ..Commit::default()
        })
        .await;
    assert_eq!(bench.store.unsettled_groups(Some("acme")).await.unwrap().len(), 2);
    bench
        .write(Commit {
            operation: row("o2", OperationState::Done),
            account: Some(account("acme", "g9", None)),
            person_groups: Some(PersonGroups::GroupGone),
            ..Commit::default()
        })
        .await;
    let left = bench.store.unsettled_groups(Some("acme")).await.unwrap();
    assert_eq!(left, [("acme".to_owned(), "g1".to_owned())]);
}
