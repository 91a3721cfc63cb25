//! Commits that do not get into each other's way, written by a handful of statements.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;
use super::sheet::{Derived, Sheet};
use crate::store::commit::{Commit, ResourceChange};
use crate::store::resource::ResourceRow;
use crate::store::statement::Texts;

/// What a commit writes to. Two of a wave never write to the same, but for updates that follow
/// on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Touched<'c> {
    Operation(&'c str),
    Resource(&'c str, &'c str),
    Account(&'c str, &'c str),
    Member(&'c str, &'c str, &'c str),
}

/// Commits in the order of their arrival.
#[derive(Default)]
pub(super) struct Wave<'c> {
    commits: Vec<&'c Commit>,
    touched: HashSet<Touched<'c>>,
    updates: Vec<(&'c ResourceRow, i64)>,
    updated: HashMap<(&'c str, &'c str), usize>,
}

impl<'c> Wave<'c> {
    /// Takes the commit in, unless it depends on one that is in already.
    pub(super) fn add(&mut self, commit: &'c Commit) -> bool {
        let touches = touches(commit);
        let follows = self.follows(commit);
        let alone = |it: &Touched<'c>| {
            !self.touched.contains(it) || follows.is_some() && matches!(it, Touched::Resource(..))
        };
        if !touches.iter().all(alone) {
            return false;
        }
        self.touched.extend(touches);
        if let Some(ResourceChange::Update { row, expected }) = &commit.resource {
            match follows {
                // Nobody sees the versions between, so the last one is written in place of all.
                Some(place) => self.updates[place].0 = row,
                None => {
                    self.updated.insert((&row.tenant, &row.id), self.updates.len());
                    self.updates.push((row, *expected));
                }
            }
        }
        self.commits.push(commit);
        true
    }

    /// The update in this wave that the commit's own update takes up where it left.
    fn follows(&self, commit: &Commit) -> Option<usize> {
        let Some(ResourceChange::Update { row, expected }) = &commit.resource else { return None };
        let place = *self.updated.get(&(row.tenant.as_str(), row.id.as_str()))?;
        (self.updates[place].0.version == *expected).then_some(place)
    }

    /// Writes all of it, and begins a transaction before if so told.
    pub(super) async fn write(
        &self,
        connection: &mut SqliteConnection,
        texts: &mut Texts,
        begin: bool,
    ) -> Result<(), Failure> {
        let derived: Vec<Derived> = self.commits.iter().map(|it| Derived::of(it)).collect();
        let updated: Vec<Derived> =
            self.updates.iter().map(|(row, _)| Derived::of_resource(row)).collect();
        let mut sheet = Sheet::default();
        for (commit, derived) in self.commits.iter().zip(&derived) {
            sheet.commit(commit, derived)?;
        }
        for ((row, expected), derived) in self.updates.iter().zip(&updated) {
            sheet.update(row, *expected, derived);
        }
        sheet.write(connection, texts, begin).await
    }
}

fn touches(commit: &Commit) -> Vec<Touched<'_>> {
    let tenant = commit.tenant().unwrap_or_default();
    let operation = commit.operation.iter().map(|it| it.id.as_str());
    let exchanges = commit.exchanges.iter().map(|it| it.operation.as_str());
    let operations = operation.chain(exchanges).map(Touched::Operation);
    let resource = commit.resource.iter().map(ResourceChange::key);
    let account = commit.account.iter().map(|it| Touched::Account(&it.tenant, &it.resource));
    let joined = commit.joined.iter().map(|it| Touched::Member(&it.tenant, &it.group, &it.member));
    let left = commit.left.iter().map(|it| Touched::Member(tenant, &it.0, &it.1));
    operations
        .chain(resource.map(|(tenant, id)| Touched::Resource(tenant, id)))
        .chain(account)
        .chain(joined)
        .chain(left)
        .collect()
}
