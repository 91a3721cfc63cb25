//! The members of groups, one row each, so that adding a member costs the same in a group of any size.

use anyhow::Result;
use rusqlite::{Connection, Row, params};

use super::value::{StoredId, id};
use super::{Store, account};
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
        let (lane, number) = (tenant, self.reader.number(tenant).await?);
        let (tenant, group) = (tenant.to_owned(), group.to_owned());
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(
                "SELECT m.member_id, m.display, m.kind FROM member m
                 WHERE m.tenant = ? AND m.group_id = ?",
            )?;
            let member = |row: &Row<'_>| {
                let StoredId(member) = row.get(0)?;
                Ok(MemberRow {
                    tenant: tenant.clone(),
                    group: group.clone(),
                    member,
                    display: row.get(1)?,
                    kind: row.get(2)?,
                })
            };
            list.query_map(params![number, id(&group)], member)?.collect()
        };
        self.reader.list(lane, list).await
    }

    /// The users and groups of these ids that exist, in no particular order, and whether each is a
    /// member of this group.
    pub async fn people(
        &self,
        tenant: &str,
        group: Option<&str>,
        ids: &[String],
    ) -> Result<Vec<Person>> {
        let (lane, tenant) = (tenant, self.reader.number(tenant).await?);
        let (group, wanted) = (group.map(id), serde_json::to_string(ids)?);
        let find = move |connection: &Connection| {
            let mut find = connection.prepare_cached(FIND_PEOPLE)?;
            find.query_map(params![tenant, group, wanted], person)?.collect()
        };
        match ids.len() <= FEW {
            true => self.reader.point_of(lane, find).await,
            false => self.reader.list(lane, find).await,
        }
    }
}

/// So many people are found by a point read.
const FEW: usize = 16;

/// The people of tenant `?1` whose ids are in the JSON array `?3`, and how they stand with group `?2`.
const FIND_PEOPLE: &str = "
    SELECT
        r.id, r.kind, coalesce(r.user_name, r.display_name, ''),
        r.active AND coalesce(json_extract(r.told, '$.active'), 1),
        r.account_id, r.membership, r.data, r.doubt, coalesce(r.stay, 0),
        EXISTS (
            SELECT 1 FROM member m
            WHERE m.tenant = r.tenant AND m.group_id = ?2 AND m.member_id = r.id
        ), u.carried, u.doubt
    FROM json_each(?3) AS wanted CROSS JOIN resource r
    LEFT JOIN unsettled_member u ON u.tenant = r.tenant AND u.group_id = ?2 AND u.member_id = r.id
    WHERE r.tenant = ?1 AND r.id = text_id(wanted.value) AND r.kind IN (0, 1)";

fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    let doubt: Option<bool> = row.get(7)?;
    let (carried, doubted): (Option<bool>, Option<bool>) = (row.get(10)?, row.get(11)?);
    let StoredId(id) = row.get(0)?;
    Ok(Person {
        id,
        kind: Some(row.get(1)?),
        name: row.get(2)?,
        active: row.get(3)?,
        account: account::in_app(row, 4)?,
        has_account_row: doubt.is_some(),
        in_doubt: doubt.unwrap_or_default(),
        stay: row.get(8)?,
        member: row.get(9)?,
        unsettled: carried.zip(doubted),
    })
}
