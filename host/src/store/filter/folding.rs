//! Text in which upper and lower case do not differ, in any script.
//!
//! SQLite itself folds ASCII only. Equality and order go through a collation of our own, and parts of text are
//! sought by `has_part` (see `store::function`).

use std::cmp::Ordering;

/// The name of the collation. No index uses it, so that other tools can open the database.
pub(in crate::store) const FOLDED: &str = "folded";

/// The collation: by lower case, character by character.
pub(in crate::store) fn compare_folded(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        let right = right.bytes().map(|byte| byte.to_ascii_lowercase());
        return left.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(right);
    }
    left.to_lowercase().cmp(&right.to_lowercase())
}
