//! Memberships in groups: rows of the directory, and the exceptions in which the app may differ from it.

use rusqlite::{Connection, OptionalExtension, params};

use super::failure::WriteError;
use crate::store::commit::Commit;
use crate::store::term::WriterTerms;
use crate::store::unsettled::{PersonGroups, SettledMember, ToldMember};
use crate::store::value::{Bound, id};

/// Remembers the memberships of a person whom the commit deletes, and whose groups the app keeps.
pub(super) fn keep(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<(), WriteError> {
    let (Some(PersonGroups::Kept), Some(change)) = (commit.person_groups, &commit.resource) else {
        return Ok(());
    };
    let (tenant, resource) = change.key();
    let (tenant, resource) = (terms.number(connection, tenant)?, id(resource));
    let mut remember = connection.prepare_cached(
        "INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
         SELECT tenant, group_id, member_id, 1, 1, NULL FROM member
         WHERE tenant = ? AND member_id = ?
         ON CONFLICT DO NOTHING",
    )?;
    remember.execute(params![tenant, resource])?;
    let mut forget = connection.prepare_cached(
        "DELETE FROM unsettled_member
         WHERE tenant = ? AND member_id = ? AND carried = 0 AND doubt = 0
             AND (late_until IS NULL OR late_until <= ?)",
    )?;
    forget.execute(params![tenant, resource, commit.now()])?;
    Ok(())
}

/// Removes and adds members of groups in the directory.
pub(super) fn members(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<(), WriteError> {
    if !commit.left.is_empty() {
        let tenant = tenant(connection, terms, commit)?;
        let sql = "DELETE FROM member WHERE tenant = ? AND group_id = ? AND member_id = ?";
        let mut delete = connection.prepare_cached(sql)?;
        for (group, member) in &commit.left {
            delete.execute(params![tenant, id(group), id(member)])?;
        }
    }
    if !commit.joined.is_empty() {
        let mut put = connection.prepare_cached(
            "INSERT INTO member (tenant, group_id, member_id, display, kind)
             VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (tenant, group_id, member_id) DO UPDATE SET
                 display = excluded.display, kind = excluded.kind",
        )?;
        for it in &commit.joined {
            let tenant = terms.number(connection, &it.tenant)?;
            put.execute(params![tenant, id(&it.group), id(&it.member), it.display, it.kind])?;
        }
    }
    Ok(())
}

/// Writes the memberships that the app has unlike the directory, or that are in doubt.
pub(super) fn unsettled(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<(), WriteError> {
    account_groups(connection, terms, commit)?;
    if commit.unsettled.is_empty() && commit.doubted.is_empty() && commit.settled.is_empty() {
        return Ok(());
    }
    let tenant = tenant(connection, terms, commit)?;
    let mut written = Vec::new();
    for it in &commit.unsettled {
        let mut insert = connection.prepare_cached(
            "INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
             VALUES (?, ?, ?, ?, 0, NULL)
             ON CONFLICT DO NOTHING",
        )?;
        let (group, member) = (id(&it.group), id(&it.member));
        insert.execute(params![tenant, group, member, it.carried])?;
        written.push((group, member));
    }
    for it in &commit.doubted {
        let member = owner(connection, tenant, &it.member)?;
        let mut doubt = connection.prepare_cached(
            "INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
             VALUES (?1, ?2, ?3, EXISTS (
                 SELECT 1 FROM member m
                 WHERE m.tenant = ?1 AND m.group_id = ?2 AND m.member_id = ?3
             ), 1, ?4)
             ON CONFLICT DO UPDATE SET
                 doubt = 1,
                 late_until =
                     coalesce(max(late_until, excluded.late_until), late_until, excluded.late_until)",
        )?;
        doubt.execute(params![tenant, id(&it.group), member.id, it.late_until])?;
    }
    for it in &commit.settled {
        written.push(settle(connection, commit, tenant, it)?);
    }
    // A membership that the app has like the directory, and that is not in doubt, needs no row.
    for (group, member) in written {
        let mut delete = connection.prepare_cached(
            "DELETE FROM unsettled_member
             WHERE tenant = ?1 AND group_id = ?2 AND member_id = ?3 AND doubt = 0
                 AND carried = EXISTS (
                     SELECT 1 FROM member m
                     WHERE m.tenant = ?1 AND m.group_id = ?2 AND m.member_id = ?3
                 )",
        )?;
        delete.execute(params![tenant, group, member])?;
    }
    Ok(())
}

/// What becomes of the memberships of the person, or of the group, whose account changes.
fn account_groups(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<(), WriteError> {
    let (Some(groups), Some(account)) = (commit.person_groups, &commit.account) else {
        return Ok(());
    };
    let tenant = terms.number(connection, &account.tenant)?;
    let statements: &[&'static str] = match groups {
        PersonGroups::Kept => &[],
        // In doubt, since some apps only hide the groups of an account that is not a member, and show
        // them when it is one again.
        PersonGroups::Lost => &[
            "INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
             SELECT tenant, group_id, member_id, 0, 1, NULL FROM member
             WHERE tenant = ?1 AND member_id = ?2
             ON CONFLICT DO NOTHING",
            "UPDATE unsettled_member SET carried = 0, doubt = 1
             WHERE tenant = ?1 AND member_id = ?2",
        ],
        PersonGroups::GroupLost => &[
            "INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
             SELECT tenant, group_id, member_id, 0, 0, NULL FROM member
             WHERE tenant = ?1 AND group_id = ?2
             ON CONFLICT DO UPDATE SET carried = 0",
        ],
        PersonGroups::GroupGone => {
            &["DELETE FROM unsettled_member WHERE tenant = ?1 AND group_id = ?2"]
        }
    };
    for sql in statements {
        connection.prepare_cached(sql)?.execute(params![tenant, id(&account.resource)])?;
    }
    Ok(())
}

/// The resource that a membership is of.
struct Owner {
    id: Bound,
    /// Whether it is another than the app was told of.
    has_moved: bool,
}

/// The resource that has the account of a member by now.
fn owner(connection: &Connection, tenant: i64, member: &ToldMember) -> Result<Owner, WriteError> {
    let same = Owner { id: id(&member.id), has_moved: false };
    let Some(account) = &member.account else { return Ok(same) };
    let mut exists = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM account WHERE tenant = ? AND resource = ?)",
    )?;
    if exists.query_row(params![tenant, same.id], |row| row.get(0))? {
        return Ok(same);
    }
    let mut find = connection.prepare_cached(
        "SELECT resource FROM account WHERE account_id = ? AND tenant = ? AND kind = 0",
    )?;
    let owner: Option<Bound> =
        find.query_row(params![account, tenant], |row| row.get(0)).optional()?;
    Ok(owner.map_or(same, |id| Owner { id, has_moved: true }))
}

/// Writes a membership that the app was told of, and returns its group and member. One that agrees with the
/// directory is skipped if nothing is known of it.
fn settle(
    connection: &Connection,
    commit: &Commit,
    tenant: i64,
    it: &SettledMember,
) -> Result<(Bound, Bound), WriteError> {
    let group = id(&it.group);
    let Owner { id: member, has_moved } = owner(connection, tenant, &it.member)?;
    let mut settle = connection.prepare_cached(
        "INSERT INTO unsettled_member (tenant, group_id, member_id, carried, doubt, late_until)
         SELECT ?1, ?2, ?3, ?4, NOT it.stays, NULL
         FROM (
             SELECT
                 -- What an account in doubt was told may be lost.
                 NOT ?7 AND (?5 IS NULL OR ?5 = coalesce((
                     SELECT iif(a.doubt, -1, a.stay) FROM account a
                     WHERE a.tenant = ?1 AND a.resource = ?3
                 ), 0)) AS stays
         ) it
         WHERE NOT it.stays OR ?4 IS NOT EXISTS (
             SELECT 1 FROM member m WHERE m.tenant = ?1 AND m.group_id = ?2 AND m.member_id = ?3
         ) OR EXISTS (
             SELECT 1 FROM unsettled_member u
             WHERE u.tenant = ?1 AND u.group_id = ?2 AND u.member_id = ?3
         )
         ON CONFLICT DO UPDATE SET
             carried = excluded.carried,
             doubt = excluded.doubt OR late_until IS NOT NULL AND coalesce(late_until > ?6, 1),
             late_until = CASE WHEN coalesce(late_until > ?6, 1) THEN late_until END",
    )?;
    let now = commit.now();
    settle.execute(params![tenant, group, member, it.carried, it.stay, now, has_moved])?;
    Ok((group, member))
}

fn tenant(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<i64, WriteError> {
    let missing = || WriteError::Invalid("a change of members names no tenant".to_owned());
    Ok(terms.number(connection, commit.tenant().ok_or_else(missing)?)?)
}
