//! Accounts.

use rusqlite::{Connection, params};

use super::failure::WriteError;
use crate::decision::EventKind;
use crate::store::commit::Commit;
use crate::store::key::key;
use crate::store::operation::OperationState;
use crate::store::term::WriterTerms;
use crate::store::value::{id, membership};

/// Deletes the account of the resource that the commit's account belonged to before, and lets what is
/// known of its memberships be known of the account's resource.
pub(super) fn move_away(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<(), WriteError> {
    let (Some(from), Some(account)) = (&commit.moved_from, &commit.account) else { return Ok(()) };
    let tenant = terms.number(connection, &account.tenant)?;
    let (from, resource) = (id(from), id(&account.resource));
    let sql = "DELETE FROM account WHERE tenant = ? AND resource = ?";
    connection.prepare_cached(sql)?.execute(params![tenant, from])?;
    for sql in [
        "UPDATE OR REPLACE unsettled_member SET member_id = ?3 WHERE tenant = ?1 AND member_id = ?2",
        "UPDATE OR REPLACE unsettled_member SET group_id = ?3 WHERE tenant = ?1 AND group_id = ?2",
    ] {
        connection.prepare_cached(sql)?.execute(params![tenant, from, resource])?;
    }
    Ok(())
}

/// Inserts or replaces the account.
pub(super) fn account(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<(), WriteError> {
    let Some(it) = &commit.account else { return Ok(()) };
    let tenant = terms.number(connection, &it.tenant)?;
    let resource = id(&it.resource);
    let account = it.account.as_ref();
    let left = commit.operation.as_ref().is_some_and(|operation| {
        operation.kind == EventKind::Deactivate && operation.state == OperationState::Done
    });
    // The WHERE skips a row that stays as it is, so that its page is not written.
    let mut put = connection.prepare_cached(
        "INSERT INTO account (
             tenant, resource, kind, user_name, user_name_key, external_id, account_id, membership,
             data, connected, protected, doubt, late_until, stay, told, former
         ) VALUES (
             ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
             NOT EXISTS (SELECT 1 FROM resource r WHERE r.tenant = ?1 AND r.id = ?2)
         ) ON CONFLICT (tenant, resource) DO UPDATE SET
             user_name = excluded.user_name, membership = excluded.membership,
             data = excluded.data, connected = excluded.connected,
             protected = excluded.protected,
             -- A doubt that came after the row was read stays: it has raised the counter.
             doubt = excluded.doubt OR account.stay > excluded.stay,
             late_until = excluded.late_until,
             -- A group change that began during a leave cannot know whether its calls came before the
             -- leave or after it.
             stay = max(account.stay, excluded.stay) + ?16,
             told = excluded.told
         WHERE user_name IS NOT excluded.user_name OR membership IS NOT excluded.membership
             OR data IS NOT excluded.data OR connected IS NOT excluded.connected
             OR protected IS NOT excluded.protected OR doubt IS NOT excluded.doubt
             OR late_until IS NOT excluded.late_until OR stay IS NOT excluded.stay
             OR told IS NOT excluded.told OR ?16",
    )?;
    let name_key = key(&it.user_name);
    let account_id = account.map(|it| it.id.as_str());
    put.execute(params![
        tenant,
        resource,
        it.kind,
        it.user_name,
        name_key,
        it.external_id,
        account_id,
        account.map(|it| membership(it.membership)),
        account.map(|it| it.data.as_str()),
        it.connected,
        it.protected,
        it.doubt,
        it.late_until,
        it.stay,
        it.told,
        left,
    ])?;
    // A statement of its own, since SQLite rewrites each index whose columns are named, even if they
    // do not change.
    let mut rename = connection.prepare_cached(
        "UPDATE account SET kind = ?3, user_name_key = ?4, external_id = ?5, account_id = ?6
         WHERE tenant = ?1 AND resource = ?2
             AND (kind IS NOT ?3 OR user_name_key IS NOT ?4 OR external_id IS NOT ?5
                  OR account_id IS NOT ?6)",
    )?;
    rename.execute(params![tenant, resource, it.kind, name_key, it.external_id, account_id])?;
    Ok(())
}
