//! Queries: lists of one resource type or of all, by GET or by `.search` (RFC 7644 §3.4.2, §3.4.3).
//!
//! A page is found by index or by cursor (RFC 9865). A list of all types is the lists of the types, one
//! after another.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::routing::{get, post};
use url::form_urlencoded;

use super::authorization::Caller;
use super::body::ScimBody;
use super::representation::{related_rows, renderable, resource_type};
use super::response::{self, ApiError, ApiResult};
use crate::lifecycle::snapshot::Tenant;
use crate::lifecycle::{Cursor, Error, Host};
use crate::scim::search::PageStart;
use crate::scim::{self, Projection, Reading, ResourceType, SearchRequest, Version, render, v1};
use crate::store::{Bookmark, Page, Query, QueryError, Start};

pub(super) fn routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/", get(list_all_types))
        .route("/.search", post(search_all_types))
        .route("/{endpoint}/.search", post(search))
}

/// GET on the endpoint of a resource type.
pub(super) async fn list(
    State(host): State<Arc<Host>>,
    Caller(tenant, version): Caller,
    Path((_, endpoint)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> ApiResult {
    let resource_type = resource_type(&tenant, &endpoint)?;
    let mut reading = tenant.reading();
    let mut request = search_request(query.as_deref(), &mut reading)?;
    if version == Version::V1 {
        request = v1::search(request);
    }
    list_response(&host, &tenant, version, &[resource_type], request, reading).await
}

/// GET on the base URL (RFC 7644 §3.4.2.1).
pub(super) async fn list_all_types(
    State(host): State<Arc<Host>>,
    Caller(tenant, version): Caller,
    RawQuery(query): RawQuery,
) -> ApiResult {
    check_supported(version)?;
    let mut reading = tenant.reading();
    let request = search_request(query.as_deref(), &mut reading)?;
    list_response(&host, &tenant, version, &all_types(&tenant), request, reading).await
}

async fn search(
    State(host): State<Arc<Host>>,
    Caller(tenant, version): Caller,
    Path((_, endpoint)): Path<(String, String)>,
    ScimBody(body): ScimBody,
) -> ApiResult {
    check_supported(version)?;
    let resource_type = resource_type(&tenant, &endpoint)?;
    let mut reading = tenant.reading();
    let request = SearchRequest::of_body(&body, &mut reading)?;
    list_response(&host, &tenant, version, &[resource_type], request, reading).await
}

async fn search_all_types(
    State(host): State<Arc<Host>>,
    Caller(tenant, version): Caller,
    ScimBody(body): ScimBody,
) -> ApiResult {
    check_supported(version)?;
    let mut reading = tenant.reading();
    let request = SearchRequest::of_body(&body, &mut reading)?;
    list_response(&host, &tenant, version, &all_types(&tenant), request, reading).await
}

/// `.search`, and lists of all types, came with SCIM 2.0.
fn check_supported(version: Version) -> Result<(), scim::Error> {
    match version {
        Version::V1 => Err(scim::Error::new(501, "a search is not offered in SCIM 1.1")),
        Version::V2 => Ok(()),
    }
}

/// The request in a query string, in which both `%20` and `+` are spaces. Where `%20` is used, `+` stands
/// for itself (RFC 3986): JavaScript's `encodeURI` writes addresses such as `ada+1@acme.example` so.
fn search_request(query: Option<&str>, r: &mut Reading) -> Result<SearchRequest, scim::Error> {
    let query = query.unwrap_or_default();
    let query = match query.contains("%20") {
        true => Cow::Owned(query.replace('+', "%2B")),
        false => Cow::Borrowed(query),
    };
    SearchRequest::of_parameters(form_urlencoded::parse(query.as_bytes()), r)
}

fn all_types(tenant: &Tenant) -> Vec<Arc<ResourceType>> {
    tenant.schemas.iter().cloned().collect()
}

async fn list_response(
    host: &Host,
    tenant: &Tenant,
    version: Version,
    types: &[Arc<ResourceType>],
    request: SearchRequest,
    mut reading: Reading,
) -> ApiResult {
    response::check_room(tenant, 0)?;
    let named: Vec<&ResourceType> = types.iter().map(|it| &**it).collect();
    let request = &request.quoted(&named, &mut reading);
    if types.len() > 1 && request.sort.is_some() {
        let detail = "sortBy: a list of several resource types cannot be sorted; sort the list of one \
                      type, at its endpoint";
        return Err(scim::Error::invalid_path(detail).into());
    }
    let parts = types
        .iter()
        .map(|it| Ok((&**it, request.projection(it)?)))
        .collect::<Result<Vec<_>, scim::Error>>()?;
    let search = ListQuery { host, tenant, version, types, parts, request };
    match &request.page {
        PageStart::Index(start) => search.by_index(*start).await,
        PageStart::Cursor(cursor) => search.by_cursor(cursor).await,
    }
}

/// A query of one or several resource types. The lists of the types follow one another.
struct ListQuery<'s> {
    host: &'s Host,
    tenant: &'s Tenant,
    version: Version,
    types: &'s [Arc<ResourceType>],
    parts: Vec<(&'s ResourceType, Projection)>,
    request: &'s SearchRequest,
}

impl ListQuery<'_> {
    async fn by_index(&self, first: u64) -> ApiResult {
        let (mut start, mut left, mut total) = (first, self.request.count, 0);
        let mut pages = Vec::with_capacity(self.parts.len());
        for n in 0..self.parts.len() {
            let page = self.page(n, Start::Index(start), left).await?;
            total += page.total;
            left = left_after(&page, left);
            start = start.saturating_sub(page.total).max(1);
            pages.push((n, page));
        }
        self.response(&pages, total, Some(first), None)
    }

    async fn by_cursor(&self, cursor: &str) -> ApiResult {
        let cursor = match cursor {
            "" => None,
            text => Some(self.host.directory.open_cursor(&self.key(), text)?),
        };
        let known_total = cursor.as_ref().map(|cursor| cursor.total);
        let (first, mut after) = cursor.map_or((0, None), |cursor| (cursor.list, cursor.after));
        let (mut left, mut counted, mut next) = (self.request.count, 0, None);
        let mut pages = Vec::with_capacity(self.parts.len());
        for n in first..self.parts.len() {
            if next.is_some() && known_total.is_some() {
                break;
            }
            let page = self.page(n, Start::After(after.take()), left).await?;
            counted += page.total;
            let is_unread = left == 0 && self.request.count > 0 && page.total > 0;
            next = next.or_else(|| next_start(n, &page, is_unread));
            left = left_after(&page, left);
            pages.push((n, page));
        }
        let total = known_total.unwrap_or(counted);
        let seal = |(list, after)| {
            self.host
                .directory
                .seal_cursor(&self.key(), &Cursor { list, after, total })
                .map_err(Error::from)
        };
        let next = next.map(seal).transpose()?;
        self.response(&pages, total, None, next.as_deref())
    }

    /// The parts of the query that must stay the same from page to page (RFC 9865 §2). A cursor is
    /// sealed with them.
    fn key(&self) -> String {
        let types = self.types.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(",");
        let filter = self.request.filter.as_ref().map(ToString::to_string).unwrap_or_default();
        let sort = self.request.sort.as_ref().map_or_else(String::new, |sort| {
            format!("{} {}", sort.by.to_string().to_lowercase(), sort.descending)
        });
        [self.tenant.id.as_str(), &types, &filter, &sort].join("\n")
    }

    async fn page(&self, n: usize, start: Start, count: u64) -> Result<Page, ApiError> {
        let (resource_type, projection) = &self.parts[n];
        let query = Query {
            tenant: self.tenant.id.clone(),
            resource_type: Arc::clone(&self.types[n]),
            filter: self.request.filter.clone(),
            sort: self.request.sort.clone(),
            start,
            count,
            related: related_rows(resource_type, projection),
        };
        self.host.store.page(&query).await.map_err(|error| match error {
            QueryError::Unsupported(error) => error.into(),
            QueryError::Internal(error) => error.into(),
        })
    }

    fn response(
        &self,
        pages: &[(usize, Page)],
        total: u64,
        start_index: Option<u64>,
        next_cursor: Option<&str>,
    ) -> ApiResult {
        let count = pages.iter().map(|(_, page)| page.resources().len()).sum();
        let base_url = self.tenant.base_url(self.version);
        let mut body = String::with_capacity(256 + count * 1024);
        if let (Version::V1, [(n, page)]) = (self.version, pages) {
            let (t, projection) = &self.parts[*n];
            let shown = page.resources().map(renderable);
            v1::list(&mut body, base_url, t, projection, total, start_index.unwrap_or(1), shown);
            return response::shown(self.tenant, body);
        }
        let head = render::ListHead { total, start_index, count, next_cursor };
        let resources = pages.iter().flat_map(|(n, page)| {
            let (resource_type, projection) = &self.parts[*n];
            page.resources().map(move |found| (*resource_type, projection, renderable(found)))
        });
        render::list(&mut body, base_url, &head, resources);
        response::shown(self.tenant, body)
    }
}

/// How many resources of the next list the page may show.
fn left_after(page: &Page, left: u64) -> u64 {
    if page.is_full { 0 } else { left - page.resources().len() as u64 }
}

/// The start of the next page, if it is in list `n`.
fn next_start(n: usize, page: &Page, is_unread: bool) -> Option<(usize, Option<Bookmark>)> {
    match &page.next {
        Some(after) => Some((n, Some(after.clone()))),
        None => is_unread.then_some((n, None)),
    }
}
