//! Accounts: in the row of the resource while it exists, and in `former_account` otherwise.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::WriteError;
use crate::decision::EventKind;
use crate::store::account::{self, AccountRow};
use crate::store::commit::Commit;
use crate::store::key::key;
use crate::store::operation::OperationState;
use crate::store::origin::Origin;
use crate::store::term::WriterTerms;
use crate::store::value::{Bound, id, membership};

/// Where the account of a commit is, after the change of its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The commit does not change the account's resource, which may exist or not.
    Unknown,
    /// In the row of a resource, still as it was before.
    Row(i64),
    /// In the row of a resource that was inserted with it.
    Written,
}

/// Deletes the account of the resource that the commit's account belonged to before, and moves the unsettled
/// memberships of that resource to the account's resource.
pub(super) fn move_away(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<(), WriteError> {
    let (Some(from), Some(account)) = (&commit.moved_from, &commit.account) else { return Ok(()) };
    let tenant = terms.number(connection, &account.tenant)?;
    let (from, resource) = (id(from), id(&account.resource));
    for sql in [
        "DELETE FROM former_account WHERE tenant = ? AND resource = ?",
        "UPDATE resource SET
             connected = NULL, protected = NULL, doubt = NULL, stay = NULL, late_until = NULL,
             account_id = NULL, membership = NULL, data = NULL, told = NULL, origin = NULL,
             linked_by = NULL
         WHERE tenant = ? AND id = ?",
    ] {
        connection.prepare_cached(sql)?.execute(params![tenant, from])?;
    }
    for sql in [
        "UPDATE OR REPLACE unsettled_member SET member_id = ?3 WHERE tenant = ?1 AND member_id = ?2",
        "UPDATE OR REPLACE unsettled_member SET group_id = ?3 WHERE tenant = ?1 AND group_id = ?2",
    ] {
        connection.prepare_cached(sql)?.execute(params![tenant, from, resource])?;
    }
    Ok(())
}

/// Takes the account of a resource that is about to be inserted out of the former ones.
pub(super) fn take_former(
    connection: &Connection,
    number: i64,
    tenant: &str,
    resource: &Bound,
) -> Result<Option<AccountRow>, WriteError> {
    let mut find = connection.prepare_cached(&account::FIND_FORMER)?;
    let values = params![number, resource];
    let found = find.query_row(values, |row| account::read(row, 0, tenant)).optional()?;
    if found.is_some() {
        let sql = "DELETE FROM former_account WHERE tenant = ? AND resource = ?";
        connection.prepare_cached(sql)?.execute(values)?;
    }
    Ok(found)
}

/// Makes the account of a resource that is about to be deleted a former one.
pub(super) fn make_former(
    connection: &Connection,
    tenant: i64,
    resource: &Bound,
) -> Result<(), WriteError> {
    let mut keep = connection.prepare_cached(
        "INSERT INTO former_account (
             tenant, resource, kind, user_name, user_name_key, external_id, account_id, membership,
             data, connected, protected, doubt, late_until, stay, told, origin, linked_by
         )
         SELECT
             tenant, id, kind, coalesce(user_name, display_name, ''),
             coalesce(user_name_key, display_name_key, ''), external_id, account_id, membership,
             data, connected, protected, doubt, late_until, stay, told, origin, linked_by
         FROM resource WHERE tenant = ? AND id = ? AND connected IS NOT NULL",
    )?;
    keep.execute(params![tenant, resource])?;
    Ok(())
}

/// Inserts or replaces the account.
pub(super) fn account(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
    place: Place,
) -> Result<(), WriteError> {
    let Some(it) = &commit.account else { return Ok(()) };
    let tenant = terms.number(connection, &it.tenant)?;
    let row = match place {
        Place::Written => return Ok(()),
        Place::Row(seq) => Some(seq),
        Place::Unknown => {
            let sql = "SELECT seq FROM resource WHERE tenant = ? AND id = ?";
            let mut find = connection.prepare_cached(sql)?;
            find.query_row(params![tenant, id(&it.resource)], |row| row.get(0)).optional()?
        }
    };
    let left = commit.operation.as_ref().is_some_and(|operation| {
        operation.kind == EventKind::Deactivate && operation.state == OperationState::Done
    });
    match row {
        Some(seq) => of_resource(connection, tenant, seq, it, left),
        None => former(connection, tenant, it, left),
    }
}

