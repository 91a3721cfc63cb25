//! Pages of lists: the parameters `limit` and `cursor`, and the answer, which are the same for every list
//! of the admin API.
//!
//! A cursor names the last item of a page by its key in the order of the list, so a page costs the
//! same however far into the list it is, and items that are added or removed in between neither
//! repeat nor hide others.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many items a page has if the request does not say.
pub const DEFAULT_LIMIT: u32 = 50;
/// How many items a page has at most.
pub const MAX_LIMIT: u32 = 1000;

/// Which page of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items the page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000, default = 50)]
    pub limit: Option<u32>,
    /// The `next` of the page before; without it, or if it is empty, the list begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// The cursor of the next page; `null` on the last page.
    pub next: Option<String>,
}

/// The cursor behind the item with this key.
pub fn cursor(list: &str, key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{list}:{key}"))
}

/// The key in a cursor of this list; `None` if it is not a cursor of this list.
pub fn key_of(list: &str, cursor: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    Some(text.strip_prefix(list)?.strip_prefix(':')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_by_its_own_list_only() {
        let after = cursor("tenants", "acme:1");
        assert_eq!(key_of("tenants", &after).as_deref(), Some("acme:1"));
        assert_eq!(key_of("apps", &after), None);
        for nonsense in ["", "*", "dGVuYW50cw", "_w"] {
            assert_eq!(key_of("tenants", nonsense), None, "{nonsense}");
        }
    }
}
