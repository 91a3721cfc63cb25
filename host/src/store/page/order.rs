//! In which order a list is: by age, or by one attribute and then by age.

use serde_json::Value;

use crate::scim::{Error, ResourceType, Sort};
use crate::store::filter::{self, SortKey, USER_NAME};
use crate::store::range::{BY_AGE, BY_NAME, RangeTable};
use crate::store::value::Bound;

/// No more resources than these are put in an order that no index has.
pub(in crate::store) const SORTED_AT_MOST: u64 = 20_000;

/// The order of a list. Whatever it is sorted by, no two resources share a place in it.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Order {
    /// What it is sorted by; by age where there is none.
    pub(in crate::store) key: Option<SortKey>,
    pub(in crate::store) descending: bool,
}

impl Order {
    /// The order that was asked for; `invalidPath` where the type has no such attribute, or none
    /// with an order.
    pub(in crate::store) fn of(
        sort: Option<&Sort>,
        resource_type: &ResourceType,
        tenant: i64,
    ) -> Result<Self, Error> {
        let Some(sort) = sort else { return Ok(Self::default()) };
        let key = filter::sort_key(&sort.by, resource_type, tenant)?;
        Ok(Self { key: Some(key), descending: sort.descending })
    }

    /// Whether lists of any length can be read in this order.
    pub(super) fn is_indexed(&self) -> bool {
        self.key.as_ref().is_none_or(|key| key.is_indexed)
    }

    /// The ranges of lists in this order, if they have any.
    pub(super) fn ranges(&self) -> Option<&'static RangeTable> {
        match &self.key {
            None => Some(&BY_AGE),
            Some(key) if key.is_indexed && key.sql == USER_NAME => Some(&BY_NAME),
            Some(_) => None,
        }
    }

    /// `ORDER BY`, of a key of this name and the place in age of this name.
    pub(super) fn by(&self, key: &str, seq: &str) -> String {
        let way = if self.descending { " DESC" } else { "" };
        match &self.key {
            None => format!(" ORDER BY {seq}{way}"),
            Some(SortKey { collation, .. }) => {
                let collation = collation.map(|it| format!(" COLLATE {it}")).unwrap_or_default();
                format!(" ORDER BY {key}{collation}{way}, {seq}{way}")
            }
        }
    }

    /// The condition that a row comes after this place, by the same names.
    pub(super) fn after(
        &self,
        key: &str,
        seq: &str,
        (last_key, last_seq): (Option<&Value>, i64),
    ) -> (String, Vec<Bound>) {
        let sign = if self.descending { "<" } else { ">" };
        let Some(SortKey { collation, .. }) = &self.key else {
            return (format!("{seq} {sign} ?"), vec![Bound::Integer(last_seq)]);
        };
        let collation = collation.map(|it| format!(" COLLATE {it}")).unwrap_or_default();
        let (mark, mut values) = match last_key {
            None | Some(Value::Null) => ("x''", Vec::new()),
            Some(value) => ("?", vec![bound(value)]),
        };
        values.push(Bound::Integer(last_seq));
        (format!("({key}{collation}, {seq}) {sign} ({mark}, ?)"), values)
    }
}

fn bound(value: &Value) -> Bound {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Bound::Integer(integer),
            (None, real) => Bound::Real(real.unwrap_or_default()),
        },
        Value::String(text) => Bound::Text(text.clone()),
        other => Bound::Text(other.to_string()),
    }
}
