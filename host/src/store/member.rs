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
    /// Whether it is in the group that was asked about.
    pub member: bool,
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
    type Columns =
        (String, String, Option<String>, Option<String>, Option<String>, Option<String>, i64);
    let (id, kind, name, account_id, membership, data, member): Columns =
        serde_json::from_str(record).context("a person's record")?;
    let account = AccountColumns { account_id, membership, data }.account()?;
    let (kind, name) = (ResourceKind::named(&kind), name.unwrap_or_default());
    Ok(Person { id, kind, name, account, member: member != 0 })
}

static FIND_PEOPLE: LazyLock<Statement> = LazyLock::new(|| {
    let record = frame::record(
        "new.n, json_array(r.id, r.kind, coalesce(r.user_name, r.display_name),
                           a.account_id, a.membership, a.data, EXISTS (
                               SELECT 1 FROM member m
                               WHERE m.tenant = r.tenant AND m.group_id = new.group_id
                                 AND m.member_id = r.id
                           ))",
    );
    Statement {
        columns: &["n", "tenant", "group_id", "ids"],
        body: format!(
            "SELECT {} FROM new CROSS JOIN json_each(new.ids) AS wanted CROSS JOIN resource r
             LEFT JOIN account a ON a.tenant = r.tenant AND a.resource = r.id
             WHERE r.tenant = new.tenant AND r.id = wanted.value",
            frame::records(&record)
        )
        .into(),
    }
});
