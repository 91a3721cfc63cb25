//! Functions of muster in SQL: they change the form of identifiers, and look for a part of a text.
//!
//! Columns have them as `value::id` says. No table and no index uses a function of muster, so that other
//! tools can open the database.

use std::borrow::Cow;

use anyhow::anyhow;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Error, Result};

use super::value::{Bound, id, push_id};

/// Has this connection know them.
pub(super) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("id_text", 1, flags, id_text)?;
    connection.create_scalar_function("text_id", 1, flags, text_id)?;
    connection.create_scalar_function("reference", 2, flags, reference)?;
    connection.create_scalar_function("has_part", 4, flags, has_part)?;
    count_bytes(connection, |_| true)
}

/// Has this connection count the bytes that a condition looks at, with `look_at(bytes)`: true, or an error once it
/// may look at no more. A statement on another connection looks at all that it wants.
pub(super) fn count_bytes(
    connection: &Connection,
    look_at: impl Fn(u64) -> bool + Send + 'static,
) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("look_at", 1, flags, move |context| {
        let bytes = u64::try_from(context.get::<i64>(0)?).unwrap_or(0);
        match bytes == 0 || look_at(bytes) {
            true => Ok(true),
            false => Err(Error::UserFunctionError(anyhow!("too much to look at").into())),
        }
    })
}

/// `id_text(id)`: the identifier in this column as text.
fn id_text(context: &Context<'_>) -> Result<Option<String>> {
    match context.get_raw(0) {
        ValueRef::Null => Ok(None),
        id => text(id).map(Some),
    }
}

/// `text_id(text)`: the identifier of this text, as columns have it.
fn text_id(context: &Context<'_>) -> Result<ToSqlOutput<'static>> {
    Ok(match id(context.get_raw(0).as_str()?) {
        Bound::Blob(bytes) => bytes.into(),
        Bound::Text(text) => text.into(),
        Bound::Integer(number) => number.into(),
        Bound::Real(number) => number.into(),
    })
}

/// `reference(path, id)`: the members `value` and `$ref` of a JSON object that refers to the resource of this
/// identifier below this path.
fn reference(context: &Context<'_>) -> Result<String> {
    let (path, id) = (context.get_raw(0).as_str()?, context.get_raw(1));
    let is_plain = matches!(id, ValueRef::Blob(_));
    let mut id = text(id)?;
    if !is_plain {
        let quoted = serde_json::Value::from(id).to_string();
        id = quoted[1..quoted.len() - 1].to_owned();
    }
    Ok(format!(r#""value":"{id}","$ref":"{path}{id}""#))
}

/// `has_part(operator, text, part, folds)`: whether a text contains (`co`), begins (`sw`) or ends (`ew`) with a
/// part; in lower case, as the part is, if it folds. It takes time in proportion to the length of both.
fn has_part(context: &Context<'_>) -> Result<Option<bool>> {
    let text @ ValueRef::Text(_) = context.get_raw(1) else { return Ok(None) };
    let (operator, part) = (context.get_raw(0).as_str()?, context.get_raw(2).as_str()?);
    let text = match context.get(3)? {
        true => Cow::Owned(text.as_str()?.to_lowercase()),
        false => Cow::Borrowed(text.as_str()?),
    };
    Ok(Some(match operator {
        "sw" => text.starts_with(part),
        "ew" => text.ends_with(part),
        _ => text.contains(part),
    }))
}

fn text(id: ValueRef<'_>) -> Result<String> {
    let mut text = String::with_capacity(36);
    push_id(&mut text, id).map_err(|error| Error::UserFunctionError(anyhow!("{error}").into()))?;
    Ok(text)
}
