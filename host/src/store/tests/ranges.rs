//! Pages at any `startIndex`, and the ranges that lead to them. In unit tests ranges are so small that some
//! hundred resources have two levels of them.

use fastrand::Rng;
use proptest::prelude::*;
use rusqlite::params;
use rusqlite::types::FromSql;

use super::pages::query;
use super::*;
use crate::scim::{AttributePath, Sort};
use crate::store::key::key;
use crate::store::range::{BY_AGE, BY_NAME, ListKey, RangeTable};

/// What a commit is to return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    NameTaken,
    Stale,
}

/// A directory as it should be.
struct Model {
    rng: Rng,
    /// By age.
    all: Vec<ResourceRow>,
    created: usize,
}

impl Model {
    fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), all: Vec::new(), created: 0 }
    }

    /// A random change, and what becomes of it; so many of a hundred are deletions.
    fn change(&mut self, deletions: u8) -> (Commit, Outcome) {
        let action = self.rng.u8(..100);
        if self.all.is_empty() || action >= deletions + 30 {
            return self.insertion();
        }
        let at = self.rng.usize(..self.all.len());
        let mut row = self.all[at].clone();
        if self.rng.u8(..20) == 0 {
            row.version += 1;
            let change = if self.rng.bool() { delete(&row) } else { next(row) };
            return (of(change), Outcome::Stale);
        }
        if action < deletions {
            self.all.remove(at);
            return (of(delete(&row)), Outcome::Done);
        }
        if self.rng.bool() {
            row.user_name = self.name();
        }
        let change = of(next(row.clone()));
        if self.is_taken(&row) {
            return (change, Outcome::NameTaken);
        }
        row.version += 1;
        self.all[at] = row;
        (change, Outcome::Done)
    }

    fn insertion(&mut self) -> (Commit, Outcome) {
        self.created += 1;
        let id = format!("u{:05}", self.created);
        let row = ResourceRow { user_name: self.name(), ..user("acme", &id, "unnamed") };
        let insertion = of(ResourceChange::Insert(row.clone()));
        if self.is_taken(&row) {
            return (insertion, Outcome::NameTaken);
        }
        self.all.push(row);
        (insertion, Outcome::Done)
    }

    /// A name that is often taken; sometimes none.
    fn name(&mut self) -> Option<String> {
        let (letter, number) = (self.rng.alphabetic(), self.rng.u16(..200));
        (self.rng.u8(..30) > 0).then(|| format!("{letter}{number}"))
    }

    fn is_taken(&self, row: &ResourceRow) -> bool {
        let name = row.user_name.as_deref().map(key);
        let is_same = |it: &ResourceRow| it.user_name.as_deref().map(key) == name;
        name.is_some() && self.all.iter().any(|it| it.id != row.id && is_same(it))
    }

    /// The ids by `userName`, of those that have one.
    fn by_name(&self, descending: bool) -> Vec<String> {
        let named = |it: &ResourceRow| Some((key(it.user_name.as_deref()?), it.id.clone()));
        let mut all: Vec<_> = self.all.iter().filter_map(named).collect();
        all.sort();
        if descending {
            all.reverse();
        }
        all.into_iter().map(|(_, id)| id).collect()
    }
}

/// Changes the directory by commits that share transactions, some of which fail.
async fn change(bench: &Bench, model: &mut Model, deletions: u8, commits: usize) {
    for size in [commits / 2, 1, commits - commits / 2] {
        let (commits, expected): (Vec<_>, Vec<_>) =
            (0..size).map(|_| model.change(deletions)).unzip();
        let commits = commits.into_iter().map(|commit| bench.store.commit(commit));
        let results = futures_util::future::join_all(commits).await;
        let outcome = |result| match result {
            Ok(()) => Outcome::Done,
            Err(CommitError::NameTaken) => Outcome::NameTaken,
            Err(CommitError::Stale) => Outcome::Stale,
            Err(error) => panic!("{error}"),
        };
        let outcomes: Vec<_> = results.into_iter().map(outcome).collect();
        assert_eq!(outcomes, expected);
    }
}

