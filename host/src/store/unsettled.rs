//! Memberships in groups that the app has unlike the directory, or that it may have: exceptions only.
//! Without a row, the app has a membership exactly if the directory has it.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use anyhow::Result;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::commit::Commit;
use super::reader::Reader;
use super::value::{StoredId, id, resource_kind};
use super::{Store, account};
use crate::decision::{Account, Member, ResourceKind};

/// A membership that the app has unlike the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsettledMember {
    /// The group's id.
    pub group: String,
    /// The member's id.
    pub member: String,
    /// Whether the app has it.
    pub carried: bool,
}

/// A member as the app was told of it.
///
/// The account may belong to another resource by now: the person was deleted and created again in the
/// meantime. The membership is that resource's then, in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldMember {
    /// The member's id.
    pub id: String,
    /// The id of the account in the app; none if the app was told of a member without one.
    pub account: Option<String>,
}

impl From<&Member> for ToldMember {
    fn from(member: &Member) -> Self {
        let account = member.account.as_ref().map(|account| account.id.clone());
        Self { id: member.id.clone(), account }
    }
}

/// A membership of which it is not known whether the app has it. As far as known, it has it as the
/// directory has it, unless something else was known before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubtedMember {
    /// The group's id.
    pub group: String,
    /// The member, as the app may have been told of it.
    pub member: ToldMember,
    /// Until when a call may still arrive that no attempt waits for; the later moment counts.
    pub late_until: Option<String>,
}

/// A membership of which the app was told.
///
/// It agrees with the directory from now on if the directory has it alike after the commit, if the
/// member's `stay` is the expected one, its account is not in doubt, and if no late call is possible any
/// more. Otherwise it is in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledMember {
    /// The group's id.
    pub group: String,
    /// The member, as the app was told of it.
    pub member: ToldMember,
    /// The counter `stay` that the member's account had when the app was told, 0 without an account;
    /// none if it does not matter.
    pub stay: Option<i64>,
    /// Whether the app has it now.
    pub carried: bool,
}

/// What becomes of a person's memberships in the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonGroups {
    /// The app has none of them any more: the account lost its groups. A membership that a late call
    /// may still bring about stays in doubt.
    Lost,
    /// The app still has those that it had, although the person is deleted in this commit. Without
    /// this, what is known of them goes with the person.
    Kept,
    /// The account is a group's, and the app has none of its members any more: the team is another.
    GroupLost,
    /// The account is a group's that is neither in the directory nor in the app any more.
    GroupGone,
}

/// A member of a group whose membership the app has unlike the directory, or may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsettledPerson {
    /// The id.
    pub id: String,
    /// The `userName`, or a group's `displayName`; that of the account if the resource is gone.
    pub name: String,
    /// The kind of the resource, or of the account if the resource is gone; none if it is of a type
    /// that is listed in settings, or if neither is left.
    pub kind: Option<ResourceKind>,
    /// The account; none if there is no account in the app.
    pub account: Option<Account>,
    /// The account's counter; 0 if there is none.
    pub stay: i64,
    /// Whether the directory has the membership.
    pub listed: bool,
    /// Whether the app has the membership, as far as known.
    pub carried: bool,
    /// Whether it is not known if the app has the membership.
    pub doubt: bool,
    /// Until when a call may still arrive that no attempt waits for.
    pub late_until: Option<String>,
}

/// Whether the app is to be told of a row `u` with the resource `r`, or the former account `f`: it differs
/// or is in doubt, and the member is a group, or a person who is in the app.
const MATTERS: &str = "coalesce(r.doubt, f.doubt) = 0 AND (r.kind IS NOT 0
        OR r.active = 1 AND coalesce(json_extract(r.told, '$.active'), 1) = 1)
    AND coalesce(r.membership, f.membership, '') <> 'absent'
    AND (u.doubt = 1 OR u.carried <> EXISTS (
        SELECT 1 FROM member m WHERE m.tenant = u.tenant AND m.group_id = u.group_id
            AND m.member_id = u.member_id
    ))";

/// The resource with its account, or the former account, of the member of a row `u`.
const JOINS: &str = "LEFT JOIN resource r ON r.tenant = u.tenant AND r.id = u.member_id
    LEFT JOIN former_account f ON f.tenant = u.tenant AND f.resource = u.member_id";

/// The tenants that may have memberships of which something is known, so that commits of all others
/// need not look for any.
#[derive(Debug, Default)]
pub(super) struct UnsettledTenants(RwLock<HashSet<String>>);

