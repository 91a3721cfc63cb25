//! Text in which upper and lower case do not differ, in any script.
//!
//! SQLite itself folds ASCII only. Equality and order go through a collation of our own; parts of
//! text are sought by GLOB, with a class of characters for each letter.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::scim::Operator;

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

/// The characters that have this one as their lower case.
static CAPITALS: LazyLock<HashMap<char, Vec<char>>> = LazyLock::new(|| {
    let mut capitals: HashMap<char, Vec<char>> = HashMap::new();
    for capital in '\0'..=char::MAX {
        let mut lower = capital.to_lowercase();
        if let (Some(small), None) = (lower.next(), lower.next())
            && small != capital
        {
            capitals.entry(small).or_default().push(capital);
        }
    }
    capitals
});

/// The GLOB pattern of text that contains, begins or ends with this, which is in lower case.
pub(super) fn pattern(operator: Operator, text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() * 4 + 2);
    if operator != Operator::Sw {
        pattern.push('*');
    }
    text.chars().for_each(|c| push(&mut pattern, c));
    if operator != Operator::Ew {
        pattern.push('*');
    }
    pattern
}

fn push(pattern: &mut String, c: char) {
    match CAPITALS.get(&c) {
        Some(capitals) => {
            pattern.push('[');
            pattern.push(c);
            pattern.extend(capitals);
            pattern.push(']');
        }
        // What means something in a pattern means itself in a class.
        None if matches!(c, '*' | '?' | '[') => pattern.extend(['[', c, ']']),
        None => pattern.push(c),
    }
}