fn sorted(by: &str, descending: bool) -> Sort {
    Sort { by: AttributePath::parse(by).unwrap(), descending }
}

/// Compares random pages with the list of all.
async fn check_pages(bench: &Bench, model: &mut Model) {
    let by_age = model.all.iter().map(|it| it.id.clone()).collect();
    let lists: [(_, Vec<String>); 3] = [
        (None, by_age),
        (Some(sorted("userName", false)), model.by_name(false)),
        (Some(sorted("userName", true)), model.by_name(true)),
    ];
    let total = model.all.len() as u64;
    for (sort, all) in lists {
        for _ in 0..12 {
            let start = model.rng.u64(..total + 4);
            let count = model.rng.u64(..9);
            let query = Query { sort: sort.clone(), ..query(None, start, count) };
            let page = bench.store.page(&query).await.unwrap();
            let found: Vec<_> = page.resources().map(|it| it.id.to_owned()).collect();
            let skip = start.saturating_sub(1) as usize;
            let expected: Vec<_> = all.iter().skip(skip).take(count as usize).cloned().collect();
            assert_eq!((page.total, found), (total, expected), "{start} {count} {:?}", query.sort);
        }
    }
}

/// Compares the pages of a walk through a list with a filter, some of which begin at a place that is remembered.
async fn check_walk(bench: &Bench, model: &mut Model) {
    let matches = |it: &&ResourceRow| it.user_name.as_ref().is_some_and(|it| it.contains('1'));
    let all: Vec<_> = model.all.iter().filter(matches).map(|it| it.id.clone()).collect();
    let step = model.rng.u64(1..9);
    for expected in all.chunks(step as usize).enumerate() {
        let start = 1 + expected.0 as u64 * step;
        let page = query(Some("userName co \"1\""), start, step);
        let page = bench.store.page(&page).await.unwrap();
        let found: Vec<_> = page.resources().map(|it| it.id).collect();
        assert_eq!((page.total, found.as_slice()), (all.len() as u64, &as_texts(expected.1)[..]));
    }
}

