//! Pages: the rows behind a cursor, and the cursor of the next page.

use std::collections::HashMap;

use super::request::ListParameters;
use crate::admin_api::{Page, cursor, key_of};
use crate::lifecycle::{ConnectorVersion, Host};
use crate::scim::{self, ScimType};

/// A list by its name in cursors.
pub(super) struct List(pub(super) &'static str);

impl List {
    /// The key of the last item of the page before, if the request has a cursor; 422 for a cursor
    /// that is not one of this list.
    pub(super) fn after<T>(
        &self,
        parameters: &ListParameters<T>,
    ) -> Result<Option<String>, scim::Error> {
        let Some(cursor) = parameters.cursor.as_deref().filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let why = || format!("the cursor {cursor:?} is not one of this list; begin without it");
        let key = key_of(self.0, cursor).ok_or_else(|| scim::Error {
            scim_type: Some(ScimType::InvalidCursor),
            ..scim::Error::new(422, why())
        })?;
        Ok(Some(key))
    }

    /// A page of rows, of which one more was read than it has, to know whether another page
    /// follows.
    pub(super) fn page<R, T, E>(
        &self,
        mut rows: Vec<R>,
        limit: u32,
        key: impl Fn(&R) -> &str,
        view: impl FnMut(R) -> Result<T, E>,
    ) -> Result<Page<T>, E> {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| cursor(self.0, key(last)));
        let items = rows.into_iter().map(view).collect::<Result<_, E>>()?;
        Ok(Page { items, next })
    }
}

/// The versions of these digests, by digest.
pub(super) async fn versions_of(
    host: &Host,
    mut digests: Vec<&str>,
) -> anyhow::Result<HashMap<String, ConnectorVersion>> {
    digests.sort_unstable();
    digests.dedup();
    let rows = host.store.connector_rows(&digests).await?.into_iter();
    Ok(rows.map(|row| (row.digest.clone(), row.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_next_one_only_if_a_row_is_left() {
        let page = |rows: usize, limit| {
            let rows = (0..rows).map(|n| n.to_string()).collect();
            List("x").page(rows, limit, |row: &String| row.as_str(), Ok::<_, ()>)
        };
        let two = page(3, 2).expect("a page");
        assert_eq!(two.items, ["0", "1"]);
        assert_eq!(two.next, Some(cursor("x", "1")));
        assert_eq!(page(2, 2).expect("a page").next, None);
        assert_eq!(page(0, 2).expect("a page").next, None);
    }
}
