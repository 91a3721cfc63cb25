//! What a wave of commits is made of in SQL, in the order in which it is written.

use std::sync::LazyLock;

use crate::store::statement::Statement;

/// The parts of a wave, by place in [`STATEMENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Operation,
    Exchange,
    Delete,
    Insert,
    Tally,
    Update,
    /// Finds out which updates need [`Section::Rename`] and [`Section::DropEmails`].
    Renamed,
    /// Before the resource forgets which addresses it had.
    DropEmails,
    Rename,
    Emails,
    Left,
    Joined,
    Account,
    /// Finds out which accounts need [`Section::RenameAccount`].
    AccountRenamed,
    RenameAccount,
}

/// In the order of [`Section`].
///
/// What can fail says `OR FAIL`: whoever writes a wave undoes all of it if any of it fails, so
/// SQLite need not be ready to undo a single statement.
pub(super) static STATEMENTS: LazyLock<[Statement; 15]> = LazyLock::new(|| {
    [
        operation(),
        exchange(),
        delete(),
        insert(),
        tally(),
        update(),
        renamed(),
        drop_emails(),
        rename(),
        emails(),
        left(),
        joined(),
        account(),
        account_renamed(),
        rename_account(),
    ]
});

const OPERATION: &[&str] = &[
    "id",
    "tenant",
    "app",
    "resource",
    "resource_kind",
    "kind",
    "state",
    "subject",
    "fingerprint",
    "context",
    "event",
    "answer",
    "note",
    "connector",
    "log",
    "attempts",
    "due",
    "sealed",
    "progress",
    "batch",
    "created",
    "finished",
];

/// How far an operation can get; what it is about never changes.
const OPERATION_CHANGES: &[&str] = &[
    "state",
    "context",
    "event",
    "answer",
    "note",
    "connector",
    "log",
    "attempts",
    "due",
    "sealed",
    "progress",
    "batch",
    "finished",
];

const EXCHANGE: &[&str] = &["operation", "n", "request", "response", "at"];

const RESOURCE: &[&str] = &[
    "tenant",
    "kind",
    "id",
    "user_name",
    "user_name_key",
    "external_id",
    "display_name",
    "display_name_key",
    "addresses",
    "active",
    "version",
    "created",
    "last_modified",
    "document",
];

const MEMBER: &[&str] = &["tenant", "group_id", "member_id", "display", "kind"];

const ACCOUNT: &[&str] = &[
    "tenant",
    "resource",
    "kind",
    "user_name",
    "user_name_key",
    "external_id",
    "account_id",
    "membership",
    "data",
    "connected",
    "protected",
];

fn operation() -> Statement {
    upsert("operation", OPERATION, &["id"], OPERATION_CHANGES)
}

fn exchange() -> Statement {
    upsert("exchange", EXCHANGE, &["operation", "n"], &["request", "response", "at"])
}

fn insert() -> Statement {
    let columns = RESOURCE.join(", ");
    Statement {
        columns: RESOURCE,
        body: format!(
            "INSERT OR FAIL INTO resource ({columns})
             SELECT {columns} FROM new WHERE tenant IS NOT NULL"
        )
        .into(),
    }
}

fn joined() -> Statement {
    upsert("member", MEMBER, &["tenant", "group_id", "member_id"], &["display", "kind"])
}

fn upsert(
    table: &str,
    columns: &'static [&'static str],
    key: &[&str],
    changes: &[&str],
) -> Statement {
    let [names, key_names] = [columns.join(", "), key.join(", ")];
    let first = columns[0];
    let changes: Vec<_> = changes.iter().map(|it| format!("{it} = excluded.{it}")).collect();
    Statement {
        columns,
        body: format!(
            "INSERT OR FAIL INTO {table} ({names}) SELECT {names} FROM new WHERE {first} IS NOT NULL
             ON CONFLICT ({key_names}) DO UPDATE SET {}",
            changes.join(", ")
        )
        .into(),
    }
}

/// What changes often is in no index, and what stays as it is dirties no page.
fn account() -> Statement {
    let names = ACCOUNT.join(", ");
    let often = ["user_name", "membership", "data", "connected", "protected"];
    Statement {
        columns: ACCOUNT,
        body: format!(
            "INSERT OR FAIL INTO account ({names}, former)
             SELECT {names}, NOT EXISTS (
                 SELECT 1 FROM resource r WHERE r.tenant = new.tenant AND r.id = new.resource
             )
             FROM new WHERE tenant IS NOT NULL
             ON CONFLICT (tenant, resource) DO UPDATE SET {} WHERE {}",
            often.map(|it| format!("{it} = excluded.{it}")).join(", "),
            often.map(|it| format!("account.{it} IS NOT excluded.{it}")).join(" OR ")
        )
        .into(),
    }
}

