//! Many rows as one row of a few texts, since every row that leaves SQLite costs a message.
//!
//! Heads are records of small fields, set apart by control characters, which ids, times and JSON do
//! not have (RFC 8259 §7). Documents follow on one another; each head says how long its own is.

use anyhow::{Context, Result};

/// Stands between the fields of a record.
const FIELD: char = '\u{1f}';

/// Stands between records.
const RECORD: char = '\u{1e}';

/// The SQL that makes a record of these columns; a NULL among them would be left out.
pub(super) fn record(columns: &str) -> String {
    format!("concat_ws(char(31), {columns})")
}

/// The SQL that makes one text of the records of a column.
pub(super) fn records(column: &str) -> String {
    format!("group_concat({column}, char(30))")
}

/// The SQL of a resource's head, `r` being its row.
pub(super) const HEAD: &str =
    "r.seq, r.id, r.version, r.departures, r.created, r.last_modified, octet_length(r.document)";

/// The SQL of a user's `groups`, as a JSON array. Only groups that the user is in itself.
///
/// Most users of most tenants are in none, and to find that out is cheaper than to join nothing.
pub(super) const GROUPS: &str = r#"CASE WHEN NOT EXISTS (
    SELECT 1 FROM member m WHERE m.tenant = r.tenant AND m.member_id = r.id
) THEN '[]' ELSE (
    SELECT '[' || coalesce(group_concat(
        '{"value":' || json_quote(g.id) || ',"$ref":' || json_quote('/Groups/' || g.id)
        || CASE WHEN g.display_name IS NULL THEN ''
                ELSE ',"display":' || json_quote(g.display_name) END
        || ',"type":"direct"}'
    ), '') || ']'
    FROM member m JOIN resource g ON g.tenant = m.tenant AND g.id = m.group_id
    WHERE m.tenant = r.tenant AND m.member_id = r.id
) END"#;

/// The SQL of a group's `members`, as a JSON array; with what each is called, if they are named.
pub(super) fn members(named: bool) -> String {
    let display = if named {
        r#"|| CASE WHEN m.display IS NULL THEN '' ELSE ',"display":' || json_quote(m.display) END"#
    } else {
        ""
    };
    format!(
        r#"(
    SELECT '[' || coalesce(group_concat(
        '{{"value":' || json_quote(m.member_id)
        || ',"$ref":' || json_quote('/' || m.kind || 's/' || m.member_id)
        {display}
        || ',"type":' || json_quote(m.kind) || '}}'
    ), '') || ']'
    FROM member m WHERE m.tenant = r.tenant AND m.group_id = r.id
)"#
    )
}

/// The records of a text.
pub(super) fn split(text: &str) -> std::str::Split<'_, char> {
    text.split(RECORD)
}

/// The fields of a record.
pub(super) fn fields(record: &str) -> impl Iterator<Item = &str> {
    record.split(FIELD)
}

/// The first field of a record, and the rest.
pub(super) fn first(record: &str) -> Result<(&str, &str)> {
    record.split_once(FIELD).context("a record of the database has too few fields")
}

/// The SQL that makes one text of documents, to be taken apart by the lengths in their heads.
///
/// It comes as bytes, because SQLite copies a text once more to end it with a zero.
pub(super) fn documents(column: &str) -> String {
    format!("CAST(group_concat({column}, '') AS BLOB)")
}
