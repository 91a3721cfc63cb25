//! The forms in which names and addresses are compared: the values of their columns `*_key`.

use crate::scim::name::comparable;

/// That of a name of a user or group.
pub(super) fn key(name: &str) -> String {
    comparable(name).into_owned()
}

/// That of an e-mail address.
pub(super) fn address_key(address: &str) -> String {
    address.to_lowercase()
}