/// What of an account is in an index, and changes seldom.
const ACCOUNT_NAMES: [&str; 4] = ["kind", "user_name_key", "external_id", "account_id"];

const ACCOUNT_RENAMED: &[&str] =
    &["n", "tenant", "resource", "kind", "user_name_key", "external_id", "account_id"];

fn account_renamed() -> Statement {
    Statement {
        columns: ACCOUNT_RENAMED,
        body: format!(
            "SELECT group_concat(new.n) FROM new CROSS JOIN account a
             WHERE a.tenant = new.tenant AND a.resource = new.resource AND ({} OR a.former = 1)",
            ACCOUNT_NAMES.map(|it| format!("a.{it} IS NOT new.{it}")).join(" OR ")
        )
        .into(),
    }
}

fn rename_account() -> Statement {
    Statement {
        columns: ACCOUNT_RENAMED,
        body: format!(
            "UPDATE OR FAIL account SET {}, former = NOT EXISTS (
                 SELECT 1 FROM resource r
                 WHERE r.tenant = account.tenant AND r.id = account.resource
             )
             FROM new WHERE account.tenant = new.tenant AND account.resource = new.resource",
            ACCOUNT_NAMES.map(|it| format!("{it} = new.{it}")).join(", ")
        )
        .into(),
    }
}

fn tally() -> Statement {
    Statement {
        columns: &["tenant", "kind", "total"],
        body: "INSERT INTO tally (tenant, kind, total)
               SELECT tenant, kind, total FROM new WHERE tenant IS NOT NULL
               ON CONFLICT (tenant, kind) DO UPDATE SET total = tally.total + excluded.total"
            .into(),
    }
}

/// What changes with every update is in no index.
fn update() -> Statement {
    Statement {
        columns: &[
            "tenant",
            "kind",
            "id",
            "expected",
            "active",
            "version",
            "last_modified",
            "document",
        ],
        body: "UPDATE OR FAIL resource SET active = new.active, version = new.version,
                   last_modified = new.last_modified, document = new.document
               FROM new
               WHERE resource.tenant = new.tenant AND resource.id = new.id
                 AND resource.kind = new.kind AND resource.version = new.expected"
            .into(),
    }
}

/// What of a resource is in an index, and changes seldom.
const RENAMED: &[&str] = &[
    "n",
    "tenant",
    "id",
    "user_name",
    "user_name_key",
    "external_id",
    "display_name",
    "display_name_key",
    "addresses",
];

fn renamed() -> Statement {
    Statement {
        columns: RENAMED,
        body: "SELECT group_concat(new.n) FROM new CROSS JOIN resource r
               WHERE r.tenant = new.tenant AND r.id = new.id
                 AND (r.user_name IS NOT new.user_name OR r.external_id IS NOT new.external_id
                      OR r.display_name IS NOT new.display_name
                      OR r.addresses IS NOT new.addresses)"
            .into(),
    }
}

fn rename() -> Statement {
    Statement {
        columns: RENAMED,
        body: "UPDATE OR FAIL resource SET user_name = new.user_name,
                   user_name_key = new.user_name_key, external_id = new.external_id,
                   display_name = new.display_name, display_name_key = new.display_name_key,
                   addresses = new.addresses
               FROM new WHERE resource.tenant = new.tenant AND resource.id = new.id"
            .into(),
    }
}

fn delete() -> Statement {
    Statement {
        columns: &["tenant", "kind", "id", "expected"],
        body: "DELETE FROM resource
               WHERE (tenant, id) IN (SELECT tenant, id FROM new)
                 AND EXISTS (SELECT 1 FROM new
                             WHERE new.tenant = resource.tenant AND new.id = resource.id
                               AND new.kind = resource.kind AND new.expected = resource.version)"
            .into(),
    }
}

/// Addresses come as a JSON array, since a resource has any number of them.
fn emails() -> Statement {
    Statement {
        columns: &["tenant", "resource", "addresses"],
        body: "INSERT INTO email (tenant, resource, address_key)
               SELECT new.tenant, new.resource, address.value
               FROM new CROSS JOIN json_each(new.addresses) AS address
               WHERE new.tenant IS NOT NULL
               ON CONFLICT DO NOTHING"
            .into(),
    }
}

fn drop_emails() -> Statement {
    Statement {
        columns: &["tenant", "resource"],
        body: "DELETE FROM email WHERE (tenant, address_key, resource) IN (
                   SELECT r.tenant, address.value, r.id
                   FROM new CROSS JOIN resource r CROSS JOIN json_each(r.addresses) AS address
                   WHERE r.tenant = new.tenant AND r.id = new.resource
               )"
        .into(),
    }
}

fn left() -> Statement {
    Statement {
        columns: &["tenant", "group_id", "member_id"],
        body: "DELETE FROM member WHERE (tenant, group_id, member_id) IN (SELECT * FROM new)"
            .into(),
    }
}
