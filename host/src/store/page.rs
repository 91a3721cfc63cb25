//! Lists: one page of a kind of resource, filtered, with the exact total.

mod found;
mod order;
mod select;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Store;
use super::filter::{self, Condition};
use super::range::ListKey;
use super::reader::{ReadConnection, ReadKind};
use super::resource::{Related, StoredResource};
use super::value::Bound;
use super::walk::{List, Place};
use crate::scim::{self, Filter, Literal, Operator, ResourceType, ScimType, Sort};
use found::FoundPage;
pub(super) use order::Order;
use order::SORTED_AT_MOST;
pub(super) use select::{Listed, Plan, Window};

/// A page ends once its resources have so many bytes, at least with one resource.
const PAGE_BYTES: usize = 4 << 20;

/// Which page of which list.
#[derive(Clone, Debug)]
pub struct Query {
    /// The tenant.
    pub tenant: String,
    /// The type of the listed resources.
    pub resource_type: Arc<ResourceType>,
    /// Only resources that match.
    pub filter: Option<Filter>,
    /// The order; by age if there is none.
    pub sort: Option<Sort>,
    /// Where the page begins.
    pub start: Start,
    /// No more than so many, and fewer if they have many bytes; 0 asks for the total only.
    pub count: u64,
    /// The related resources that are read along with each.
    pub related: Related,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// With the resource of this number, counted from 1; 0 is 1 (RFC 7644 §3.4.2.4).
    Index(u64),
    /// After this place, or at the beginning of a walk (RFC 9865). Writes during a walk do not disturb
    /// it: a resource that exists all the time is seen once, and none is seen twice unless its sort
    /// value changes.
    After(Option<Bookmark>),
}

/// A place in a walk through a list.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Bookmark {
    /// How many there were when the walk began.
    pub total: u64,
    /// The last resource that was seen, by its age.
    seq: i64,
    /// What it is sorted by, where it is not age.
    key: Option<Value>,
}

impl Bookmark {
    /// The place in a list without a filter after this key, or in a descending list before all that come after it.
    fn at(key: Bound, descending: bool) -> Self {
        match key {
            Bound::Integer(seq) => Self { total: 0, seq: seq + i64::from(descending), key: None },
            Bound::Text(key) => Self { total: 0, seq: i64::MAX, key: Some(key.into()) },
            Bound::Real(key) => Self { total: 0, seq: i64::MAX, key: Some(key.into()) },
            Bound::Blob(_) => Self { total: 0, seq: i64::MAX, key: None },
        }
    }

    fn place(&self) -> (Option<&Value>, i64) {
        (self.key.as_ref(), self.seq)
    }
}

/// A page.
///
/// Its resources share one text, since a hundred of them would be five hundred strings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// How many match, on all pages.
    pub total: u64,
    /// Where the next page of the walk begins; none after its last one.
    pub next: Option<Bookmark>,
    /// Whether it ended early, since it has as many bytes as a page may have.
    pub is_full: bool,
    text: String,
    rows: Vec<StoredResource<Range<usize>>>,
}

impl Page {
    /// Those of this page, in the order of the list.
    pub fn resources(&self) -> impl ExactSizeIterator<Item = StoredResource<&str>> {
        self.rows.iter().map(|row| row.map(|range| &self.text[range.clone()]))
    }

    fn of_one(resource: &StoredResource) -> Self {
        let mut text = String::new();
        let row = resource.map(|part| {
            let start = text.len();
            text.push_str(part);
            start..text.len()
        });
        Self { total: 1, text, rows: vec![row], ..Self::default() }
    }
}

/// Why there is no page.
#[derive(Debug)]
pub enum QueryError {
    /// The filter cannot be answered, and why.
    Unsupported(scim::Error),
    /// The database failed.
    Internal(anyhow::Error),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(error) => error.fmt(f),
            Self::Internal(error) => write!(f, "{error:#}"),
        }
    }
}

impl From<anyhow::Error> for QueryError {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}

impl Store {
    /// A page of a list.
    pub async fn page(&self, query: &Query) -> Result<Page, QueryError> {
        if let Some(filter) = &query.filter {
            filter.check(&query.resource_type).map_err(QueryError::Unsupported)?;
            if let Some(user_name) = user_name(filter, &query.resource_type)
                && let Start::Index(_) | Start::After(None) = query.start
            {
                return Ok(self.page_of_one(query, user_name).await?);
            }
        }
        let names = [query.tenant.as_str(), query.resource_type.name.as_str()];
        let [tenant, kind] = self.reader.numbers(names).await?;
        let listed = Listed { list: ListKey { tenant, kind }, related: query.related };
        let condition = query
            .filter
            .as_ref()
            .map(|it| filter::condition(it, &query.resource_type, tenant))
            .transpose()
            .map_err(QueryError::Unsupported)?;
        let order = Order::of(query.sort.as_ref(), &query.resource_type, tenant)
            .map_err(QueryError::Unsupported)?;
        match &query.start {
            Start::Index(start) => {
                let skip = start.saturating_sub(1);
                let window = Window { after: None, skip, limit: query.count };
                match &query.filter {
                    Some(filter) if order.key.is_none() => {
                        self.walked(query, listed, filter, condition.as_ref(), &order, window).await
                    }
                    _ => Ok(self
                        .select(query, listed, condition.as_ref(), &order, window)
                        .await?
                        .page),
                }
            }
            Start::After(after) => {
                // One more tells whether there is a next page.
                let limit = if query.count == 0 { 0 } else { query.count.saturating_add(1) };
                let window = Window { after: after.as_ref(), skip: 0, limit };
                let found = self.select(query, listed, condition.as_ref(), &order, window).await?;
                Ok(found.page_of(query.count, after.as_ref()))
            }
        }
    }

