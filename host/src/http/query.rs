//! Query parameters of SCIM (RFC 7644 §3.4.2), unknown ones ignored.

use url::form_urlencoded;

use crate::scim::{self, Filter, Projection, ResourceType, Version, v1};

/// How many resources a page has where nobody says.
const PAGE: u64 = 100;
/// No page is longer.
pub(super) const LONGEST_PAGE: u64 = 500;

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) filter: Option<Filter>,
    pub(super) start_index: u64,
    pub(super) count: u64,
    pub(super) projection: Projection,
}

impl Asked {
    /// Reads a query string; both `%20` and `+` are spaces there.
    pub(super) fn parse(
        query: Option<&str>,
        resource_type: &ResourceType,
        version: Version,
    ) -> Result<Self, scim::Error> {
        let (mut filter, mut start_index, mut count) = (None, 1, PAGE.cast_signed());
        let (mut attributes, mut excluded) = (None, None);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match name.to_ascii_lowercase().as_str() {
                "filter" => filter = Some(Filter::parse(&value)?),
                // RFC 7644 §3.4.2.4: less than one is one; a negative count is zero.
                "startindex" => start_index = whole("startIndex", &value)?.max(1),
                "count" => count = whole("count", &value)?.clamp(0, LONGEST_PAGE.cast_signed()),
                "attributes" => attributes = Some(value.into_owned()),
                "excludedattributes" => excluded = Some(value.into_owned()),
                _ => {}
            }
        }
        if version == Version::V1 {
            filter = filter.map(v1::filter);
            attributes = attributes.map(|list: String| v1::names(&list).into_owned());
            excluded = excluded.map(|list: String| v1::names(&list).into_owned());
        }
        let projection =
            Projection::parse(attributes.as_deref(), excluded.as_deref(), resource_type)?;
        Ok(Self {
            filter,
            start_index: start_index.cast_unsigned(),
            count: count.cast_unsigned(),
            projection,
        })
    }
}

fn whole(name: &str, value: &str) -> Result<i64, scim::Error> {
    value
        .trim()
        .parse()
        .map_err(|_| scim::Error::invalid_value(format!("{name}: {value:?} is no whole number")))
}