impl UnsettledTenants {
    pub(super) async fn load(reader: &Reader) -> Result<Self> {
        let list = |connection: &Connection| {
            let mut list = connection.prepare(
                "SELECT name FROM term WHERE number IN (SELECT tenant FROM unsettled_member)",
            )?;
            list.query_map([], |row| row.get(0))?.collect()
        };
        Ok(Self(RwLock::new(reader.host(list).await?)))
    }

    /// Notes that a commit is about to be written which may leave such a membership.
    pub(super) fn note(&self, commit: &Commit) {
        let leaves = commit.person_groups.is_some()
            || !commit.unsettled.is_empty()
            || !commit.doubted.is_empty()
            || !commit.settled.is_empty();
        let account = commit.account.as_ref().map(|account| account.tenant.as_str());
        for tenant in commit.tenant().into_iter().chain(account).filter(|_| leaves) {
            if !self.has(tenant) {
                let mut tenants = self.0.write().unwrap_or_else(PoisonError::into_inner);
                tenants.insert(tenant.to_owned());
            }
        }
    }

    fn has(&self, tenant: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(tenant)
    }
}

impl Store {
    /// Whether a tenant may have memberships that the app has unlike the directory. From memory.
    pub fn may_be_unsettled(&self, tenant: &str) -> bool {
        self.unsettled_tenants.has(tenant)
    }

    /// The members of the group whose membership the app has unlike the directory, or may have, and of
    /// which it can be told: groups, and people who are in the app. The first of them, in the order of
    /// their ids.
    pub async fn unsettled(
        &self,
        tenant: &str,
        group: &str,
        limit: u32,
    ) -> Result<Vec<UnsettledPerson>> {
        let (tenant, group) = (self.reader.number(tenant).await?, id(group));
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(&format!(
                "SELECT u.member_id, coalesce(r.user_name, r.display_name, f.user_name, ''),
                     coalesce(r.kind, f.kind), coalesce(r.account_id, f.account_id),
                     coalesce(r.membership, f.membership), coalesce(r.data, f.data),
                     coalesce(r.stay, f.stay, 0),
                     EXISTS (
                         SELECT 1 FROM member m WHERE m.tenant = u.tenant
                             AND m.group_id = u.group_id AND m.member_id = u.member_id
                     ),
                     u.carried, u.doubt, u.late_until
                 FROM unsettled_member u {JOINS}
                 WHERE u.tenant = ? AND u.group_id = ? AND {MATTERS}
                 ORDER BY u.member_id LIMIT ? + 0"
            ))?;
            list.query_map(params![tenant, group, limit], person)?.collect()
        };
        self.reader.host(list).await
    }

    /// The tenants and groups that have members as [`Store::unsettled`] finds them, in their order.
    pub async fn unsettled_groups(&self, tenant: Option<&str>) -> Result<Vec<(String, String)>> {
        let tenant = tenant.map(str::to_owned);
        let list = move |connection: &Connection| {
            let of = if tenant.is_some() { "AND t.name = ?" } else { "" };
            let mut list = connection.prepare_cached(&format!(
                "SELECT DISTINCT t.name, u.group_id
                 FROM unsettled_member u JOIN term t ON t.number = u.tenant
                 {JOINS} WHERE {MATTERS} AND u.tenant NOT IN (SELECT tenant FROM removed_tenant) {of}
                 ORDER BY t.name, u.group_id"
            ))?;
            let group = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, StoredId>(1)?.0));
            list.query_map(params_from_iter(tenant), group)?.collect()
        };
        self.reader.host(list).await
    }

    /// The groups whose membership of this member the app has unlike the directory, or may have,
    /// whether the person is active or not; in their order.
    pub async fn groups_unsettled_of(&self, tenant: &str, member: &str) -> Result<Vec<String>> {
        let (lane, tenant) = (tenant, self.reader.number(tenant).await?);
        let member = id(member);
        let list = move |connection: &Connection| {
            let mut list = connection.prepare_cached(
                "SELECT group_id FROM unsettled_member WHERE tenant = ? AND member_id = ?
                 ORDER BY group_id",
            )?;
            list.query_map(params![tenant, member], |row| Ok(row.get::<_, StoredId>(0)?.0))?
                .collect()
        };
        self.reader.point_of(lane, list).await
    }
}

fn person(row: &Row<'_>) -> rusqlite::Result<UnsettledPerson> {
    let (StoredId(id), kind): (_, Option<i64>) = (row.get(0)?, row.get(2)?);
    Ok(UnsettledPerson {
        id,
        name: row.get(1)?,
        kind: kind.and_then(resource_kind),
        account: account::in_app(row, 3)?,
        stay: row.get(6)?,
        listed: row.get(7)?,
        carried: row.get(8)?,
        doubt: row.get(9)?,
        late_until: row.get(10)?,
    })
}
