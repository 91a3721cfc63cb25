//! Many values as one text, since every row and column that leaves SQLite costs a message.
//!
//! The separators are control characters. Documents and other JSON have none (RFC 8259 §7), ids
//! and times are muster's own, so nothing needs to be escaped.

use anyhow::{Context, Result};

use super::resource::StoredResource;

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

/// The SQL of a resource's record, `r` being its row.
pub(super) fn resource(related: &str) -> String {
    record(&format!("r.seq, r.id, r.version, r.created, r.last_modified, r.document, {related}"))
}

/// The SQL of a user's `groups`, as a JSON array. Only groups that the user is in itself.
pub(super) const GROUPS: &str = r#"(
    SELECT '[' || coalesce(group_concat(
        '{"value":' || json_quote(g.id)
        || CASE WHEN g.display_name IS NULL THEN '' ELSE ',"display":' || json_quote(g.display_name) END
        || ',"type":"direct"}'
    ), '') || ']'
    FROM member m JOIN resource g ON g.tenant = m.tenant AND g.id = m.group_id
    WHERE m.tenant = r.tenant AND m.member_id = r.id
)"#;

/// The SQL of a group's `members`, as a JSON array.
pub(super) const MEMBERS: &str = r#"(
    SELECT '[' || coalesce(group_concat(
        '{"value":' || json_quote(m.member_id)
        || CASE WHEN m.display IS NULL THEN '' ELSE ',"display":' || json_quote(m.display) END
        || ',"type":' || json_quote(m.kind) || '}'
    ), '') || ']'
    FROM member m WHERE m.tenant = r.tenant AND m.group_id = r.id
)"#;

/// The records of a text.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(RECORD)
}

/// The first field of a record, and what follows.
pub(super) fn first(record: &str) -> Result<(&str, &str)> {
    record.split_once(FIELD).context("a record of the database has too few fields")
}

/// Reads a record of [`resource`]; its place in the order of lists comes along.
pub(super) fn read_resource(record: &str) -> Result<(i64, StoredResource)> {
    let mut fields = record.split(FIELD);
    let mut next = || fields.next().context("a resource's record has too few fields");
    let seq = next()?.parse().context("a resource's place")?;
    let id = next()?.to_owned();
    let version = next()?.parse().context("a resource's version")?;
    let created = next()?.to_owned();
    let last_modified = next()?.to_owned();
    let document = next()?.to_owned();
    let related = Some(next()?).filter(|related| !related.is_empty()).map(str::to_owned);
    Ok((seq, StoredResource { id, document, version, created, last_modified, related }))
}
