//! Resources, with their accounts and addresses and how many there are.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::account::{self, Place};
use super::failure::WriteError;
use super::tally::Listed;
use crate::store::account::AccountRow;
use crate::store::commit::{Commit, ResourceChange};
use crate::store::key::{address_key, key};
use crate::store::origin::Origin;
use crate::store::range::ListKey;
use crate::store::resource::ResourceRow;
use crate::store::term::{USER, WriterTerms};
use crate::store::unsettled::PersonGroups;
use crate::store::value::{self, Bound, membership};

/// Fails if the resource comes to have a `displayName` that another one has.
pub(super) fn check_display_name(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<(), WriteError> {
    let row = match &commit.resource {
        Some(ResourceChange::Insert(row) | ResourceChange::Update { row, .. }) => row,
        Some(ResourceChange::Delete { .. }) | None => return Ok(()),
    };
    let Some(name) = row.display_name.as_deref().filter(|_| commit.unique_display_name) else {
        return Ok(());
    };
    // A name that the resource has already is not looked at: others may have it from before.
    let mut find = connection.prepare_cached(
        "SELECT 1 FROM resource r
         WHERE r.tenant = ?1 AND r.kind = ?2 AND r.display_name_key = ?3 AND r.id <> ?4
             AND NOT EXISTS (
                 SELECT 1 FROM resource it
                 WHERE it.tenant = ?1 AND it.id = ?4 AND it.display_name_key = ?3
             )
         LIMIT 1",
    )?;
    let ListKey { tenant, kind } = list(connection, terms, &row.tenant, &row.kind)?;
    match find.exists(params![tenant, kind, key(name), value::id(&row.id)])? {
        true => Err(WriteError::NameTaken),
        false => Ok(()),
    }
}

/// Inserts, updates or deletes the resource; fails if it does not have the expected version. Returns where
/// the account of the commit is then.
pub(super) fn change(
    connection: &Connection,
    terms: &WriterTerms,
    commit: &Commit,
) -> Result<Place, WriteError> {
    let list = |tenant, kind| list(connection, terms, tenant, kind);
    let account = |row: &ResourceRow| {
        let account = commit.account.as_ref();
        account.filter(|it| it.tenant == row.tenant && it.resource == row.id)
    };
    match &commit.resource {
        None => Ok(Place::Unknown),
        Some(ResourceChange::Insert(row)) => {
            insert(connection, list(&row.tenant, &row.kind)?, row, account(row))
        }
        Some(ResourceChange::Update { row, expected }) => {
            let seq = update(connection, list(&row.tenant, &row.kind)?, row, *expected)?;
            Ok(account(row).map_or(Place::Unknown, |_| Place::Row(seq)))
        }
        Some(ResourceChange::Delete { tenant, kind, id, expected }) => {
            let (list, id) = (list(tenant, kind)?, value::id(id));
            leave_groups(connection, commit, list.tenant, &id)?;
            delete(connection, list, &id, *expected)?;
            forget_memberships(connection, commit, list.tenant, &id)?;
            Ok(Place::Unknown)
        }
    }
}

/// The list that the resources of this tenant and kind are in.
fn list(
    connection: &Connection,
    terms: &WriterTerms,
    tenant: &str,
    kind: &str,
) -> Result<ListKey, WriteError> {
    let number = |name| terms.number(connection, name);
    Ok(ListKey { tenant: number(tenant)?, kind: number(kind)? })
}

fn insert(
    connection: &Connection,
    list: ListKey,
    row: &ResourceRow,
    account: Option<&AccountRow>,
) -> Result<Place, WriteError> {
    let (id, addresses) = (value::id(&row.id), addresses(row));
    let user_name_key = row.user_name.as_deref().map(key);
    let former = account::take_former(connection, list.tenant, &row.tenant, &id)?;
    if let (None, Some(account)) = (&former, account) {
        account::check_free(connection, list.tenant, account)?;
    }
    let its = former.as_ref().or(account);
    let in_app = its.and_then(|it| it.account.as_ref());
    let origin = its.and_then(|it| it.origin.as_ref());
    let mut insert = connection.prepare_cached(
        "INSERT INTO resource (
             tenant, kind, id, user_name, user_name_key, external_id, display_name, display_name_key,
             addresses, active, version, created, last_modified, connected, protected, doubt, stay,
             late_until, account_id, membership, data, told, origin, linked_by, document
         ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    insert.execute(params![
        list.tenant,
        list.kind,
        id,
        row.user_name,
        user_name_key,
        row.external_id,
        row.display_name,
        row.display_name.as_deref().map(key),
        json(&addresses),
        row.active,
        row.version,
        row.created,
        row.last_modified,
        its.map(|it| it.connected),
        its.map(|it| it.protected),
        its.map(|it| it.doubt),
        its.map(|it| it.stay),
        its.and_then(|it| it.late_until.as_deref()),
        in_app.map(|it| it.id.as_str()),
        in_app.map(|it| membership(it.membership)),
        in_app.map(|it| it.data.as_str()),
        its.and_then(|it| it.told.as_deref()),
        origin.map(Origin::name),
        origin.and_then(Origin::linked_by),
        row.document,
    ])?;
    let seq = connection.last_insert_rowid();
    Listed { list, seq, user_name_key: user_name_key.as_deref() }.inserted(connection)?;
    insert_addresses(connection, list, &id, user_name_key.as_deref(), &addresses)?;
    Ok(match (former, account) {
        (Some(_), Some(_)) => Place::Row(seq),
        (None, Some(_)) => Place::Written,
        (_, None) => Place::Unknown,
    })
}

fn update(
    connection: &Connection,
    list: ListKey,
    row: &ResourceRow,
    expected: i64,
) -> Result<i64, WriteError> {
    type Before = (i64, Option<String>, Option<String>, Option<String>, String);
    let id = value::id(&row.id);
    let mut find = connection.prepare_cached(
        "SELECT seq, user_name, external_id, display_name, addresses FROM resource
         WHERE tenant = ? AND id = ? AND kind = ? AND version = ?",
    )?;
    let before: Option<Before> = find
        .query_row(params![list.tenant, id, list.kind, expected], |row| row.try_into())
        .optional()?;
    let Some((seq, user_name, external_id, display_name, addresses_before)) = before else {
        return Err(WriteError::Stale);
    };
    let mut update = connection.prepare_cached(
        "UPDATE resource SET active = ?, version = ?, last_modified = ?, document = ?
         WHERE seq = ?",
    )?;
    let values = params![row.active, row.version, row.last_modified, row.document, seq];
    update.execute(values)?;
    let addresses = addresses(row);
    let addresses_json = json(&addresses);
    let has_names = (&user_name, &external_id, &display_name)
        == (&row.user_name, &row.external_id, &row.display_name);
    if has_names && addresses_before == addresses_json {
        return Ok(seq);
    }
    // A statement of its own, since SQLite rewrites each index whose columns are named, even if they
    // do not change.
    let mut rename = connection.prepare_cached(
        "UPDATE resource SET
             user_name = ?, user_name_key = ?, external_id = ?, display_name = ?,
             display_name_key = ?, addresses = ?
         WHERE seq = ?",
    )?;
    let user_name_key = row.user_name.as_deref().map(key);
    rename.execute(params![
        row.user_name,
        user_name_key,
        row.external_id,
        row.display_name,
        row.display_name.as_deref().map(key),
        addresses_json,
        seq,
    ])?;
    let user_name_key_before = user_name.as_deref().map(key);
    let (user_name_key, user_name_key_before) =
        (user_name_key.as_deref(), user_name_key_before.as_deref());
    Listed { list, seq, user_name_key }.renamed(connection, user_name_key_before)?;
    if addresses_before != addresses_json || user_name_key_before != user_name_key {
        delete_addresses(connection, list, &id, user_name_key_before, &addresses_before)?;
        insert_addresses(connection, list, &id, user_name_key, &addresses)?;
    }
    Ok(seq)
}

/// Counts a member that ceases to exist in its groups. A group changes when one of its members is
/// deleted, but the deletion does not hold the group's lock. So it is counted in departures, and the
/// group's version stays.
fn leave_groups(
    connection: &Connection,
    commit: &Commit,
    tenant: i64,
    id: &Bound,
) -> Result<(), WriteError> {
    let operation = commit.operation.as_ref();
    let now = operation.map(|it| it.finished.as_ref().unwrap_or(&it.created));
    let mut depart = connection.prepare_cached(
        "UPDATE resource SET
             departures = departures + 1, last_modified = max(last_modified, coalesce(?3, last_modified))
         WHERE tenant = ?1 AND id IN (
             SELECT group_id FROM member WHERE tenant = ?1 AND member_id = ?2
         )",
    )?;
    depart.execute(params![tenant, id, now])?;
    Ok(())
}

fn delete(
    connection: &Connection,
    list: ListKey,
    id: &Bound,
    expected: i64,
) -> Result<(), WriteError> {
    let ListKey { tenant, kind } = list;
    account::make_former(connection, tenant, id)?;
    let mut delete = connection.prepare_cached(
        "DELETE FROM resource WHERE tenant = ? AND id = ? AND kind = ? AND version = ?
         RETURNING seq, user_name_key, addresses",
    )?;
    let gone: Option<(i64, Option<String>, String)> =
        delete.query_row(params![tenant, id, kind, expected], |row| row.try_into()).optional()?;
    let (seq, user_name_key, addresses) = gone.ok_or(WriteError::Stale)?;
    let user_name_key = user_name_key.as_deref();
    delete_addresses(connection, list, id, user_name_key, &addresses)?;
    Listed { list, seq, user_name_key }.deleted(connection)
}

/// Deletes the unsettled memberships of a resource that is deleted, except a person's whose groups the app
/// keeps.
fn forget_memberships(
    connection: &Connection,
    commit: &Commit,
    tenant: i64,
    id: &Bound,
) -> Result<(), WriteError> {
    let sql = "DELETE FROM unsettled_member WHERE tenant = ? AND group_id = ?";
    connection.prepare_cached(sql)?.execute(params![tenant, id])?;
    if commit.person_groups != Some(PersonGroups::Kept) {
        let sql = "DELETE FROM unsettled_member WHERE tenant = ? AND member_id = ?";
        connection.prepare_cached(sql)?.execute(params![tenant, id])?;
    }
    Ok(())
}

/// The e-mail addresses in the form in which they are compared.
fn addresses(row: &ResourceRow) -> Vec<String> {
    row.emails.iter().map(|it| address_key(it)).collect()
}

fn json(addresses: &[String]) -> String {
    serde_json::to_string(addresses).expect("texts always serialise")
}

/// The addresses of a resource that have rows, from the column that has all of them.
pub(super) fn address_rows(kind: i64, user_name_key: Option<&str>, addresses: &str) -> Vec<String> {
    let addresses: Vec<String> = serde_json::from_str(addresses).unwrap_or_default();
    with_rows(ListKey { tenant: 0, kind }, user_name_key, &addresses).cloned().collect()
}

/// Those of a resource's addresses that have rows: not the `userName` of a user, which has an index.
fn with_rows<'a>(
    list: ListKey,
    user_name_key: Option<&str>,
    addresses: &'a [String],
) -> impl Iterator<Item = &'a String> {
    let name = user_name_key.filter(|_| list.kind == USER);
    addresses.iter().filter(move |address| Some(address.as_str()) != name)
}

fn insert_addresses(
    connection: &Connection,
    list: ListKey,
    id: &Bound,
    user_name_key: Option<&str>,
    addresses: &[String],
) -> Result<(), WriteError> {
    for address in with_rows(list, user_name_key, addresses) {
        let mut insert = connection.prepare_cached(
            "INSERT INTO email (tenant, address_key, resource) VALUES (?, ?, ?)
             ON CONFLICT DO NOTHING",
        )?;
        insert.execute(params![list.tenant, address, id])?;
    }
    Ok(())
}

fn delete_addresses(
    connection: &Connection,
    list: ListKey,
    id: &Bound,
    user_name_key: Option<&str>,
    addresses: &str,
) -> Result<(), WriteError> {
    let addresses: Vec<String> = serde_json::from_str(addresses).unwrap_or_default();
    for address in with_rows(list, user_name_key, &addresses) {
        let sql = "DELETE FROM email WHERE tenant = ? AND address_key = ? AND resource = ?";
        connection.prepare_cached(sql)?.execute(params![list.tenant, address, id])?;
    }
    Ok(())
}