fn as_texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// Compares the ranges of a list with its resources.
fn check_ranges<K: FromSql + Clone + Ord + std::fmt::Debug>(bench: &Bench, of: &RangeTable) {
    let connection = Connection::open(bench.path()).unwrap();
    let acme = term::number(&connection, "acme").unwrap();
    let all = ListKey { tenant: acme, kind: 0 };
    let column = of.key;
    let list = |sql: &str| -> Vec<K> {
        let mut list = connection.prepare(sql).unwrap();
        let keys = list.query_map([], |row| row.get(0)).unwrap();
        keys.collect::<rusqlite::Result<_>>().unwrap()
    };
    let keys = list(&format!(
        "SELECT {column} FROM resource
         WHERE tenant = {acme} AND kind = 0 AND {column} IS NOT NULL ORDER BY {column}"
    ));
    let ranges = |level: i64| -> Vec<(K, i64)> {
        let sql = format!(
            "SELECT last, count FROM {} WHERE tenant = {acme} AND level = ? ORDER BY last",
            of.name
        );
        let mut list = connection.prepare(&sql).unwrap();
        let ranges = list.query_map([level], |row| row.try_into()).unwrap();
        ranges.collect::<rusqlite::Result<_>>().unwrap()
    };
    let [lower, upper] = [1, 2].map(ranges);
    for (level, ranges) in [(1, &lower), (2, &upper)] {
        let mut rest = keys.as_slice();
        for (last, count) in ranges {
            let here = rest.partition_point(|it| it <= last);
            assert_eq!(*count, here as i64, "{level} {last:?}: {ranges:?} {keys:?}");
            assert!(*count <= 2 * of.size(level), "{level} {last:?}: {ranges:?}");
            rest = &rest[here..];
        }
        if level == 1 {
            let sql = format!("SELECT {}, {} FROM tally WHERE tenant = {acme}", of.total, of.tail);
            let counted: (i64, i64) = connection.query_row(&sql, [], |row| row.try_into()).unwrap();
            assert_eq!(counted, (keys.len() as i64, rest.len() as i64));
            assert!(rest.len() as i64 <= 2 * of.size(1), "{ranges:?} {keys:?}");
        } else {
            // They are counted when a lower range comes or goes; until then each of them may double.
            assert!(rest.len() as i64 <= 4 * of.size(2) + 4 * of.size(1), "{lower:?} {upper:?}");
        }
    }
    assert!(upper.iter().all(|(last, _)| lower.iter().any(|it| it.0 == *last)));
    // Of two neighbours, one is more than half as large as a new one, unless a larger one ends between.
    assert!(lower.len() <= keys.len() * 2 / 3 + 2 * upper.len() + 2, "{lower:?} {upper:?}");
    assert!(upper.len() <= keys.len() * 2 / 9 + 2, "{upper:?}");
    for descending in [false, true] {
        for skip in 0..=keys.len() + 1 {
            let place = of.place(&connection, all, skip as u64, descending).unwrap();
            let at = if descending { keys.len().checked_sub(skip + 1) } else { Some(skip) };
            let expected = at.and_then(|at| keys.get(at)).cloned();
            let (condition, way) = if descending { ("<=", "DESC") } else { (">", "ASC") };
            let found = place.map(|place| {
                assert!(place.skip < 2 * of.size(1).unsigned_abs(), "{place:?}");
                let sql = format!(
                    "SELECT {column} FROM resource
                     WHERE tenant = {acme} AND kind = 0 AND {column} IS NOT NULL
                         AND (?1 IS NULL OR {column} {condition} ?1)
                     ORDER BY {column} {way} LIMIT 1 OFFSET ?2"
                );
                let values = params![place.bound, place.skip as i64];
                connection.query_row(&sql, values, |row| row.get::<_, K>(0)).unwrap()
            });
            assert_eq!(found, expected, "{skip} {descending}");
        }
    }
}

async fn check(bench: &Bench, model: &mut Model) {
    check_pages(bench, model).await;
    check_walk(bench, model).await;
    check_ranges::<i64>(bench, &BY_AGE);
    check_ranges::<String>(bench, &BY_NAME);
}

async fn any_page_is_that_of_the_list(seed: u64) {
    let (mut bench, mut model) = (Bench::new().await, Model::new(seed));
    bench.users("globex", 30).await;
    // It grows, changes, shrinks to nothing, and grows again.
    for (deletions, rounds) in [(5, 6), (40, 3), (70, 9), (10, 3)] {
        for _ in 0..rounds {
            let commits = model.rng.usize(2..60);
            change(&bench, &mut model, deletions, commits).await;
            check(&bench, &mut model).await;
        }
        bench = bench.reopen().await;
        check(&bench, &mut model).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn pages_at_any_index_are_those_of_the_list(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(any_page_is_that_of_the_list(seed));
    }
}

/// A page is of one moment, whatever is written while it is read: it is as long as its total says.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_whole_while_others_write() {
    let bench = Bench::new().await;
    bench.users("acme", 200).await;
    let store = bench.store.clone();
    let writing = tokio::spawn(async move {
        for n in 0..150 {
            let (new, old) = (200 + n, n * 7 % 200);
            let new = user("acme", &format!("u{new:05}"), &format!("user{new}@example.com"));
            let old = user("acme", &format!("u{old:05}"), &format!("user{old}@example.com"));
            let (first, second) = tokio::join!(
                store.commit(of(ResourceChange::Insert(new))),
                store.commit(of(delete(&old)))
            );
            first.unwrap();
            second.unwrap();
        }
    });
    let mut rng = Rng::with_seed(7);
    let orders = [None, Some(sorted("userName", false)), Some(sorted("userName", true))];
    let mut walked = 1;
    while !writing.is_finished() {
        let step = query(Some("userName co \"1\""), walked, 10);
        let page = bench.store.page(&step).await.unwrap();
        let expected = (page.total + 1).saturating_sub(walked).min(10);
        assert_eq!(page.resources().len() as u64, expected, "{walked}");
        walked = if walked + 10 > page.total { 1 } else { walked + 10 };
        for sort in orders.clone() {
            let (start, count) = (rng.u64(1..220), rng.u64(1..20));
            let page = Query { sort, ..query(None, start, count) };
            let page = bench.store.page(&page).await.unwrap();
            let expected = (page.total + 1).saturating_sub(start).min(count);
            assert_eq!(page.resources().len() as u64, expected, "{start} {count}");
        }
    }
    writing.await.unwrap();
    check_ranges::<i64>(&bench, &BY_AGE);
    check_ranges::<String>(&bench, &BY_NAME);
}