/// Fails if a resource that does not exist has the account of the app. That no existing one has it too is
/// the matter of an index.
pub(super) fn check_free(
    connection: &Connection,
    tenant: i64,
    it: &AccountRow,
) -> Result<(), WriteError> {
    let Some(account) = &it.account else { return Ok(()) };
    let sql = "SELECT 1 FROM former_account WHERE account_id = ? AND tenant = ? AND kind = ?";
    let taken = connection.prepare_cached(sql)?.exists(params![account.id, tenant, it.kind])?;
    if taken { Err(WriteError::AccountTaken) } else { Ok(()) }
}

/// Replaces the account in the row of its resource.
fn of_resource(
    connection: &Connection,
    tenant: i64,
    seq: i64,
    it: &AccountRow,
    left: bool,
) -> Result<(), WriteError> {
    let account = it.account.as_ref();
    // The WHERE skips a row that stays as it is, so that its page is not written.
    let mut put = connection.prepare_cached(
        "UPDATE resource SET
             membership = ?2, data = ?3, connected = ?4, protected = ?5,
             -- A doubt that came after the row was read stays: it has raised the counter.
             doubt = ?6 OR coalesce(stay > ?8, 0),
             late_until = ?7,
             -- A group change that began during a leave cannot know whether its calls came before the
             -- leave or after it.
             stay = coalesce(max(stay, ?8) + ?10, ?8),
             told = ?9,
             origin = ?11,
             linked_by = ?12
         WHERE seq = ?1
             AND (membership IS NOT ?2 OR data IS NOT ?3 OR connected IS NOT ?4
                  OR protected IS NOT ?5 OR doubt IS NOT ?6 OR late_until IS NOT ?7
                  OR stay IS NOT ?8 OR told IS NOT ?9 OR origin IS NOT ?11
                  OR linked_by IS NOT ?12 OR ?10)",
    )?;
    put.execute(params![
        seq,
        account.map(|it| membership(it.membership)),
        account.map(|it| it.data.as_str()),
        it.connected,
        it.protected,
        it.doubt,
        it.late_until,
        it.stay,
        it.told,
        left,
        it.origin.as_ref().map(Origin::name),
        it.origin.as_ref().and_then(Origin::linked_by),
    ])?;
    // A statement of its own, since SQLite rewrites each index whose columns are named, even if they
    // do not change.
    let mut rename = connection.prepare_cached(
        "UPDATE resource SET account_id = ?2 WHERE seq = ?1 AND account_id IS NOT ?2",
    )?;
    if rename.execute(params![seq, account.map(|it| it.id.as_str())])? > 0 {
        check_free(connection, tenant, it)?;
    }
    Ok(())
}

/// Inserts or replaces the account of a resource that does not exist.
fn former(
    connection: &Connection,
    tenant: i64,
    it: &AccountRow,
    left: bool,
) -> Result<(), WriteError> {
    let resource = id(&it.resource);
    let account = it.account.as_ref();
    let account_id = account.map(|it| it.id.as_str());
    // As in `of_resource`.
    let mut put = connection.prepare_cached(
        "INSERT INTO former_account (
             tenant, resource, kind, user_name, user_name_key, external_id, account_id, membership,
             data, connected, protected, doubt, late_until, stay, told, origin, linked_by
         ) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                   ?17, ?18)
         ON CONFLICT (tenant, resource) DO UPDATE SET
             kind = excluded.kind, user_name = excluded.user_name,
             user_name_key = excluded.user_name_key, external_id = excluded.external_id,
             account_id = excluded.account_id, membership = excluded.membership,
             data = excluded.data, connected = excluded.connected,
             protected = excluded.protected,
             doubt = excluded.doubt OR former_account.stay > excluded.stay,
             late_until = excluded.late_until,
             stay = max(former_account.stay, excluded.stay) + ?16,
             told = excluded.told, origin = excluded.origin, linked_by = excluded.linked_by",
    )?;
    put.execute(params![
        tenant,
        resource,
        it.kind,
        it.user_name,
        key(&it.user_name),
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
        it.origin.as_ref().map(Origin::name),
        it.origin.as_ref().and_then(Origin::linked_by),
    ])?;
    let Some(account_id) = account_id else { return Ok(()) };
    let sql = "SELECT 1 FROM resource WHERE account_id = ? AND tenant = ? AND kind = ?";
    let taken = connection.prepare_cached(sql)?.exists(params![account_id, tenant, it.kind])?;
    if taken { Err(WriteError::AccountTaken) } else { Ok(()) }
}
