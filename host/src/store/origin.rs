//! The origin of an account: whether the tenant made it in the app.

use rusqlite::Row;
use serde_json::Value;

use crate::decision::Account;

/// Where an account comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The tenant made it.
    Made,
    /// The app had it, as far as known.
    Linked {
        /// The e-mail addresses that the person had when it was linked.
        by: Vec<String>,
    },
    /// The app had it, and an operator made it the tenant's own.
    Adopted,
}

impl Origin {
    /// The name in the database and in the admin API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Linked { .. } => "linked",
            Self::Adopted => "adopted",
        }
    }

    /// The origin of an account from before origins were kept: an account with the mark of the SDK was
    /// linked, by addresses that are not known.
    pub(super) fn of_old(account: &Account) -> Self {
        if is_marked_as_linked(&account.data) {
            Self::Linked { by: Vec::new() }
        } else {
            Self::Made
        }
    }

    /// The addresses by which it was linked, for the database.
    pub(super) fn linked_by(&self) -> Option<String> {
        match self {
            Self::Linked { by } => Some(Value::from(by.as_slice()).to_string()),
            Self::Made | Self::Adopted => None,
        }
    }
}

/// Whether a connector's notes have the mark of a linked account: `Account::linked` in the SDK.
pub fn is_marked_as_linked(data: &str) -> bool {
    serde_json::from_str::<Value>(data).is_ok_and(|notes| notes["linked"] == true)
}

/// The origin of an account in a row, from two columns.
pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Option<Origin>> {
    let name: Option<String> = row.get(first)?;
    let by: Option<String> = row.get(first + 1)?;
    let by = || by.and_then(|by| serde_json::from_str(&by).ok()).unwrap_or_default();
    Ok(name.map(|name| match &*name {
        "made" => Origin::Made,
        "adopted" => Origin::Adopted,
        _ => Origin::Linked { by: by() },
    }))
}
