//! The members of groups, one row each, so that adding a member costs the same in a group of any size.

use std::sync::LazyLock;

use anyhow::{Context, Result};
use sqlx::Row;

use super::account::AccountColumns;
use super::statement::{Bound, Statement};
use super::{Store, frame};
use crate::decision::{Account, ResourceKind};

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// The tenant.
    pub tenant: String,
    /// The group's id.
    pub group: String,
    /// The member's id.
    pub member: String,
    /// The `display` of the member, as it is served.
    pub display: Option<String>,
    /// The kind of the member.
    pub kind: ResourceKind,
}

/// A resource as a member view needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The id.
    pub id: String,
    /// The `userName`, or a group's `displayName`.
    pub name: String,
    /// The kind of the resource; none if it is of a type that is listed in settings, such as a role.
    pub kind: Option<ResourceKind>,
    /// The account; none if there is no account in the app.
    pub account: Option<Account>,
    /// Whether anything was carried out for it, so that its account has a row.
    pub has_account_row: bool,
    /// Whether it is active in the directory, and the app was told so.
    pub active: bool,
    /// Whether its account is in doubt.
    pub in_doubt: bool,
    /// The account's counter; 0 if there is none.
    pub stay: i64,
    /// Whether it is in the group that was asked about.
    pub member: bool,
    /// What is known of its membership of that group in the app, where that differs from the
    /// directory: whether the app has it, and whether that is in doubt.
    pub unsettled: Option<(bool, bool)>,
}

impl Store {
    /// The members of the group, in the order of their ids.
    pub async fn members(&self, tenant: &str, group: &str) -> Result<Vec<MemberRow>> {
        let text: Option<String> = sqlx::query(
            "SELECT json_group_array(json_array(m.member_id, m.display, m.kind))
             FROM member m WHERE m.tenant = $1 AND m.group_id = $2",
        )
        .bind(tenant)
        .bind(group)
        .fetch_one(&mut *self.pool.take().await?)
        .await?
        .try_get(0)?;
        let rows: Vec<(String, Option<String>, ResourceKind)> =
            serde_json::from_str(&text.unwrap_or_default()).context("the members of a group")?;
        let member = |(member, display, kind)| MemberRow {
            tenant: tenant.to_owned(),
            group: group.to_owned(),
            member,
            display,
            kind,
        };
        Ok(rows.into_iter().map(member).collect())
    }

    /// The users and groups of these ids that exist, in no particular order, and whether each is a
    /// member of this group.
    pub async fn people(
        &self,
        tenant: &str,
        group: Option<&str>,
        ids: &[String],
    ) -> Result<Vec<Person>> {
        let values = vec![tenant.into(), group.map_or(Bound::Null, Bound::from), list(ids)?];
        let found = self.reader.read(&FIND_PEOPLE, values).await?;
        found.iter().map(|record| person(record)).collect()
    }
}

fn list(ids: &[String]) -> Result<Bound> {
    Ok(serde_json::to_string(ids)?.into())
}

fn person(record: &str) -> Result<Person> {
    type Names = (String, String, Option<String>);
    type App = (Option<String>, Option<String>, Option<String>, Option<i64>, i64);
    type Group = (i64, Option<i64>, Option<i64>);
    let (names, active, app, group): (Names, i64, App, Group) =
        serde_json::from_str(record).context("a person's record")?;
    let (id, kind, name) = names;
    let (account_id, membership, data, doubt, stay) = app;
    let (member, carried, doubted) = group;
    Ok(Person {
        id,
        name: name.unwrap_or_default(),
        kind: ResourceKind::named(&kind),
        account: AccountColumns { account_id, membership, data }.account()?,
        active: active != 0,
        has_account_row: doubt.is_some(),
        in_doubt: doubt.is_some_and(|doubt| doubt != 0),
        stay,
        member: member != 0,
        unsettled: carried.zip(doubted).map(|(carried, doubt)| (carried != 0, doubt != 0)),
    })
}

static FIND_PEOPLE: LazyLock<Statement> = LazyLock::new(|| {
    let record = frame::record(
        "new.n, json_array(
             json_array(r.id, r.kind, coalesce(r.user_name, r.display_name)),
             r.active AND coalesce(json_extract(a.told, '$.active'), 1),
             json_array(a.account_id, a.membership, a.data, a.doubt, coalesce(a.stay, 0)),
             json_array(EXISTS (
                 SELECT 1 FROM member m
                 WHERE m.tenant = r.tenant AND m.group_id = new.group_id AND m.member_id = r.id
             ), u.carried, u.doubt))",
    );
    Statement {
        columns: &["n", "tenant", "group_id", "ids"],
        body: format!(
            "SELECT {} FROM new CROSS JOIN json_each(new.ids) AS wanted CROSS JOIN resource r
             LEFT JOIN account a ON a.tenant = r.tenant AND a.resource = r.id
             LEFT JOIN unsettled_member u ON u.tenant = r.tenant AND u.group_id = new.group_id
                 AND u.member_id = r.id
             WHERE r.tenant = new.tenant AND r.id = wanted.value AND r.kind IN ('User', 'Group')",
            frame::records(&record)
        )
        .into(),
    }
});