    /// The lookup that identity providers make before every create, as a point read: lookups that wait
    /// at the same time share a trip.
    async fn page_of_one(&self, query: &Query, user_name: &str) -> Result<Page> {
        let kind = &query.resource_type.name;
        let found = self.of_user_name(&query.tenant, kind, user_name, query.related).await?;
        let is_first = !matches!(query.start, Start::Index(2..));
        Ok(match found {
            Some(found) if is_first && query.count > 0 => Page::of_one(&found),
            found => Page { total: u64::from(found.is_some()), ..Page::default() },
        })
    }

    /// A page of a list with a filter, by age. All that match are found, unless it is remembered where the
    /// page before ended.
    async fn walked(
        &self,
        query: &Query,
        listed: Listed,
        filter: &Filter,
        condition: Option<&Condition>,
        order: &Order,
        window: Window<'_>,
    ) -> Result<Page, QueryError> {
        let Some(moment) = self.walks.moment(&query.tenant) else {
            return Ok(self.select(query, listed, condition, order, window).await?.page);
        };
        let is_quiet = || self.walks.moment(&query.tenant) == Some(moment);
        let (tenant, kind) = (query.tenant.clone(), query.resource_type.name.clone());
        let list = List { tenant, kind, filter: filter.to_string() };
        let mut found = None;
        if let Some(Place { after, total }) = self.walks.find(&list, window.skip, moment) {
            let after = Bookmark { total, seq: after, key: None };
            let window = Window { after: Some(&after), skip: 0, ..window };
            found = Some(self.select(query, listed, condition, order, window).await?);
        }
        let found = match found.filter(|_| is_quiet()) {
            Some(found) => found,
            None => self.select(query, listed, condition, order, window).await?,
        };
        let (last, page) = (found.last(), found.page);
        let skip = window.skip.saturating_add(page.rows.len() as u64);
        if let Some(after) = last.filter(|_| skip < page.total && is_quiet()) {
            self.walks.remember(list, skip, moment, Place { after, total: page.total });
        }
        Ok(page)
    }

    async fn select(
        &self,
        query: &Query,
        listed: Listed,
        condition: Option<&Condition>,
        order: &Order,
        window: Window<'_>,
    ) -> Result<FoundPage, QueryError> {
        let plan = Arc::new(Plan::of(listed, condition, order, window));
        let is_short = order.is_indexed() && condition.is_none_or(|it| it.is_narrow);
        let read = move |connection: &ReadConnection| match connection
            .in_transaction(|it| FoundPage::read(it, listed, &plan))
        {
            Err(_) if connection.reached_a_limit() => Ok(Err(too_much_to_look_at())),
            read => read.map(Ok),
        };
        let read = match is_short {
            true => self.reader.page(query.count, &query.tenant, read).await?,
            false => self.reader.read(ReadKind::Scan, &query.tenant, read).await?,
        };
        let found = read.map_err(QueryError::Unsupported)?;
        let is_put_in_order = order.key.is_some() && (condition.is_some() || !order.is_indexed());
        if is_put_in_order && found.page.total > SORTED_AT_MOST {
            return Err(QueryError::Unsupported(too_many_to_sort()));
        }
        Ok(found)
    }
}

/// RFC 7644 §3.12: better a refusal than an answer that comes too late, or an empty one.
fn too_much_to_look_at() -> scim::Error {
    scim::Error::bad_request(
        ScimType::TooMany,
        "to answer this, too many resources would have to be looked at: add a condition such as \
         userName eq, externalId eq, emails.value eq or meta.lastModified gt",
    )
}

/// RFC 7644 §3.12: better a refusal than a tenant in memory.
fn too_many_to_sort() -> scim::Error {
    scim::Error::bad_request(
        ScimType::TooMany,
        format!(
            "more than {SORTED_AT_MOST} resources would have to be put in this order: use a filter \
             that matches fewer, or sort all of them by userName or meta.lastModified"
        ),
    )
}

/// The name, where the filter is nothing but `userName eq`.
fn user_name<'f>(filter: &'f Filter, resource_type: &ResourceType) -> Option<&'f str> {
    let Filter::Compare(path, Operator::Eq, Literal::String(name)) = filter else { return None };
    let target = path.resolve(resource_type)?;
    let plain = target.extension.is_none() && target.sub_attribute.is_none();
    let attribute = target.attribute.filter(|it| plain && it.name == "userName")?;
    (!attribute.case_exact).then_some(name)
}
