//! What a wave of commits is made of in SQL, in the order in which it is written.

use std::sync::LazyLock;

use crate::store::statement::Statement;

/// The parts of a wave, by place in [`STATEMENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Operation,
    DropExchanges,
    Exchange,
    Delete,
    Insert,
    Update,
    Rename,
    DropEmails,
    Emails,
    Left,
    Joined,
    Account,
}

/// In the order of [`Section`].
pub(super) static STATEMENTS: LazyLock<[Statement; 12]> = LazyLock::new(|| {
    [
        operation(),
        drop_exchanges(),
        exchange(),
        delete(),
        insert(),
        update(),
        rename(),
        drop_emails(),
        emails(),
        left(),
        joined(),
        account(),
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
            "INSERT INTO resource ({columns}) SELECT {columns} FROM new WHERE tenant IS NOT NULL"
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
            "INSERT INTO {table} ({names}) SELECT {names} FROM new WHERE {first} IS NOT NULL
             ON CONFLICT ({key_names}) DO UPDATE SET {}",
            changes.join(", ")
        )
        .into(),
    }
}

fn account() -> Statement {
    let names = ACCOUNT.join(", ");
    let changes: Vec<_> = ACCOUNT[2..].iter().map(|it| format!("{it} = excluded.{it}")).collect();
    Statement {
        columns: ACCOUNT,
        body: format!(
            "INSERT INTO account ({names}, former)
             SELECT {names}, NOT EXISTS (
                 SELECT 1 FROM resource r WHERE r.tenant = new.tenant AND r.id = new.resource
             )
             FROM new WHERE tenant IS NOT NULL
             ON CONFLICT (tenant, resource) DO UPDATE SET {}, former = excluded.former",
            changes.join(", ")
        )
        .into(),
    }
}

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
        body: "UPDATE resource SET active = new.active, version = new.version,
                   last_modified = new.last_modified, document = new.document
               FROM new
               WHERE resource.tenant = new.tenant AND resource.id = new.id
                 AND resource.kind = new.kind AND resource.version = new.expected"
            .into(),
    }
}

/// Apart from [`update`], because it is rare and touches every index.
fn rename() -> Statement {
    Statement {
        columns: &[
            "tenant",
            "id",
            "user_name",
            "user_name_key",
            "external_id",
            "display_name",
            "display_name_key",
        ],
        body: "UPDATE resource SET user_name = new.user_name, user_name_key = new.user_name_key,
                   external_id = new.external_id, display_name = new.display_name,
                   display_name_key = new.display_name_key
               FROM new
               WHERE resource.tenant = new.tenant AND resource.id = new.id
                 AND (resource.user_name IS NOT new.user_name
                      OR resource.external_id IS NOT new.external_id
                      OR resource.display_name IS NOT new.display_name)"
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
        columns: &["tenant", "resource", "addresses"],
        body: "DELETE FROM email WHERE (tenant, resource, address_key) IN (
                   SELECT e.tenant, e.resource, e.address_key
                   FROM new CROSS JOIN email e
                   WHERE e.tenant = new.tenant AND e.resource = new.resource
                     AND NOT EXISTS (SELECT 1 FROM json_each(new.addresses) AS address
                                     WHERE address.value = e.address_key)
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

fn drop_exchanges() -> Statement {
    Statement {
        columns: &["operation", "n"],
        body: "DELETE FROM exchange WHERE (operation, n) IN (
                   SELECT e.operation, e.n FROM new CROSS JOIN exchange e
                   WHERE e.operation = new.operation AND e.n >= new.n
               )"
        .into(),
    }
}
