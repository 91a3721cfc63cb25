//! The form in which names are compared.

/// The name without a difference between upper and lower case: the value of its column `*_key`.
pub(super) fn key(name: &str) -> String {
    name.to_lowercase()
}