#[tokio::test]
async fn a_tenant_takes_its_ranges_along() {
    let bench = Bench::new().await;
    bench.users("acme", 60).await;
    bench.users("globex", 60).await;
    bench.remove_tenant("acme").await;
    let connection = Connection::open(bench.path()).unwrap();
    for table in ["tally", "age_range", "name_range"] {
        let sql = format!("SELECT count(*) > 0 FROM {table} WHERE tenant = ?");
        let has = |tenant| {
            let tenant = term::number(&connection, tenant)?;
            connection.query_row(&sql, [tenant], |row| row.get::<_, bool>(0))
        };
        assert_eq!((has("acme").unwrap(), has("globex").unwrap()), (false, true), "{table}");
    }
    bench.users("acme", 60).await;
    check_ranges::<i64>(&bench, &BY_AGE);
    check_ranges::<String>(&bench, &BY_NAME);
}

#[tokio::test]
async fn ranges_are_read_in_order() {
    let bench = Bench::new().await;
    for table in [&BY_AGE, &BY_NAME] {
        for after in [false, true] {
            let mut values = [2, 0, 1].map(value::Bound::Integer).to_vec();
            values.extend(after.then(|| "x".into()));
            let plan = plan(&bench, &table.ranges(after), values).await;
            let search = format!("SEARCH {} USING PRIMARY KEY", table.name);
            assert!(plan.contains(&search) && !plan.contains("B-TREE"), "{plan}");
        }
    }
}

/// Of a database that was saved from a damaged one, all that is counted is counted again.
#[tokio::test]
async fn a_saved_database_is_put_in_order() {
    for seed in 0..4 {
        let (bench, mut model) = (Bench::new().await, Model::new(seed));
        for deletions in [0, 30, 10] {
            change(&bench, &mut model, deletions, 120).await;
        }
        let damage = |sql: &str| {
            let connection = Connection::open(bench.path()).unwrap();
            connection.execute_batch(sql).unwrap();
        };
        bench.store.close().await.unwrap();
        // As a copy row by row has it, of which pages are missing.
        damage(
            "PRAGMA application_id = 0;
             UPDATE tally SET total = 1, age_tail = 0, named = 3, name_tail = 9;
             DELETE FROM age_range WHERE last % 2; DELETE FROM name_range WHERE level = 2;
             DELETE FROM email WHERE address_key > 'm';
             DELETE FROM resource WHERE seq % 5 = 0;",
        );
        let kept: Vec<String> = {
            let connection = Connection::open(bench.path()).unwrap();
            let mut list = connection.prepare("SELECT id FROM resource ORDER BY seq").unwrap();
            list.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        model.all.retain(|it| kept.contains(&it.id));
        let bench = Bench { store: Store::open(&bench.path(), clock()).await.unwrap(), ..bench };
        check(&bench, &mut model).await;
        for row in &model.all {
            let address = row.emails.first().map(String::as_str).unwrap_or_default();
            let filter = format!("emails.value eq \"{address}\"");
            let page = bench.store.page(&query(Some(&filter), 1, 1000)).await.unwrap();
            assert!(page.resources().any(|it| it.id == row.id), "{address}");
        }
        // And it goes on as any other.
        change(&bench, &mut model, 10, 60).await;
        check(&bench, &mut model).await;
    }
}
